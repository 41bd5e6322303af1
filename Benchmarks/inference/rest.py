"""Rests between measurements, which double as a look at how busy the machine is otherwise."""

from __future__ import annotations

import time
from pathlib import Path

# Above this share of all cores, programs that are no contenders spoil the times.
OTHERS_SHARE = 0.10


class RestWatch:
    """Rests for a fixed time, and sums up what other programs use of the cores meanwhile."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._busy = 0
        self._total = 0

    @property
    def others_share(self) -> float:
        return self._busy / self._total if self._total else 0.0

    @property
    def is_disturbed(self) -> bool:
        return self.others_share > OTHERS_SHARE

    def rest(self) -> None:
        busy, total = _processor_ticks()
        time.sleep(self._seconds)
        busy_after, total_after = _processor_ticks()
        self._busy += busy_after - busy
        self._total += total_after - total


def _processor_ticks() -> tuple[int, int]:
    """Returns how long all cores together were busy so far, and how long there was, in ticks."""
    # The first line of the file has the sums over all cores: user, nice, system, idle, waiting for
    # a disk, two kinds of interrupts, stolen by the host.
    ticks = [int(text) for text in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)
