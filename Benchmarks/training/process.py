"""Runs a program to its end and watches time and memory of it and of its children."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

# The kernel keeps the sum for a process, so it may be asked often. What a descendant has for itself,
# not in common with the process it came from, it finds by going through all pages: that takes a tenth
# of a second, so it is seldom asked.
SAMPLE_SECONDS = 0.2
DESCENDANTS_EVERY, DESCENDANTS_FIRST = 100, 50


@dataclass(frozen=True)
class Finished:
    """What a program used."""

    seconds: float
    # Memory of all its processes together at its highest: shared pages count once, mapped files such
    # as libraries not at all.
    peak_mb: float
    # The highest resident memory of the main process as the kernel counts it, with mapped files.
    main_resident_mb: float


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
    return Finished(elapsed, watch.peak_kib * 1024 / 1e6, usage.ru_maxrss * 1024 / 1e6)


class _MemoryWatch(threading.Thread):
    """Looks again and again at the memory of a process and its descendants."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak_kib = 0
        self._pid = pid
        self._stopped = threading.Event()

    def run(self) -> None:
        descendants, number = 0, 0
        while not self._stopped.wait(SAMPLE_SECONDS):
            number += 1
            if number % DESCENDANTS_EVERY == DESCENDANTS_FIRST:
                pids = _descendants(self._pid)
                descendants = sum(_kib(pid, "smaps_rollup", ("Private_Dirty:",)) for pid in pids)
            own = _kib(self._pid, "status", ("RssAnon:", "RssShmem:"))
            self.peak_kib = max(self.peak_kib, own + descendants)

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _descendants(pid: int) -> list[int]:
    """Returns all processes that a process started, and that these started."""
    found = [pid]
    for parent in found:
        try:
            for children in Path(f"/proc/{parent}/task").glob("*/children"):
                found += [int(child) for child in children.read_text().split()]
        except OSError:
            continue
    return found[1:]


def _kib(pid: int, name: str, fields: tuple[str, ...]) -> int:
    """Returns the sum of some fields of a file about a process, 0 if the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/{name}").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(fields))
