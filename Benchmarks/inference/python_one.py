"""What a Python user would write to embed one image: Pillow, timm, no loader."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from peer_model import load_weights

MEAN = np.array((0.485, 0.456, 0.406), np.float32)
DEVIATION = np.array((0.229, 0.224, 0.225), np.float32)


def pixels(path: Path) -> torch.Tensor:
    """Returns the centre of an image, `[1, 3, 224, 224]`, preprocessed as DINOv2 is evaluated."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    short = min(image.size)
    width, height = (int(256 * side / short) for side in image.size)
    image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = round((width - 224) / 2), round((height - 224) / 2)
    crop = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32)  # [H, W, 3]
    crop = (crop / 255 - MEAN) / DEVIATION
    return torch.from_numpy(crop.transpose(2, 0, 1).copy()[None])


def main() -> None:
    image, weights, output = map(Path, sys.argv[1:4])
    network = load_weights(weights, "dinov2_vits14", size=224)
    with torch.inference_mode():
        np.save(output, network(pixels(image))[:, 0].numpy())


if __name__ == "__main__":
    main()
