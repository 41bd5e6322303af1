"""Times whole processes, from the start to the end, side by side."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import machine
import report
from rest import RestWatch

REST_SECONDS = 0.2


@dataclass
class Program:
    """A command that embeds images into a file, and what was measured of it."""

    name: str
    command: list[str]
    output: Path
    seconds: list[float] = field(default_factory=list)
    peak_rss_mb: float = 0.0

    @property
    def median(self) -> float:
        return report.median(self.seconds)

    def run(self, environment: dict[str, str]) -> None:
        """Runs the command once; ends the benchmark if it fails."""
        self.output.unlink(missing_ok=True)
        log = report.WORK / "logs" / f"{self.output.stem}.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as text:
            start = time.perf_counter()
            process = subprocess.Popen(self.command, stdout=text, stderr=text, env=environment)
            # Popen.wait does not give the memory; wait4 does.
            _, status, usage = os.wait4(process.pid, 0)
            elapsed = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode or not self.output.exists():
            raise SystemExit(
                f"error: {self.name}: exit status {process.returncode}, "
                f"{'an' if self.output.exists() else 'no'} output file; see {log}"
            )
        self.seconds.append(elapsed)
        self.peak_rss_mb = max(self.peak_rss_mb, usage.ru_maxrss * 1024 / 1e6)

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "seconds": self.seconds,
            "median_s": self.median,
            "peak_rss_mb": round(self.peak_rss_mb, 1),
        }


def interleave(
    programs: list[Program], repetitions: int, threads: int, after: Callable[[], None]
) -> RestWatch:
    """Runs every program once to fill the file caches, then `repetitions` times in turn.

    `after` is called once, after the uncounted runs, so that a wrong result ends the benchmark
    early. Returns what was seen of other programs.
    """
    watch = RestWatch(REST_SECONDS)
    environment = machine.environment(threads)
    for number in range(repetitions + 1):
        shift = number % len(programs)
        order = programs[shift:] + programs[:shift]
        for program in reversed(order) if number % 2 else order:
            print(f"run {number} of {repetitions}: {program.name}", file=sys.stderr, flush=True)
            watch.rest()
            program.run(environment)
        if number == 0:
            after()
            for program in programs:
                program.seconds.clear()
    return watch


def warning(watch: RestWatch) -> str:
    """Returns what to add to a section whose times were disturbed."""
    if not watch.is_disturbed:
        return ""
    return "\n\nOther programs used the cores during this run, so do not trust its times."


def smallest_cosine(first: Path, second: Path) -> float:
    """Returns the smallest cosine between rows of two files; ends if the shapes differ."""
    a, b = (np.load(path).astype(np.float64) for path in (first, second))
    if a.shape != b.shape:
        raise SystemExit(f"error: the embeddings have shapes {a.shape} and {b.shape}")
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return float(((a * b).sum(axis=1) / lengths).min())
