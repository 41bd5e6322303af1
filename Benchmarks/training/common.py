"""What both scripts share: options, the machine's description, and where results go.

Much of it is the inference benchmark's, whose folder this module puts on the search path.
"""

from __future__ import annotations

import argparse
import sys
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = HERE / ".work"
DOCUMENT = ROOT / "docs" / "training.md"
sys.path.append(str(HERE.parent / "inference"))

import machine  # noqa: E402
import report  # noqa: E402

PACKAGES = (
    "lightly-train", "pytorch-lightning", "torch", "torchvision", "albumentations",
    "opencv-python-headless", "numpy",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser, name: str) -> None:
    """Adds the options of both comparisons."""
    parser.add_argument(
        "--threads",
        type=report.positive,
        default=machine.core_count(),
        help="that compute, in either program (default: the number of cores)",
    )
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
        help="file with the markers (default: docs/training.md)",
    )


def describe() -> dict[str, object]:
    """Returns what a reader needs to judge the numbers of this run."""
    versions = {name: metadata.version(name) for name in PACKAGES}
    return machine.describe() | {"packages": versions}


def environment(threads: int) -> dict[str, str]:
    """Returns the environment of both programs: the thread count and no other tuning."""
    return machine.environment(threads) | {
        "LIGHTLY_TRAIN_EVENTS_DISABLED": "1",
        "LIGHTLY_TRAIN_CACHE_DIR": str(WORK / "lightly-cache"),
    }


def publish(document: Path, name: str, text: str) -> None:
    """Puts a section between its markers; a document without them gets them at its end."""
    content = document.read_text() if document.exists() else "# Training\n"
    if f"<!-- {name}:begin -->" not in content:
        heading = "" if "\n## Measured\n" in content else "## Measured\n\n"
        markers = f"<!-- {name}:begin -->\n<!-- {name}:end -->"
        document.parent.mkdir(parents=True, exist_ok=True)
        document.write_text(f"{content.rstrip()}\n\n{heading}{markers}\n")
    report.write_section(document, name, text)


def say(text: str) -> None:
    """Tells a person what goes on, on standard error."""
    print(f"training: {text}", file=sys.stderr, flush=True)


def _program(text: str) -> Path:
    if not Path(text).exists():
        raise argparse.ArgumentTypeError(f"no {text}: build it by 'make build', or name another")
    return Path(text).resolve()
