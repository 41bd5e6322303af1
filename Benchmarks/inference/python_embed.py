"""What a Python user would write to embed a folder: transforms, a DataLoader, timm."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from peer_model import load_weights
from timm_import import transforms


class Photos(Dataset):
    """The files of a folder in byte order, preprocessed as DINOv2 is evaluated."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.iterdir(), key=lambda path: bytes(path))
        self.transform = transforms.Compose(
            [
                transforms.Resize(256, interpolation=transforms.InterpolationMode.BICUBIC),
                transforms.CenterCrop(224),
                transforms.ToTensor(),
                transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.paths[index]) as image:
            return self.transform(image.convert("RGB"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--model", default="dinov2_vits14")
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()

    dtype = torch.bfloat16 if arguments.precision == "bf16" else torch.float32
    network = load_weights(arguments.weights, arguments.model, size=224).to(dtype)
    loader = DataLoader(
        Photos(arguments.folder), batch_size=arguments.batch, num_workers=arguments.workers
    )
    rows = []
    with torch.inference_mode():
        for pixels in loader:
            rows.append(network(pixels.to(dtype))[:, 0].float().numpy())  # [B, D]
    np.save(arguments.output, np.concatenate(rows))


if __name__ == "__main__":
    main()
