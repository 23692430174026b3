"""Augmentation of images, after they were prepared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgebuild.core.array import Array, Integers, np
from edgebuild.core.errors import ConfigError
from edgebuild.core.signature import Signature, TensorSpec

Augmentation = Literal["none", "crop", "flip-crop"]
_SHARE = 8


def image_axes(spec: TensorSpec) -> tuple[int, int] | None:
    """The axes of height and width of an input that is an image, or None.

    Its layout says so; without one, four dimensions of which the second is 1 or 3 are taken for NCHW.
    """
    if "H" in spec.layout and "W" in spec.layout:
        return spec.layout.index("H"), spec.layout.index("W")
    plain = not spec.layout and len(spec.shape) == 4 and spec.shape[1] in (1, 3)
    return (2, 3) if plain else None


def check_augmentation(signature: Signature, how: Augmentation) -> None:
    """Refuse an augmentation where no input is an image.

    Raises:
        ConfigError: saying how an image is declared.
    """
    if how != "none" and not any(image_axes(spec) for spec in signature.inputs):
        raise ConfigError(
            "augmentation",
            f'"{how}" is for images; no input is declared as one',
            expected='layout = "NCHW" or "NHWC" under [model.inputs.NAME]',
            fix='declare the layout, or augmentation = "none"',
        )


@dataclass(frozen=True)
class Moves:
    """How each of N images is moved.

    Attributes:
        down, right: (N,) shares of the way that there is, 0 to 1.
        flip: (N,) whether it is mirrored, where that is wanted.
    """

    down: Array
    right: Array
    flip: Array

    @classmethod
    def of(cls, count: int, *seed: int) -> Moves:
        """By chance; the same for the same seed."""
        random = np.random.default_rng(seed)
        return cls(random.random(count), random.random(count), random.random(count) < 0.5)

    def take(self, indices: Integers) -> Moves:
        """Of some images."""
        return Moves(self.down[indices], self.right[indices], self.flip[indices])


def augment(inputs: dict[str, Array], signature: Signature, how: Augmentation, moves: Moves) -> dict[str, Array]:
    """Shift each image by up to an eighth of its size, edges mirrored; "flip-crop" also mirrors some of them.

    Images of one sample that have the same size are moved alike.
    """
    if how == "none":
        return inputs
    axes = {spec.name: image_axes(spec) for spec in signature.inputs}
    return {
        name: array if (where := axes[name]) is None else _moved(array, where, how, moves)
        for name, array in inputs.items()
    }


def _moved(array: Array, axes: tuple[int, int], how: Augmentation, moves: Moves) -> Array:
    images = np.moveaxis(array, axes, (-2, -1))
    height, width = images.shape[-2:]
    pads = (min(height // _SHARE, height - 1), min(width // _SHARE, width - 1))
    padded = np.pad(images, [(0, 0)] * (images.ndim - 2) + [(pad, pad) for pad in pads], mode="reflect")
    tops, lefts = (
        np.minimum((share * (2 * pad + 1)).astype(np.int64), 2 * pad)
        for share, pad in zip((moves.down, moves.right), pads, strict=True)
    )
    moved = np.empty_like(images)
    for number, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        cut = padded[number, ..., top : top + height, left : left + width]
        moved[number] = cut[..., ::-1] if moves.flip[number] and how == "flip-crop" else cut
    return np.ascontiguousarray(np.moveaxis(moved, (-2, -1), axes))
