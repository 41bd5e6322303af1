"""Compare `dinov2 track` and `dinov2 evaluate tracking` with their definitions, written in numpy.

    python3 -m venv venv && venv/bin/pip install numpy pillow safetensors
    venv/bin/python Tests/interop/davis.py --dinov2 .build/release/dinov2

Works with numpy 2.4 and Pillow 12; needs no network. Three small films are drawn: textured discs that move over
a textured ground. Their sides are multiples of 14, so that the program sees them without resizing.

1. Propagation: tokens come from `dinov2 embed --tokens`; labels are propagated here, frame by frame, from the
   definition, and must be those that `dinov2 track` writes, but for a few pixels on borders where two classes are
   equal to the last digit.
2. J, F, their means, recall and decay are computed here from the masks that `dinov2 track` wrote, by the definition
   of Perazzi et al. 2016, and must be those of `dinov2 evaluate tracking --json`, in both layouts of folders.

Exits with 0 only if everything agrees.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

HEIGHT, WIDTH, PATCH, FRAMES = 140, 196, 14, 12
PREVIOUS, RADIUS, TOP, TEMPERATURE = 3, 4, 5, 0.1
OPTIONS = ["--resize", str(HEIGHT), "--previous", str(PREVIOUS), "--radius", str(RADIUS),
           "--neighbours", str(TOP), "--temperature", str(TEMPERATURE)]


def draw(seed, objects):
    """Frames and index masks of discs that move and pass over each other."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    texture = lambda: rng.integers(0, 256, 3) + 40 * np.sin(
        (rng.normal(0, 0.3) * y + rng.normal(0, 0.3) * x))[..., None] * rng.uniform(0.3, 1, 3)
    ground, skins = texture(), [texture() for _ in range(objects)]
    starts, speeds = rng.uniform(30, 110, (objects, 2)), rng.uniform(-5, 5, (objects, 2))
    radii = rng.uniform(16, 30, objects)
    for frame in range(FRAMES):
        picture, mask = ground.copy(), np.zeros((HEIGHT, WIDTH), np.uint8)
        for index in range(objects):
            cy, cx = starts[index] + frame * speeds[index]
            inside = (y - cy) ** 2 + (x - cx) ** 2 < radii[index] ** 2
            picture[inside], mask[inside] = skins[index][inside], index + 1
        # A strip that counts nowhere, as DAVIS marks uncertain pixels.
        if objects > 2 and frame > 0:
            mask[:, 60:63] = 255
        yield np.clip(picture, 0, 255).astype(np.uint8), mask


def write(root, films):
    for name, film in films.items():
        for part in ("images", "masks"):
            (root / name / part).mkdir(parents=True)
        for index, (picture, mask) in enumerate(film):
            Image.fromarray(picture).save(root / name / "images" / f"{index:05}.png")
            palette = Image.fromarray(mask, "P")
            palette.putpalette(np.random.default_rng(5).integers(0, 256, 768).astype(np.uint8).tobytes())
            palette.save(root / name / "masks" / f"{index:05}.png")


def write_davis(root, plain, names):
    """The same films in the layout of DAVIS."""
    for name in names:
        for part, kind in (("images", "JPEGImages"), ("masks", "Annotations")):
            (root / kind / "480p").mkdir(parents=True, exist_ok=True)
            (root / kind / "480p" / name).symlink_to(plain / name / part)
    (root / "ImageSets" / "2017").mkdir(parents=True)
    (root / "ImageSets" / "2017" / "val.txt").write_text("\n".join(names) + "\n")


# Label propagation, from the definition.


