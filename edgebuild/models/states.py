"""States: whether what is declared of them fits the model, before anything is built on it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from edgebuild.core.errors import ConfigError
from edgebuild.core.signature import Role, TensorSpec


def check_states(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
    """Every state is fed by an output of its own shape and dtype, and there is something to be given beside states.

    Raises:
        ConfigError: naming the state, and what there is.
    """
    named = {spec.name: spec for spec in outputs}
    for spec in inputs:
        if spec.fed_by is None:
            continue
        by = named.get(spec.fed_by)
        if by is None:
            raise _unknown(spec, spec.fed_by, tuple(named))
        if (by.shape, by.dtype) != (spec.shape, spec.dtype):
            raise ConfigError(
                f"[model.inputs.{spec.name}] fed_by",
                f"the output {by.name!r} is {by.dtype} {list(by.shape)}",
                expected=f"what it feeds: {spec.dtype} {list(spec.shape)}",
                fix="name the output that holds the new state, or return it in the state's own shape and dtype",
            )
    if inputs and all(spec.role is Role.STATE for spec in inputs):
        raise ConfigError("[model.inputs]", "all inputs are states", expected="at least one that a sample gives")


def _unknown(spec: TensorSpec, fed_by: str, outputs: tuple[str, ...]) -> ConfigError:
    near = difflib.get_close_matches(fed_by, outputs, 1)
    return ConfigError(
        f"[model.inputs.{spec.name}] fed_by",
        f"the model has no output {fed_by!r}",
        expected=f"one of: {', '.join(outputs)}",
        fix=f"did you mean {near[0]}?" if near else "name the outputs in their order: outputs under [model]",
    )
