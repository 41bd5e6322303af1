"""What the comparisons share: paths, turns, tables."""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = HERE / ".work"
sys.path.insert(0, str(HERE.parent / "inference"))

import machine  # noqa: E402

PROGRAM = str(ROOT / ".build/release/dinov2")
DATA = ROOT.parent / "shared/data"


def parser(description: str) -> argparse.ArgumentParser:
    """The options of comparisons of speed on planted rows."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--rows", type=int, default=200_000)
    result.add_argument("--columns", type=int, default=384)
    result.add_argument("--rounds", type=int, default=3)
    result.add_argument("--threads", type=int, default=machine.core_count())
    result.add_argument(
        "--processor", action="store_true",
        help="compare processor seconds of whole processes, where other programs run beside them")
    result.add_argument("--as-peer", nargs=2, help=argparse.SUPPRESS)
    return result


def say(text: str) -> None:
    """Tells a person what goes on, on standard error."""
    print(f"curation: {text}", file=sys.stderr, flush=True)


def program(arguments: list[str], threads: int | None = None) -> str:
    """Runs ours and returns what it prints."""
    environment = machine.environment(threads or machine.core_count())
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)], capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, arguments))}: {done.stderr.strip()}")
    return done.stdout


def processor_seconds() -> float:
    """What all processes that were started and have ended took of the processor."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def ours(arguments: list[str], threads: int | None = None) -> dict[str, object]:
    """Runs ours with --json and returns the object it prints, with `processor_seconds`."""
    before = processor_seconds()
    result = json.loads(program([*arguments, "--json"], threads))
    return {**result, "processor_seconds": processor_seconds() - before}


def peer(script: str, arguments: list[str], threads: int) -> dict[str, object]:
    """Runs a part of a comparison in a process of its own and returns the object it prints."""
    before = processor_seconds()
    done = subprocess.run(
        [sys.executable, str(HERE / script), *map(str, arguments)], check=True,
        capture_output=True, text=True, env=machine.environment(threads))
    return {**json.loads(done.stdout), "processor_seconds": processor_seconds() - before}


def planted(rows: int, columns: int, seed: int = 1) -> Path:
    """Rows of length 1, of which a tenth are noisy copies of others; the same in every run."""
    WORK.mkdir(exist_ok=True)
    path = WORK / f"rows-{rows}x{columns}-{seed}.npy"
    if path.exists():
        return path
    random = np.random.default_rng(seed)
    values = random.standard_normal((rows, columns), np.float32)
    copies = rows // 10
    noise = random.standard_normal((copies, columns), np.float32)
    values[-copies:] = values[random.integers(0, rows - copies, copies)] + 0.6 * noise
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    np.save(path, values)
    return path


def store(rows: Path) -> Path:
    """A store of the rows, made once."""
    path = rows.with_suffix(".store")
    if not (path / "catalogue.sqlite").exists():
        names = Path(f"{rows}.names.txt")
        count = np.load(rows, mmap_mode="r").shape[0]
        names.write_text("".join(f"row-{row}\n" for row in range(count)))
        program(["curate", "import", rows, "--store", path, "--origin", "planted"])
    return path


def take_turns(
    contenders: dict[str, Callable[[], float]], rounds: int
) -> dict[str, list[float]]:
    """Runs every contender once a round, every second round backwards, and returns seconds."""
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds):
        order = list(contenders.items())
        for name, contender in order if turn % 2 == 0 else reversed(order):
            samples[name].append(contender())
            say(f"round {turn + 1}: {name} {samples[name][-1]:.2f} s")
            time.sleep(1)
    return samples


def table(samples: dict[str, list[float]], notes: dict[str, str]) -> None:
    """Prints medians as a table, and the machine below it."""
    medians = {name: statistics.median(values) for name, values in samples.items()}
    first = next(iter(medians))
    print("| Program | Seconds | Theirs / ours | |\n|---|---|---|---|")
    for name, seconds in medians.items():
        ratio = "" if name == first else f"{seconds / medians[first]:.2f}"
        print(f"| {name} | {seconds:.2f} | {ratio} | {notes.get(name, '')} |")
    print(f"\n{machine.sentences(machine.describe())}")


def record(name: str, content: dict[str, object]) -> None:
    """Keeps every sample."""
    WORK.mkdir(exist_ok=True)
    text = json.dumps({**content, "machine": machine.describe()}, indent=1, default=str)
    (WORK / f"{name}.json").write_text(text + os.linesep)
