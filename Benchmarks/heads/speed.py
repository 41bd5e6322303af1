"""Compares the speed of `dinov2 evaluate knn|linear|logreg` on kept features with PyTorch and scikit-learn.

The small model that comes along, the shards of caltech101-98. k-NN has all training images; linear and
logreg are fitted on all training shards but the last, which chooses the classifier or C, so that both
programs do the same. Contenders take turns, each turn a process of its own, all on the same features.
Ours are the seconds that `--json` prints: hashing the images, reading the features, the work. Theirs begin
when the libraries are loaded: reading the features, the work.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import features
import numpy as np
from features import HERE, ROOT, WORK, Ours, Shards, fail, machine, say

TASKS = ("knn", "linear", "logreg")
Result = dict[str, float]


@dataclass(frozen=True)
class Peer:
    """A contender, and how many times faster than it ours is to be; 0 where no goal is set."""

    name: str
    label: str
    goal: float


PEERS = {
    "knn": [Peer("knn", "PyTorch: product, topk, vote", 0)],
    "linear": [
        Peer("linear-one", "PyTorch, one classifier after another", 10),
        Peer("linear-all", "PyTorch, all on one batch", 2),
    ],
    "logreg": [
        Peer("logreg", "scikit-learn, each C from zero", 3),
        Peer("logreg-warm", "scikit-learn, `warm_start`", 0),
    ],
}
# k-NN has a goal in seconds.
KNN_SECONDS = 1.0


def powers() -> list[float]:
    """The 45 values of C of the original: 10^linspace(-6, 5, 45) in single precision."""
    exponents = np.linspace(-6, 5, 45).astype(np.float32).astype(np.float64)
    return [float(value) for value in (10**exponents).astype(np.float32)]


def run_peer(task: str, options: argparse.Namespace, more: list[str]) -> Result:
    """Runs a peer in a process of its own."""
    command = [
        sys.executable, str(HERE / "peer.py"), task, "--sets", str(options.sets),
        "--threads", str(options.threads), *more,
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, env=machine.environment(options.threads))
    if done.returncode:
        fail(f"peer {task} ended with {done.returncode}: {done.stderr[-800:]}")
    return json.loads(done.stdout)


def contenders(
    task: str, options: argparse.Namespace, ours: Ours, shards: Shards
) -> dict[str, Callable[[], Result]]:
    """Ours and the peers of a task, with the same settings."""
    sets = {"train": shards.train, "test": shards.test}
    if task != "knn":
        sets = {"train": shards.fit, "val": shards.tune, "test": shards.test}
    same: list[str] = []
    share: list[str] = []
    if task == "linear":
        same = ["--iterations", str(options.iterations)]
        share = ["--share", str(options.share)]
    elif task == "logreg":
        same = ["--iterations", str(options.fit_iterations), "--tolerance", str(options.tolerance),
                "--c", *map(repr, options.c)]  # fmt: skip
    result = {"ours": lambda: ours.evaluate(task, sets, same)}
    for peer in PEERS[task]:
        if peer.name == "logreg-warm" and options.no_warm:
            continue
        more = same + (share if peer.name == "linear-one" else [])
        result[peer.name] = lambda name=peer.name, more=more: run_peer(name, options, more)
    return result


def take_turns(contenders: dict[str, Callable[[], Result]], rounds: int) -> dict[str, list[Result]]:
    """Runs every contender once a round, every second round backwards."""
    samples: dict[str, list[Result]] = {name: [] for name in contenders}
    for turn in range(rounds):
        order = list(contenders.items())
        for name, contender in order if turn % 2 == 0 else reversed(order):
            samples[name].append(contender())
            latest = samples[name][-1]
            say(f"round {turn + 1}: {name} {latest['seconds']:.3f} s, top-1 {latest['top1']:.4f}")
            time.sleep(1)
    return samples


def rows(task: str, samples: dict[str, list[Result]]) -> list[str]:
    """The lines of the table for a task."""
    seconds = {
        name: statistics.median(result["seconds"] for result in results)
        for name, results in samples.items()
    }
    ours = seconds["ours"]
    lines = []
    for peer in PEERS[task]:
        if peer.name not in samples:
            continue
        ratio = seconds[peer.name] / ours
        goal, reached = "", ""
        if task == "knn":
            goal, reached = f"{KNN_SECONDS:g} s", "yes" if ours <= KNN_SECONDS else "no"
        elif peer.goal:
            goal, reached = f"{peer.goal:g} ×", "yes" if ratio >= peer.goal else "no"
        lines.append(
            f"| {task} | {ours:.3f} | {peer.label} | {seconds[peer.name]:.3f} | {ratio:.2f} "
            f"| {goal} | {reached} | {samples['ours'][0]['top1']:.4f} "
            f"| {samples[peer.name][0]['top1']:.4f} |")
    return lines


def notes(
    samples: dict[str, dict[str, list[Result]]], shapes: dict[str, tuple[int, ...]],
    options: argparse.Namespace,
) -> str:
    """What was done, below the table."""
    width = shapes["test"][1] // 5
    text = [
        f"Medians of {options.rounds} rounds, {options.threads} threads, class tokens of {width} "
        f"values, {shapes['test'][0]} test images."]
    if "knn" in samples:
        text.append(f"k-NN: {shapes['train'][0]} training images, k 10, 20, 100, 200.")
    if "linear" in samples or "logreg" in samples:
        text.append(
            f"Linear and logreg: fitted on {shapes['fit'][0]} images, chosen on "
            f"{shapes['tune'][0]}.")
    if "linear" in samples:
        steps = samples["linear"]["linear-one"][0]["steps"]
        scaled = (
            f" One after another was measured over the first {steps} steps of each classifier and "
            "scaled up; its accuracy is that of these steps." if steps < options.iterations else "")
        text.append(f"Linear: {options.iterations} steps of 128 images, 52 classifiers.{scaled}")
    if "logreg" in samples:
        text.append(
            f"Logreg: {len(options.c)} values of C, at most {options.fit_iterations} iterations, "
            f"tolerance {options.tolerance:g}, double precision; ours begins each fit where the "
            "last ended.")
        for name, results in samples["logreg"].items():
            chosen = f"{name}: C {results[0]['C']:.4g}, top-1 {results[0]['val_top1']:.4f} where chosen"
            fits = results[0].get("fit_iterations")
            if isinstance(fits, list):
                full = sum(count >= options.fit_iterations for count in fits)
                chosen += f", {sum(fits)} iterations, {full} fits not ended by the tolerance"
            text.append(f"{chosen}.")
    return " ".join(text)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=Path, default=ROOT / ".build/release/dinov2")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data/caltech101-98")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=machine.core_count())
    parser.add_argument(
        "--iterations", type=int,
        help="steps of linear; ours and theirs. 100 passes, at most 12500, if left out, as ours does")
    parser.add_argument(
        "--share", type=float, default=0.1,
        help="the part of the steps that is done where classifiers are trained one after another")
    parser.add_argument("--values", type=int, default=45, help="so many of the 45 values of C")
    parser.add_argument("--fit-iterations", type=int, default=1000, help="the most of a logreg fit")
    parser.add_argument("--tolerance", type=float, default=1e-7, help="of logreg")
    parser.add_argument(
        "--no-warm", action="store_true", help="leave scikit-learn with warm_start out")
    parser.add_argument("--json", type=Path, default=WORK / "speed.json")
    options = parser.parse_args()
    if options.rounds < 1 or options.threads < 1 or options.fit_iterations < 1:
        parser.error("--rounds, --threads and --fit-iterations must be 1 or more")
    if options.iterations is not None and options.iterations < 1:
        parser.error("--iterations must be 1 or more")
    if not 0 < options.share <= 1 or options.tolerance <= 0:
        parser.error("--share must be above 0, at most 1, --tolerance above 0")
    if not 1 <= options.values <= 45:
        parser.error("--values must be 1 to 45")
    grid = powers()
    options.c = [grid[int(place)] for place in np.linspace(0, 44, options.values).round()]
    return options


def main() -> None:
    options = parse()
    described = machine.describe()
    shards = Shards.find(options.data)
    ours = Ours(options.program.resolve(), WORK / f"cache-{options.threads}", options.threads)
    ours.check()
    ours.fill(shards)
    options.sets = WORK / "sets"
    shapes = features.write_sets(shards, ours.cache, options.sets)
    if options.iterations is None:
        options.iterations = min(12_500, max(100 * shapes["fit"][0] // 128, 100))

    samples: dict[str, dict[str, list[Result]]] = {}
    for task in options.tasks:
        say(task)
        samples[task] = take_turns(contenders(task, options, ours, shards), options.rounds)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    record = {"options": vars(options), "samples": samples, "machine": described}
    options.json.write_text(json.dumps(record, indent=1, default=str) + os.linesep)

    print("| Task | Ours, s | Peer | Peer, s | Peer / ours | Goal | Reached | Top-1, ours | Peer |")
    print("|" + "---|" * 9)
    for task, results in samples.items():
        print("\n".join(rows(task, results)))
    print(
        f"\n{notes(samples, shapes, options)} {machine.sentences(described)} "
        f"scikit-learn {metadata.version('scikit-learn')}.")


if __name__ == "__main__":
    main()
