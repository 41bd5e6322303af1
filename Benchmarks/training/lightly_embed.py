"""Embeds images by a model that lightly-train exported: `lightly_embed.py REQUEST.json`.

Resizes the shorter side with Pillow's bicubic filter, cuts out the centre and keeps the class
token, as `dinov2 embed --resize N --crop N` does.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.transforms import v2

from lightly_model import build

BATCH = 64


def main() -> None:
    request = json.loads(Path(sys.argv[1]).read_text())
    torch.manual_seed(0)
    torch.set_num_threads(request["threads"])
    model = build(request["vit"]).eval()
    if request["weights"]:
        model.load_state_dict(torch.load(request["weights"], weights_only=True))
    transform = v2.Compose(
        [
            v2.Resize(request["size"], interpolation=v2.InterpolationMode.BICUBIC),
            v2.CenterCrop(request["size"]),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    paths = request["images"]
    rows = []
    with torch.inference_mode():
        for start in range(0, len(paths), BATCH):
            images = []
            for path in paths[start : start + BATCH]:
                with Image.open(path) as image:
                    images.append(transform(image.convert("RGB")))
            tokens = model(torch.stack(images), is_training=True)["x_norm_clstoken"]
            rows.append(tokens.numpy())
    np.save(request["output"], np.concatenate(rows))


if __name__ == "__main__":
    main()
