"""What a linear head reaches on raw patches: the floor that a backbone must clear.

    python3 -m venv venv
    venv/bin/pip install torch numpy pillow
    venv/bin/python Benchmarks/heads/raw_patches.py segmentation ../shared/data/facade-280
    venv/bin/python Benchmarks/heads/raw_patches.py depth ../shared/data/depth-rooms

The same as `dinov2 head train` with the pixels of each 14 x 14 patch in the place of its token, and their mean
over the image in the place of the class token: whitened, one linear layer, AdamW with the same steps, rates,
batch and held-out tenth, loss at points between the patches, maps interpolated to the size of the image, images
padded around the centre. Prints the value on `val` for the rate that is best on the held-out images.
"""

import argparse
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

PATCH = 14


def padded(array, value=0):
    """Padding around the centre to whole patches, the smaller half in front."""
    rows, columns = (-array.shape[0]) % PATCH, (-array.shape[1]) % PATCH
    widths = [(rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)]
    return np.pad(array, widths + [(0, 0)] * (array.ndim - 2), constant_values=value)


def load(root, split, target):
    """Patches `[N, 588]`, the grid, and the target at full size, image by image."""
    for path in sorted((root / split / "images").iterdir()):
        pixels = np.asarray(Image.open(path).convert("RGB"), dtype=np.float32) / 255
        pixels = padded((pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225])
        h, w = pixels.shape[0] // PATCH, pixels.shape[1] // PATCH
        patches = pixels.reshape(h, PATCH, w, PATCH, 3).transpose(0, 2, 1, 3, 4).reshape(h * w, -1)
        truth = np.asarray(Image.open(root / split / target / (path.stem + ".png")))
        yield torch.tensor(patches, dtype=torch.float32), (h, w), truth


