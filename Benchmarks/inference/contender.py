"""A contender: a process that holds one ready model and runs one forward pass per request."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
# torch.compile builds C++ for a minute or more; everything else is far below.
READY_SECONDS = 900.0
ANSWER_SECONDS = 300.0


class ContenderError(Exception):
    """A contender could not start, stopped, or did not answer."""


@dataclass(frozen=True)
class Row:
    """One line of the table: a model, a batch and a size."""

    model: str
    batch: int
    size: int

    @staticmethod
    def parse(text: str) -> Row:
        """Reads `s-8-224`: ViT-S/14, batch 8, 224 pixels."""
        letter, batch, size = text.split("-")
        if letter not in ("s", "b", "l") or int(batch) < 1 or int(size) < 14 or int(size) % 14:
            raise ValueError(text)
        return Row(f"dinov2_vit{letter}14", int(batch), int(size))

    @property
    def name(self) -> str:
        return f"{self.model.removeprefix('dinov2_vit')[0]}-{self.batch}-{self.size}"

    @property
    def title(self) -> str:
        letter = self.model.removeprefix("dinov2_vit")[0].upper()
        return f"ViT-{letter}/14, batch {self.batch}, {self.size} px"


@dataclass(frozen=True)
class Spec:
    """What a contender is called and how it is started."""

    peer: str  # `ours`, `torch`, `compile`, `onnxruntime`, `openvino`, `transformers`
    variant: str  # one of several reasonable settings; the fastest stands for the peer
    command: tuple[str, ...]
    announces: bool  # prints a JSON line when it is ready

    @property
    def name(self) -> str:
        return f"{self.peer}/{self.variant}" if self.variant else self.peer


# The settings to try for each peer, by precision. ONNX Runtime has no bf16 kernels for the CPU.
VARIANTS: dict[str, dict[str, tuple[str, ...]]] = {
    "torch": {"fp32": ("",), "bf16": ("model", "autocast")},
    "compile": {
        "fp32": ("default", "freezing", "max-autotune"),
        "bf16": ("default", "freezing", "max-autotune"),
    },
    "onnxruntime": {"fp32": ("attention", "fused", "plain"), "bf16": ()},
    "openvino": {"fp32": ("",), "bf16": ("",)},
    "transformers": {"fp32": ("",), "bf16": ("",)},
}


def our_spec(program: Path, row: Row, precision: str) -> Spec:
    """Our program, waiting for requests."""
    command = (
        str(program), "bench", "--model", row.model, "--random-weights",
        "--batch", str(row.batch), "--size", str(row.size), "--precision", precision,
        "--device", "cpu", "--json", "--serve",
    )  # fmt: skip
    return Spec("ours", "", command, announces=False)


def peer_specs(peer: str, row: Row, precision: str, threads: int, exports: Path) -> list[Spec]:
    """The worker processes of one peer: one for each of its settings."""
    common = (
        "--model", row.model, "--batch", str(row.batch), "--size", str(row.size),
        "--precision", precision, "--threads", str(threads), "--exports", str(exports),
    )  # fmt: skip
    worker = (sys.executable, str(HERE / "worker.py"), "--backend", peer)
    return [
        Spec(peer, variant, (*worker, "--variant", variant, *common), announces=True)
        for variant in VARIANTS[peer][precision]
    ]


@dataclass
class Contender:
    """A started contender and what it has answered so far."""

    spec: Spec
    process: subprocess.Popen[bytes]
    log: Path
    details: dict[str, object] = field(default_factory=dict)
    warmup_ms: list[float] = field(default_factory=list)
    samples_ms: list[float] = field(default_factory=list)
    peak_rss_mb: float = 0.0
    _buffer: bytes = b""

    @staticmethod
    def start(spec: Spec, environment: dict[str, str], log: Path) -> Contender:
        """Starts the process and waits until its model has run once."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as errors:
            process = subprocess.Popen(
                spec.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
            )
        contender = Contender(spec, process, log)
        try:
            if spec.announces:
                contender.details = json.loads(contender._line(READY_SECONDS))
                if "error" in contender.details:
                    raise ContenderError(str(contender.details["error"]))
            contender.run(READY_SECONDS)
        except BaseException:
            contender.stop()
            raise
        return contender

    def run(self, seconds: float = ANSWER_SECONDS) -> float:
        """Runs one forward pass and returns its milliseconds, as the contender measured them."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(b"run\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self._failure("it stopped") from None
        deadline = time.monotonic() + seconds
        while True:
            line = self._line(deadline - time.monotonic())
            try:
                return float(line)
            except ValueError:
                continue  # a line for people

    def cpu_seconds(self) -> float:
        """Returns the processor time used so far by all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """Notes the peak memory and ends the process."""
        self.peak_rss_mb = self.peak_rss_mb or _peak_rss_mb(self.process.pid)
        try:
            self.process.communicate(b"quit\n", timeout=10)
        except (subprocess.TimeoutExpired, OSError, ValueError):
            self.process.kill()
            self.process.wait()

    def _line(self, seconds: float) -> str:
        """Returns the next line of the process's standard output."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise self._failure(f"no answer within {seconds:.0f} s")
                chunk = os.read(self.process.stdout.fileno(), 65536)
                if not chunk:
                    raise self._failure("it stopped")
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode(errors="replace").strip()

    def _failure(self, what: str) -> ContenderError:
        """Makes an error that ends with the last words of the process."""
        last = self.log.read_text(errors="replace").strip().splitlines()[-1:] or ["nothing"]
        return ContenderError(f"{what}; its log {self.log} ends with: {last[0]}")


def _peak_rss_mb(pid: int) -> float:
    """Returns the largest resident memory of a live process, in MB of 10^6 bytes."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    peaks = [line for line in lines if line.startswith("VmHWM:")]
    return int(peaks[0].split()[1]) * 1024 / 1e6 if peaks else 0.0
