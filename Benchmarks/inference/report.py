"""Puts results into `docs/benchmarks.md`, between a pair of markers for each comparison."""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "benchmarks.md"
WORK = Path(__file__).resolve().parent / ".work"

HEADINGS = {
    "inference": "Forward pass",
    "embed": "A folder of photographs",
    "startup": "One image, start included",
}
_TEMPLATE = """# Benchmarks

Each table was written by a script that runs all contenders side by side: times move from machine to
machine, ratios between programs of the same run much less. `Benchmarks/` holds the scripts and says
how to run them.
"""


def add_common_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """Adds the options of all three comparisons."""
    parser.add_argument(
        "--program",
        type=_program,
        default=str(ROOT / ".build/release/dinov2"),
        help="our program (default: .build/release/dinov2)",
    )
    parser.add_argument(
        "--json",
        type=Path,
        default=WORK / f"{name}.json",
        help=f"file for every sample (default: {WORK.relative_to(ROOT)}/{name}.json)",
    )
    parser.add_argument(
        "--document",
        type=Path,
        default=DOCUMENT,
        help="file with the markers (default: docs/benchmarks.md)",
    )


def positive(text: str) -> int:
    """Reads a count for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number from 1 on")
    return int(text)


def _program(text: str) -> Path:
    if not Path(text).exists():
        raise argparse.ArgumentTypeError(f"no {text}: build it by 'make build', or name another")
    return Path(text).resolve()


def write_section(document: Path, name: str, text: str) -> None:
    """Replaces what stands between `<!-- name:begin -->` and `<!-- name:end -->`.

    A document without the markers gets them in a new section at its end; all else is kept.
    """
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    content = document.read_text() if document.exists() else _TEMPLATE
    if begin not in content:
        content = f"{content.rstrip()}\n\n## {HEADINGS[name]}\n\n{begin}\n{end}\n"
    before, _, rest = content.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"error: {document}: {begin} has no {end}; add it after the section")
    document.parent.mkdir(parents=True, exist_ok=True)
    document.write_text(f"{before}{begin}\n{text.strip()}\n{end}{after}")


def write_json(path: Path, results: object) -> None:
    """Writes every sample, for whoever wants to look closer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1) + "\n")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table; the first column is text, the others are figures."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def median(samples: Sequence[float]) -> float:
    return statistics.median(samples)


def p90(samples: Sequence[float]) -> float:
    """Returns the 90th percentile, linearly interpolated as NumPy does."""
    if len(samples) == 1:
        return samples[0]
    return statistics.quantiles(samples, n=10, method="inclusive")[8]


def figure(value: float) -> str:
    """Returns three significant digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
