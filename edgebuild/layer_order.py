"""Aligning what a delegate ran with the operators of the model it was given, where it tells kinds and order only.

A global alignment (Needleman & Wunsch, "A general method applicable to the search for similarities", 1970): XNNPACK
runs the operators in the order of the model, leaves some out and adds some of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

_UNARY = frozenset(
    ["ABS", "COS", "ELU", "EXP", "GELU", "HARD_SWISH", "LEAKY_RELU", "LOG", "LOGISTIC", "NEG", "RSQRT", "SIN", "SQRT"]
)
"""What XNNPACK computes by a table where the integers have 8 bits, and calls an invalid operator in its profile."""

_ALIKE: dict[str, frozenset[str]] = {
    "add": frozenset(["ADD"]),
    "averagepooling": frozenset(["AVERAGE_POOL_2D", "MEAN"]),
    "batchmatrixmultiply": frozenset(["BATCH_MATMUL"]),
    "clamp": frozenset(["RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "MINIMUM", "MAXIMUM"]),
    "constantpad": frozenset(["PAD", "PADV2"]),
    "convert": frozenset(["QUANTIZE", "DEQUANTIZE", "CAST"]),
    "convolution": frozenset(["CONV_2D", "DEPTHWISE_CONV_2D"]),
    "copy": frozenset(["RESHAPE", "CONCATENATION", "SQUEEZE", "EXPAND_DIMS", "SPLIT", "SLICE", "STRIDED_SLICE"]),
    "deconvolution": frozenset(["TRANSPOSE_CONV"]),
    "divide": frozenset(["DIV"]),
    "fullyconnected": frozenset(["FULLY_CONNECTED", "CONV_2D", "BATCH_MATMUL"]),
    "globalaveragepooling": frozenset(["AVERAGE_POOL_2D", "MEAN"]),
    "invalidunaryop": _UNARY,
    "maxpooling": frozenset(["MAX_POOL_2D"]),
    "mean": frozenset(["MEAN", "SUM"]),
    "multiply": frozenset(["MUL"]),
    "negate": frozenset(["NEG"]),
    "reciprocalsquareroot": frozenset(["RSQRT"]),
    "reduce": frozenset(["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"]),
    "sigmoid": frozenset(["LOGISTIC"]),
    "sine": frozenset(["SIN"]),
    "cosine": frozenset(["COS"]),
    "slice": frozenset(["SLICE", "STRIDED_SLICE", "SPLIT"]),
    "square": frozenset(["MUL", "SQUARE"]),
    "squareroot": frozenset(["SQRT"]),
    "subtract": frozenset(["SUB"]),
    "sum": frozenset(["SUM", "MEAN"]),
}
"""XNNPACK's words for operators, without spaces, and TFLite's for what they compute; others are told by their name."""

_MATCH, _LEFT_OUT, _ADDED = 4, -1, -1


def aligned(ran: Sequence[str], model: Sequence[str]) -> list[int | None]:
    """For each operator that ran, the place in the model of the one that it computes; None: it was added.

    Args:
        ran: kinds in a delegate's words.
        model: kinds in TFLite's words; both in order.
    """
    best = _scores(ran, model)
    places: list[int | None] = [None] * len(ran)
    i, j = len(ran), len(model)
    while i and j:
        if best[i][j] == best[i][j - 1] + _LEFT_OUT:  # of two that are alike, the earlier one
            j -= 1
        elif alike(ran[i - 1], model[j - 1]) and best[i][j] == best[i - 1][j - 1] + _MATCH:
            i, j = i - 1, j - 1
            places[i] = j
        else:
            i -= 1
    return places


def alike(ran: str, kind: str) -> bool:
    """Whether a delegate's operator may compute one of the model."""
    word = _word(ran)
    return kind in _ALIKE.get(word, ()) or word == _word(kind)


def _scores(ran: Sequence[str], model: Sequence[str]) -> list[list[int]]:
    """The best score of aligning the first so many of each."""
    best = [[_LEFT_OUT * j for j in range(len(model) + 1)]]
    for i, one in enumerate(ran):
        above, row = best[-1], [_ADDED * (i + 1)]
        for j, kind in enumerate(model):
            matched = above[j] + _MATCH if alike(one, kind) else above[j] - 10 * _MATCH
            row.append(max(matched, row[j] + _LEFT_OUT, above[j + 1] + _ADDED))
        best.append(row)
    return best


def _word(kind: str) -> str:
    return "".join(letter for letter in kind.lower() if letter.isalnum())
