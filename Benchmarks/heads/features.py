"""Ours on labelled shards, and the features that it keeps, for the peers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = HERE / ".work"
sys.path.insert(0, str(HERE.parent / "inference"))

import machine  # noqa: E402

IMAGES = (".jpg", ".jpeg", ".png", ".webp")


def fail(text: str) -> None:
    """Ends the benchmark with a message."""
    sys.exit(f"heads: error: {text}")


def say(text: str) -> None:
    """Tells a person what goes on, on standard error."""
    print(f"heads: {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Shards:
    """The tar shards: all for training, or all but the last to fit and the last to choose on."""

    train: list[Path]
    test: list[Path]

    @property
    def fit(self) -> list[Path]:
        return self.train[:-1]

    @property
    def tune(self) -> list[Path]:
        return self.train[-1:]

    @staticmethod
    def find(folder: Path) -> Shards:
        """Looks for `train-*.tar` and `val-*.tar`."""
        found = Shards(sorted(folder.glob("train-*.tar")), sorted(folder.glob("val-*.tar")))
        if len(found.train) < 2 or not found.test:
            fail(f"{folder} must hold train-*.tar, two or more, and val-*.tar; --data names it")
        return found


@dataclass(frozen=True)
class Ours:
    """Our program, its cache and its threads."""

    program: Path
    cache: Path
    threads: int

    def check(self) -> None:
        """Fails unless the program can be run."""
        if not os.access(self.program, os.X_OK) or not self.program.is_file():
            fail(f"no program {self.program}: build it (swift build -c release) or name --program")

    def evaluate(
        self, task: str, sets: dict[str, list[Path]], more: list[str], *, cached: bool = True
    ) -> dict[str, float]:
        """Runs `dinov2 evaluate` and returns what it prints, with `process_seconds`."""
        command = [str(self.program), "evaluate", task]
        for name, shards in sets.items():
            command += [f"--{name}", *map(str, shards)]
        command += ["--json", "--bootstrap", "0", "--cache", str(self.cache)]
        command += ["--threads", str(self.threads), *more]
        start = time.perf_counter()
        done = subprocess.run(
            command, capture_output=True, text=True, env=machine.environment(self.threads))
        seconds = time.perf_counter() - start
        if done.returncode:
            fail(f"{' '.join(command[1:3])} ended with {done.returncode}: {done.stderr[-800:]}")
        result = json.loads(done.stdout)
        if result["left_out"]:
            fail(f"{result['left_out']} images cannot be read: use data without such images")
        if cached and done.stderr.count("from the cache") != len(sets):
            fail(f"features were computed anew: {self.cache} does not keep them")
        return {**result, "process_seconds": seconds}

    def fill(self, shards: Shards) -> None:
        """Computes all features that are not kept yet."""
        say(f"features into {self.cache}, which takes minutes the first time")
        self.evaluate("knn", {"train": shards.train, "test": shards.test}, [], cached=False)
        sets = {"train": shards.fit, "val": shards.tune, "test": shards.test}
        self.evaluate("logreg", sets, ["--c", "1", "--iterations", "1"], cached=False)


def labels(shards: list[Path]) -> np.ndarray:
    """The class index of every image, in the order of the shards."""
    found: list[int] = []
    images = 0
    for shard in shards:
        with tarfile.open(shard) as archive:
            for member in archive:
                images += member.name.lower().endswith(IMAGES)
                if member.name.endswith(".cls"):
                    file = archive.extractfile(member)
                    assert file is not None
                    found.append(int(file.read()))
    if not found or len(found) != images:
        fail(f"{images} images with {len(found)} .cls files in {', '.join(map(str, shards))}")
    return np.array(found, np.int64)


def kept(cache: Path, count: int) -> np.ndarray:
    """Our features of a set of `count` images: the class tokens of four blocks and the mean patch."""
    found: np.ndarray | None = None
    for text in sorted(cache.glob("*.txt")):
        lines = text.read_text().splitlines()
        values = text.with_suffix(".npy")
        if not lines or f"| {count} images |" not in lines[0] or not values.exists():
            continue
        array = np.load(values)
        if found is not None and not np.array_equal(found, array):
            fail(f"{cache} keeps several features of {count} images: remove it")
        found = array
    if found is None or len(found) != count:
        fail(f"{cache} keeps no features of {count} images")
        raise AssertionError
    return found


def write_sets(shards: Shards, cache: Path, folder: Path) -> dict[str, tuple[int, ...]]:
    """Writes features and labels of all sets for the peers and returns the features' shapes."""
    folder.mkdir(parents=True, exist_ok=True)
    shapes: dict[str, tuple[int, ...]] = {}
    for name in ("train", "fit", "tune", "test"):
        classes = labels(getattr(shards, name))
        rows = kept(cache, len(classes))
        np.save(folder / f"{name}.npy", rows)
        np.save(folder / f"{name}.labels.npy", classes)
        shapes[name] = rows.shape
    return shapes
