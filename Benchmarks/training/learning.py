"""Compares what is learned in a given time: `dinov2 pretrain` with lightly-train's DINOv2.

Both train the same model on the same images with the same recipe; learning rate and areas of crops are
those that suit the first weights of each. Afterwards images that were not trained on are classified by
their nearest neighbours.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import common
import knn
import machine
import process
import report
from contenders import OURS, THEIRS, Outcome, Training, exported_model, model_folder, train
from recipe import LEARNING
from rest import RestWatch

REST_SECONDS = 2.0
UNCOUNTED = 2


@dataclass(frozen=True)
class Result:
    """What one program reached with one seed."""

    name: str
    seed: int
    steps: int
    top1: float
    mean_per_class: float
    step_seconds: float
    used: process.Finished


def main() -> None:
    arguments = parse_arguments()
    description = common.describe()
    data = unpack(arguments.data)
    features = Features(data, arguments)
    untrained = features.score(features.theirs(None))
    common.say(f"untrained: {untrained[0]:.1f} %")
    watch = RestWatch(REST_SECONDS)
    results = []
    for seed in arguments.seeds:
        for name in (OURS, THEIRS):
            results.append(learn(name, seed, data, arguments, features, watch))
    report.write_json(
        arguments.json,
        {
            "machine": description,
            "threads": arguments.threads,
            "minutes": arguments.minutes,
            "precision": arguments.precision,
            "others_share": round(watch.others_share, 3),
            "untrained": {"top1": untrained[0], "mean_per_class": untrained[1]},
            "results": [asdict(result) for result in results],
        },
    )
    text = markdown(description, results, untrained, arguments, features)
    if watch.is_disturbed:
        text += (
            "\n\nOther programs used the cores during this run, so do not trust its step counts."
        )
    print(text)
    if not arguments.dry:
        common.publish(arguments.document, "learning", text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: learning.py --data caltech101-98 --minutes 60"
    )
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        help="folder of WebDataset shards train-*.tar and val-*.tar whose keys are SPLIT/CLASS/NAME",
    )
    parser.add_argument(
        "--minutes", type=_minutes, default=30.0, help="of each training (default: 30)"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="default: 0")
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument(
        "--calibration-steps",
        type=report.positive,
        default=8,
        help="of the short run that finds how many steps fit (default: 8)",
    )
    parser.add_argument(
        "--workers",
        type=report.positive,
        default=None,
        help="loader threads of ours and loader processes of theirs (default: what each chooses)",
    )
    parser.add_argument("--dry", action="store_true", help="leave the document as it is")
    common.add_arguments(parser, "learning")
    arguments = parser.parse_args()
    if arguments.calibration_steps <= UNCOUNTED:
        parser.error(f"--calibration-steps must be more than {UNCOUNTED}")
    return arguments


def _minutes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e5:
        raise argparse.ArgumentTypeError(f"'{text}' is no number of minutes")
    return value


def unpack(shards: Path) -> Path:
    """Returns a folder with `train` and `val`, each with a folder per class, made once."""
    tars = sorted([*shards.glob("train-*.tar"), *shards.glob("val-*.tar")])
    if not tars:
        raise SystemExit(f"error: no train-*.tar and val-*.tar in {shards}")
    target = common.WORK / shards.resolve().name
    if target.exists():
        return target
    unfinished = target.with_name(f"{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for tar in tars:
        with tarfile.open(tar) as archive:
            images = [member for member in archive if member.name.endswith(".jpg")]
            archive.extractall(unfinished, members=images, filter="data")
    unfinished.rename(target)
    return target


class Features:
    """Class tokens of all images of both splits, by either program's model, and their score."""

    def __init__(self, data: Path, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._environment = common.environment(arguments.threads)
        self._folder = common.WORK / "features"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.images = {
            split: sorted((data / split).rglob("*.jpg"), key=bytes) for split in ("train", "val")
        }

    def ours(self, outcome: Outcome) -> dict[str, np.ndarray]:
        size = str(LEARNING.global_size)
        found = {}
        for split, images in self.images.items():
            output = self._folder / f"ours-{split}.npy"
            listed = self._folder / f"{split}.txt"
            listed.write_text("".join(f"{path}\n" for path in images))
            output.unlink(missing_ok=True)
            command = [
                str(self._arguments.program), "embed", f"@{listed}",
                "--model", str(model_folder(outcome)), "--resize", size, "--crop", size,
                "--device", "cpu", "-o", str(output),
            ]  # fmt: skip
            process.run(f"{OURS} embed", command, self._environment, self._log("ours"))
            found[split] = np.load(output)
        return found

    def theirs(self, weights: Path | None) -> dict[str, np.ndarray]:
        found = {}
        for split, images in self.images.items():
            output = self._folder / f"theirs-{split}.npy"
            request = self._folder / "request.json"
            request.write_text(
                json.dumps(
                    {
                        "threads": self._arguments.threads,
                        "vit": LEARNING.vit(),
                        "weights": str(weights) if weights else None,
                        "size": LEARNING.global_size,
                        "images": [str(path) for path in images],
                        "output": str(output),
                    }
                )
            )
            command = [sys.executable, str(common.HERE / "lightly_embed.py"), str(request)]
            process.run(f"{THEIRS} embed", command, self._environment, self._log("theirs"))
            found[split] = np.load(output)
        return found

    def score(self, features: dict[str, np.ndarray]) -> tuple[float, float]:
        """Returns accuracy and mean accuracy of the classes, in percent."""
        for split, images in self.images.items():
            if len(features[split]) != len(images):
                raise SystemExit(
                    f"error: {len(features[split])} features for {len(images)} images of {split}"
                )
        labels = {
            split: [path.parent.name for path in images] for split, images in self.images.items()
        }
        return knn.accuracy(features["train"], labels["train"], features["val"], labels["val"])

    def _log(self, name: str) -> Path:
        return common.WORK / "logs" / f"embed-{name}.txt"


def learn(
    name: str,
    seed: int,
    data: Path,
    arguments: argparse.Namespace,
    features: Features,
    watch: RestWatch,
) -> Result:
    """Finds how many steps fit into the time, trains so many, and scores the features."""

    def training(steps: int) -> Training:
        return Training(
            LEARNING, data / "train", steps, arguments.precision, arguments.threads,
            arguments.workers, arguments.program, seed,
        )  # fmt: skip

    watch.rest()
    trial = train(name, training(arguments.calibration_steps), "calibration")
    step = report.median(trial.step_seconds[UNCOUNTED:])
    overhead = trial.used.seconds - step * arguments.calibration_steps
    steps = max(1, int((60 * arguments.minutes - overhead) / step))
    common.say(f"{name}, seed {seed}: {step:.2f} s a step, so {steps} steps")
    watch.rest()
    outcome = train(name, training(steps), f"learning-{seed}")
    if name == OURS:
        found = features.ours(outcome)
    else:
        found = features.theirs(exported_model(outcome))
    top1, mean = features.score(found)
    common.say(f"{name}, seed {seed}: {top1:.1f} % after {outcome.used.seconds / 60:.1f} minutes")
    return Result(
        name, seed, steps, top1, mean, report.median(outcome.step_seconds), outcome.used
    )


def markdown(
    description: dict[str, object],
    results: list[Result],
    untrained: tuple[float, float],
    arguments: argparse.Namespace,
    features: Features,
) -> str:
    """Returns the section of the document."""
    rows = [
        [
            r.name, str(r.seed), f"{r.used.seconds / 60:.1f}", str(r.steps),
            report.figure(r.steps * LEARNING.batch / r.used.seconds),
            f"{r.top1:.1f}", f"{r.mean_per_class:.1f}", f"{r.used.peak_mb:.0f}",
        ]
        for r in results
    ]  # fmt: skip
    rows.append(["untrained", "", "", "0", "", f"{untrained[0]:.1f}", f"{untrained[1]:.1f}", ""])
    train_count, val_count = len(features.images["train"]), len(features.images["val"])
    return "\n\n".join(
        [
            f"{arguments.minutes:g} minutes on the CPU for each program, {arguments.threads} threads, "
            f"{arguments.precision}: a ViT of width {LEARNING.width} and {LEARNING.depth} blocks, "
            f"preset `{LEARNING.preset}`, on the {train_count:,} training images of "
            f"{arguments.data.resolve().name}. Accuracy in percent on {val_count:,} other images by "
            f"the {knn.NEIGHBOURS} nearest training images (cosine of class tokens, temperature "
            f"{knn.TEMPERATURE}).",
            report.table(
                [
                    "Program", "Seed", "Minutes", "Steps", "Images/s", "k-NN top-1",
                    "Mean of classes", "Peak MB",
                ],
                rows,
            ),
            machine.sentences(description),
        ]
    )  # fmt: skip


if __name__ == "__main__":
    main()
