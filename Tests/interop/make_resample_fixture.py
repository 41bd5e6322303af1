"""Make Tests/Fixtures/resample/pillow.safetensors: what Pillow's Image.resize gives for many cases.

    python -m venv venv && venv/bin/pip install pillow numpy safetensors
    venv/bin/python Tests/interop/make_resample_fixture.py

No input image is stored: byte i of the image with seed s is the low byte of a 32-bit hash of i and s (`pixels`
below), which the test computes as well. Tensors, one row per case:

    cases    int32   [N, 7]  seed, source height and width, target height and width, filter, has a box
    boxes    float64 [N, 4]  top, left, bottom, right
    digests  uint8   [N, 32] SHA-256 of the resized RGB bytes
    samples  uint8   [N, 12] four pixels: those at 0, 1/3, 2/3 and the last of the raster
"""

import hashlib
import pathlib
import random

import numpy as np
import PIL
from PIL import Image
from safetensors.numpy import save_file

FILTERS = ["box", "bilinear", "hamming", "bicubic", "lanczos"]
PILLOW = {name: getattr(Image.Resampling, name.upper()) for name in FILTERS}


def pixels(seed: int, height: int, width: int) -> np.ndarray:
    index = np.arange(height * width * 3, dtype=np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    x = (index * np.uint64(2654435761) + np.uint64(seed) * np.uint64(40503)) & mask
    x ^= x >> np.uint64(15)
    x = (x * np.uint64(2246822519)) & mask
    x ^= x >> np.uint64(13)
    values = (x & np.uint64(255)).astype(np.uint8)
    if seed % 3 == 0:
        # Only black and white: the overshoot of the kernels is clipped at both ends.
        values = np.where(values < 128, 0, 255).astype(np.uint8)
    return values.reshape(height, width, 3)


def cases():
    rng = random.Random(20)
    sizes = [1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97, 128, 131, 224, 255, 256, 257]
    fixed = [
        (1, 1, 1, 1), (1, 1, 7, 5), (7, 5, 1, 1), (1, 64, 1, 7), (64, 1, 7, 1), (1, 64, 9, 300), (2, 2, 224, 224),
        (3, 1, 256, 85), (300, 2, 2, 300), (2, 1000, 17, 3), (1000, 3, 3, 16), (480, 640, 256, 341),
        (600, 400, 384, 256), (256, 341, 256, 341), (341, 256, 341, 100), (100, 341, 256, 341), (333, 500, 224, 336),
        (37, 53, 518, 742), (32, 32, 224, 224), (1, 2000, 1, 1), (2000, 1, 1, 1), (16, 16, 16, 17), (16, 16, 17, 16),
    ]
    for index, (h, w, th, tw) in enumerate(fixed):
        for name in FILTERS if h * w < 5000 else ["bicubic", "lanczos"]:
            yield index, h, w, th, tw, name, None
    for index in range(150):
        h, w, th, tw = (rng.choice(sizes) for _ in range(4))
        box = None
        if index % 2:
            # Edges between pixels, boxes thinner than a pixel, boxes that touch the border.
            top, bottom = sorted(rng.uniform(0, h) for _ in range(2))
            left, right = sorted(rng.uniform(0, w) for _ in range(2))
            if index % 5 == 0:
                top, right = 0.0, float(w)
            if index % 7 == 0:
                top, left, bottom, right = (float(round(v * 4) / 4) for v in (top, left, bottom, right))
            if bottom - top < 1e-3 or right - left < 1e-3:
                box = (0.25, 0.5, h - 0.125, w - 0.25)
            else:
                box = (top, left, bottom, right)
        yield 100 + index, h, w, th, tw, FILTERS[index % len(FILTERS)], box


def main():
    rows, boxes, digests, samples = [], [], [], []
    for seed, h, w, th, tw, name, box in cases():
        image = Image.fromarray(pixels(seed, h, w))
        pillow_box = None if box is None else (box[1], box[0], box[3], box[2])
        result = np.asarray(image.resize((tw, th), PILLOW[name], box=pillow_box))
        rows.append([seed, h, w, th, tw, FILTERS.index(name), int(box is not None)])
        boxes.append(box or (0.0, 0.0, float(h), float(w)))
        digests.append(list(hashlib.sha256(result.tobytes()).digest()))
        flat = result.reshape(-1, 3)
        last = len(flat) - 1
        samples.append(np.concatenate([flat[i] for i in (0, last // 3, 2 * last // 3, last)]).tolist())
    path = pathlib.Path(__file__).parents[1] / "Fixtures" / "resample" / "pillow.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        {
            "cases": np.array(rows, np.int32),
            "boxes": np.array(boxes, np.float64),
            "digests": np.array(digests, np.uint8),
            "samples": np.array(samples, np.uint8),
        },
        path,
        metadata={"pillow": PIL.__version__, "filters": ",".join(FILTERS)},
    )
    print(f"{len(rows)} cases, {path.stat().st_size} bytes, {path}")


if __name__ == "__main__":
    main()
