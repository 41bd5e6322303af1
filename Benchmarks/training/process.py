"""Runs a program to its end and watches time and memory of it and of its children."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

# Often enough for steps of seconds, and seldom enough to cost nothing.
SAMPLE_SECONDS = 0.5


@dataclass(frozen=True)
class Finished:
    """What a program used."""

    seconds: float
    # Resident memory of all its processes together at its highest; shared pages count once.
    peak_mb: float
    # The highest resident memory of the main process, as the kernel counts it.
    main_peak_mb: float


def run(name: str, command: list[str], environment: dict[str, str], log: Path) -> Finished:
    """Runs the command; ends the benchmark if it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as text:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=text, stderr=text, env=environment)
        watch = _MemoryWatch(process.pid)
        watch.start()
        try:
            # Popen.wait does not give the memory; wait4 does.
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.terminate()
            raise
        finally:
            watch.stop()
        elapsed = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
        raise SystemExit(
            f"error: {name}: exit status {process.returncode}; the end of {log}:\n{tail}"
        )
    main_peak = usage.ru_maxrss * 1024 / 1e6
    return Finished(elapsed, max(watch.peak_kib * 1024 / 1e6, main_peak), main_peak)


class _MemoryWatch(threading.Thread):
    """Sums the proportional set sizes of a process and its descendants, again and again."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak_kib = 0
        self._pid = pid
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(SAMPLE_SECONDS):
            total = sum(_proportional_kib(pid) for pid in _family(self._pid))
            self.peak_kib = max(self.peak_kib, total)

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _family(pid: int) -> list[int]:
    """Returns a process and all its descendants."""
    found = [pid]
    for parent in found:
        try:
            for children in Path(f"/proc/{parent}/task").glob("*/children"):
                found += [int(child) for child in children.read_text().split()]
        except OSError:
            continue
    return found


def _proportional_kib(pid: int) -> int:
    """Returns the memory of a process with its share of what it has in common with others."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
