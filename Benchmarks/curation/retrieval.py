"""Measures retrieval by seeds: what share of the retrieved images shows what the seeds show.

Seeds are images of one class of caltech101-98; the pool is its uncurated part: web images, and face crops
that belong to the class `Faces`.
"""

from __future__ import annotations

import argparse
import shutil
import tarfile
from pathlib import Path

import common
import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=common.DATA / "caltech101-98")
    parser.add_argument("--seeds", default="Faces", help="the class of the seeds")
    parser.add_argument("--relevant", default="Faces_easy", help="the class that counts as found")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--model", default=None)
    parser.add_argument("--weights", default=None)
    options = parser.parse_args()

    model = (["--model", options.model] if options.model else []) + (
        ["--weights", options.weights] if options.weights else [])
    common.WORK.mkdir(exist_ok=True)
    members = []
    for archive in sorted(options.data.glob("train-*.tar")):
        with tarfile.open(archive) as tar:
            members += [
                f"{archive}/{name}" for name in tar.getnames()
                if f"/{options.seeds}/" in name and name.endswith(".jpg")
            ]  # fmt: skip
    chosen = np.random.default_rng(0).permutation(sorted(members))[: options.count]
    (common.WORK / "seeds.txt").write_text("".join(f"{name}\n" for name in sorted(chosen)))
    stores = {name: common.WORK / f"retrieval-{name}.store" for name in ("pool", "seeds")}
    for name, inputs in (
        ("pool", sorted(options.data.glob("uncurated-*.tar"))),
        ("seeds", [f"@{common.WORK / 'seeds.txt'}"]),
    ):
        shutil.rmtree(stores[name], ignore_errors=True)
        common.program(["curate", "embed", *inputs, "--store", stores[name], *model])

    print("| Images per seed | Distinct images | Precision | Precision with multiplicity |\n"
          "|---|---|---|---|")  # fmt: skip
    results = {}
    for k in (1, 4, 32):
        common.program(
            ["curate", "retrieve", "--store", stores["pool"], "--seeds", stores["seeds"], "-k", k])
        lines = (stores["pool"] / "stages/retrieve/retrieved.tsv").read_text().splitlines()
        columns = [field.split(":")[0] for field in lines[0].split("\t")[1:]]
        rows = [dict(zip(columns, line.split("\t"), strict=True)) for line in lines[1:-1]]
        hits = [f"/{options.relevant}/" in row["name"] for row in rows]
        weights = [int(row["seeds"]) for row in rows]
        precision = sum(hits) / len(hits)
        weighted = sum(w for w, hit in zip(weights, hits, strict=True) if hit) / sum(weights)
        print(f"| {k} | {len(hits)} | {precision:.3f} | {weighted:.3f} |")
        results[k] = {"distinct": len(hits), "precision": precision, "weighted": weighted}
    with tarfile.open(next(options.data.glob("uncurated-*.tar"))) as tar:
        names = [name for name in tar.getnames() if name.endswith(".jpg")]
    share = sum(f"/{options.relevant}/" in name for name in names) / len(names)
    print(f"\n{len(chosen)} seeds of {options.seeds}; {share:.3f} of the {len(names)} images of the "
          f"pool are {options.relevant}.")
    common.record("retrieval", results)


if __name__ == "__main__":
    main()
