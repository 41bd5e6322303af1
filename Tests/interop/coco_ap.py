"""Compare `dinov2 evaluate detection --results` with pycocotools.

    python3 -m venv venv && venv/bin/pip install pycocotools numpy
    venv/bin/python Tests/interop/coco_ap.py --dinov2 .build/release/dinov2

Works with pycocotools 2.0.11; needs no images, no model and no network.

Random annotations and results: few and many boxes, crowds, areas that are not those of the boxes, equal scores,
boxes on whole pixels so that overlaps hit thresholds exactly, more than a hundred boxes of a class, images and
categories without anything; and by hand the cases in which nothing is to be found, nothing was found, or both.
Every number of the report must agree to 1e-12; -1 of pycocotools is null in the report.

Prints one row per kind of case with the number of cases and the largest difference. Exits with 0 only if all
agree.
"""

import argparse
import contextlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

TOLERANCE = 1e-12
STATS = ["mAP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large", "AR1", "AR10", "AR100", "AR_small", "AR_medium",
         "AR_large"]


class Case:
    """Annotations and results, drawn from a seed."""

    def __init__(self, seed, images=6, categories=3, truth=5, found=8, whole=False, crowd=0.1, levels=1000, size=200):
        self.rng = np.random.default_rng(seed)
        self.whole, self.size = whole, size
        # Ids that are neither consecutive nor in order.
        ids = self.rng.permutation(np.arange(1, 5 * images + 1))[:images]
        self.images = [{"id": int(i), "file_name": f"{i}.jpg", "height": size, "width": size} for i in ids]
        kinds = self.rng.permutation(np.arange(1, 3 * categories + 1))[:categories]
        self.categories = [{"id": int(k), "name": f"class {k}"} for k in kinds]
        self.annotations, self.results = [], []
        for image in ids:
            for _ in range(self.rng.integers(0, truth + 1)):
                self.annotate(image, self.rng.choice(kinds), self.rng.random() < crowd)
            for _ in range(self.rng.integers(0, found + 1)):
                self.find(image, kinds, levels)

    def box(self, around=None):
        if around is None:
            side = np.exp(self.rng.uniform(np.log(4), np.log(self.size * 0.8), 2))
            box = np.concatenate([self.rng.uniform(0, self.size - side), side])
        else:
            near = np.array(around)
            box = near + self.rng.normal(0, 0.12, 4) * np.concatenate([near[2:], near[2:]])
        box = np.round(box) if self.whole else np.round(box, 2)
        box[:2] = np.clip(box[:2], 0, self.size - 1)
        return [float(v) for v in np.maximum(box, [0, 0, 1, 1])]

    def annotate(self, image, category, is_crowd):
        box = self.box()
        self.annotations.append({
            "id": len(self.annotations) + 1, "image_id": int(image), "category_id": int(category), "bbox": box,
            "area": float(box[2] * box[3] * self.rng.choice([1, 1, 0.6])), "iscrowd": int(is_crowd)})

    def find(self, image, kinds, levels):
        near = [a for a in self.annotations if a["image_id"] == image]
        if near and self.rng.random() < 0.75:
            target = near[self.rng.integers(len(near))]
            category, box = target["category_id"], self.box(target["bbox"])
        else:
            category, box = self.rng.choice(kinds), self.box()
        self.results.append({
            "image_id": int(image), "category_id": int(category), "bbox": box,
            "score": float(self.rng.integers(1, levels + 1) / levels)})

    def dataset(self):
        return {"images": self.images, "annotations": self.annotations, "categories": self.categories}


def reference(case):
    """What pycocotools says: the twelve numbers, AP and AP50 of each category."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = json.loads(json.dumps(case.dataset()))
        truth.createIndex()
        if case.results:
            found = truth.loadRes(json.loads(json.dumps(case.results)))
        else:
            found = COCO()
            found.dataset = {**json.loads(json.dumps(case.dataset())), "annotations": []}
            found.createIndex()
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval["precision"]
    order = {k: i for i, k in enumerate(evaluation.params.catIds)}

    def mean(values):
        values = values[values > -1]
        return float(values.mean()) if len(values) else -1.0

    per_class = [mean(precision[:, :, order[c["id"]], 0, -1]) for c in case.categories]
    per_class50 = [mean(precision[0, :, order[c["id"]], 0, -1]) for c in case.categories]
    return [float(v) for v in evaluation.stats] + per_class + per_class50


def ours(program, case, folder):
    (folder / "val.json").write_text(json.dumps(case.dataset()))
    (folder / "results.json").write_text(json.dumps(case.results))
    run = subprocess.run(
        [program, "evaluate", "detection", "--data", folder, "--split", "val", "--results", folder / "results.json",
         "--bootstrap", "0", "--json"], capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"dinov2 failed with {run.returncode}: {run.stderr}")
    report = json.loads(run.stdout)
    numbers = [report[name] for name in STATS] + report["AP_per_class"] + report["AP50_per_class"]
    return [-1.0 if v is None else v for v in numbers]


def kinds():
    """Names and cases."""
    yield "random", [Case(seed) for seed in range(30)]
    yield "whole pixels", [Case(100 + seed, whole=True, size=40) for seed in range(30)]
    yield "equal scores", [Case(200 + seed, levels=3, found=20) for seed in range(30)]
    yield "crowds", [Case(300 + seed, crowd=0.6) for seed in range(20)]
    yield "above a hundred", [Case(400 + seed, images=2, categories=1, found=300, levels=40) for seed in range(6)]
    yield "many categories", [Case(500 + seed, images=20, categories=30) for seed in range(6)]
    yield "nothing found", [Case(600 + seed, found=0) for seed in range(3)]
    yield "nothing to find", [Case(700 + seed, truth=0) for seed in range(3)]
    yield "neither", [Case(800, truth=0, found=0)]
    yield "crowds alone", [Case(900 + seed, crowd=1.0) for seed in range(5)]
    yield "one image", [Case(1000 + seed, images=1, categories=1, truth=1, found=1) for seed in range(10)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dinov2", default=".build/release/dinov2", help="the program")
    program = parser.parse_args().dinov2
    worst = 0.0
    print("| case | count | largest difference |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for kind, cases in kinds():
            largest = 0.0
            for case in cases:
                got, wanted = ours(program, case, folder), reference(case)
                if len(got) != len(wanted):
                    sys.exit(f"{kind}: {len(got)} numbers, pycocotools has {len(wanted)}")
                largest = max(largest, *(abs(a - b) for a, b in zip(got, wanted)))
            print(f"| {kind} | {len(cases)} | {largest:.1e} |", flush=True)
            worst = max(worst, largest)
    return 0 if worst <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
