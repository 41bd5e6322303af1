"""Compares exact search by `dinov2 search nearest` with Faiss's IndexFlatIP.

Random unit vectors, the same files for both, in turn, one process at a time; the time is that of the
search alone, files read and index filled before. Both must find the same rows.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "inference"))

import machine  # noqa: E402


def make(folder: Path, rows: int, queries: int, columns: int) -> tuple[Path, Path]:
    """Writes vectors of length 1 and returns the paths of pool and queries."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, count, seed in (("pool", rows, 1), ("queries", queries, 2)):
        path = folder / f"{name}-{count}x{columns}.npy"
        if not path.exists():
            values = np.random.default_rng(seed).standard_normal((count, columns), np.float32)
            np.save(path, values / np.linalg.norm(values, axis=1, keepdims=True))
        paths.append(path)
    return paths[0], paths[1]


def run(command: list[str], threads: int) -> dict[str, float]:
    """Runs one contender and returns what it measured."""
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=machine.environment(threads))
    return json.loads(done.stdout)


def agreement(work: Path) -> tuple[float, float]:
    """Returns the share of equal rows and the largest difference of similarities."""
    ours, theirs = np.load(work / "ours.npy"), np.load(work / "theirs.npy")
    similarities = [np.load(work / f"{name}.similarities.npy") for name in ("ours", "theirs")]
    return float((ours == theirs).mean()), float(np.abs(similarities[0] - similarities[1]).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--columns", type=int, default=384)
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=machine.core_count())
    parser.add_argument("--program", default=str(ROOT / ".build/release/dinov2"))
    parser.add_argument("--json", default=str(HERE / ".work/compare.json"))
    options = parser.parse_args()

    work = HERE / ".work"
    pool, queries = make(work, options.rows, options.queries, options.columns)
    shared = ["-k", str(options.k), "--runs", "3", "--threads", str(options.threads)]
    ours = [
        options.program, "search", "nearest", str(pool), "--queries", str(queries), "--output",
        str(work / "ours.npy"), "--json", *shared,
    ]  # fmt: skip
    theirs = [
        sys.executable, str(HERE / "peer.py"), "--pool", str(pool), "--queries", str(queries),
        "--output", str(work / "theirs.npy"), *shared,
    ]  # fmt: skip
    samples: dict[str, list[float]] = {"ours": [], "faiss": []}
    for turn in range(options.rounds):
        order = [("ours", ours), ("faiss", theirs)]
        for name, command in order if turn % 2 == 0 else reversed(order):
            samples[name].append(run(command, options.threads)["median_s"])
            print(f"round {turn + 1}: {name} {samples[name][-1]:.3f} s", file=sys.stderr)
    equal, difference = agreement(work)
    if equal < 0.999 or difference > 1e-5:
        sys.exit(f"compare: {1 - equal:.2%} of the rows differ, similarities by {difference:g}")

    medians = {name: statistics.median(values) for name, values in samples.items()}
    work_gflop = 2e-9 * options.queries * options.rows * options.columns
    print("| Program | Seconds | GFLOP/s | Ours / theirs |\n|---|---|---|---|")
    for name, label in (
        ("ours", "dinov2"), ("faiss", f"faiss-cpu {metadata.version('faiss-cpu')}"),
    ):  # fmt: skip
        ratio = "" if name == "ours" else f"{medians['ours'] / medians[name]:.2f}"
        print(f"| {label} | {medians[name]:.3f} | {work_gflop / medians[name]:.0f} | {ratio} |")
    print(
        f"\n{options.queries} × {options.rows} × {options.columns}, {options.k} nearest, "
        f"{options.threads} threads; {equal:.4%} of the rows equal, similarities within "
        f"{difference:.1g}. {machine.sentences(machine.describe())}")
    record = {"options": vars(options), "samples": samples, "machine": machine.describe()}
    Path(options.json).write_text(json.dumps(record, indent=1, default=str) + os.linesep)


if __name__ == "__main__":
    main()
