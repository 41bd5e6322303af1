"""Compares one forward pass of our program with PyTorch, torch.compile, ONNX Runtime and OpenVINO.

All contenders of a row live at the same time, each in its own process, and take turns; only one
works at any moment. README.md says why.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import machine
import report
from compare_table import as_json, markdown
from contender import VARIANTS, Row, Spec, our_spec, peer_specs
from turns import Group, Settings, measure, say

HERE = Path(__file__).resolve().parent
ROWS = ("s-1-224", "s-8-224", "b-1-224", "b-4-224", "s-1-518")
PEERS = ("torch", "compile", "onnxruntime", "openvino")


def main() -> None:
    arguments = parse_arguments()
    settings = Settings(
        program=arguments.program,
        peers=tuple(arguments.peers),
        rounds=arguments.rounds,
        warmup=arguments.warmup,
        settle=arguments.settle,
        threads=arguments.threads,
    )
    description = machine.describe()
    groups: list[Group] = []
    for row in arguments.rows:
        export(row, settings)
        for precision in arguments.precisions:
            group = Group(row, precision)
            groups.append(group)
            measure(group, specs(row, precision, settings), settings)
            # After every group: what is measured is kept when a later row fails or is interrupted.
            report.write_json(arguments.json, as_json(description, settings, groups))
    text = markdown(description, settings, groups)
    print(text)
    if any("ours" in group.failures for group in groups):
        raise SystemExit(
            f"error: swift-dinov2 failed in at least one row; see the messages above. "
            f"{arguments.document} stays as it was"
        )
    report.write_section(arguments.document, "inference", text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog="example: compare.py --rows s-1-224,b-4-224 --precisions fp32"
    )
    parser.add_argument(
        "--rows",
        type=rows,
        default=rows(",".join(ROWS)),
        metavar="LIST",
        help=f"model-batch-size, comma-separated (default: {','.join(ROWS)})",
    )
    parser.add_argument(
        "--peers",
        type=words(*VARIANTS),
        default=PEERS,
        metavar="LIST",
        help=f"of {','.join(VARIANTS)} (default: {','.join(PEERS)})",
    )
    parser.add_argument(
        "--precisions",
        type=words("fp32", "bf16"),
        default=("fp32", "bf16"),
        metavar="LIST",
        help="fp32, bf16 or both (default)",
    )
    count = report.positive
    parser.add_argument("--rounds", type=count, default=15, help="counted rounds (default: 15)")
    parser.add_argument("--warmup", type=int, default=3, help="rounds before them (default: 3)")
    parser.add_argument(
        "--settle", type=int, default=1, help="uncounted passes that begin each turn (default: 1)"
    )
    parser.add_argument(
        "--threads",
        type=count,
        default=machine.core_count(),
        help="of every contender (default: the number of cores)",
    )
    report.add_common_arguments(parser, "compare")
    return parser.parse_args()


def rows(text: str) -> list[Row]:
    """Reads a list of rows for argparse."""
    try:
        return [Row.parse(name) for name in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{error}: a row is s|b|l, batch and size (a multiple of 14), as in s-8-224"
        ) from None


def words(*known: str) -> Callable[[str], tuple[str, ...]]:
    """Returns a reader of comma-separated lists of known words."""

    def parse(text: str) -> tuple[str, ...]:
        found = tuple(text.split(","))
        for word in found:
            if word not in known:
                raise argparse.ArgumentTypeError(f"'{word}' is none of {', '.join(known)}")
        return found

    return parse


def export_folder(row: Row) -> Path:
    return report.WORK / "exports" / row.name


def export(row: Row, settings: Settings) -> None:
    """Writes the files that the workers read; a format that fails leaves only its peer out."""
    formats = [
        name
        for name, peer in (("onnx", "onnxruntime"), ("openvino", "openvino"))
        if peer in settings.peers
    ]
    say(f"{row.title}: exporting")
    shutil.rmtree(export_folder(row), ignore_errors=True)  # an older file must not stand in
    for step in [[], *([name] for name in formats)]:
        command = [
            sys.executable, str(HERE / "export.py"), "--model", row.model, "--batch",
            str(row.batch), "--size", str(row.size), "--folder", str(export_folder(row)),
            "--formats", *step,
        ]  # fmt: skip
        log = report.WORK / "logs" / f"{row.name}-export-{''.join(step) or 'reference'}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            done = subprocess.run(command, stdout=output, stderr=output, check=False)
        if done.returncode:
            say(f"export failed; see {log}")


def specs(row: Row, precision: str, settings: Settings) -> list[Spec]:
    """All contenders of a row, ours first."""
    found = [our_spec(settings.program, row, precision)]
    for peer in settings.peers:
        found += peer_specs(peer, row, precision, settings.threads, export_folder(row))
    return found


if __name__ == "__main__":
    main()
