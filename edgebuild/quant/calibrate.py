"""Calibrate and correct in one walk: the float program and its int8 simulation side by side, node by node.

At each layer the mean error that weight and input rounding cause per channel is taken out of the bias (Nagel et al.,
ICCV 2019, section 4.2, with the expectation over the calibration set instead of batch-norm statistics). Ranges are
those of the simulated, corrected network, which is the one that runs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

from edgebuild.core.array import np
from edgebuild.core.errors import BuildError
from edgebuild.core.plan import QuantPlan, Range, WeightGrid
from edgebuild.core.profile import QuantSetting
from edgebuild.core.target import Int8Scheme
from edgebuild.quant.left_float import is_mask
from edgebuild.quant.numerics import pick_range, quantize_activation, quantize_weight, sqnr_db
from edgebuild.quant.program import (
    Layer,
    LookUp,
    Visit,
    absorbed,
    evaluate,
    layers,
    operator_name,
    user_inputs,
    walk,
    with_weights,
)

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram
    from torch.fx import Node

_DRAWN = 2048
"""Values a sample that a range is estimated from; the extremes are taken from all values."""

_WHOLE = WeightGrid()


@dataclass(frozen=True)
class Calibrated:
    """What calibration gives: the program with corrected biases, its plan, and SQNR by node in decibels.

    The last is there if the setting has the worst nodes kept float.
    """

    program: ExportedProgram
    plan: QuantPlan
    sqnr: dict[str, float]


@dataclass
class _State:
    """``simulated``: values as int8 reads them; ``plain``: those that float nodes read as float nodes made them."""

    program: ExportedProgram
    scheme: Int8Scheme
    setting: QuantSetting
    grid: WeightGrid
    exact: set[str]
    layers: dict[str, Layer]
    simulated: dict[str, list[Any]] = field(default_factory=dict)
    plain: dict[str, list[Any]] = field(default_factory=dict)
    masks: list[str] = field(default_factory=list)
    ranges: dict[str, Range] = field(default_factory=dict)
    biases: dict[str, torch.Tensor] = field(default_factory=dict)
    sqnr: dict[str, float] = field(default_factory=dict)


def calibrate(
    program: ExportedProgram,
    samples: Sequence[Sequence[torch.Tensor]],
    input_names: Sequence[str],
    scheme: Int8Scheme,
    setting: QuantSetting,
    grid: WeightGrid = _WHOLE,
    exact: Collection[str] = (),
) -> Calibrated:
    """Ranges, and corrected biases if the setting asks for them.

    Args:
        program: folded, so that every layer has a bias.
        samples: one sequence of input tensors (batch 1) a sample, in the order of the signature.
        input_names: names of the inputs in the signature; the plan keys their ranges by them.
        grid: that the weights will be rounded to.
        exact: nodes that stay in float: not rounded, and so not corrected for it.

    Raises:
        BuildError: for an empty calibration set, or a tensor that becomes NaN or infinite on it.
    """
    if not samples:
        raise BuildError("calibrate", "the calibration set is empty", fix="give [data.calibration] samples")
    known = {layer.node: layer for layer in layers(program)}
    state = _State(program, scheme, setting, grid, set(exact), known)
    walk(program, samples, _visitor(state))
    renamed = dict(zip(user_inputs(program), input_names, strict=True))
    ranges = {renamed.get(name, name): limits for name, limits in state.ranges.items()}
    plan = QuantPlan(activations=ranges, keep_float=tuple(state.masks), scheme=scheme, setting=setting)
    return Calibrated(with_weights(program, state.biases), plan, state.sqnr)


def _visitor(state: _State) -> Visit:
    import torch

    def visit(node: Node, exact: list[Any], look_up: LookUp) -> list[Any]:
        rounded = exact if node.op == "placeholder" else _simulate(state, node, look_up, len(exact))
        if isinstance(exact[0], torch.Tensor) and exact[0].is_floating_point():
            bounds = [_extremes(value) for value in exact]
            _refuse_non_finite(node, bounds)
            if is_mask(bounds):
                _leave_float(state, node)
            rounded = [_finite(value, wanted) for value, wanted in zip(rounded, exact, strict=True)]
            if node.name in state.layers and state.setting.correct_bias:
                rounded = _correct(state, state.layers[node.name], exact, rounded)
            state.ranges[node.name] = limits = _range(rounded, state)
            if not absorbed(node) and not _between_floats(node, state):
                if node.name in state.exact:
                    state.plain[node.name] = rounded
                rounded = [quantize_activation(value, limits, state.scheme) for value in rounded]
                if state.setting.keep_float:
                    state.sqnr[node.name] = sqnr_db(_stack(exact), _stack(rounded))
        state.simulated[node.name] = rounded
        _forget(state, node)
        return exact

    return visit


def _leave_float(state: _State, node: Node) -> None:
    """A mask, and what reads it: what comes of it, as a softmax, can be rounded again."""
    for name in (node.name, *(user.name for user in node.users)):
        if name not in state.exact:
            state.exact.add(name)
            state.masks.append(name)


def _simulate(state: _State, node: Node, look_up: LookUp, count: int) -> list[Any]:
    """The node's values from simulated inputs, a layer's weight rounded."""
    layer = None if node.name in state.exact else state.layers.get(node.name)
    weight: Any = None
    if layer is not None:
        weight = rounded_weight(state.program.state_dict[layer.weight], layer, state.scheme, state.grid)

    def given(read: Node, sample: int) -> Any:
        if layer is not None and read is node.args[1]:
            return weight
        made = state.plain if node.name in state.exact and read.name in state.plain else state.simulated
        return made[read.name][sample] if read.name in made else look_up(read, sample)

    return [evaluate(node, given, sample) for sample in range(count)]


def rounded_weight(weight: torch.Tensor, layer: Layer, scheme: Int8Scheme, grid: WeightGrid) -> torch.Tensor:
    """A layer's weight on the grid that its runtime's quantizer rounds to."""
    return quantize_weight(weight.detach(), scheme, steps_of_grid(weight, layer, grid), grid.least)


def steps_of_grid(weight: torch.Tensor, layer: Layer, grid: WeightGrid) -> float:
    """How many steps a layer's weight has from zero to its extreme."""
    return grid.depthwise if layer.groups > 1 and weight.shape[1] == 1 else grid.steps


