"""Measures de-duplication on groups of altered copies, beside perceptual hashes.

`groups.tsv` of the set names the group of each file; two files are a pair if they are in one group.
Ours calls two images a pair if they end up in one component; so do the hashes, with edges where the
Hamming distance is at most a threshold. F1 is that of pairs.
"""

from __future__ import annotations

import argparse
import csv
import shutil
from pathlib import Path

import common
import imagehash
import numpy as np
from PIL import Image
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components


def scores(labels: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """Precision, recall and F1 of the pairs that have one label."""
    upper = np.triu_indices(len(labels), 1)
    found = (labels[:, None] == labels[None, :])[upper]
    true = (groups[:, None] == groups[None, :])[upper]
    hits = int((found & true).sum())
    precision = hits / max(int(found.sum()), 1)
    recall = hits / int(true.sum())
    return {
        "precision": precision, "recall": recall,
        "f1": 2 * hits / (int(found.sum()) + int(true.sum())),
    }  # fmt: skip


def decisions(store: Path) -> dict[str, dict[str, str]]:
    """What de-duplication has decided, by file name."""
    lines = (store / "stages/dedup/decisions.tsv").read_text().splitlines()
    columns = [field.split(":")[0] for field in lines[0].split("\t")[1:]]
    rows = [dict(zip(columns, line.split("\t"), strict=True)) for line in lines[1:-1]]
    return {Path(row["name"]).name: row for row in rows}


def our_scores(
    store: Path, threshold: float, space: str, files: list[str], groups: np.ndarray
) -> dict[str, float]:
    common.program(
        ["curate", "dedup", "--store", store, "--threshold", f"{threshold:.3f}", "--space", space])
    found = decisions(store)
    return scores(np.array([int(found[file]["component"]) for file in files]), groups)


def hash_scores(
    distances: np.ndarray, threshold: int, groups: np.ndarray
) -> dict[str, float]:
    _, labels = connected_components(csr_matrix(distances <= threshold), directed=False)
    return scores(labels, groups)


def line(name: str, setting: str, score: dict[str, float]) -> str:
    return (f"| {name} | {setting} | {score['f1']:.3f} | {score['precision']:.3f} "
            f"| {score['recall']:.3f} |")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=common.DATA / "near-duplicates")
    parser.add_argument("--model", default=None)
    parser.add_argument("--weights", default=None)
    options = parser.parse_args()

    with (options.data / "groups.tsv").open() as file:
        table = list(csv.DictReader(file, delimiter="\t"))
    files = [Path(row["file"]).name for row in table]
    groups = np.unique([row["group"] for row in table], return_inverse=True)[1]
    store = common.WORK / "near-duplicates.store"
    shutil.rmtree(store, ignore_errors=True)
    common.WORK.mkdir(exist_ok=True)
    model = (["--model", options.model] if options.model else []) + (
        ["--weights", options.weights] if options.weights else [])
    common.program(["curate", "embed", options.data / "images", "--store", store, *model])

    print("| | Threshold | F1 of pairs | Precision | Recall |\n|---|---|---|---|---|")
    results: dict[str, object] = {}
    for space, name in (("whitened", "dinov2, whitened (default)"), ("cosine", "dinov2, cosine")):
        sweep = {
            threshold: our_scores(store, threshold, space, files, groups)
            for threshold in np.arange(0.40, 0.98, 0.02).round(3).tolist()
        }
        best = max(sweep, key=lambda threshold: sweep[threshold]["f1"])
        default = our_scores(store, 0.6, space, files, groups)
        print(line(name, "0.6, the default", default))
        print(line(name, f"{best:.2f}, the best", sweep[best]))
        results[space] = {"default": default, "sweep": sweep}

    images = [Image.open(options.data / "images" / file) for file in files]
    for name, make, usual in (
        ("pHash, 64 bits", imagehash.phash, 10), ("dHash, 64 bits", imagehash.dhash, 10),
    ):
        bits = np.array([make(image).hash.ravel() for image in images])
        distances = np.array([(bits != row).sum(axis=1) for row in bits])
        sweep = {count: hash_scores(distances, count, groups) for count in range(0, 33)}
        best = max(sweep, key=lambda count: sweep[count]["f1"])
        print(line(name, f"{usual} bits, usual", sweep[usual]))
        print(line(name, f"{best} bits, the best", sweep[best]))
        results[name] = {"sweep": sweep}

    common.program(["curate", "dedup", "--store", store])
    found = decisions(store)
    copies = [Path(row["file"]).name for row in table if row["transform"] == "byte_copy"]
    exact = sum(found[file]["verdict"] == "copy" or any(
        other["verdict"] == "copy" and other["representative"] == found[file]["image"]
        for other in found.values()) for file in copies)
    print(f"\n{exact} of {len(copies)} byte-identical copies found by their hashes.")
    common.record("near_duplicates", results)


if __name__ == "__main__":
    main()
