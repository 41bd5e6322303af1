"""Writes one row's model in the formats of ONNX Runtime and OpenVINO, with input and output.

It is a process of its own, so that the workers of those two need not import PyTorch: they then run
with their own threads and their own memory only.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from peer_model import random_model, random_pixels


def export_onnx(network: torch.nn.Module, pixels: torch.Tensor, path: Path, opset: int) -> None:
    """Writes an ONNX model of fixed shape, with constants folded."""
    torch.onnx.export(
        network,
        (pixels,),
        path,
        dynamo=True,
        opset_version=opset,
        input_names=["pixels"],
        output_names=["tokens"],
        external_data=False,
        verbose=False,
    )


def fuse_onnx(source: Path, target: Path, network: torch.nn.Module) -> None:
    """Writes the model again with the fusions that ONNX Runtime has for transformers."""
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    fused = optimizer.optimize_model(
        str(source),
        model_type="vit",
        num_heads=network.blocks[0].attn.num_heads,
        hidden_size=network.embed_dim,
        opt_level=0,  # the session does the general optimisations, on the machine it runs on
        optimization_options=FusionOptions("vit"),
    )
    fused.save_model_to_file(str(target))


def export_openvino(network: torch.nn.Module, pixels: torch.Tensor, path: Path) -> None:
    """Writes an OpenVINO model of fixed shape with float32 weights."""
    import openvino

    model = openvino.convert_model(network, example_input=pixels)
    model.reshape(list(pixels.shape))
    openvino.save_model(model, path, compress_to_fp16=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--formats", nargs="*", default=[], choices=["onnx", "openvino"])
    arguments = parser.parse_args()

    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    network = random_model(arguments.model, arguments.size)
    pixels = random_pixels(arguments.batch, arguments.size)
    with torch.no_grad():
        tokens = network(pixels)
    np.save(folder / "pixels.npy", pixels.numpy())
    np.save(folder / "tokens.npy", tokens.numpy())
    if "onnx" in arguments.formats:
        # Opset 23 has attention as one operator; the fusions know the older, longer form.
        export_onnx(network, pixels, folder / "attention.onnx", opset=23)
        export_onnx(network, pixels, folder / "plain.onnx", opset=18)
        fuse_onnx(folder / "plain.onnx", folder / "fused.onnx", network)
    if "openvino" in arguments.formats:
        export_openvino(network, pixels, folder / "openvino.xml")


if __name__ == "__main__":
    main()
