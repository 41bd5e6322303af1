"""Says where a step of ours spends its time, and how far its products are from the best ones."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import common
import report
from recipe import Recipe

STAGES = ("teacher", "student", "backward", "update")
_TITLES = {
    "data": "waiting for data",
    "teacher": "teacher's pass, targets",
    "student": "student's passes, losses",
    "backward": "way back",
    "update": "clipping, AdamW, teacher's move",
}
# A square product large enough to show what the library can do.
_SIDE, _REPEATS = 3072, 5
# What the program says to libtorch's matrix library on AMD processors too.
_VENDOR = "int mkl_serv_intel_cpu_true(void) { return 1; }\n"
_PRODUCT = """
import sys, time, torch
side, repeats, threads = map(int, sys.argv[1:])
torch.set_num_threads(threads)
a, b = torch.randn(side, side), torch.randn(side, side)
times = []
for _ in range(repeats + 1):
    start = time.perf_counter()
    torch.mm(a, b)
    times.append(time.perf_counter() - start)
print(2 * side**3 / min(times[1:]) / 1e9)
"""


@dataclass(frozen=True)
class Products:
    """Floating-point operations of matrix products, in 10⁹, by stage."""

    teacher: float
    student: float
    backward: float


def products(r: Recipe) -> Products:
    """Counts the products of one step; the number of masked patches is the expected one."""
    patches = [(side // 14) ** 2 for side in (r.global_size, r.local_size)]
    images = [2 * r.batch, r.local_count * r.batch]
    # Half of the global crops are masked, by 10 to 50 percent.
    masked = 0.5 * 0.3 * images[0] * patches[0]

    def passes(sizes: list[int]) -> tuple[float, float, float]:
        tokens = sum(images[i] * (1 + patches[i]) for i in sizes)
        wanted = sum(images[i] for i in sizes) + masked
        linear = 2 * r.width**2 * (12 * tokens * r.depth - 8 * (tokens - wanted))
        linear += wanted * 2 * (r.width * r.hidden + r.hidden**2 + r.hidden * r.bottleneck)
        linear += wanted * 2 * r.bottleneck * r.prototypes
        attention = sum(4 * images[i] * (1 + patches[i]) ** 2 * r.width * r.depth for i in sizes)
        pixels = sum(images[i] * patches[i] * 2 * 3 * 14**2 * r.width for i in sizes)
        return linear, attention, pixels

    teacher, student = passes([0]), passes([0, 1])
    # Two products for each on the way back; attention has five for its two, pixels have no gradient.
    backward = 2 * student[0] + 2.5 * student[1] + student[2]
    return Products(sum(teacher) / 1e9, sum(student) / 1e9, backward / 1e9)


def best_product(threads: int) -> float:
    """Measures the fastest large product of single precision, in GFLOP/s."""
    library = common.WORK / "vendor.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)],
        input=_VENDOR, text=True, check=True,
    )  # fmt: skip
    output = subprocess.run(
        [sys.executable, "-c", _PRODUCT, str(_SIDE), str(_REPEATS), str(threads)],
        env={**common.environment(threads), "LD_PRELOAD": str(library)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(output.stdout)


def read(folder: Path) -> list[dict[str, float]]:
    """Returns the seconds of each step's stages."""
    lines = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
    names = ("data", *STAGES)
    return [{name: line[f"{name}_time"] for name in names} for line in lines if "iter_time" in line]


def markdown(r: Recipe, steps: list[dict[str, float]], best: float) -> str:
    """Returns the table of stages."""
    counted = products(r)
    medians = {name: report.median([step[name] for step in steps]) for name in _TITLES}
    whole = sum(medians.values())
    rows = []
    for name, title in _TITLES.items():
        work, seconds = getattr(counted, name, None), medians[name]
        speed = ["", "", ""] if work is None else [
            f"{work:.0f}", report.figure(work / seconds), f"{100 * work / seconds / best:.0f} %",
        ]  # fmt: skip
        rows.append([title, f"{seconds:.2f}", f"{100 * seconds / whole:.0f} %", *speed])
    return "\n\n".join(
        [
            "Where our step in fp32 spends its time. Operations are those of matrix products; the fastest "
            f"product of this machine just then ({_SIDE:,} × {_SIDE:,} × {_SIDE:,}, the best of "
            f"{_REPEATS}) reached {best:.0f} GFLOP/s.",
            report.table(
                ["Stage", "Seconds", "Share", "GFLOP", "GFLOP/s", "Of the fastest product"], rows
            ),
        ]
    )