def coverage(mask, classes):
    """The share of each class in each patch."""
    blocks = mask.reshape(HEIGHT // PATCH, PATCH, WIDTH // PATCH, PATCH)
    shares = np.stack([(blocks == c).mean((1, 3)) for c in range(classes)], -1)
    shares[..., 0] = 1 - shares[..., 1:].sum(-1)
    return shares.reshape(-1, classes)


def propagate(tokens, first, classes):
    tokens = tokens / np.linalg.norm(tokens, axis=-1, keepdims=True)
    h, w = HEIGHT // PATCH, WIDTH // PATCH
    rows, columns = np.divmod(np.arange(h * w), w)
    near = ((abs(rows[:, None] - rows) <= RADIUS) & (abs(columns[:, None] - columns) <= RADIUS))
    labels = [coverage(first, classes)]
    for frame in range(1, len(tokens)):
        sources = [0] + list(range(max(1, frame - PREVIOUS), frame))
        cosines = np.concatenate(
            [np.where(near, tokens[frame] @ tokens[s].T, -np.inf) for s in sources], 1)
        best = np.argsort(-cosines, 1, kind="stable")[:, :TOP]
        weights = np.exp(np.take_along_axis(cosines, best, 1) / TEMPERATURE)
        weights /= weights.sum(1, keepdims=True)
        known = np.concatenate([labels[s] for s in sources])
        labels.append((weights[..., None] * known[best]).sum(1))
    return [upsample(one.reshape(h, w, classes)) for one in labels]


def upsample(shares):
    """Each class scaled to 0 to 1, linear interpolation, the largest class."""
    low, high = shares.min((0, 1)), shares.max((0, 1))
    shares = np.where(high > low, (shares - low) / np.where(high > low, high - low, 1), shares)

    def along(values, size, axis):
        count = values.shape[axis]
        place = np.maximum((np.arange(size) + 0.5) * count / size - 0.5, 0)
        first = np.minimum(place.astype(int), count - 1)
        second = np.minimum(first + 1, count - 1)
        weight = (place - first).reshape([-1 if a == axis else 1 for a in range(values.ndim)])
        return np.take(values, first, axis) * (1 - weight) + np.take(values, second, axis) * weight

    return along(along(shares, HEIGHT, 0), WIDTH, 1).argmax(-1)


# The measures, from the definition.


def region(found, truth):
    union = (found | truth).sum()
    return 1.0 if union == 0 else (found & truth).sum() / union


def contour(mask):
    """Pixels that differ from the one to the right, below, or both; only existing neighbours count."""
    edge = np.zeros_like(mask)
    edge[:, :-1] |= mask[:, :-1] != mask[:, 1:]
    edge[:-1] |= mask[:-1] != mask[1:]
    edge[:-1, :-1] |= mask[:-1, :-1] != mask[1:, 1:]
    return np.argwhere(edge)


def boundary(found, truth):
    a, b = contour(found), contour(truth)
    if len(a) == 0 or len(b) == 0:
        return float(len(a) == len(b))
    reach = np.ceil(0.008 * np.hypot(*found.shape))
    distances = ((a[:, None] - b) ** 2).sum(-1)
    precision = (distances.min(1) <= reach ** 2).mean()
    recall = (distances.min(0) <= reach ** 2).mean()
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


def statistics(values):
    values = np.array(values)
    edges = np.round(np.linspace(1, len(values), 5) + 1e-10).astype(int) - 1
    quarters = [values[edges[i]:edges[i + 1] + 1] for i in range(4)]
    return {"mean": values.mean(), "recall": (values > 0.5).mean(),
            "decay": quarters[0].mean() - quarters[3].mean()}


def run(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))}: exit {done.returncode}: {done.stderr}")
    return done.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dinov2", required=True)
    program = str(pathlib.Path(parser.parse_args().dinov2).resolve())
    agrees = True

    def check(name, worst, limit):
        nonlocal agrees
        agrees &= bool(worst <= limit)
        print(f"| {name} | {worst:.2e} | {limit:.0e} | {'yes' if worst <= limit else 'NO'} |")

    print("| What | Largest difference | Allowed | Agrees |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        films = {name: list(draw(seed, objects)) for seed, (name, objects) in
                 enumerate([("one", 1), ("three", 3), ("two", 2)])}
        write(root / "plain", films)
        write_davis(root / "davis", root / "plain", list(films))
        measures = {}
        for name, film in films.items():
            base = root / "plain" / name
            run(program, "track", base / "images", "--mask", base / "masks" / "00000.png", "-o",
                root / "out" / name, *OPTIONS)
            found = [np.load(root / "out" / name / f"{i:05}.npy") for i in range(FRAMES)]
            run(program, "embed", base / "images", "--tokens", "--resize", "none", "--crop", "none",
                "-o", root / f"{name}.safetensors")
            tokens = load_file(root / f"{name}.safetensors")["patch_tokens"].astype(np.float64)
            objects = [v for v in np.unique(film[0][1]) if v not in (0, 255)]
            expected = propagate(tokens, film[0][1], len(objects) + 1)
            check(f"labels of {name}, share of pixels",
                  max((f != e).mean() for f, e in zip(found[1:], expected[1:])), 1e-3)
            for label in objects:
                inner = [(f == label, m == label, m == 255) for f, (_, m) in
                         zip(found[1:-1], film[1:-1])]
                measures[name, int(label)] = (
                    [region(f & ~v, t) for f, t, v in inner],
                    [boundary(f & ~v, t) for f, t, v in inner])
        for layout in ("plain", "davis"):
            report = json.loads(run(
                program, "evaluate", "tracking", "--data", root / layout, "--json", *OPTIONS))
            places = {name: place for place, name in enumerate(report["object_names"])}
            for place, letter in enumerate("JF"):
                each = {key: statistics(value[place]) for key, value in measures.items()}
                check(f"{letter} of each object, {layout}", max(
                    abs(report[f"object_{letter}"][places[f"{name}/{label}"]] - value["mean"])
                    for (name, label), value in each.items()), 1e-12)
                for kind in ("mean", "recall", "decay"):
                    mean = np.mean([value[kind] for value in each.values()])
                    check(f"{letter} {kind}, {layout}", abs(report[f"{letter}_{kind}"] - mean), 1e-12)
            check(f"J&F, {layout}", abs(
                report["J&F"] - (report["J_mean"] + report["F_mean"]) / 2), 1e-12)
    sys.exit(0 if agrees else 1)


if __name__ == "__main__":
    main()
