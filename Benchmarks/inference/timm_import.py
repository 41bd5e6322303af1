"""Imports timm and torchvision, also where torchvision's operators do not fit the installed torch.

That is so when torch is a build for the CPU and torchvision is PyPI's, which looks for CUDA.
Neither torchvision's transforms nor timm's ViT call these operators, but torchvision describes two
of them while it is imported, and for that their names have to exist.
"""

import torch

try:
    import torchvision
except RuntimeError as error:
    if "torchvision::" not in str(error):
        raise
    _library = torch.library.Library("torchvision", "FRAGMENT")  # the names live as long as it
    for _name in ("nms", "qnms"):
        _library.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision

import timm

__all__ = ["timm", "transforms"]

transforms = torchvision.transforms
