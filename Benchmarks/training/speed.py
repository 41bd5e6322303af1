"""Compares the speed and memory of training: `dinov2 pretrain` with lightly-train's DINOv2.

Whole steps are timed, reading and cropping photographs included. The programs take turns.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

import common
import machine
import report
import stages
from contenders import OURS, THEIRS, Outcome, Training, train
from photos import make_photos
from recipe import SPEED
from rest import RestWatch

REST_SECONDS = 2.0
# The first step allocates, the second still fills caches and queues.
UNCOUNTED = 2
# So many batches at most wait to be used, so that no photograph is read twice.
AHEAD = 8
MEGAPIXELS = (0.9, 1.1)


@dataclass
class Contender:
    """One program in one precision, and what was measured of it."""

    name: str
    precision: str
    runs: list[Outcome] = field(default_factory=list)

    def median(self, uncounted: int) -> float:
        return report.median([s for run in self.runs for s in run.step_seconds[uncounted:]])

    @property
    def peak_mb(self) -> float:
        return report.median([run.used.peak_mb for run in self.runs])

    def as_json(self, uncounted: int) -> dict[str, object]:
        return {
            "name": self.name,
            "precision": self.precision,
            "median_s": self.median(uncounted),
            "peak_mb": self.peak_mb,
            "runs": [
                {
                    "step_seconds": run.step_seconds,
                    "data_seconds": run.data_seconds,
                    "used": asdict(run.used),
                }
                for run in self.runs
            ],
        }


def main() -> None:
    arguments = parse_arguments()
    description = common.describe()
    count = (arguments.steps + AHEAD) * SPEED.batch
    folder = make_photos(common.WORK, arguments.photos, count, MEGAPIXELS)
    contenders = [
        Contender(name, precision)
        for precision in arguments.precisions
        for name in (OURS, THEIRS)
    ]
    watch = RestWatch(REST_SECONDS)
    ours_by_stage: list[dict[str, float]] = []
    best = 0.0
    for number in range(arguments.rounds):
        for contender in contenders:
            common.say(
                f"round {number + 1} of {arguments.rounds}: {contender.name}, {contender.precision}"
            )
            watch.rest()
            training = Training(
                SPEED, folder, arguments.steps, contender.precision, arguments.threads,
                arguments.workers, arguments.program,
            )  # fmt: skip
            outcome = train(contender.name, training, f"speed-{contender.precision}")
            if (contender.name, contender.precision) == (OURS, "fp32"):
                ours_by_stage += stages.read(outcome.folder)[UNCOUNTED:]
                best = max(best, stages.best_product(arguments.threads))
            shutil.rmtree(outcome.folder)
            contender.runs.append(outcome)
    report.write_json(
        arguments.json,
        {
            "machine": description,
            "threads": arguments.threads,
            "workers": arguments.workers,
            "others_share": round(watch.others_share, 3),
            "photographs": count,
            "uncounted_steps": UNCOUNTED,
            "contenders": [contender.as_json(UNCOUNTED) for contender in contenders],
            "stages": ours_by_stage,
            "fastest_product_gflops": best,
        },
    )
    text = markdown(description, contenders, arguments, folder)
    if ours_by_stage:
        text += "\n\n" + stages.markdown(SPEED, ours_by_stage, best)
    if watch.is_disturbed:
        text += "\n\nOther programs used the cores during this run, so do not trust its times."
    print(text)
    if not arguments.dry:
        common.publish(arguments.document, "training-speed", text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: speed.py --photos holiday/ --precisions fp32"
    )
    count = report.positive
    parser.add_argument(
        "--photos", type=Path, help="folder of pictures to make photographs of (default: textures)"
    )
    parser.add_argument(
        "--steps", type=_steps, default=6, help="of each run; the first two do not count (default: 6)"
    )
    parser.add_argument("--rounds", type=count, default=2, help="turns of each (default: 2)")
    both = ["fp32", "bf16"]
    parser.add_argument("--precisions", nargs="+", default=both, choices=both, help="default: both")
    parser.add_argument(
        "--workers",
        type=count,
        default=None,
        help="loader threads of ours and loader processes of theirs (default: what each chooses)",
    )
    parser.add_argument("--dry", action="store_true", help="leave the document as it is")
    common.add_arguments(parser, "speed")
    return parser.parse_args()


def _steps(text: str) -> int:
    if report.positive(text) <= UNCOUNTED:
        raise argparse.ArgumentTypeError(f"'{text}' is not more than {UNCOUNTED}")
    return int(text)


def markdown(
    description: dict[str, object],
    contenders: list[Contender],
    arguments: argparse.Namespace,
    folder: Path,
) -> str:
    """Returns the section of the document."""
    rows = []
    for ours, theirs in zip(contenders[::2], contenders[1::2], strict=True):
        for contender in (ours, theirs):
            seconds = contender.median(UNCOUNTED)
            of_time = ours.median(UNCOUNTED) / seconds
            of_memory = ours.peak_mb / contender.peak_mb
            rows.append(
                [
                    f"{contender.name}, {contender.precision}",
                    report.figure(seconds),
                    report.figure(SPEED.batch / seconds),
                    "" if contender is ours else f"{of_time:.2f}",
                    f"{contender.peak_mb:.0f}",
                    "" if contender is ours else f"{of_memory:.2f}",
                ]
            )
    files = [path.stat().st_size for path in folder.iterdir()]
    counted = arguments.steps - UNCOUNTED
    return "\n\n".join(
        [
            f"ViT-S/14 on the CPU, 2 crops of 224 and 8 of 98 pixels, batch {SPEED.batch}, two heads "
            f"of {SPEED.prototypes:,} prototypes; JPEG photographs of one megapixel "
            f"({sum(files) / len(files) / 1e6:.1f} MB each) are read and cropped meanwhile. Median of "
            f"{counted * arguments.rounds} steps, {counted} in each of {arguments.rounds} interleaved "
            f"runs, with {arguments.threads} threads. Memory is the peak of all processes together, "
            "without libraries.",
            report.table(
                [
                    "Program", "Seconds/step", "Images/s", "Time, ours / theirs",
                    "Peak MB", "Memory, ours / theirs",
                ],
                rows,
            ),
            *filter(None, [machine.bf16_note(description, arguments.precisions)]),
            machine.sentences(description),
        ]
    )  # fmt: skip


if __name__ == "__main__":
    main()
