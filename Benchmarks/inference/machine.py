"""Describes the machine and the installed peers, since a time means nothing without them."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

# The instruction sets that decide which kernels the libraries choose.
TELLING_FLAGS = (
    "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16",
    "amx_int8", "asimd", "bf16", "i8mm", "sve",
)  # fmt: skip
PEER_PACKAGES = (
    "torch", "torchvision", "timm", "transformers", "onnxruntime", "openvino", "pillow", "numpy",
)  # fmt: skip

# Variables that set thread counts or waiting behind a library's back.
_THREADING_PREFIXES = ("OMP_", "GOMP_", "KMP_", "MKL_", "DNNL_", "ONEDNN_", "OPENBLAS_", "TBB_")


def core_count() -> int:
    """Returns the number of cores that this process may use, which can be fewer than there are."""
    return len(os.sched_getaffinity(0))


def describe() -> dict[str, object]:
    """Returns what a reader needs to judge the times of this run."""
    cpu = _cpuinfo()
    flags = set((cpu.get("flags") or cpu.get("Features") or "").split())
    return {
        "cpu": cpu.get("model name") or cpu.get("CPU part") or platform.processor(),
        "instruction_sets": [flag for flag in TELLING_FLAGS if flag in flags],
        "cores": core_count(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "packages": _versions(),
    }


def sentences(machine: dict[str, object]) -> str:
    """Returns the description as one paragraph of Markdown."""
    packages = machine["packages"]
    sets = machine["instruction_sets"]
    assert isinstance(packages, dict) and isinstance(sets, list)
    versions = ", ".join(f"{name} {version}" for name, version in packages.items())
    return (
        f"Machine: {machine['cpu']}, {machine['cores']} cores ({', '.join(sets) or 'unknown'}), "
        f"{machine['memory_gib']} GiB, {machine['system']}. Load average before the run: "
        f"{machine['load_before']}. Python {machine['python']}; {versions}."
    )


def bf16_note(machine: dict[str, object], precisions: Iterable[str]) -> str:
    """Returns a warning where bf16 was measured and the processor has to emulate it."""
    sets = machine["instruction_sets"]
    assert isinstance(sets, list)
    if "bf16" not in precisions or {"avx512_bf16", "amx_bf16", "bf16"} & set(sets):
        return ""
    return (
        "This processor has no bf16 instructions: PyTorch emulates them and is far slower than in "
        "fp32. Compare bf16 rows with the peers' fp32 rows."
    )


def environment(threads: int) -> dict[str, str]:
    """Returns the environment of every contender: the thread count and no other tuning.

    What the caller's shell sets for its own purposes must not help or hinder one of the contenders.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_THREADING_PREFIXES)
    }
    return kept | {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}


def _cpuinfo() -> dict[str, str]:
    """Returns the first processor's fields."""
    path = Path("/proc/cpuinfo")
    text = path.read_text() if path.exists() else ""
    first = text.split("\n\n", maxsplit=1)[0]
    pairs = (line.split(":", maxsplit=1) for line in first.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


def _versions() -> dict[str, str]:
    """Returns the version of each peer that is installed."""
    found: dict[str, str] = {}
    for package in PEER_PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