def points(truth, scale, unknown):
    """The target at `scale` points per patch and axis, nearest pixel."""
    full = padded(truth, unknown)
    step = PATCH / scale
    rows = ((np.arange(full.shape[0] // PATCH * scale) + 0.5) * step).astype(int)
    columns = ((np.arange(full.shape[1] // PATCH * scale) + 0.5) * step).astype(int)
    return full[np.ix_(rows, columns)]


class Head(torch.nn.Module):
    """A linear layer on whitened patches, and for depth on the mean patch of the image too."""

    def __init__(self, patches, outputs, takes_mean):
        super().__init__()
        rows = torch.cat(patches)
        self.mean = rows.mean(0)
        values, vectors = torch.linalg.eigh(torch.cov(rows.T).double())
        values = values.clamp(min=float(values.clamp(min=0).mean()) * 1e-3)
        self.whitening = (vectors / values.sqrt()).float()
        self.layer = torch.nn.Linear(rows.shape[1], outputs)
        torch.nn.init.normal_(self.layer.weight, std=0.01)
        self.of_mean = torch.nn.Linear(rows.shape[1], outputs) if takes_mean else None

    def forward(self, patches, grid, size):
        """Logits `[K, *size]` of one image."""
        x = (patches - self.mean) @ self.whitening
        logits = self.layer(x)
        if self.of_mean is not None:
            logits = logits + self.of_mean(x.mean(0, keepdim=True))
        maps = logits.T.reshape(1, -1, *grid)
        return F.interpolate(maps, size=size, mode="bilinear", align_corners=False)[0]


def cut(array, shape):
    """The padding taken off again."""
    top, left = (array.shape[-2] - shape[0]) // 2, (array.shape[-1] - shape[1]) // 2
    return array[..., top:top + shape[0], left:left + shape[1]]


class Segmentation:
    name, folder, scale, unknown, decay = "mIoU", "masks", 4, 255, 1e-3
    rates = [1e-3, 3e-3, 1e-2, 3e-2]

    def __init__(self, root, _):
        self.classes = len((root / "classes.txt").read_text().splitlines())
        self.outputs = self.classes

    def loss(self, logits, target):
        return F.cross_entropy(logits[None], target[None].long(), ignore_index=255, reduction="sum")

    def measure(self, logits, truth):
        predicted = logits.argmax(0).numpy()
        known = truth != 255
        pairs = truth[known].astype(int) * self.classes + predicted[known]
        return np.bincount(pairs, minlength=self.classes ** 2).reshape(self.classes, -1)

    def score(self, results):
        counts = sum(results)
        right, union = np.diag(counts), counts.sum(0) + counts.sum(1) - np.diag(counts)
        return (right[union > 0] / union[union > 0]).mean()


class Depth:
    name, folder, scale, unknown, decay = "rmse", "depth", 2, 0, 1e-2
    rates = [1e-4, 3e-4, 1e-3, 3e-3]
    outputs = 256

    def __init__(self, _, train):
        largest = max(float(truth.max()) for _, _, truth in train) / 1000 * 1.1
        self.bins = torch.linspace(0.001, largest, 256)[:, None, None]

    def metres(self, logits):
        weights = logits.relu() + 0.1
        return (weights * self.bins).sum(0) / weights.sum(0)

    def loss(self, logits, target):
        known = target > 0
        g = (self.metres(logits)[known] + 1e-3).log() - (target[known] / 1000 + 1e-3).log()
        return (g.var() + 0.15 * g.mean() ** 2).sqrt()

    def measure(self, logits, truth):
        known = truth > 0
        error = self.metres(logits).numpy()[known] - truth[known].astype(float) / 1000
        return np.sqrt((error ** 2).mean())

    def score(self, results):
        return np.mean(results)


def evaluate(task, head, images):
    with torch.no_grad():
        return task.score([
            task.measure(cut(head(patches, grid, tuple(PATCH * side for side in grid)), truth.shape), truth)
            for patches, grid, truth in images])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("task", choices=["segmentation", "depth"])
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--batch", type=int, default=16)
    arguments = parser.parse_args()
    kind = Segmentation if arguments.task == "segmentation" else Depth
    train = list(load(arguments.root, "train", kind.folder))
    val = list(load(arguments.root, "val", kind.folder))
    task = kind(arguments.root, train)
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0)).tolist()
    held = max(len(train) // 10, 1)
    kept, held_out = [train[i] for i in order[held:]], [train[i] for i in order[:held]]
    targets = [torch.tensor(points(truth, task.scale, task.unknown).astype(np.float32)) for *_, truth in kept]
    steps = min(max(40 * len(train) // arguments.batch, 300), 20_000)
    results = []
    for rate in task.rates:
        torch.manual_seed(0)
        head = Head([patches for patches, *_ in kept], task.outputs, arguments.task == "depth")
        optimizer = torch.optim.AdamW(head.parameters(), lr=rate, weight_decay=task.decay)
        warm = max(steps // 20, 1)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min((step + 1) / warm, (steps - step) / (steps - warm)))
        rng = np.random.default_rng(0)
        for _ in range(steps):
            chosen = rng.choice(len(kept), arguments.batch, replace=len(kept) < arguments.batch)
            optimizer.zero_grad()
            losses = [
                task.loss(head(kept[i][0], kept[i][1], tuple(targets[i].shape)), targets[i]) for i in chosen]
            total = sum(int((targets[i] != 255).sum()) for i in chosen) if task.name == "mIoU" else len(chosen)
            (sum(losses) / max(total, 1)).backward()
            optimizer.step()
            schedule.step()
        results.append((evaluate(task, head, held_out), evaluate(task, head, val), rate))
        print(f"rate {rate}: held-out {task.name} {results[-1][0]:.4f}", flush=True)
    best = (max if task.name == "mIoU" else min)(results)
    print(f"{arguments.root.name}: raw patches, rate {best[2]}, val {task.name} {best[1]:.4f}")


if __name__ == "__main__":
    main()
