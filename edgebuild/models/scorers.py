"""Scorers: from a model's inputs and outputs to one number a sample, for metrics that rank."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edgebuild.core.array import Array, Floats, np
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.models.entry import call_entry
from edgebuild.store.cache import Cache

Scorer = Callable[[Mapping[str, Array], Sequence[Array]], Floats]
"""From the model's inputs by name and its outputs in order, each (N, …), to one score a sample, (N,)."""
RECONSTRUCTION = "reconstruction_mse"


def load_scorer(spec: str, root: Path, cache: Cache) -> Scorer | None:
    """The scorer that ``[data] score`` names: empty, "reconstruction_mse", or ``file.py:callable``."""
    if not spec:
        return None
    if spec == RECONSTRUCTION:
        return reconstruction_mse

    def scorer(inputs: Mapping[str, Array], outputs: Sequence[Array]) -> Floats:
        given = tuple(outputs)
        result = call_entry(spec, root, pure=True, input_files=(), cache=cache, arguments=(dict(inputs), given))
        return _checked(np.asarray(result), len(given[0]), spec)

    return scorer


def reconstruction_mse(inputs: Mapping[str, Array], outputs: Sequence[Array]) -> Floats:
    """The mean squared difference of the first output from the first input: high where a sample is unusual."""
    source = next(iter(inputs.values())).astype(np.float64)
    if outputs[0].size != source.size:
        shapes = [str(["N", *array.shape[1:]]).replace("'", "") for array in (outputs[0], source)]
        raise ConfigError(
            "[data] score",
            f"{RECONSTRUCTION} needs an output like the input; the first output is {shapes[0]}, the input {shapes[1]}",
            fix="choose a score of your own, file.py:callable, or another metric",
        )
    error = np.square(source - outputs[0].astype(np.float64).reshape(source.shape))
    means: Floats = error.reshape(len(source), -1).mean(axis=1)
    return means


def _checked(values: Array, count: int, spec: str) -> Floats:
    if values.shape != (count,) or values.dtype.kind not in "fiub":
        found = f"returned {values.dtype} of shape {list(values.shape)}"
    elif not np.isfinite(values.astype(np.float64)).all():
        found = "returned NaN or infinity"
    else:
        return values.astype(np.float64)
    raise BuildError("score", f"{spec} {found}", expected=f"one finite number a sample, shape [{count}]")


def own_score(_inputs: Mapping[str, Array], outputs: Sequence[Array]) -> Floats:
    """The first output itself where it is one value a sample; of two values, the second minus the first."""
    rows = outputs[0].reshape(len(outputs[0]), -1).astype(np.float64)
    if rows.shape[1] > 2:
        raise ConfigError(
            "[data] score",
            f"auc needs one score a sample; the first output has {rows.shape[1]} values",
            fix='score = "reconstruction_mse", or file.py:callable',
        )
    return rows[:, -1] - rows[:, 0] if rows.shape[1] == 2 else rows[:, 0]
