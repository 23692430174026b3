"""Sequences of tokens: the word error rate."""

from __future__ import annotations

from edgebuild.core.array import Array, Floats, Integers, np
from edgebuild.core.errors import ConfigError
from edgebuild.models.measures.base import Case, Pooled


def word_accuracy(case: Case) -> Pooled:
    """1 less the edits over the words of all samples; below 0 where there are more edits than words.

    Tokens may be words, characters or phonemes: then it is the error rate of those.
    """
    answers = _tokens(case)
    pairs = [(_kept(label), _kept(answer)) for label, answer in zip(case.known, answers, strict=True)]
    edits = np.array([edit_distance(label, answer) for label, answer in pairs], np.float64)
    words = np.array([len(label) for label, _ in pairs], np.float64)

    def score(weights: Floats) -> float:
        return 1 - float(weights @ edits / max(float(weights @ words), 1.0))

    return Pooled(score, case.units)


def edit_distance(first: Integers, second: Integers) -> int:
    """The fewest insertions, deletions and substitutions between two sequences (Levenshtein 1966).

    A row of the table at once: what an insertion makes of the row, d[j] = min over i <= j of (row[i] + j - i), is a
    running minimum of row[i] - i.
    """
    steps = np.arange(len(second) + 1)
    row = steps
    for number, token in enumerate(first, start=1):
        changed = np.minimum(row[1:] + 1, row[:-1] + (second != token))
        row = np.minimum.accumulate(np.concatenate([[number], changed]) - steps) + steps
    return int(row[-1])


def _tokens(case: Case) -> Array:
    output = case.outputs[0]
    if output.ndim == 3 and output.dtype.kind == "f":
        output = output.argmax(axis=2)
    if output.ndim != 2 or output.dtype.kind not in "iu":
        raise ConfigError(
            "[data] metric",
            f"word_accuracy needs tokens; the first output is {output.dtype} {list(output.shape[1:])} a sample",
            expected="integers [T], or scores [T, tokens]",
            fix='decode them: post = [{ op = "ctc" }] or [{ op = "argmax", axis = 2 }]',
        )
    return output


def _kept(tokens: Array) -> Integers:
    numbers = tokens.astype(np.int64)
    return numbers[numbers >= 0]
