"""The model that the peers run: timm's DINOv2 with random weights.

timm is what most Python users take the architecture from, and its forward pass is a good one (fused
attention, no work that the result does not need). Random weights are as fast as trained ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from pathlib import Path

TIMM_NAMES = {
    "dinov2_vits14": "vit_small_patch14_dinov2",
    "dinov2_vitb14": "vit_base_patch14_dinov2",
    "dinov2_vitl14": "vit_large_patch14_dinov2",
}
PATCH = 14
NATIVE_SIZE = 518  # of the released models: 37 x 37 positions
SEED = 20230414


def timm_model(model: str, size: int) -> torch.nn.Module:
    """Builds the backbone; its output is the normalised class and patch tokens, `[B, 1 + T, D]`."""
    from timm_import import timm

    return timm.create_model(
        TIMM_NAMES[model],
        pretrained=False,
        num_classes=0,
        global_pool="",
        img_size=size,
        dynamic_img_size=False,
    )


def random_model(model: str, size: int) -> torch.nn.Module:
    """Builds the backbone with weights that depend on nothing but this file.

    A fresh model has LayerScale 1e-5: its blocks hardly change the tokens, and an error in them
    would not show. Factors of trained models are around one.
    """
    torch.manual_seed(SEED)
    network = timm_model(model, size)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith(".gamma"):
                parameter.uniform_(0.2, 1.2)
    return network.eval()


def transformers_model(model: str, size: int) -> torch.nn.Module:
    """Builds the same architecture as Hugging Face's `transformers` has it."""
    import timm_import  # noqa: F401, I001 - transformers imports torchvision, so this is first
    from transformers import Dinov2Config, Dinov2Model

    width, heads = {"dinov2_vits14": (384, 6), "dinov2_vitb14": (768, 12)}.get(model, (1024, 16))
    depth = 24 if model == "dinov2_vitl14" else 12
    torch.manual_seed(SEED)
    config = Dinov2Config(
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        image_size=size,
        patch_size=PATCH,
    )
    return Dinov2Model._from_config(config, attn_implementation="sdpa").eval()


def random_pixels(batch: int, size: int) -> torch.Tensor:
    """Returns the input of every peer, `[B, 3, size, size]`."""
    generator = torch.Generator().manual_seed(SEED)
    return torch.randn(batch, 3, size, size, generator=generator)


def save_weights(path: Path, model: str) -> None:
    """Writes a weight file as timm would: its key names, positions of the released models' grid."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(random_model(model, NATIVE_SIZE).state_dict(), path)


def load_weights(path: Path, model: str, size: int) -> torch.nn.Module:
    """Loads such a file into a model for `size`, with positions resized as Meta's code does it."""
    from safetensors.torch import load_file

    state = load_file(path)
    state["pos_embed"] = _meta_positions(state["pos_embed"], size // PATCH)
    network = timm_model(model, size)
    network.load_state_dict(state)
    return network.eval()


def _meta_positions(positions: torch.Tensor, side: int) -> torch.Tensor:
    """Resizes `[1, 1 + M * M, D]` to `[1, 1 + side * side, D]`.

    Meta, Hugging Face and timm resize in three ways, which give three different sets of features.
    The name `dinov2_vits14` stands for Meta's: a scale factor with an offset of 0.1, no antialias.
    """
    width = positions.shape[-1]
    stored = int((positions.shape[1] - 1) ** 0.5)
    if stored == side:
        return positions
    grid = positions[:, 1:].reshape(1, stored, stored, width).permute(0, 3, 1, 2)  # [1, D, M, M]
    scale = (side + 0.1) / stored
    grid = torch.nn.functional.interpolate(grid, scale_factor=(scale, scale), mode="bicubic")
    patches = grid.permute(0, 2, 3, 1).reshape(1, side * side, width)  # [1, side * side, D]
    return torch.cat([positions[:, :1], patches], dim=1)
