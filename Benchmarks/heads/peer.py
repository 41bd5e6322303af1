"""Does one task in PyTorch or scikit-learn, in a process of its own: one JSON object on standard output.

The clock starts when the libraries are loaded and stops when the accuracy is known; reading the features is
in between, as it is in ours.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn

# Meta's k-NN.
COUNTS = (10, 20, 100, 200)
TEMPERATURE = 0.07
KNN_BATCH = 256
# Meta's grid: rates for a batch of 256.
BATCH = 128
RATES = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1)
# A row holds the class tokens of so many blocks and the mean patch token.
BLOCKS = 4


def load(folder: Path, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Features and labels of a set."""
    return tuple(
        torch.from_numpy(np.load(folder / f"{name}{ending}.npy")) for ending in ("", ".labels"))


def class_tokens(rows: torch.Tensor) -> torch.Tensor:
    """The class tokens of the last block."""
    width = rows.shape[1] // (BLOCKS + 1)
    return rows[:, (BLOCKS - 1) * width : BLOCKS * width].contiguous()


def accuracy(scores: torch.Tensor, labels: torch.Tensor) -> float:
    return (scores.argmax(1) == labels).double().mean().item()


def knn(options: argparse.Namespace) -> dict[str, float]:
    """Product, topk and vote, as Meta's KnnModule."""
    (train, labels), (test, truth) = load(options.sets, "train"), load(options.sets, "test")
    known = nn.functional.normalize(class_tokens(train)).T.contiguous()
    asked = nn.functional.normalize(class_tokens(test))
    classes, largest = int(labels.max()) + 1, min(max(COUNTS), len(train))
    votes: dict[int, list[torch.Tensor]] = {k: [] for k in COUNTS}
    with torch.inference_mode():
        for queries in asked.split(KNN_BATCH):
            similarities, places = (queries @ known).topk(largest, dim=1)
            weights = (similarities / TEMPERATURE).softmax(1)
            each = nn.functional.one_hot(labels[places], classes) * weights[:, :, None]
            for k in COUNTS:
                votes[k].append(each[:, :k].sum(1))
    return {"top1": max(accuracy(torch.cat(parts), truth) for parts in votes.values())}


class Classifier(nn.Module):
    """A linear classifier on some columns of the rows."""

    def __init__(self, columns: slice, classes: int, rate: float) -> None:
        super().__init__()
        self.columns = columns
        self.rate = rate
        self.linear = nn.Linear(columns.stop - columns.start, classes)
        nn.init.normal_(self.linear.weight, std=0.01)
        nn.init.zeros_(self.linear.bias)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.linear(rows[:, self.columns])


def grid(width: int, classes: int) -> list[Classifier]:
    """The 52 classifiers: blocks, pooling, rates."""
    token = width // (BLOCKS + 1)
    return [
        Classifier(slice((BLOCKS - blocks) * token, (BLOCKS + pooled) * token), classes, rate * BATCH / 256)
        for blocks in (1, BLOCKS) for pooled in (0, 1) for rate in RATES
    ]  # fmt: skip


def train_together(
    classifiers: list[Classifier], rows: torch.Tensor, labels: torch.Tensor, steps: int, length: int
) -> None:
    """So many steps of a schedule of some length: one batch, losses added, one optimiser."""
    optimizer = torch.optim.SGD(
        [{"params": c.parameters(), "lr": c.rate} for c in classifiers], momentum=0.9,
        weight_decay=0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, length, eta_min=0)
    criterion = nn.CrossEntropyLoss()
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        while len(order) < BATCH:
            order = torch.cat([order, torch.randperm(len(rows))])
        chosen, order = order[:BATCH], order[BATCH:]
        batch, truth = rows[chosen], labels[chosen]
        loss = sum(criterion(classifier(batch), truth) for classifier in classifiers)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def linear(options: argparse.Namespace) -> dict[str, float]:
    """Meta's grid of linear classifiers, together or one after another."""
    torch.manual_seed(0)
    (rows, labels), (tune, tune_labels), (test, truth) = (
        load(options.sets, name) for name in ("fit", "tune", "test"))
    classifiers = grid(rows.shape[1], int(labels.max()) + 1)
    steps = max(round(options.iterations * options.share), 1)
    start = time.perf_counter()
    for part in [classifiers] if options.task == "linear-all" else [[c] for c in classifiers]:
        train_together(part, rows, labels, steps, options.iterations)
    trained = time.perf_counter() - start
    with torch.inference_mode():
        best = max(classifiers, key=lambda classifier: accuracy(classifier(tune), tune_labels))
        result = {"top1": accuracy(best(test), truth), "steps": steps}
    # What the steps that were left out would have taken.
    return {**result, "more_seconds": trained * (options.iterations / steps - 1)}


def logreg(options: argparse.Namespace) -> dict[str, float]:
    """scikit-learn's L-BFGS for each C, the best one again on all rows; in double precision as ours."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    warnings.simplefilter("ignore", ConvergenceWarning)
    (rows, labels), (tune, tune_labels), (test, truth) = (
        (class_tokens(rows).double().numpy(), labels.numpy())
        for rows, labels in (load(options.sets, name) for name in ("fit", "tune", "test")))
    model = LogisticRegression(
        solver="lbfgs", max_iter=options.iterations, tol=options.tolerance,
        warm_start=options.task == "logreg-warm")
    trials: list[tuple[float, float]] = []
    iterations: list[int] = []
    for value in options.c:
        model.set_params(C=value).fit(rows, labels)
        trials.append((float((model.predict(tune) == tune_labels).mean()), value))
        iterations.append(int(model.n_iter_[0]))
    best = max(trials, key=lambda trial: trial[0])
    model.set_params(C=best[1], warm_start=False)
    model.fit(np.concatenate([rows, tune]), np.concatenate([labels, tune_labels]))
    return {
        "top1": float((model.predict(test) == truth).mean()),
        "val_top1": best[0],
        "C": best[1],
        "fit_iterations": iterations,
    }


def load_libraries(task: str) -> None:
    """Loads what the libraries load only when it is first used."""
    if task.startswith("logreg"):
        import sklearn.linear_model  # noqa: F401
    elif task.startswith("linear"):
        train_together([Classifier(slice(0, 1), 2, 0.1)], torch.ones(2, 1), torch.tensor([0, 1]), 1, 2)


TASKS = {
    "knn": knn,
    "linear-one": linear,
    "linear-all": linear,
    "logreg": logreg,
    "logreg-warm": logreg,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--sets", type=Path, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--iterations", type=int, default=1000)
    parser.add_argument("--share", type=float, default=1, help="the part of the steps that is done")
    parser.add_argument("--tolerance", type=float, default=1e-7)
    parser.add_argument("--c", type=float, nargs="+", default=[1.0])
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    load_libraries(options.task)
    with threadpool_limits(options.threads):
        start = time.perf_counter()
        result = TASKS[options.task](options)
        seconds = time.perf_counter() - start
    more = result.pop("more_seconds", 0)
    print(json.dumps({**result, "measured_seconds": seconds, "seconds": seconds + more}))


if __name__ == "__main__":
    main()
