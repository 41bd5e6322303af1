"""One peer in a process of its own: builds its model, says that it is ready, then runs on request.

Protocol: one JSON object on standard output when ready, or with an `error`. Then, for each line
`run` on standard input, one forward pass and its milliseconds on a line. `quit` or the end of the
input ends the worker. `dinov2 bench --serve` speaks the same, without the first line.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# What a forward pass returns is the library's own business; only its `tokens` reads it.
Forward = Callable[[], Any]


@dataclass
class Job:
    """What to run, and where the exported models and the reference output lie."""

    backend: str
    variant: str
    model: str
    batch: int
    size: int
    precision: str
    threads: int
    exports: Path


@dataclass
class Peer:
    """A model that is ready to run."""

    forward: Forward
    tokens: Callable[[Any], np.ndarray]  # what `forward` returned, as float32
    precision: str  # what the library computes in, where it says so


def build_torch(job: Job) -> Peer:
    """PyTorch: eager or compiled, from timm or transformers."""
    import torch

    from peer_model import random_model, random_pixels, transformers_model

    torch.set_num_threads(job.threads)
    from_transformers = job.backend == "transformers"
    make = transformers_model if from_transformers else random_model
    network = make(job.model, job.size)
    pixels = random_pixels(job.batch, job.size)
    autocast = job.variant == "autocast"
    if job.precision == "bf16" and not autocast:
        network, pixels = network.bfloat16(), pixels.bfloat16()
    if job.backend == "compile":
        # Freezing makes the weights constants, so that inductor may pack them beforehand.
        torch._inductor.config.freezing = job.variant != "default"
        mode = "max-autotune" if job.variant == "max-autotune" else "default"
        network = torch.compile(network, mode=mode)

    def forward() -> Any:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            return network(pixels)

    def tokens(output: Any) -> np.ndarray:
        tensor = output.last_hidden_state if from_transformers else output
        return tensor.float().numpy()

    return Peer(forward, tokens, job.precision)


def build_onnxruntime(job: Job) -> Peer:
    """ONNX Runtime: all graph optimisations, input and output bound to memory once."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job.threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # Threads may spin while a pass runs, which is the fast setting, and must stop when it ends:
    # the other contenders need the cores.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(
        str(job.exports / f"{job.variant}.onnx"), options, providers=["CPUExecutionProvider"]
    )
    pixels = onnxruntime.OrtValue.ortvalue_from_numpy(np.load(job.exports / "pixels.npy"))
    binding = session.io_binding()
    binding.bind_ortvalue_input("pixels", pixels)
    binding.bind_output("tokens", "cpu")

    def forward() -> Any:
        session.run_with_iobinding(binding)
        return binding

    return Peer(forward, lambda output: output.get_outputs()[0].numpy(), "fp32")


def build_openvino(job: Job) -> Peer:
    """OpenVINO: one stream over all cores, input and output shared with NumPy, not copied."""
    import openvino

    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": job.threads,
        "INFERENCE_PRECISION_HINT": "bf16" if job.precision == "bf16" else "f32",
    }
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(job.exports / "openvino.xml"), "CPU", settings)
    request = compiled.create_infer_request()
    pixels = np.load(job.exports / "pixels.npy")
    computes_in = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()

    def forward() -> Any:
        return request.infer({0: pixels}, share_inputs=True, share_outputs=True)

    return Peer(forward, lambda output: output[0], {"f32": "fp32"}.get(computes_in, computes_in))


BUILDERS: dict[str, Callable[[Job], Peer]] = {
    "torch": build_torch,
    "transformers": build_torch,
    "compile": build_torch,
    "onnxruntime": build_onnxruntime,
    "openvino": build_openvino,
}


def agreement(job: Job, peer: Peer) -> float | None:
    """Returns the cosine of all tokens with those of PyTorch in float32.

    It shows that a peer computes the whole model. `transformers` draws other random weights.
    """
    if job.backend == "transformers":
        return None
    ours = peer.tokens(peer.forward()).astype(np.float64).ravel()
    reference = np.load(job.exports / "tokens.npy").astype(np.float64).ravel()
    return float(ours @ reference / np.linalg.norm(ours) / np.linalg.norm(reference))


def parse_job() -> Job:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", required=True, choices=sorted(BUILDERS))
    parser.add_argument("--variant", default="")
    parser.add_argument("--model", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--precision", required=True, choices=["fp32", "bf16"])
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--exports", type=Path, required=True)
    return Job(**vars(parser.parse_args()))


def main() -> None:
    job = parse_job()
    # Libraries print while they build; standard output belongs to the protocol.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        peer = BUILDERS[job.backend](job)
        cosine = agreement(job, peer)
    except Exception as error:  # the controller goes on with the others and names this one
        first_line = (str(error) or repr(error)).strip().splitlines()[0]
        print(json.dumps({"error": f"{type(error).__name__}: {first_line}"}), file=answers)
        raise
    print(json.dumps({"ready": True, "precision": peer.precision, "cosine": cosine}), file=answers)
    gc.collect()
    gc.disable()
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        start = time.perf_counter()
        peer.forward()
        print(f"{(time.perf_counter() - start) * 1000:.4f}", file=answers)


if __name__ == "__main__":
    main()
