"""Compares approximate indexes of `dinov2 search nearest` with those of Faiss as its Python package builds them.

Rows around centres, as embeddings lie; queries are such rows that are not in the pool. Both look at as much
of their index as finds 95 % of the ten nearest rows, doubling until it does: ours on rows of the pool, theirs
on the queries themselves. Recall in the table is that of the queries, for both.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import numpy as np

import compare
import machine

HERE = Path(__file__).resolve().parent
FACTORY = {"ivf": "IVF{lists},Flat", "ivf-pq": "IVF{lists},PQ48", "hnsw": "HNSW32"}
PARAMETER = {"ivf": "nprobe", "ivf-pq": "nprobe", "hnsw": "efSearch"}


def make(folder: Path, rows: int, queries: int, columns: int) -> tuple[Path, Path]:
    """Writes rows of length 1 around as many centres as there are hundreds of rows."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}-clustered-{rows}x{columns}.npy" for name in ("pool", "queries")]
    if not all(path.exists() for path in paths):
        random = np.random.default_rng(rows)
        centres = random.standard_normal((max(rows // 100, 1), columns), np.float32)
        for path, count in zip(paths, (rows, queries)):
            values = 0.7 * random.standard_normal((count, columns), np.float32)
            values += centres[random.integers(0, len(centres), count)]
            np.save(path, values / np.linalg.norm(values, axis=1, keepdims=True))
    return paths[0], paths[1]


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, truth)]))


def measure(kind: str, rows: int, options: argparse.Namespace) -> dict[str, float]:
    work = HERE / ".work"
    pool, queries = make(work, rows, options.queries, options.columns)
    shared = ["-k", "10", "--runs", "3", "--threads", str(options.threads)]
    ours = [options.program, "search", "nearest", str(pool), "--queries", str(queries), "--json"]
    exact = compare.run(
        [*ours, "--output", str(work / "truth.npy"), *shared], options.threads)  # fmt: skip
    index = compare.run(
        [*ours, "--output", str(work / "ours.npy"), "--index-type", kind, *shared],
        options.threads)  # fmt: skip
    lists = min(int(4 * rows**0.5), rows // 39)
    theirs = compare.run(
        [sys.executable, str(HERE / "peer.py"), "--pool", str(pool), "--queries", str(queries),
         "--output", str(work / "theirs.npy"), "--index", FACTORY[kind].format(lists=lists),
         "--tune", PARAMETER[kind], "--truth", str(work / "truth.npy"), *shared],
        options.threads)  # fmt: skip
    truth = np.load(work / "truth.npy")
    return {
        "exact_s": exact["median_s"],
        "ours_build_s": index["build_s"],
        "ours_s": index["median_s"],
        "ours_recall": recall(np.load(work / "ours.npy"), truth),
        "theirs_build_s": theirs["build_s"],
        "theirs_s": theirs["median_s"],
        "theirs_recall": recall(np.load(work / "theirs.npy"), truth),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000, 100_000, 200_000, 400_000])
    parser.add_argument("--kinds", nargs="+", choices=sorted(FACTORY), default=["ivf"])
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--columns", type=int, default=384)
    parser.add_argument("--threads", type=int, default=machine.core_count())
    parser.add_argument("--program", default=str(compare.ROOT / ".build/release/dinov2"))
    parser.add_argument("--json", default=str(HERE / ".work/indexes.json"))
    options = parser.parse_args()

    record = {"options": vars(options), "machine": machine.describe(), "results": []}
    print("| Rows | Index | Exact, s | Build, s | Search, s | Recall | Faiss: build, s | Search, s "
          "| Recall |\n|" + "---|" * 9)
    for kind in options.kinds:
        for rows in options.rows:
            result = measure(kind, rows, options)
            record["results"].append({"kind": kind, "rows": rows, **result})
            print(
                f"| {rows:,} | {kind} | {result['exact_s']:.2f} | {result['ours_build_s']:.1f} "
                f"| {result['ours_s']:.3f} | {result['ours_recall']:.3f} "
                f"| {result['theirs_build_s']:.1f} | {result['theirs_s']:.3f} "
                f"| {result['theirs_recall']:.3f} |", flush=True)
    print(f"\n{options.queries} queries, {options.columns} values, {options.threads} threads. "
          + machine.sentences(machine.describe()))
    Path(options.json).write_text(json.dumps(record, indent=1, default=str) + os.linesep)


if __name__ == "__main__":
    main()
