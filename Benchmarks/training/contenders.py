"""Starts either program with the same training, and reads what it did."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import common
import process
from recipe import Recipe

OURS, THEIRS = "swift-dinov2", "lightly-train"


@dataclass(frozen=True)
class Training:
    """What a run is to do."""

    recipe: Recipe
    data: Path
    steps: int
    precision: str
    threads: int
    workers: int | None
    program: Path
    seed: int = 0


@dataclass(frozen=True)
class Outcome:
    """What a run did."""

    step_seconds: list[float]
    # Of them waiting for data; only ours says so.
    data_seconds: list[float]
    used: process.Finished
    folder: Path


def train(name: str, training: Training, label: str) -> Outcome:
    """Runs one of the two programs to its end."""
    folder = common.WORK / "runs" / f"{label}-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    runner = _ours if name == OURS else _theirs
    outcome = runner(training, folder, common.WORK / "logs" / f"{label}-{name}.txt")
    if len(outcome.step_seconds) != training.steps:
        raise SystemExit(
            f"error: {name} did {len(outcome.step_seconds)} steps of {training.steps}; "
            f"see {common.WORK}/logs"
        )
    return outcome


def model_folder(outcome: Outcome) -> Path:
    """Returns the model that our program wrote."""
    return outcome.folder / "run" / "model"


def exported_model(outcome: Outcome) -> Path:
    """Returns the teacher's weights that lightly-train wrote."""
    return outcome.folder / "run" / "exported_models" / "exported_last.pt"


def _ours(training: Training, folder: Path, log: Path) -> Outcome:
    t = training
    run = folder / "run"
    command = t.recipe.ours(t.program, t.data, run, t.steps, t.threads, t.precision, t.seed)
    if t.workers is not None:
        command.append(f"train.loader_threads={t.workers}")
    used = process.run(OURS, command, common.environment(t.threads), log)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "iter_time" in line]
    return Outcome(
        [step["iter_time"] for step in steps], [step["data_time"] for step in steps], used, folder
    )


def _theirs(training: Training, folder: Path, log: Path) -> Outcome:
    t = training
    times = folder / "times.json"
    settings = folder / "settings.json"
    settings.write_text(
        json.dumps(
            {
                "threads": t.threads,
                "times": str(times),
                "vit": t.recipe.vit(),
                "pretrain": t.recipe.theirs(
                    t.data, folder / "run", t.steps, t.precision, t.workers, t.seed
                ),
            },
            indent=1,
        )
    )
    command = [sys.executable, str(common.HERE / "lightly_pretrain.py"), str(settings)]
    used = process.run(THEIRS, command, common.environment(t.threads), log)
    return Outcome(json.loads(times.read_text()), [], used, folder)
