"""Compares the time from nothing to the embedding of one image: `dinov2 embed` with Python."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import machine
import report
from embed_folder import MINIMUM_COSINE, MODEL
from peer_model import save_weights
from photos import make_photos
from whole_process import Program, interleave, smallest_cosine

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
    output = report.WORK / "embeddings"
    output.mkdir(parents=True, exist_ok=True)

    targets = [output / f"startup-{name}.npy" for name in ("ours", "python", "floor")]
    ours = Program(
        "swift-dinov2",
        [
            str(arguments.program), "embed", str(image), "--model", MODEL,
            "--weights", str(weights), "--device", "cpu", "-o", str(targets[0]),
        ],  # fmt: skip
        targets[0],
    )
    python = Program(
        "Python with torch, timm, Pillow",
        [
            sys.executable, str(HERE / "python_one.py"),
            str(image), str(weights), str(targets[1]),
        ],  # fmt: skip
        targets[1],
    )
    floor = Program(
        "Python, `import torch` and the weights read, no more",
        [sys.executable, "-c", FLOOR, str(weights), str(targets[2])],
        targets[2],
    )
    programs = [ours, python, floor]
    interleave(
        programs, arguments.repetitions, machine.core_count(), after=lambda: check(targets[:2])
    )
    report.write_json(
        arguments.json,
        {"machine": description, "programs": [p.as_json() for p in programs]},
    )
    text = markdown(description, programs)
    print(text)
    report.write_section(arguments.document, "startup", text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: startup.py --image photo.jpg --repetitions 20"
    )
    parser.add_argument("--image", type=Path, help="the image (default: a made photograph)")
    parser.add_argument("--repetitions", type=int, default=10, help="counted runs (default: 10)")
    parser.add_argument("--program", type=Path, default=report.ROOT / ".build/release/dinov2",
                        help="our program (default: .build/release/dinov2)")
    parser.add_argument("--json", type=Path, default=report.WORK / "startup.json",
                        help="file for every sample")
    parser.add_argument("--document", type=Path, default=report.DOCUMENT,
                        help="file with the markers (default: docs/benchmarks.md)")
    arguments = parser.parse_args()
    if not arguments.program.exists():
        parser.error(f"no {arguments.program}: build it with 'make build' or name it by --program")
    if arguments.repetitions < 1:
        parser.error("--repetitions must be at least 1")
    return arguments


def check(outputs: list[Path]) -> None:
    """Ends the benchmark if the two programs compute different things."""
    cosine = smallest_cosine(*outputs)
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
            f"One photograph into its ViT-S/14 embedding with the weights on disk: wall time of the "
            f"whole process, median of {len(ours.seconds)} interleaved runs, files cached.",
            report.table(["Program", "Median s", "p90 s", "Ours / theirs", "Peak MB"], rows),
            machine.sentences(description),
        ]
    )


if __name__ == "__main__":
    main()
