"""The same training, said to both programs in their own words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

# AdamW's, the schedules' and the augmentations' settings that are not here are Meta's in both.
PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed"}


@dataclass(frozen=True)
class Recipe:
    """A training: one of our presets with changes, and all its settings for lightly-train."""

    preset: str
    overrides: tuple[str, ...]
    # The model.
    width: int
    depth: int
    heads: int
    layerscale: float
    drop_path: float
    # Crops and how often the first, the second and the local ones are blurred.
    global_size: int
    local_size: int
    blur: tuple[float, float, float]
    # Heads.
    prototypes: int
    hidden: int
    bottleneck: int
    # Optimisation; lengths as shares of the whole.
    batch: int
    learning_rate: float
    momentum: float
    warmup: float
    temperature_warmup: float
    frozen_last_layer: float
    # Where a recipe differs from Meta's.
    local_count: int = 8
    global_scale: tuple[float, float] = (0.32, 1.0)
    local_scale: tuple[float, float] = (0.05, 0.32)
    jitter: float = 0.8
    solarize: float = 0.2
    temperatures: tuple[float, float] = (0.04, 0.07)
    weight_decay_end: float = 0.2

    def ours(
        self, program: Path, data: Path, run: Path, steps: int, threads: int, precision: str,
        seed: int = 0,
    ) -> list[str]:  # fmt: skip
        """Returns the command of our program."""
        return [
            str(program), "pretrain", "--data", str(data), "--output", str(run),
            "--preset", self.preset, "--steps", str(steps), "--threads", str(threads),
            *self.overrides, f"train.batch_size_per_gpu={self.batch}",
            f"train.precision={precision}", f"train.seed={seed}",
            "evaluation.eval_period_iterations=0", "train.checkpoint_period=1000000",
        ]  # fmt: skip

    def vit(self) -> dict[str, Any]:
        """Returns the arguments of lightly-train's `DinoVisionTransformer`."""
        return {
            "img_size": self.global_size,
            "patch_size": 14,
            "embed_dim": self.width,
            "depth": self.depth,
            "num_heads": self.heads,
            "mlp_ratio": 4,
            "init_values": self.layerscale,
            "drop_path_rate": self.drop_path,
            "drop_path_uniform": True,
            "block_chunks": 0,
        }

    def theirs(
        self, data: Path, run: Path, steps: int, precision: str, workers: int | None, seed: int = 0
    ) -> dict[str, Any]:
        """Returns the arguments of `lightly_train.pretrain`, without the model and callbacks."""
        first, second, local = self.blur
        return {
            "out": str(run),
            "data": str(data),
            "method": "dinov2",
            "batch_size": self.batch,
            # More than enough: `max_steps` ends the training, and the schedules know it.
            "epochs": 1_000_000,
            "num_workers": "auto" if workers is None else workers,
            "accelerator": "cpu",
            "devices": 1,
            "precision": PRECISIONS[precision],
            "seed": seed,
            # The worker processes live on from pass to pass.
            "loader_args": {"persistent_workers": True},
            "trainer_args": {"max_steps": steps, "enable_checkpointing": False},
            "optim_args": {"lr": self.learning_rate, "weight_decay": 0.04},
            "method_args": {
                "ibot_separate_head": True,
                "hidden_dim": self.hidden,
                "dino_bottleneck_dim": self.bottleneck,
                "ibot_bottleneck_dim": self.bottleneck,
                "output_dim": self.prototypes,
                "student_freeze_last_layer_steps": round(self.frozen_last_layer * steps),
                "center_method": "sinkhorn_knopp",
                "momentum_start": self.momentum,
                "teacher_temp_warmup_steps": round(self.temperature_warmup * steps),
                "warmup_steps": round(self.warmup * steps),
                "layerwise_decay": 1.0,
                "weight_decay_end": self.weight_decay_end,
                "teacher_temp_start": self.temperatures[0],
                "teacher_temp_end": self.temperatures[1],
            },
            "transform_args": {
                "image_size": [self.global_size, self.global_size],
                "random_resize": _scale(self.global_scale),
                "color_jitter": {"prob": self.jitter},
                "gaussian_blur": {"prob": first},
                "global_view_1": {
                    "gaussian_blur": {"prob": second},
                    "solarize": {"prob": self.solarize},
                },
                "local_view": {
                    "num_views": self.local_count,
                    "view_size": [self.local_size, self.local_size],
                    "random_resize": _scale(self.local_scale),
                    "gaussian_blur": {"prob": local},
                },
            },
        }


def _scale(scale: tuple[float, float]) -> dict[str, float]:
    return {"min_scale": scale[0], "max_scale": scale[1]}


# Meta's `vitl14.yaml` with a ViT-S, smaller heads and a small batch. The blur is that of Meta's
# code, whose probabilities are inverted, as in our preset.
SPEED = Recipe(
    preset="vitl14",
    overrides=(
        "student.arch=vit_small", "student.ffn_layer=mlp", "student.block_chunks=0",
        "dino.head_n_prototypes=65536", "dino.head_bottleneck_dim=256",
        "ibot.head_n_prototypes=65536", "student.drop_path_rate=0",
        # No photograph is seen twice, and lightly-train keeps none.
        "train.cache_gb=0",
    ),
    width=384, depth=12, heads=6, layerscale=1e-5, drop_path=0.0,
    global_size=224, local_size=98, blur=(0.0, 0.9, 0.5),
    prototypes=65536, hidden=2048, bottleneck=256,
    batch=8, learning_rate=2e-4, momentum=0.994,
    warmup=80 / 500, temperature_warmup=30 / 500, frozen_last_layer=1 / 500,
)  # fmt: skip

# Our preset for a few thousand small images on a CPU, as it is.
# Learning rate and areas of crops suit random first weights, which lightly-train starts from; our preset has
# its own for those that it computes from the images.
LEARNING = Recipe(
    preset="small-data",
    overrides=(),
    width=192, depth=6, heads=3, layerscale=1.0, drop_path=0.0,
    global_size=70, local_size=28, blur=(0.3, 0.1, 0.2),
    prototypes=1024, hidden=512, bottleneck=128,
    batch=64, learning_rate=4e-3, momentum=0.95,
    warmup=0.1, temperature_warmup=0.3, frozen_last_layer=0.01,
    local_count=4, global_scale=(0.4, 1.0), local_scale=(0.1, 0.4), jitter=0.4, solarize=0.1,
    temperatures=(0.02, 0.03), weight_decay_end=0.1,
)  # fmt: skip
