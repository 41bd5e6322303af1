"""Compares embedding a folder of photographs: `dinov2 embed` with a good Python script.

Whole processes are timed, from start to exit: decoding, preprocessing, model and writing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import machine
import report
from peer_model import save_weights
from photos import make_photos
from whole_process import Program, interleave, smallest_cosine, warning

HERE = Path(__file__).resolve().parent
MODEL = "dinov2_vits14"
# Two processes that decode on two cores, or none: which is faster depends on the machine.
WORKERS = (0, 2)
# Equal weights, equal photographs: in float32 only the order of additions may differ. bf16 has
# three digits, and two programs may round in different places.
MINIMUM_COSINE = {"fp32": 0.9999, "bf16": 0.99}


def main() -> None:
    arguments = parse_arguments()
    description = machine.describe()
    folder = make_photos(report.WORK, arguments.photos, arguments.count)
    weights = report.WORK / f"{MODEL}-timm.safetensors"
    save_weights(weights, MODEL)
    output = report.WORK / "embeddings"
    output.mkdir(parents=True, exist_ok=True)

    programs: dict[str, list[Program]] = {
        precision: [
            our_program(arguments.program, folder, weights, precision, output),
            *(python_program(folder, weights, precision, n, output) for n in WORKERS),
        ]
        for precision in arguments.precisions
    }
    cosines: dict[str, float] = {}
    watch = interleave(
        [program for group in programs.values() for program in group],
        arguments.repetitions,
        arguments.threads,
        after=lambda: cosines.update(check(programs)),
    )
    report.write_json(
        arguments.json,
        {
            "machine": description,
            "threads": arguments.threads,
            "others_share": round(watch.others_share, 3),
            "photographs": arguments.count,
            "smallest_cosine": cosines,
            "programs": {
                precision: [program.as_json() for program in group]
                for precision, group in programs.items()
            },
        },
    )
    text = markdown(description, programs, cosines, folder) + warning(watch)
    print(text)
    report.write_section(arguments.document, "embed", text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: embed_folder.py --photos holiday/ --count 100"
    )
    count = report.positive
    parser.add_argument(
        "--photos", type=Path, help="folder of pictures to make photographs of (default: textures)"
    )
    parser.add_argument("--count", type=count, default=200, help="photographs (default: 200)")
    parser.add_argument("--repetitions", type=count, default=5, help="counted runs (default: 5)")
    both = ["fp32", "bf16"]
    parser.add_argument("--precisions", nargs="+", default=both, choices=both, help="default: both")
    parser.add_argument(
        "--threads",
        type=count,
        default=machine.core_count(),
        help="of every program (default: the number of cores)",
    )
    report.add_common_arguments(parser, "embed_folder")
    return parser.parse_args()


def our_program(
    program: Path, folder: Path, weights: Path, precision: str, output: Path
) -> Program:
    target = output / f"ours-{precision}.npy"
    command = [
        str(program), "embed", str(folder), "--model", MODEL, "--weights", str(weights),
        "--precision", precision, "--device", "cpu", "-o", str(target),
    ]  # fmt: skip
    return Program(f"swift-dinov2, {precision}", command, target)


def python_program(
    folder: Path, weights: Path, precision: str, workers: int, output: Path
) -> Program:
    target = output / f"python-{precision}-{workers}.npy"
    command = [
        sys.executable, str(HERE / "python_embed.py"), str(folder), "--weights", str(weights),
        "--precision", precision, "--workers", str(workers), "-o", str(target),
    ]  # fmt: skip
    return Program(f"Python, {workers} loader processes, {precision}", command, target)


def check(programs: dict[str, list[Program]]) -> dict[str, float]:
    """Returns the smallest cosine of ours with Python's in each precision; ends if one is low."""
    found: dict[str, float] = {}
    for precision, (ours, python, *_) in programs.items():
        cosine = smallest_cosine(ours.output, python.output)
        if cosine < MINIMUM_COSINE[precision]:
            raise SystemExit(
                f"error: {precision}: an embedding of swift-dinov2 has cosine {cosine:.6f} with "
                f"Python's, less than {MINIMUM_COSINE[precision]}: the programs compute different "
                "things, so their times say nothing"
            )
        found[precision] = cosine
    return found


def markdown(
    description: dict[str, object],
    programs: dict[str, list[Program]],
    cosines: dict[str, float],
    folder: Path,
) -> str:
    """Returns the section of the document."""
    files = [path.stat().st_size for path in folder.iterdir()]
    rows = []
    for ours, *python in programs.values():
        fastest = min(python, key=lambda program: program.median)
        for program in (ours, *python):
            rate = len(files) / program.median
            ratio = ours.median / program.median
            rows.append(
                [
                    f"**{program.name}**" if program in (ours, fastest) else program.name,
                    report.figure(program.median),
                    report.figure(rate),
                    "" if program is ours else f"{ratio:.2f}",
                    f"{program.peak_rss_mb:.0f}",
                ]
            )
    agreement = ", ".join(f"{value:.6f} in {name}" for name, value in cosines.items())
    repetitions = len(next(iter(programs.values()))[0].seconds)
    return "\n\n".join(
        [
            f"{len(files)} JPEG photographs of one to four megapixels ({sum(files) / 1e6:.0f} MB) "
            f"into ViT-S/14 embeddings: wall time of the whole process, median of {repetitions} "
            f"interleaved runs. The faster Python script is bold. Memory is that of the largest "
            f"process. Smallest cosine between our embeddings and Python's: {agreement}.",
            report.table(["Program", "Seconds", "Images/s", "Ours / theirs", "Peak MB"], rows),
            *filter(None, [machine.bf16_note(description, programs)]),
            machine.sentences(description),
        ]
    )


if __name__ == "__main__":
    main()
