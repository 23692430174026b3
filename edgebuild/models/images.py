"""Folders of images: read in the order of their names, upright, RGB, resized as declared."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.core.array import Integers, Pixels, np
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Resize

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff")


def image_files(folder: Path) -> list[Path]:
    """The images of a folder, sorted by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())


def read_images(files: list[Path], spec: InputSpec) -> Pixels:
    """Decoded images, (N, height, width, 3).

    Raises:
        ConfigError: a file is no readable image, or the images differ in size and no resize step is declared.
    """
    resize = next((step for step in spec.pre if isinstance(step, Resize)), None)
    images = [read_image(file, resize) for file in files]
    for file, image in zip(files, images, strict=True):
        if image.shape != images[0].shape:
            raise ConfigError(
                file.name,
                f"{_size(image)} pixels; {files[0].name} has {_size(images[0])}",
                expected="images of one size",
                fix='add the pre step { op = "resize", shorter = …, crop = […, …] }',
            )
    return np.stack(images)


def read_image(file: Path, resize: Resize | None) -> Pixels:
    """One image as RGB, turned upright by its EXIF orientation, of shape (height, width, 3).

    Raises:
        ConfigError: naming the file, if it cannot be read or is smaller than the crop.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = f"{type(error).__name__}: {error}".replace(str(file), file.name)
        raise ConfigError(
            file.name, f"not a readable image ({reason})", fix="repair the file or take it out of the folder"
        ) from error
    return np.asarray(_resized(upright, resize, file) if resize else upright, np.uint8)


def read_labels(path: Path, files: list[Path]) -> Integers:
    """The labels of image files from a CSV of (file, label); a heading and further columns are allowed.

    Raises:
        ConfigError: a row is no (file, number), a file has no label, or a label no file.
    """
    try:
        rows = [row for row in csv.reader(path.read_text(encoding="utf-8").splitlines()) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(path.name, f"not a readable CSV file ({error})", expected="file,label") from error
    labels = _labels_by_file(rows, path.name)
    names = [file.name for file in files]
    for what, missing in (
        ("no label for", [n for n in names if n not in labels]),
        ("labels for files that are not in the folder:", sorted(set(labels) - set(names))),
    ):
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            raise ConfigError(
                path.name,
                f"{what} {', '.join(missing[:3])}{more}",
                expected="a row for each image of the folder, and no other",
                fix="make the CSV and the folder match",
            )
    return np.asarray([labels[name] for name in names], np.int64)


def _labels_by_file(rows: list[list[str]], subject: str) -> Mapping[str, int]:
    heading = rows[0] if rows and len(rows[0]) > 1 and not _is_number(rows[0][1]) else []
    file_column = heading.index("file") if "file" in heading else 0
    label_column = heading.index("label") if "label" in heading else 1
    labels: dict[str, int] = {}
    for number, row in enumerate(rows[1:] if heading else rows, start=2 if heading else 1):
        if len(row) <= max(file_column, label_column) or not _is_number(row[label_column]):
            raise ConfigError(f"{subject}:{number}", f"{','.join(row)!r}", expected="file,label with a whole number")
        if row[file_column] in labels:
            raise ConfigError(f"{subject}:{number}", f"{row[file_column]} has two labels", expected="one")
        labels[row[file_column]] = int(row[label_column])
    return labels


def _resized(image: Image.Image, step: Resize, file: Path) -> Image.Image:
    from PIL import Image

    height, width = step.crop
    scale = step.shorter / min(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if size[0] < width or size[1] < height:
        raise ConfigError(
            file.name,
            f"{size[1]} x {size[0]} pixels after resizing its shorter side to {step.shorter}",
            expected=f"at least the crop, {height} x {width}",
            fix="choose a larger `shorter` or a smaller `crop`",
        )
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    scaled = image.resize(size, Image.Resampling.BILINEAR)
    return scaled.crop((left, top, left + width, top + height))


def _size(image: Pixels) -> str:
    return f"{image.shape[0]} x {image.shape[1]}"


def _is_number(text: str) -> bool:
    return text.strip().lstrip("-").isdigit()
