"""What reading photographs of 12 megapixels costs a training, with `train.reduced_decoding` and without.

    swift build -c release
    Benchmarks/training/run loader --photos DIR

The photographs are made once, as in `speed.py`. Nothing is kept in memory between passes
(`train.cache_gb=0`), which stands for a set that does not fit. First the loader works alone, then
`dinov2 pretrain` trains by the preset `small-data`; whole and reduced decoding take turns.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import common
import report
from photos import make_photos

MEGAPIXELS = (12.0, 12.0)
# Presets and the crops that they draw.
PRESETS = {"small-data": "2 of 70, 4 of 28", "vitl14": "2 of 224, 8 of 98"}
# Steps that do not count: the loader has worked ahead while the model was made.
WARM_UP = 2


def run(command: list[str]) -> str:
    """What a program prints; ends this one if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {command[0]} ended with {done.returncode}: {done.stderr[-400:]}")
    return done.stdout


def loader_rates(
    program: Path, folder: Path, preset: str, rounds: int
) -> dict[bool, list[float]]:
    """Images per second of the loader alone, whole and reduced."""
    text = run([
        str(program), str(folder), preset, "1", str(rounds), "train.cache_gb=0",
        "train.batch_size_per_gpu=8",
    ])  # fmt: skip
    turns = [json.loads(line) for line in text.splitlines()]
    return {
        reduced: [turn["images_per_s"] for turn in turns if turn["reduced"] == reduced]
        for reduced in (False, True)
    }


def steps(program: str, folder: Path, reduced: bool, count: int) -> list[dict]:
    """The counted lines of `metrics.jsonl` of a short training."""
    output = common.WORK / "loader-run"
    shutil.rmtree(output, ignore_errors=True)
    run([
        program, "pretrain", "--data", str(folder), "--output", str(output), "--preset",
        "small-data", "--steps", str(count), "train.cache_gb=0",
        f"train.reduced_decoding={str(reduced).lower()}",
    ])  # fmt: skip
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if "iter_time" in line][WARM_UP:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, help="folder of pictures (default: textures)")
    parser.add_argument("--count", type=report.positive, default=40, help="photographs")
    parser.add_argument("--rounds", type=report.positive, default=3, help="turns of each")
    parser.add_argument("--steps", type=report.positive, default=6, help="steps of a training")
    parser.add_argument(
        "--program", default=str(common.ROOT / ".build/release/dinov2"), help="our program")
    arguments = parser.parse_args()
    folder = make_photos(common.WORK, arguments.photos, arguments.count, MEGAPIXELS)
    benchmark = Path(arguments.program).with_name("LoaderBenchmark")

    rows = []
    for preset, crops in PRESETS.items():
        rates = loader_rates(benchmark, folder, preset, arguments.rounds)
        print(preset, json.dumps(rates), file=sys.stderr)
        whole, reduced = (report.median(rates[key]) for key in (False, True))
        rows.append([crops, *map(report.figure, (whole, reduced, reduced / whole))])
    print(report.table(["Crops", "Whole, images/s", "Reduced, images/s", "Ratio"], rows), "\n")

    lines: dict[bool, list[dict]] = {False: [], True: []}
    for _ in range(arguments.rounds):
        for reduced, found in lines.items():
            found += steps(arguments.program, folder, reduced, arguments.steps)
    rows = [
        [name, *(report.figure(report.median([line[key] for line in lines[reduced]]))
                 for key in ("iter_time", "data_time"))]
        for name, reduced in (("whole", False), ("reduced", True))
    ]  # fmt: skip
    print(report.table(["Decoded", "Seconds/step", "of them waiting for data"], rows))


if __name__ == "__main__":
    main()