def _correct(state: _State, layer: Layer, exact: list[torch.Tensor], rounded: list[torch.Tensor]) -> list[torch.Tensor]:
    """Move the mean error per output channel into the bias."""
    if layer.bias is None:
        return rounded
    shift = mean_error(layer, exact, rounded)
    state.biases[layer.bias] = state.program.state_dict[layer.bias].detach() + shift.flatten()
    return [value + shift for value in rounded]


def mean_error(layer: Layer, exact: list[torch.Tensor], rounded: list[torch.Tensor]) -> torch.Tensor:
    """What a layer's outputs lack on average, by output channel; all other axes have length 1."""
    import torch

    axis = exact[0].ndim - 1 if layer.operator == "aten.linear" else 1
    others = [i for i in range(exact[0].ndim) if i != axis]
    errors = [(a - b).mean(dim=others, keepdim=True) for a, b in zip(exact, rounded, strict=True)]
    return torch.stack(errors).mean(0)


def _between_floats(node: Node, state: _State) -> bool:
    """Whether nothing in int8 makes a value or reads it; an input of the model comes as float."""
    made_float = node.op == "placeholder" or node.name in state.exact
    return made_float and all(user.name in state.exact for user in node.users)


def _range(values: list[torch.Tensor], state: _State) -> Range:
    bounds = [_extremes(value) for value in values]
    low, high = min(low for low, _ in bounds), max(high for _, high in bounds)
    drawn = np.concatenate([_draw(value) for value in values])
    return pick_range(drawn, low, high, state.setting, state.scheme)


def _draw(value: torch.Tensor) -> np.ndarray:
    """Values at an odd stride, so that no axis of a regular shape is favoured."""
    flat = value.detach().flatten()
    return np.asarray(flat[:: (flat.numel() // _DRAWN) | 1].numpy())


def _extremes(value: torch.Tensor) -> tuple[float, float]:
    """The least and the largest value, read in one pass; NaN where there is one, zeros where there is nothing."""
    if not value.numel():
        return 0.0, 0.0
    low, high = value.detach().aminmax()
    return float(low), float(high)


def _refuse_non_finite(node: Node, bounds: Sequence[tuple[float, float]]) -> None:
    for index, (low, high) in enumerate(bounds):
        if not (isfinite(low) and isfinite(high)):
            raise BuildError(
                "calibrate",
                f"{node.name} ({operator_name(node)}) becomes NaN or infinite on calibration sample {index}",
                fix="check that sample and the model's preprocessing",
            )


def _finite(value: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """The simulated values, and float's own where rounding made them infinite, such as the logarithm of what became 0.

    Whether the runtime's int8 does that too is seen when its answers are scored; a layer can be kept float.
    """
    import torch

    if value is wanted or all(map(isfinite, _extremes(value))):
        return value
    return torch.where(value.isfinite(), value, wanted)


def _stack(values: list[torch.Tensor]) -> np.ndarray:
    return np.stack([value.detach().numpy() for value in values])


def _forget(state: _State, node: Node) -> None:
    """Drop simulated values whose readers have all been visited."""
    for read in node.all_input_nodes:
        if all(user.name in state.simulated for user in read.users):
            state.simulated[read.name] = []
            state.plain.pop(read.name, None)
