"""lightly-train's DINOv2 backbone, with random weights or those of a run."""

from __future__ import annotations

from functools import partial
from typing import Any

from lightly_train._models.dinov2_vit.dinov2_vit_src.layers import (
    MemEffAttention,
    NestedTensorBlock,
)
from lightly_train._models.dinov2_vit.dinov2_vit_src.models.vision_transformer import (
    DinoVisionTransformer,
)


def build(vit: dict[str, Any]) -> DinoVisionTransformer:
    """Builds the model as lightly-train builds its named ones; nothing is downloaded."""
    return DinoVisionTransformer(
        block_fn=partial(NestedTensorBlock, attn_class=MemEffAttention), **vit
    )
