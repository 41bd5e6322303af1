"""Compare the values of `dinov2 evaluate segmentation` with torchmetrics.

    python3 -m venv venv
    venv/bin/pip install torch torchmetrics numpy pillow
    venv/bin/python Tests/interop/segmentation.py --dinov2 .build/release/dinov2

Works with torch 2.13 and torchmetrics 1.9; needs no network.

Makes data sets of random images with masks, and heads of random weights in the form of the released files,
on the model that comes with the program. `dinov2 segment` writes the maps, from which torchmetrics counts;
`dinov2 evaluate segmentation` must report the same values for the same maps. Besides random masks there are
degenerate ones: everything ignored in some images, one class alone, classes that occur nowhere, classes that
are only predicted, a single class.

Prints one row per case with the largest difference. Exits with 0 only if all cases agree.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from PIL import Image
from torchmetrics.classification import MulticlassConfusionMatrix, MulticlassJaccardIndex

WIDTH = 192  # of the model that comes with the program
# Counts are whole numbers; what is left is the rounding of ratios in double precision.
TOLERANCE = 1e-9


def smooth_noise(rng, height, width, levels):
    """Random blobs of `levels` values, so that maps and masks have areas."""
    coarse = rng.integers(0, levels, (height // 8 + 2, width // 8 + 2))
    return np.kron(coarse, np.ones((8, 8), dtype=int))[:height, :width]


def masks_of(case, rng, count, sizes, classes):
    """The masks of a case, 255 where ignored."""
    for index in range(count):
        height, width = sizes[index % len(sizes)]
        mask = smooth_noise(rng, height, width, classes)
        if case == "ignored pixels":
            mask[rng.random((height, width)) < 0.3] = 255
        elif case == "images without a label" and index % 2:
            mask[:] = 255
        elif case == "one class alone":
            mask[:] = 1
        elif case == "absent classes":
            mask = np.where(mask < classes // 2, mask, 0)
        yield mask.astype(np.uint8)


def write_case(folder, case, rng, classes, sizes, count):
    for part in ("images", "masks"):
        (folder / "val" / part).mkdir(parents=True)
    masks = []
    for index, mask in enumerate(masks_of(case, rng, count, sizes, classes)):
        height, width = mask.shape
        noise = rng.integers(0, 256, (height // 7 + 2, width // 7 + 2, 3), dtype=np.uint8)
        image = Image.fromarray(noise).resize((width, height), Image.BICUBIC)
        image.save(folder / "val" / "images" / f"{index:03d}.png")
        Image.fromarray(mask).save(folder / "val" / "masks" / f"{index:03d}.png")
        masks.append(mask)
    (folder / "classes.txt").write_text("".join(f"class {k}\n" for k in range(classes)))
    return masks


def write_head(path, classes, seed, only=None):
    """A head in the form of the released files; with `only` it always finds that class."""
    generator = torch.Generator().manual_seed(seed)
    state = {
        "decode_head.bn.weight": torch.ones(WIDTH),
        "decode_head.bn.bias": torch.zeros(WIDTH),
        "decode_head.bn.running_mean": torch.randn(WIDTH, generator=generator) * 0.1,
        "decode_head.bn.running_var": torch.rand(WIDTH, generator=generator) + 0.5,
        "decode_head.bn.num_batches_tracked": torch.tensor(1),
        "decode_head.conv_seg.weight": torch.randn(classes, WIDTH, 1, 1, generator=generator),
        "decode_head.conv_seg.bias": torch.zeros(classes),
    }
    if only is not None:
        state["decode_head.conv_seg.weight"].zero_()
        state["decode_head.conv_seg.bias"][only] = 1
    torch.save({"state_dict": state}, path)


def expected(predictions, masks, classes):
    """The values as torchmetrics counts them, classes that occur nowhere left out of the mean."""
    counted = max(classes, 2)  # torchmetrics wants two; the second of one never occurs
    confusion = MulticlassConfusionMatrix(counted, ignore_index=255)
    jaccard = MulticlassJaccardIndex(counted, average="none", ignore_index=255)
    for prediction, mask in zip(predictions, masks):
        pair = torch.from_numpy(prediction.astype(np.int64)), torch.from_numpy(mask.astype(np.int64))
        confusion.update(*pair)
        jaccard.update(*pair)
    matrix = confusion.compute().double()[:classes, :classes]
    found, labelled, right = matrix.sum(0), matrix.sum(1), matrix.diagonal()
    occurs = (found + labelled) > 0
    iou = jaccard.compute().double()[:classes]
    exact = right / (found + labelled - right)
    # Its own ratios are single precision: they confirm, the counts are compared exactly.
    assert torch.allclose(iou[occurs], exact[occurs], atol=1e-6), (iou, exact)
    accuracy = right / labelled
    return {
        "mIoU": exact[occurs].mean().item(),
        "mAcc": accuracy[labelled > 0].mean().item(),
        "aAcc": (right.sum() / labelled.sum()).item(),
        "iou": [x if o else None for x, o in zip(exact.tolist(), occurs.tolist())],
        "accuracy": [x if n > 0 else None for x, n in zip(accuracy.tolist(), labelled.tolist())],
    }


def difference(got, want):
    if want is None or got is None:
        return 0.0 if got is want else float("inf")
    if isinstance(want, list):
        return max((difference(g, w) for g, w in zip(got, want)), default=0.0)
    return abs(got - want)


def run(*command):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{' '.join(str(c) for c in command)}\n{result.stderr}")
    return result.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dinov2", default=".build/release/dinov2", help="the program")
    arguments = parser.parse_args()
    cases = [
        # name, classes, sizes, the class that the head always finds
        ("random masks", 5, [(98, 98)], None),
        ("other sizes", 7, [(61, 97), (140, 84), (98, 98)], None),
        ("ignored pixels", 5, [(84, 98)], None),
        ("images without a label", 4, [(70, 70)], None),
        ("one class alone", 3, [(70, 98)], None),
        ("absent classes", 8, [(98, 98)], None),
        ("only one class is found", 6, [(84, 84)], 4),
        ("a single class", 1, [(56, 70)], None),
        ("many classes", 150, [(112, 98)], None),
    ]
    worst = 0.0
    print(f"{'case':<26}{'classes':>8}{'mIoU':>10}{'difference':>14}")
    for seed, (name, classes, sizes, only) in enumerate(cases):
        rng = np.random.default_rng(seed)
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            masks = write_case(folder / "data", name, rng, classes, sizes, 6)
            write_head(folder / "head.pth", classes, seed, only)
            run(arguments.dinov2, "segment", folder / "data/val/images", "--head", folder / "head.pth",
                "-o", folder / "maps")
            predictions = [np.load(path) for path in sorted((folder / "maps").glob("*.npy"))]
            assert all(p.shape == m.shape and p.dtype == np.uint8 for p, m in zip(predictions, masks))
            got = json.loads(run(
                arguments.dinov2, "evaluate", "segmentation", "--head", folder / "head.pth", "--data",
                folder / "data", "--json", "--bootstrap", "0"))
            want = expected(predictions, masks, classes)
            largest = max(difference(got[key], want[key]) for key in want)
            worst = max(worst, largest)
            print(f"{name:<26}{classes:>8}{want['mIoU']:>10.4f}{largest:>14.2e}")
    if not worst <= TOLERANCE:
        sys.exit(f"the values differ by up to {worst}")
    print("all cases agree")


if __name__ == "__main__":
    main()
