"""Steps that read: what turns a file, a text or a row of a table into one sample of an input.

They come first among an input's ``pre`` steps and apply where data is read from files; the steps after them apply to
arrays. Each names the column of a CSV or JSONL file that it reads, where the data comes as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgebuild.core.base import Frozen

Count = Annotated[int, Field(gt=0)]
Column = Annotated[str, Field(min_length=1)]


class ReadImage(Frozen):
    """An image file, turned upright by its EXIF orientation, as (height, width, channels) of uint8, 0 to 255.

    ``gray`` has one channel, the luma ``0.299 R + 0.587 G + 0.114 B`` (ITU-R BT.601). Transparency is dropped.
    """

    op: Literal["image"] = "image"
    column: Column = "image"
    color: Literal["rgb", "bgr", "gray"] = "rgb"


class Resize(Frozen):
    """Resize decoded images: the shorter side to ``shorter`` pixels, or to ``size``; then crop the centre to ``crop``.

    Applies to image files only, before they become an array of shape (height, width, channels), uint8. ``size`` and
    ``crop`` are [height, width]. The filters are Pillow's, which widen with the reduction (antialias), as torchvision's
    do on images. ``size`` does not keep the proportions.
    """

    op: Literal["resize"] = "resize"
    shorter: Count | None = None
    size: tuple[Count, Count] | None = None
    crop: tuple[Count, Count] | None = None
    resampling: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"

    @model_validator(mode="after")
    def _one_rule(self) -> Resize:
        if (self.shorter is None) == (self.size is None):
            raise ValueError("resize needs shorter or size, and not both")
        return self


class ReadAudio(Frozen):
    """A WAV file as float32 samples in -1 to 1: of shape (length,), or (channels, length) where there are several.

    Integers of b bits are divided by 2^(b-1), so that full scale is 1, as libsndfile and torchaudio do.

    Attributes:
        sample_rate: in Hz, that the model expects.
        channels: how many the model expects.
        length: samples at ``sample_rate``; a longer file is cut and a shorter one filled with zeros. Without it, all
            files must have the same length.
        place: where a shorter file stands, and which part of a longer one is kept.
        mix: of a file with more channels than one, where ``channels`` is 1: refuse it, take the mean or the first one.
        resample: a file of another rate: refuse it, or filter and resample it (``scipy.signal.resample_poly``: a
            zero-phase FIR low-pass with a Kaiser window of beta 5).
    """

    op: Literal["audio"] = "audio"
    column: Column = "audio"
    sample_rate: Count
    channels: Annotated[int, Field(gt=0, le=64)] = 1
    length: Count | None = None
    place: Literal["start", "center", "end"] = "start"
    mix: Literal["refuse", "mean", "first"] = "refuse"
    resample: Literal["refuse", "polyphase"] = "refuse"


class Tokenize(Frozen):
    """A text as ``length`` whole numbers, int64, by a tokenizer file of Hugging Face's ``tokenizers``.

    A longer text is truncated, special tokens kept; a shorter one is padded. Of one text several inputs can be made:
    each declares this step with the output that it takes.

    Attributes:
        length: tokens, special ones included; of an input with buckets that of the largest one.
        longer: what becomes of a text of more tokens: it is truncated and counted, or refused.
        tokenizer: ``tokenizer.json``, relative to the project; in a bundle, the name of the bundle's own copy.
        sha256: of that file; filled in when the project is loaded. If the project states it, another file is refused.
        pair: a second column, for models that take two texts at once.
        output: the token numbers; 1 for tokens and 0 for padding; or 0 for the first text and 1 for the second.
        special_tokens: whether those that the tokenizer adds, such as ``[CLS]``, are.
        pad_token: default the file's own padding, else ``[PAD]`` or ``<pad>``.
    """

    op: Literal["tokenize"] = "tokenize"
    column: Column = "text"
    pair: str = ""
    tokenizer: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    length: Annotated[int, Field(gt=0, le=1 << 20)]
    longer: Literal["truncate", "refuse"] = "truncate"
    output: Literal["ids", "attention_mask", "token_type_ids"] = "ids"
    special_tokens: bool = True
    pad_token: str = ""
    padding: Literal["right", "left"] = "right"


class ReadColumns(Frozen):
    """Numbers of named columns, in that order, of shape (columns,)."""

    op: Literal["columns"] = "columns"
    names: Annotated[tuple[Column, ...], Field(min_length=1)]
    dtype: Literal["float32", "float64", "int32", "int64"] = "float32"


ReadingStep = ReadImage | Resize | ReadAudio | Tokenize | ReadColumns

_KINDS: tuple[tuple[type[Frozen], ...], ...] = ((ReadImage, Resize), (ReadAudio,), (Tokenize,), (ReadColumns,))


def check_reading(steps: Sequence[Frozen]) -> None:
    """Refuse steps of one input that read two kinds of data, or read again what is an array already.

    Raises:
        ValueError: naming the steps.
    """
    kinds = [next((kind for kind in _KINDS if isinstance(step, kind)), None) for step in steps]
    reading = [kind for kind in kinds if kind is not None]
    names = [str(getattr(step, "op", "")) for step in steps]
    if len(set(reading)) > 1:
        raise ValueError(f"an input is read in one way; these are two: {', '.join(names)}")
    single = [name for name in dict.fromkeys(names) if names.count(name) > 1 and kinds[names.index(name)] is not None]
    if single:
        raise ValueError(f"{single[0]} is there twice")
    late = [name for name, kind in zip(names, kinds, strict=True) if kind and kind != kinds[0] and name != "resize"]
    if late:
        raise ValueError(f"{late[0]} reads files, so it comes before the steps on arrays")
