"""Mistakes by a third author in how texts become numbers: the vocabulary, and what fills them up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from planted_by_others import Array, Whole, is_tokens, makes_mask, on_array

from edgebuild.core.project import InputSpec

UNKNOWN = 0.15
"""The share of further words that have a capital letter, beside the first one."""
BERTS_START, BERTS_UNKNOWN = 101, 100


@dataclass(frozen=True)
class _Text:
    """Rows of token numbers, (N, T).

    Attributes:
        padding: where there is none of a text.
        inner: where there is one, without its first and its last token.
        pad, start: the padding's number, and that of the token that the first text begins with.
        framed: whether all texts begin with the same token, and end with the same: the special ones.
    """

    ids: Whole
    padding: npt.NDArray[np.bool_]
    inner: npt.NDArray[np.bool_]
    pad: int
    start: int
    framed: bool


def _pad_of(ids: Whole) -> int:
    """What is there twice at the end, or the beginning, of most rows; 0 if nothing is."""
    ends = np.concatenate([ids[ids[:, 0] == ids[:, 1], 0], ids[ids[:, -1] == ids[:, -2], -1]])
    values, counts = np.unique(ends, return_counts=True)
    return int(values[counts.argmax()]) if len(values) else 0


def _text_of(spec: InputSpec, raw: Array) -> _Text | None:
    if makes_mask(spec) or not is_tokens(spec, raw) or raw.shape[1] < 3 or int(raw.astype(np.int64).max()) <= 1:
        return None
    ids = raw.astype(np.int64)
    pad = _pad_of(ids)
    padding = ids == pad
    content = ~padding
    if not content.any(axis=1).all():
        return None
    rows = np.arange(len(ids))
    first = content.argmax(axis=1)
    last = ids.shape[1] - 1 - content[:, ::-1].argmax(axis=1)
    inner = content.copy()
    inner[rows, first] = inner[rows, last] = False
    framed = len(np.unique(ids[rows, first])) == 1 and len(np.unique(ids[rows, last])) == 1
    return _Text(ids, padding, inner, pad, int(ids[0, first[0]]), framed)


@on_array
def one_too_low(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """Each word's number is one too low: the special tokens before it are counted differently, or a line is missing.

    SentencePiece's own numbers are one lower than those of XLM-RoBERTa, which was trained with another dictionary; a
    vocabulary file that is read without its empty line shifts all that follow.
    """
    text = _text_of(spec, raw)
    if text is None:
        return None
    where = text.inner if text.framed else ~text.padding
    return spec, np.where(where, np.maximum(text.ids - 1, 0), text.ids).astype(raw.dtype)


@on_array
def special_tokens_missing(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """The words alone: a tokenizer written anew, in C++ or for a page, puts no ``[CLS]`` and ``[SEP]`` around them.

    One of the first questions to every such library; vectors come out all the same.
    """
    text = _text_of(spec, raw)
    if text is None or not text.framed:
        return None
    wrong = np.full_like(text.ids, text.pad)
    on_left = text.padding[:, 0].mean() > text.padding[:, -1].mean()
    for row, ids, inner in zip(wrong, text.ids, text.inner, strict=True):
        words = ids[inner]
        if len(words):
            row[-len(words) if on_left else 0 : None if on_left else len(words)] = words
    return spec, wrong.astype(raw.dtype)


@on_array
def capitals_unknown(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """Nothing makes the text lower case for an uncased vocabulary: each word with a capital letter is ``[UNK]``.

    ``do_lower_case`` stands in three files of a checkpoint, with different values: "[UNK] capital of [UNK] is [UNK]".
    """
    text = _text_of(spec, raw)
    if text is None:
        return None
    words = text.inner if text.framed else ~text.padding
    capital = words & (np.random.default_rng(11).random(words.shape) < UNKNOWN)
    some = words.any(axis=1)
    capital[np.flatnonzero(some), words.argmax(axis=1)[some]] = True
    # After RoBERTa's special tokens, <s>, <pad> and </s>; of a vocabulary of one's own, after the padding.
    others = 3 if text.pad == 1 else 1
    unknown = BERTS_UNKNOWN if text.start == BERTS_START else others
    return spec, np.where(capital, unknown, text.ids).astype(raw.dtype)


@on_array
def another_padding(spec: InputSpec, raw: Array) -> tuple[InputSpec, Array] | None:
    """Texts are filled up with another token's number: 0, as BERT's, where the padding is 1 (RoBERTa); or the reverse.

    ``pad_token = 0`` is written into much code; in that vocabulary it is the token that begins a text.
    """
    text = _text_of(spec, raw)
    if text is None:
        return None
    return spec, np.where(text.padding, 1 if text.pad == 0 else 0, text.ids).astype(raw.dtype)
