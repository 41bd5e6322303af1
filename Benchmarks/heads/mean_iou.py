"""Compares the speed of our mIoU with torchmetrics and with numpy's counting, on the same label maps.

    swift build -c release --product MeanIoUBenchmark
    Benchmarks/heads/run mean_iou

Maps of 512 x 512 pixels, 21 classes and ignored pixels: patches of random classes, where the prediction
differs in some patches and at some of the pixels along the way. Contenders take turns; a time is that of
counting all maps, which lie in memory as each contender wants them: 16-bit numbers for ours, which is what
`dinov2 evaluate segmentation` has, 8-bit ones for the others.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from features import ROOT, WORK, fail, machine, say
from torchmetrics.classification import MulticlassJaccardIndex

CLASSES, IGNORED, SIDE = 21, 255, 512
SPECKLES = {"clean": 0.0, "1 % speckles": 0.01, "10 % speckles": 0.1}


def make(count: int, speckles: float) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and labels, `[count, SIDE, SIDE]`, uint8."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, CLASSES, (count, SIDE // 32, SIDE // 32), np.uint8)
    labels = coarse.repeat(32, 1).repeat(32, 2)
    other = np.where(
        rng.random(coarse.shape) < 0.3, rng.integers(0, CLASSES, coarse.shape, np.uint8), coarse)
    # Shifted, so that borders do not coincide.
    predictions = np.roll(other.repeat(32, 1).repeat(32, 2), (5, 7), (1, 2))
    if speckles:
        wrong = rng.random(labels.shape, np.float32) < speckles
        predictions[wrong] = rng.integers(0, CLASSES, int(wrong.sum()), np.uint8)
    labels[:, :, :8] = IGNORED
    return predictions, labels


def ours(program: Path, predictions: np.ndarray, labels: np.ndarray) -> Callable[[], dict]:
    """Our evaluator on one thread, in a process of its own."""
    WORK.mkdir(parents=True, exist_ok=True)
    files = [WORK / "predictions.raw", WORK / "labels.raw"]
    for file, maps in zip(files, (predictions, labels), strict=True):
        maps.astype("<u2").tofile(file)

    def run() -> dict:
        command = [str(program), *map(str, files), str(SIDE * SIDE), str(CLASSES), "1"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            fail(f"{program} ended with {done.returncode}: {done.stderr[-400:]}")
        return json.loads(done.stdout)

    return run


def with_torchmetrics(predictions: np.ndarray, labels: np.ndarray) -> Callable[[], dict]:
    pairs = list(zip(torch.from_numpy(predictions), torch.from_numpy(labels), strict=True))

    def run() -> dict:
        metric = MulticlassJaccardIndex(CLASSES, average=None, ignore_index=IGNORED, validate_args=False)
        start = time.perf_counter()
        for prediction, label in pairs:
            metric.update(prediction[None], label[None])
        value = metric.compute().double().mean().item()
        return {"seconds": time.perf_counter() - start, "mIoU": value}

    return run


def with_numpy(predictions: np.ndarray, labels: np.ndarray) -> Callable[[], dict]:
    """The confusion matrix by `bincount`, as many evaluation scripts do it."""

    def run() -> dict:
        start = time.perf_counter()
        table = np.zeros(CLASSES * CLASSES, np.int64)
        for prediction, label in zip(predictions, labels, strict=True):
            valid = label != IGNORED
            places = label[valid].astype(np.int64) * CLASSES + prediction[valid]
            table += np.bincount(places, minlength=CLASSES * CLASSES)
        square = table.reshape(CLASSES, CLASSES)
        union = square.sum(0) + square.sum(1) - square.diagonal()
        value = float((square.diagonal() / union).mean())
        return {"seconds": time.perf_counter() - start, "mIoU": value}

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=Path, default=ROOT / ".build/release/MeanIoUBenchmark")
    parser.add_argument("--maps", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=machine.core_count(), help="of PyTorch")
    options = parser.parse_args()
    if not options.program.is_file():
        fail(f"no program {options.program}: swift build -c release --product MeanIoUBenchmark")
    torch.set_num_threads(options.threads)
    described = machine.describe()

    print("| Maps | Ours, s | GB/s | torchmetrics, s | Ratio | numpy, s | Ratio |\n" + "|---" * 7 + "|")
    for name, speckles in SPECKLES.items():
        predictions, labels = make(options.maps, speckles)
        contenders = {
            "ours": ours(options.program, predictions, labels),
            "torchmetrics": with_torchmetrics(predictions, labels),
            "numpy": with_numpy(predictions, labels),
        }
        samples: dict[str, list[dict]] = {contender: [] for contender in contenders}
        for _ in range(options.rounds):
            for contender, run in contenders.items():
                samples[contender].append(run())
                say(f"{name}: {contender} {samples[contender][-1]['seconds']:.3f} s")
        values = [results[0]["mIoU"] for results in samples.values()]
        if max(values) - min(values) > 1e-6:
            fail(f"the contenders disagree: {values}")
        seconds = {
            contender: statistics.median(result["seconds"] for result in results)
            for contender, results in samples.items()
        }
        size = 2 * 2 * predictions.size / 1e9
        mine = seconds["ours"]
        print(
            f"| {name} | {mine:.3f} | {size / mine:.1f} | {seconds['torchmetrics']:.2f} "
            f"| {seconds['torchmetrics'] / mine:.0f} | {seconds['numpy']:.2f} "
            f"| {seconds['numpy'] / mine:.0f} |", flush=True)
    first, second = np.ones(2**28, np.uint8), np.ones(2**28, np.uint8)
    start = time.perf_counter()
    np.copyto(first, second)
    gigabytes = first.size / (time.perf_counter() - start) / 1e9
    print(
        f"\n{options.maps} maps of {SIDE} x {SIDE}, {CLASSES} classes, medians of {options.rounds} "
        f"rounds; ours on one thread, PyTorch on {options.threads}. numpy copies memory at "
        f"{gigabytes:.1f} GB/s. {machine.sentences(described)}")


if __name__ == "__main__":
    main()
