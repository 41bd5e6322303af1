"""Compare `dinov2 models convert` and `dinov2 embed` with PyTorch, transformers and timm.

    python3 -m venv venv
    venv/bin/pip install torch torchvision transformers timm safetensors pillow numpy
    venv/bin/python Tests/interop/formats.py --dinov2 .build/release/dinov2

Works with torch 2.13, transformers 5.24, timm 1.0.31 and safetensors 0.8; needs no network.

Four small random models (MLP or SwiGLU, with or without registers) are saved in every form in which weights
come: a folder of transformers, a file of timm, Meta's file, Meta's training checkpoint. Each is converted to
every form that the program writes; what it wrote is loaded strictly, by `torch.load(weights_only=True)`,
transformers or timm, and must give the features of the model that it was made from. The program computes
features itself too, from what it was given and from what it wrote.

Prints one row per case with the largest difference, relative to the largest feature. Exits with 0 only if all
cases agree.
"""

import argparse
import contextlib
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import timm.layers
import timm.models.vision_transformer
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file

WIDTH, DEPTH, HEADS, PATCH, SIZE = 192, 3, 3, 14, 224
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
# float32 through three blocks, in different orders of summation.
TOLERANCE = 1e-5


class Architecture:
    """What distinguishes the models."""

    def __init__(self, gated, registers, size=SIZE):
        self.gated, self.registers, self.size = gated, registers, size
        self.name = ("swiglu" if gated else "mlp") + (f"_reg{registers}" if registers else "")

    def weights(self, seed):
        """Random weights under Meta's names; scales are such that nothing vanishes or explodes."""
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape, scale=0.05, mean=0.0):
            return mean + scale * torch.randn(shape, generator=generator)

        hidden = (WIDTH * 4 * 2 // 3 + 7) // 8 * 8 if self.gated else 4 * WIDTH
        weights = {
            "cls_token": normal(1, 1, WIDTH),
            "pos_embed": normal(1, 1 + (self.size // PATCH) ** 2, WIDTH),
            "mask_token": normal(1, WIDTH),
            "patch_embed.proj.weight": normal(WIDTH, 3, PATCH, PATCH),
            "patch_embed.proj.bias": normal(WIDTH),
            "norm.weight": normal(WIDTH, scale=0.2, mean=1),
            "norm.bias": normal(WIDTH),
        }
        if self.registers:
            weights["register_tokens"] = normal(1, self.registers, WIDTH)
        linears = {"attn.qkv": (3 * WIDTH, WIDTH), "attn.proj": (WIDTH, WIDTH)}
        if self.gated:
            linears |= {"mlp.w12": (2 * hidden, WIDTH), "mlp.w3": (WIDTH, hidden)}
        else:
            linears |= {"mlp.fc1": (hidden, WIDTH), "mlp.fc2": (WIDTH, hidden)}
        for block in range(DEPTH):
            for name in ("norm1", "norm2"):
                weights[f"blocks.{block}.{name}.weight"] = normal(WIDTH, scale=0.2, mean=1)
                weights[f"blocks.{block}.{name}.bias"] = normal(WIDTH)
            for name in ("ls1", "ls2"):
                weights[f"blocks.{block}.{name}.gamma"] = normal(WIDTH, scale=0.2, mean=0.7)
            for name, shape in linears.items():
                weights[f"blocks.{block}.{name}.weight"] = normal(*shape, scale=shape[1] ** -0.5)
                weights[f"blocks.{block}.{name}.bias"] = normal(shape[0])
        return weights

    def transformers_model(self, weights):
        """A model of transformers with weights under Meta's names."""
        kind = "Dinov2WithRegisters" if self.registers else "Dinov2"
        options = {"num_register_tokens": self.registers} if self.registers else {}
        config = getattr(transformers, kind + "Config")(
            hidden_size=WIDTH, num_hidden_layers=DEPTH, num_attention_heads=HEADS, patch_size=PATCH,
            image_size=self.size, mlp_ratio=4, use_swiglu_ffn=self.gated, **options)
        model = getattr(transformers, kind + "Model")(config).eval()
        load_published(model, to_transformers(weights))
        return model

    def timm_model(self):
        """A model of timm, as its dinov2 models are configured."""
        options = {}
        if self.gated:
            options |= {"mlp_ratio": 2.66667 * 2, "act_layer": torch.nn.SiLU,
                        "mlp_layer": timm.layers.SwiGLUPacked}
        if self.registers:
            options |= {"reg_tokens": self.registers, "no_embed_class": True}
        return timm.models.vision_transformer.VisionTransformer(
            img_size=self.size, patch_size=PATCH, embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS,
            init_values=1e-5, num_classes=0, **options).eval()


# --- Names ---------------------------------------------------------------------------------------

OUTSIDE = {
    "cls_token": "embeddings.cls_token",
    "mask_token": "embeddings.mask_token",
    "pos_embed": "embeddings.position_embeddings",
    "register_tokens": "embeddings.register_tokens",
    "patch_embed.proj": "embeddings.patch_embeddings.projection",
    "norm": "layernorm",
}
INSIDE = {
    "norm1": "norm1", "norm2": "norm2", "attn.proj": "attention.output.dense",
    "ls1.gamma": "layer_scale1.lambda1", "ls2.gamma": "layer_scale2.lambda1",
    "mlp.fc1": "mlp.fc1", "mlp.fc2": "mlp.fc2", "mlp.w12": "mlp.weights_in",
    "mlp.w3": "mlp.weights_out",
}


def rename(name, table):
    """Replaces the part of a name before `.weight` or `.bias`."""
    stem, dot, kind = name.rpartition(".")
    return table[stem] + dot + kind if stem in table else table[name]


def to_transformers(weights):
    """Weights under the names of transformers."""
    result = {}
    for name, tensor in weights.items():
        if not name.startswith("blocks."):
            result[rename(name, OUTSIDE)] = tensor
            continue
        _, block, rest = name.split(".", 2)
        prefix = f"encoder.layer.{block}."
        if rest.startswith("attn.qkv."):
            for part, third in zip(("query", "key", "value"), tensor.chunk(3)):
                kind = rest.removeprefix("attn.qkv.")
                result[f"{prefix}attention.attention.{part}.{kind}"] = third.clone()
        else:
            result[prefix + rename(rest, INSIDE)] = tensor
    return result


# What transformers 5.24 calls some layers in memory; its folders keep the published names.
IN_MEMORY = {
    ".attention.attention.query.": ".attention.q_proj.",
    ".attention.attention.key.": ".attention.k_proj.",
    ".attention.attention.value.": ".attention.v_proj.",
    ".attention.output.dense.": ".attention.o_proj.",
    ".mlp.weights_out.": ".mlp.down_proj.",
}


def load_published(model, weights):
    """Loads weights under published names into a model of transformers, strictly."""
    if "encoder.layer.0.attention.q_proj.weight" in model.state_dict():
        for published, in_memory in IN_MEMORY.items():
            weights = {name.replace(published, in_memory): value for name, value in weights.items()}
        for name in [name for name in weights if ".mlp.weights_in." in name]:
            gate, up = weights.pop(name).chunk(2)
            weights[name.replace("weights_in", "gate_proj")] = gate
            weights[name.replace("weights_in", "up_proj")] = up
    model.load_state_dict(weights, strict=True)


def to_timm(weights):
    """Weights under the names of timm, which has no mask token and no class position with registers."""
    result = {
        name.replace(".mlp.w12.", ".mlp.fc1.").replace(".mlp.w3.", ".mlp.fc2."): tensor
        for name, tensor in weights.items() if name != "mask_token"
    }
    if "register_tokens" in result:
        result["reg_token"] = result.pop("register_tokens")
        result["cls_token"] = weights["cls_token"] + weights["pos_embed"][:, :1]
        result["pos_embed"] = weights["pos_embed"][:, 1:].clone()
    return result


def to_training_checkpoint(weights, chunks=2):
    """What Meta's training writes: the teacher with its heads, blocks in groups."""
    teacher = {"dino_head.last_layer.weight": torch.zeros(4, 4)}
    for name, tensor in weights.items():
        if name.startswith("blocks."):
            _, block, rest = name.split(".", 2)
            name = f"blocks.{int(block) // (DEPTH // chunks)}.{block}.{rest}"
        teacher["backbone." + name] = tensor
    return {"teacher": teacher}


# --- Inputs, and what was written -----------------------------------------------------------------


def make_sources(architecture, weights, folder):
    """The forms in which a model comes, by name."""
    model = architecture.transformers_model(weights)
    model.save_pretrained(folder / "hf")
    torch.save(model.state_dict(), folder / "hf_memory.pth")
    model = architecture.timm_model()
    model.load_state_dict(to_timm(weights), strict=True)
    save_file(model.state_dict(), folder / "timm.safetensors")
    torch.save(weights, folder / "meta.pth")
    torch.save(weights, folder / "meta_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(to_training_checkpoint(weights), folder / "teacher.pth")
    return [
        folder / name
        for name in (
            "hf", "hf_memory.pth", "timm.safetensors", "meta.pth", "meta_legacy.pth", "teacher.pth")
    ]


# One target of each style, to which every source is converted.
TARGETS = [("meta", "meta.pth"), ("timm", "timm.safetensors"), ("hf", "hf_folder")]
# The other containers, to which one source is converted.
MORE_TARGETS = [
    ("meta", "meta.safetensors"), ("timm", "timm.pth"), ("hf", "hf.safetensors"),
    ("hf", "pytorch_model.bin"),
]


def read_tensors(path):
    """The tensors of a file, without executing anything."""
    if path.suffix == ".safetensors":
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def load_written(architecture, style, path):
    """Loads strictly what the program wrote; returns a function from pixels to normalised tokens."""
    if path.is_dir():
        model, info = transformers.AutoModel.from_pretrained(path, output_loading_info=True)
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            if info[kind]:
                raise ValueError(f"{kind}: {sorted(info[kind])}")
        return lambda pixels: model.eval()(pixels).last_hidden_state
    tensors = read_tensors(path)
    if style == "timm":
        model = architecture.timm_model()
        model.load_state_dict(tensors, strict=True)
        return model.forward_features
    if style == "meta":
        model = architecture.transformers_model(tensors)
    else:
        model = architecture.transformers_model(architecture.weights(0))
        load_published(model, tensors)
    return lambda pixels: model(pixels).last_hidden_state


class Program:
    """The program under test."""

    def __init__(self, path, folder):
        self.path, self.folder, self.runs = path, folder, 0

    def run(self, *arguments):
        command = [self.path, *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            lines = result.stderr.strip().splitlines() or [f"exit status {result.returncode}"]
            raise ValueError(f"{' '.join(map(str, arguments[:2]))}: {lines[-1]}")

    def convert(self, source, target, style):
        self.run("models", "convert", source, target, "--to", style)

    def embed(self, images, model, *options):
        """Class tokens of the images of a folder, computed by the program."""
        self.runs += 1
        output = self.folder / f"embeddings{self.runs}.npy"
        self.run("embed", images, "--model", model, "-o", output, *options)
        return torch.from_numpy(np.load(output))


# --- Comparison -----------------------------------------------------------------------------------


class Table:
    """The cases and their differences."""

    def __init__(self):
        self.failures = 0
        self.count = 0

    @contextlib.contextmanager
    def case(self, name):
        """Runs one case, which returns pairs to compare through the list that it is given."""
        pairs = []
        self.count += 1
        try:
            with torch.no_grad():
                yield pairs
            worst = max(difference(got, expected) for got, expected in pairs)
            agrees = worst <= TOLERANCE
            text = f"{worst:.1e}"
        except (ValueError, RuntimeError, OSError, KeyError) as error:
            agrees, text = False, str(error).replace("\n", " ")[:200]
        self.failures += not agrees
        print(f"{'ok  ' if agrees else 'FAIL'}  {name:<58} {text}", flush=True)


def difference(got, expected):
    """The largest difference relative to the largest value; a wrong shape or NaN is infinitely far."""
    if got.shape != expected.shape or not torch.isfinite(got).all():
        return float("inf")
    return ((got - expected).abs().max() / expected.abs().max()).item()


def make_images(folder, size, count=3):
    """Writes random smooth pictures and returns them as arrays."""
    folder.mkdir()
    random = np.random.default_rng(1)
    images = []
    for index in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (9, 7, 3), dtype=np.uint8))
        image = coarse.resize(size, Image.Resampling.BICUBIC)
        image.save(folder / f"{index}.png")
        images.append(image)
    return images


def normalise(images):
    """Pixels as the models take them, [B, 3, H, W]."""
    pixels = np.stack([np.asarray(image) for image in images]) / 255
    return torch.from_numpy((pixels - MEAN) / STD).permute(0, 3, 1, 2).float()


def compare_architecture(program, table, architecture, folder, images):
    """Every source and every target of one architecture."""
    folder.mkdir()
    pixels = normalise(images[1])
    weights = architecture.weights(seed=len(architecture.name))
    with torch.no_grad():
        tokens = architecture.transformers_model(weights)(pixels).last_hidden_state
    plain = ("--resize", "none", "--crop", "none")
    for source in make_sources(architecture, weights, folder):
        with table.case(f"{architecture.name}: embed {source.name}") as pairs:
            pairs.append((program.embed(images[0], source, *plain), tokens[:, 0]))
        written = folder / f"from_{source.stem}"
        written.mkdir()
        is_chosen = source.name == "meta.pth"
        for style, name in TARGETS + MORE_TARGETS * is_chosen:
            target = written / name
            with table.case(f"{architecture.name}: {source.name} -> {style} {name}") as pairs:
                program.convert(source, target, style)
                pairs.append((load_written(architecture, style, target)(pixels), tokens))
                if is_chosen:
                    pairs.append((program.embed(images[0], target, *plain), tokens[:, 0]))


def compare_other_sizes(program, table, folder, images):
    """Positions on another grid than the stored one, and the preprocessing that a folder states."""
    for registers in (0, 4):
        architecture = Architecture(False, registers, size=112)
        model = architecture.transformers_model(architecture.weights(seed=5))
        source, target = folder / f"grid{registers}", folder / f"grid{registers}_written"
        model.save_pretrained(source)
        with table.case(f"{architecture.name}: default preprocessing, resized positions") as pairs:
            program.convert(source, target, "hf")
            processor = transformers.BitImageProcessorPil.from_pretrained(target)
            pixels = processor(images[1], return_tensors="pt")["pixel_values"]
            expected = model(pixels).last_hidden_state[:, 0]
            pairs.append((program.embed(images[0], source), expected))
            pairs.append((program.embed(images[0], target), expected))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dinov2", default=".build/release/dinov2", help="the built program")
    program_path = pathlib.Path(parser.parse_args().dinov2).resolve()
    if not program_path.is_file():
        parser.error(f"{program_path} is not there: run `make build` first")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()

    table = Table()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        program = Program(program_path, folder)
        small = folder / "small", make_images(folder / "small", (SIZE, SIZE))
        large = folder / "large", make_images(folder / "large", (400, 300))
        for gated in (False, True):
            for registers in (0, 4):
                architecture = Architecture(gated, registers)
                compare_architecture(
                    program, table, architecture, folder / architecture.name, small)
        compare_other_sizes(program, table, folder, large)
    print(f"{table.count - table.failures} of {table.count} cases agree to {TOLERANCE:.0e}")
    return 1 if table.failures else 0


if __name__ == "__main__":
    sys.exit(main())
