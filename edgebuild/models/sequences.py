"""Sequences: the samples of a model with state, which is called once a step.

A sample of such a model has a time axis, (N, T, …), and no states. Its steps are run one after the other, each as a row
of its own: N·T rows, sample after sample. A state is zero in a sample's first row.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.core.array import Array, np
from edgebuild.core.quality_metric import MetricName
from edgebuild.core.signature import Signature
from edgebuild.models.samples import Samples, input_specs, prepare_inputs, steps_of
from edgebuild.steps.preprocess import apply_steps


def states_in(outputs: Sequence[Array], signature: Signature, steps: int) -> dict[str, Array]:
    """What each state was in every row, read off the outputs of all rows: zero in a sequence's first.

    Args:
        outputs: in the signature's order, each of N·T rows.

    Returns:
        By state, (N·T, …).
    """
    found = {}
    for fed in signature.fed:
        after = outputs[fed.place]
        before = np.roll(after, 1, axis=0)
        before[::steps] = 0
        found[fed.state.name] = before
    return found


def judged(
    outputs: Sequence[Array], signature: Signature, samples: Samples, metric: MetricName, *, whole: bool
) -> list[Array]:
    """What of the outputs is scored: of sequences the last step's, for labels belong to whole sequences.

    Args:
        whole: a scorer is given every step: (N, T, …).
    """
    steps = steps_of(samples, input_specs(signature))
    own = list(outputs) if steps is None else [outputs[place] for place in signature.answers]
    if metric == "none":  # Only noise is told then, which numbers of boxes or classes have not.
        return [value for value in own if value.dtype.kind == "f"] or own
    if steps is None:
        return own
    return [in_time(value, steps) if whole else in_time(value, steps)[:, -1] for value in own]


def scored_inputs(samples: Samples, signature: Signature) -> dict[str, Array]:
    """What a model was given, as a scorer takes it, after all declared steps: of sequences every step, (N, T, …)."""
    given = prepare_inputs(samples, signature)
    given |= {name: apply_steps(given[name], steps) for name, steps in signature.folded.items() if name in given}
    steps = steps_of(samples, input_specs(signature))
    return given if steps is None else {name: in_time(rows, steps) for name, rows in given.items()}


def in_time(rows: Array, steps: int) -> Array:
    """Rows as sequences: (N, T, …)."""
    return rows.reshape(-1, steps, *rows.shape[1:])
