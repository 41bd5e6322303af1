"""Makes a folder of photographs of one to four megapixels, the same ones on every machine."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
MEGAPIXELS = (1.0, 4.0)
QUALITY = 90
# Enlarged pictures lack fine grain, which makes their JPEG files small and quick to decode.
# A little noise brings them to about what a camera writes, some 0.3 MB a megapixel.
GRAIN = 6.0


def make_photos(
    folder: Path,
    source: Path | None,
    count: int,
    megapixels: tuple[float, float] = MEGAPIXELS,
) -> Path:
    """Returns a folder with `count` JPEG files, made now unless an earlier run made them.

    They are crops of the pictures below `source`, enlarged to between the two numbers of
    megapixels; without any, textures.
    """
    sources = _pictures(source) if source else []
    if source and not sources:
        raise SystemExit(f"error: no pictures below {source}; name another folder by --photos")
    names = "\n".join(path.name for path in sources)
    key = hashlib.sha256(f"{names}|{count}|{megapixels}|{QUALITY}|{GRAIN}".encode()).hexdigest()
    target = folder / f"photos-{count}-{key[:12]}"
    if target.exists():
        return target
    unfinished = folder / f"{target.name}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for index in range(count):
        generator = np.random.default_rng(index)
        image = _crop(sources[index % len(sources)], generator) if sources else _texture(generator)
        _grained(_enlarged(image, megapixels, generator), generator).save(
            unfinished / f"photo-{index:04d}.jpg", quality=QUALITY
        )
    unfinished.rename(target)
    return target


def _pictures(source: Path) -> list[Path]:
    """Returns the pictures below a folder that Pillow opens, icons left out, in byte order."""
    found = []
    for path in sorted(source.rglob("*"), key=lambda p: bytes(p)):
        if path.suffix.lower() not in SUFFIXES:
            continue
        try:
            with Image.open(path) as image:
                if min(image.size) >= 200 and max(image.size) <= 6000:
                    found.append(path)
        except (OSError, ValueError, Image.DecompressionBombError):
            continue
    return found


def _crop(path: Path, generator: np.random.Generator) -> Image.Image:
    """Returns a random part of a picture, at least seven tenths of each side."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    width, height = (int(side * generator.uniform(0.7, 1.0)) for side in image.size)
    left = int(generator.integers(0, image.width - width + 1))
    top = int(generator.integers(0, image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


def _texture(generator: np.random.Generator) -> Image.Image:
    """Returns a picture with structure of all sizes: noise of five scales, summed."""
    width, height = 800, 600
    total = np.zeros((height, width, 3))
    for octave in range(5):
        shape = (3 * 2**octave, 4 * 2**octave, 3)
        noise = Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8))
        smooth = np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC), np.float64)
        total += (smooth - 127.5) / 1.6**octave
    return Image.fromarray(np.clip(total * 0.6 + 127.5, 0, 255).astype(np.uint8))


def _enlarged(
    image: Image.Image, megapixels: tuple[float, float], generator: np.random.Generator
) -> Image.Image:
    """Scales to a random number of megapixels and keeps the shape."""
    pixels = generator.uniform(*megapixels) * 1e6
    scale = (pixels / (image.width * image.height)) ** 0.5
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _grained(image: Image.Image, generator: np.random.Generator) -> Image.Image:
    """Adds grain, the same to all three channels, as film and sensors mostly do."""
    grain = generator.standard_normal((image.height, image.width, 1), dtype=np.float32) * GRAIN
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))
