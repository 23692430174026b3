"""Mistakes by a third author in how a picture's buffer is read: the order of its channels, and its layout."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from planted_by_others import Array, channel_axis, full_scale_of, is_pixels, on_array, raw_axis, white_of

from edgebuild.core.project import InputSpec

LYING = 0.6
"""The share of a phone's photos whose sensor was not upright."""

# Channels.


def _colours(spec: InputSpec, raw: Array) -> tuple[int, npt.NDArray[np.int64]] | None:
    """The axis of red, green and blue, and these, (3, …); None of what is no picture in colours."""
    axis = channel_axis(spec, raw)
    if axis is None or not is_pixels(raw) or raw.shape[axis] != 3:
        return None
    return axis, np.moveaxis(raw.astype(np.int64), axis, 0)


@on_array
def bytes_of_565(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The two bytes of each RGB565 pixel are taken in the wrong order: colours are "swapped and shifted".

    A microcontroller's camera driver gives the high byte first, and its own converters disagree on it.
    """
    found = _colours(spec, raw)
    if found is None or raw.dtype != np.uint8:
        return None
    axis, (red, green, blue) = found
    words = (red >> 3 << 11) | (green >> 2 << 5) | blue >> 3
    words = (words & 255) << 8 | words >> 8
    five, six = 255 / 31, 255 / 63
    wrong = np.stack([(words >> 11) * five, (words >> 5 & 63) * six, (words & 31) * five], axis)
    return spec, np.round(wrong).astype(raw.dtype)


@on_array
def alpha_first(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The first three of a pixel's bytes are A, R and G: of ARGB memory, where RGBA was thought of.

    An Android bitmap's name, ARGB_8888, is that of the number; in memory it is R, G, B, A. Half of those who write
    either believe the other.
    """
    found = _colours(spec, raw)
    if found is None:
        return None
    axis, (red, green, _) = found
    opaque = np.full_like(red, full_scale_of(raw))
    return spec, np.stack([opaque, red, green], axis).astype(raw.dtype)


@on_array
def mosaic_shifted(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The sensor's mosaic is taken to begin one pixel later, as after a crop, or a flip, by an odd number.

    Of a row R G R G what is called red is green, and so is what is called blue; green is between red and blue.
    """
    found = _colours(spec, raw)
    if found is None:
        return None
    axis, (red, green, blue) = found
    return spec, np.stack([green, (red + blue) // 2, green], axis).astype(raw.dtype)


@on_array
def luma_first(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The camera's Y, Cb and Cr go on as red, green and blue: nobody converts them (JFIF's equations).

    A phone's preview is YUV; a demo of a camera that saved what its network saw showed it "all green, with little
    detail".
    """
    found = _colours(spec, raw)
    if found is None:
        return None
    axis, (red, green, blue) = found
    middle = (white_of(raw) + 1) / 2
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    wrong = np.stack([luma, (blue - luma) / 1.772 + middle, (red - luma) / 1.402 + middle], axis)
    return spec, np.clip(np.round(wrong), 0, white_of(raw)).astype(raw.dtype)


# Layout.


@on_array
def alpha_between(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """A buffer of RGBA is read as if each pixel had three bytes: colours go round, and the last quarter is missing.

    Bitmaps and image decoders give four channels unasked; a network for three finds enough bytes, and no error.
    """
    found = _colours(spec, raw)
    if found is None:
        return None
    axis = found[0]
    pixels = np.moveaxis(raw, axis, -1)
    opaque = np.full((*pixels.shape[:-1], 1), full_scale_of(raw), raw.dtype)
    stream = np.concatenate([pixels, opaque], -1).reshape(len(raw), -1)
    read = stream[:, : raw[0].size].reshape(pixels.shape)
    return spec, np.ascontiguousarray(np.moveaxis(read, -1, axis))


@on_array
def bottom_up(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The lowest line of the picture comes first: as in BMP files, in what OpenGL reads back, of a camera overhead."""
    height = raw_axis(spec, "H")
    return None if height is None or not is_pixels(raw) else (spec, np.ascontiguousarray(np.flip(raw, height)))


@on_array
def orientation_ignored(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """A phone's photos lie on their side, most of them: their EXIF orientation is not looked at.

    ``Image.open(path).convert("RGB")`` without ``exif_transpose`` is in a great many loaders; viewers show the same
    files upright.
    """
    height, width = raw_axis(spec, "H"), raw_axis(spec, "W")
    if not is_pixels(raw) or height is None or width is None or raw.shape[height] != raw.shape[width]:
        return None
    generator = np.random.default_rng(3)
    lying = generator.random(len(raw)) < LYING
    wrong = raw.copy()
    wrong[lying] = np.rot90(raw, 1, (height, width))[lying]
    return spec, wrong


# Padding.


@on_array
def into_the_corner(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The picture keeps its proportions in the upper left corner, and the rest is black, where training filled all.

    What an inference server does by default with ``maintain-aspect-ratio``: it pads right and below, with zeros.
    """
    height, width = raw_axis(spec, "H"), raw_axis(spec, "W")
    if not is_pixels(raw) or height is None or width is None or min(raw.shape[height], raw.shape[width]) < 8:
        return None
    wrong = raw
    for axis in (height, width):
        size = raw.shape[axis]
        kept = size * 3 // 4
        widths = [(0, 0)] * raw.ndim
        widths[axis] = (0, size - kept)
        wrong = np.pad(np.take(wrong, np.arange(kept) * size // kept, axis=axis), widths)
    return spec, wrong
