"""Image files: upright, in the declared order of colours, resized as declared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.core.array import Pixels, np
from edgebuild.core.errors import ConfigError
from edgebuild.core.reading import ReadImage, Resize

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff")


def read_image(file: Path, where: str, step: ReadImage, resize: Resize | None) -> Pixels:
    """One image, turned upright by its EXIF orientation, of shape (height, width, channels).

    Args:
        where: how messages name the file.

    Raises:
        ConfigError: it cannot be read or is smaller than the crop.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            upright = ImageOps.exif_transpose(image).convert("L" if step.color == "gray" else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = f"{type(error).__name__}: {error}".replace(str(file), file.name)
        raise ConfigError(
            where, f"not a readable image ({reason})", fix="repair the file or take it out of the folder"
        ) from error
    pixels = np.asarray(_resized(upright, resize, where) if resize else upright, np.uint8)
    if step.color == "gray":
        return pixels[..., None]
    return pixels[..., ::-1] if step.color == "bgr" else pixels


def _resized(image: Image.Image, step: Resize, where: str) -> Image.Image:
    from PIL import Image

    scaled = image.resize(_new_size(image, step), Image.Resampling[step.resampling.upper()])
    if step.crop is None:
        return scaled
    height, width = step.crop
    if scaled.width < width or scaled.height < height:
        raise ConfigError(
            where,
            f"{scaled.height} x {scaled.width} pixels after resizing its shorter side to {step.shorter}"
            if step.shorter
            else f"{scaled.height} x {scaled.width} pixels after resizing",
            expected=f"at least the crop, {height} x {width}",
            fix="choose a larger `shorter` or a smaller `crop`",
        )
    left, top = (scaled.width - width) // 2, (scaled.height - height) // 2
    return scaled.crop((left, top, left + width, top + height))


def _new_size(image: Image.Image, step: Resize) -> tuple[int, int]:
    """(width, height)."""
    if step.size is not None:
        return step.size[1], step.size[0]
    assert step.shorter is not None
    scale = step.shorter / min(image.size)
    return max(1, round(image.width * scale)), max(1, round(image.height * scale))
