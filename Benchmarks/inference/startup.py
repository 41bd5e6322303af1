"""Compares the time from nothing to the embedding of one image: `dinov2 embed` with Python."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import machine
import report
from embed_folder import MINIMUM_COSINE, MODEL, our_program
from peer_model import save_weights
from photos import make_photos
from whole_process import Program, interleave, smallest_cosine, warning

HERE = Path(__file__).resolve().parent
# timm imports much that a ViT does not need. No program built on PyTorch's Python is faster than
# this one, which embeds nothing.
FLOOR = """
import sys
import torch
from safetensors.torch import load_file
load_file(sys.argv[1])
open(sys.argv[2], "w").close()
"""


def main() -> None:
    arguments = parse_arguments()
    description = machine.describe()
    image = arguments.image or next(make_photos(report.WORK, None, 1).iterdir())
    weights = report.WORK / f"{MODEL}-timm.safetensors"
    save_weights(weights, MODEL)
    programs = make_programs(arguments.program, image, weights)
    watch = interleave(
        programs, arguments.repetitions, machine.core_count(), after=lambda: check(*programs[:2])
    )
    report.write_json(
        arguments.json,
        {
            "machine": description,
            "others_share": round(watch.others_share, 3),
            "programs": [p.as_json() for p in programs],
        },
    )
    text = markdown(description, programs) + warning(watch)
    print(text)
    report.write_section(arguments.document, "startup", text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: startup.py --image photo.jpg --repetitions 20"
    )
    parser.add_argument("--image", type=Path, help="the image (default: a made photograph)")
    parser.add_argument(
        "--repetitions", type=report.positive, default=10, help="counted runs (default: 10)"
    )
    report.add_common_arguments(parser, "startup")
    return parser.parse_args()


def make_programs(program: Path, image: Path, weights: Path) -> list[Program]:
    """Returns ours, Python's, and what no program built on PyTorch's Python can beat."""
    folder = report.WORK / "embeddings"
    folder.mkdir(parents=True, exist_ok=True)
    python, floor = folder / "startup-python.npy", folder / "startup-floor.npy"
    script = str(HERE / "python_one.py")
    return [
        our_program(program, image, weights, "fp32", folder),
        Program(
            "Python with torch, timm, Pillow",
            [sys.executable, script, str(image), str(weights), str(python)],
            python,
        ),
        Program(
            "Python, `import torch` and the weights read, no more",
            [sys.executable, "-c", FLOOR, str(weights), str(floor)],
            floor,
        ),
    ]


def check(ours: Program, python: Program) -> None:
    """Ends the benchmark if the two programs compute different things."""
    cosine = smallest_cosine(ours.output, python.output)
    if cosine < MINIMUM_COSINE["fp32"]:
        raise SystemExit(f"error: the two embeddings have cosine {cosine:.6f}; they must agree")


def markdown(description: dict[str, object], programs: list[Program]) -> str:
    """Returns the section of the document."""
    ours = programs[0]
    rows = [
        [
            program.name,
            f"{program.median:.2f}",
            f"{report.p90(program.seconds):.2f}",
            "" if program is ours else f"{ours.median / program.median:.2f}",
            f"{program.peak_rss_mb:.0f}",
        ]
        for program in programs
    ]
    return "\n\n".join(
        [
            f"One photograph into its ViT-S/14 embedding, with the weights on disk: wall time of "
            f"the whole process, {len(ours.seconds)} interleaved runs, files cached.",
            report.table(["Program", "Median s", "p90 s", "Ours / theirs", "Peak MB"], rows),
            machine.sentences(description),
        ]
    )


if __name__ == "__main__":
    main()
