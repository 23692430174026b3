"""Why a device's int8 answers are more than a step from the golden ones: rounding that grew, or a layer that is wrong.

Two right implementations of an int8 layer may differ by one step: one rounds a sum once, another twice, and where the
sum lies halfway between two steps they part. The layers after it can make more of that. So the model is taken apart at
its integer tensors. The device tells all of them, and each is computed again on this machine from what the device
itself computed just before it. If none comes out more than one step otherwise, no layer on the device is wrong, and the
whole difference is what single roundings became.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edgebuild.backends import find_backend
from edgebuild.backends.base import Cut, quiet
from edgebuild.bench.bench import Bench
from edgebuild.core.array import Array, np
from edgebuild.core.errors import BuildError, EdgebuildError, ModelRejected, NotMeasured
from edgebuild.core.target import RuntimeOptions
from edgebuild.devices.transports.local import open_local

SAME = 1e-3
"""A float tensor may come out otherwise by this share of its range; an integer one by one step."""

Rows = Sequence[Array]
"""Tensors, each (N, …): a row a golden vector."""


@dataclass(frozen=True)
class Asked:
    """A variant's model as it was run: runtime, files, inputs, and the names of its outputs."""

    runtime: str
    files: Mapping[str, bytes]
    inputs: Mapping[str, Array]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Cause:
    """Whether a difference is nothing but rounding, and the reason: of each vector, or why it can't be told."""

    rounding: bool
    why: str


@dataclass(frozen=True)
class Layers:
    """Every integer tensor in the order of computing, and then the outputs.

    Attributes:
        there, here: as the device and as this machine computed them from the model's inputs.
        again: as this machine computed them from the device's own tensors before them.
    """

    names: tuple[str, ...]
    there: Rows
    here: Rows
    again: Rows


def find_cause(
    asked: Asked, answered: Rows, wrong: Sequence[int], bench: Bench, options: RuntimeOptions,
    is_right: Callable[[Rows], bool], name_of: Callable[[str], str] = str,
) -> Cause:  # fmt: skip
    """Take the model apart, on the device and on this machine.

    Args:
        answered: the device's outputs of the whole model.
        wrong: the vectors for which they are too far from the golden ones.
        is_right: whether outputs are near enough to the golden ones.
        name_of: what a tensor is called in messages.

    Returns:
        With no reason at all for a model without integer tensors.

    Raises:
        DeviceError: the device or the link failed.
    """
    try:
        with quiet("taking the model apart"):
            cut = find_backend(asked.runtime).cut(asked.files)
        if cut is None or not cut.names:
            return Cause(False, "")
        names = (*asked.outputs, *(Cut.shown(number) for number in range(len(cut.names))))
        there = bench.infer(asked.runtime, cut.whole, asked.inputs, options, names)
    except (BuildError, ModelRejected, NotMeasured) as error:
        return _unknown(error.found)
    count = len(asked.outputs)
    if len(there) != len(names) or not all(map(np.array_equal, answered, there)):
        return _unknown("the device answers otherwise when it shows its layers")
    given = {Cut.given(number): value for number, value in enumerate(there[count:])}
    try:
        with Bench(open_local()) as local:
            here = local.infer(asked.runtime, cut.whole, asked.inputs, options.at_home, names)
            again = local.infer(asked.runtime, cut.apart, {**asked.inputs, **given}, options.at_home, names)
    except EdgebuildError as error:
        return _unknown(f"on this machine, {error.found}")
    if not is_right(here[:count]):
        return _unknown("this machine does not give the golden answers either")
    called = (*(name_of(name) for name in cut.names), *asked.outputs)
    turned = ([*values[count:], *values[:count]] for values in (there, here, again))
    return judge_layers(Layers(called, *turned), wrong)


def _unknown(why: str) -> Cause:
    return Cause(False, f"the cause can't be told: {why}")


def judge_layers(layers: Layers, wrong: Sequence[int]) -> Cause:
    """Rounding, if every tensor of these vectors comes out the same again, to one step."""
    broken: list[str] = []
    reasons: list[str] = []
    for vector in wrong:
        again = _apart(layers, layers.again, vector)
        broken += [f"{one} in vector {vector}" for one in again if one.allowances > 1]
        reasons += [f"vector {vector} first at {one}" for one in _apart(layers, layers.here, vector)[:1]]
    if broken:
        return Cause(False, f"a layer is wrong, from the device's own inputs it gives otherwise here: {broken[0]}")
    count = len(layers.names)
    return Cause(
        True,
        f"rounding that grew, as each of {count} tensors is the same here from the device's own inputs, "
        f"to one step; it differs in {', '.join(reasons)}",
    )


@dataclass(frozen=True)
class _Apart:
    """How a tensor of one vector differs: in how many values, by how much, and by how many times what is allowed."""

    name: str
    values: int
    of: int
    most: float
    allowances: float
    integer: bool

    def __str__(self) -> str:
        by = f"{self.most:.0f} step{'s' if self.most > 1 else ''}" if self.integer else f"{self.most:.2g} of its range"
        return f"{self.name}, {self.values} of {self.of} values by {by}"


def _apart(layers: Layers, others: Rows, vector: int) -> list[_Apart]:
    """The tensors of a vector that differ from the device's, in the order of computing."""
    pairs = zip(layers.names, layers.there, others, strict=True)
    found = [_difference(name, there, other, vector) for name, there, other in pairs]
    return [one for one in found if one.values]


def _difference(name: str, there: Array, other: Array, vector: int) -> _Apart:
    integer = there.dtype.kind in "iu"
    if there.shape != other.shape:
        return _Apart(name, other[vector].size, other[vector].size, float("inf"), float("inf"), integer)
    a, b = there[vector].astype(np.float64), other[vector].astype(np.float64)
    far = np.nan_to_num(np.abs(np.subtract(a, b, out=np.zeros_like(a), where=a != b)), nan=np.inf, posinf=np.inf)
    width = 1.0 if integer else float(np.ptp(other.astype(np.float64))) or 1.0
    most = float(far.max(initial=0.0)) / width
    return _Apart(name, int((far > 0).sum()), far.size, most, most if integer else most / SAME, integer)
