"""Lets the contenders of a row take turns, and watches that nothing else takes the cores."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import machine
import report
from contender import Contender, ContenderError, Row, Spec
from rest import RestWatch

# A rest before each turn outlasts the time for which OpenMP, TBB and ONNX Runtime threads wait
# actively after a pass, so nobody's turn is slowed by another's spinning threads.
REST_SECONDS = 0.075
# A worker that uses more than this share of a core while it should be idle disturbs the others.
IDLE_SHARE = 0.03
# A setting that takes this many times as long as its peer's best while warming up cannot win.
HOPELESS = 2.0


@dataclass(frozen=True)
class Settings:
    """How the contenders take turns."""

    program: Path
    peers: tuple[str, ...]
    rounds: int
    warmup: int
    settle: int
    threads: int


@dataclass
class Group:
    """The results of one row in one precision."""

    row: Row
    precision: str
    contenders: list[Contender] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    hopeless_ms: dict[str, float] = field(default_factory=dict)
    watch: RestWatch = field(default_factory=lambda: RestWatch(REST_SECONDS))

    def best(self, peer: str) -> Contender | None:
        """Returns the peer's fastest setting."""
        own = [c for c in self.contenders if c.spec.peer == peer and c.samples_ms]
        return min(own, key=lambda c: report.median(c.samples_ms), default=None)

    def drop(self, contender: Contender, reason: str) -> None:
        """Takes a contender that failed out of the race, with its samples."""
        say(f"{contender.spec.name} is left out: {reason}")
        self.failures[contender.spec.name] = reason
        self.contenders.remove(contender)
        contender.stop()

    def retire_hopeless(self) -> None:
        """Stops the settings that are far from their peer's best, which saves time and memory."""
        times = {id(c): report.median(c.warmup_ms) for c in self.contenders if c.warmup_ms}
        for contender in list(self.contenders):
            rivals = [
                times[id(c)]
                for c in self.contenders
                if c.spec.peer == contender.spec.peer and id(c) in times
            ]
            own = times.get(id(contender), 0.0)
            if rivals and own > HOPELESS * min(rivals):
                self.hopeless_ms[contender.spec.name] = own
                self.contenders.remove(contender)
                contender.stop()


def measure(group: Group, specs: list[Spec], settings: Settings) -> None:
    """Starts all contenders of a row, lets them take turns, and stops them."""
    environment = machine.environment(settings.threads)
    label = f"{group.row.name}-{group.precision}"
    try:
        for spec in specs:
            say(f"{label}: starting {spec.name}")
            log = report.WORK / "logs" / f"{label}-{spec.name.replace('/', '-')}.txt"
            try:
                group.contenders.append(Contender.start(spec, environment, log))
            except (ContenderError, OSError, ValueError) as error:
                group.failures[spec.name] = str(error)
                say(f"{spec.name} is left out: {error}")
        _take_turns(group, settings)
        _note_idling(group)
    finally:
        for contender in group.contenders:
            contender.stop()


def _take_turns(group: Group, settings: Settings) -> None:
    """Runs the rounds. Each starts with another contender, every second one goes backwards."""
    watch = group.watch
    for number in range(settings.warmup + settings.rounds):
        if number == settings.warmup:
            group.retire_hopeless()
        shift = number % max(1, len(group.contenders))
        order = group.contenders[shift:] + group.contenders[:shift]
        for contender in reversed(order) if number % 2 else order:
            watch.rest()
            try:
                for _ in range(settings.settle):
                    contender.run()
                sample = contender.run()
            except ContenderError as error:
                group.drop(contender, str(error))
                continue
            samples = contender.samples_ms if number >= settings.warmup else contender.warmup_ms
            samples.append(sample)
    if watch.is_disturbed:
        say(f"warning: other programs used {watch.others_share:.0%} of the cores meanwhile")


def _note_idling(group: Group) -> None:
    """Checks what the method stands on: who waits for its turn uses no processor time."""
    time.sleep(REST_SECONDS)
    start_time = time.monotonic()
    before = [contender.cpu_seconds() for contender in group.contenders]
    time.sleep(1)
    for contender, start in zip(group.contenders, before, strict=True):
        share = (contender.cpu_seconds() - start) / (time.monotonic() - start_time)
        contender.details["idle_cpu_share"] = round(share, 3)
        if share > IDLE_SHARE:
            say(f"warning: {contender.spec.name} uses {share:.0%} of a core while it waits")


def say(text: str) -> None:
    """Tells a person what goes on, on standard error."""
    print(f"compare: {text}", file=sys.stderr, flush=True)
