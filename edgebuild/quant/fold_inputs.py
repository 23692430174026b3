"""Make declared preprocessing a part of the program, which then takes what a device has: raw pixels, raw sound.

Normalizing per channel is ``(x - shift) * factor``. The factor goes into the first layer's weights where that is all
that reads it; and so does the shift, into the bias, where the layer does not pad: zeros beside a normalized image are
not zeros beside a raw one. What is left stands before the layer, in float or in int8 like any other operator.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edgebuild.core.array import Floats, np
from edgebuild.core.folding import FoldAs, folded_signature, raw_shape, split
from edgebuild.core.signature import AddAxis, Normalize, ReverseChannels, Step, Transpose
from edgebuild.models.graph import TorchModel
from edgebuild.models.nodes import source_nodes
from edgebuild.quant.program import LINEAR, Layer, layers, user_inputs

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram
    from torch.fx import Node


def fold_inputs(model: TorchModel, folds: Mapping[str, FoldAs]) -> TorchModel:
    """The model with the last ``pre`` steps of some inputs inside; its program is changed.

    Args:
        model: batch normalization folded, so that every layer has a bias.
        folds: by input, the dtype that it is to take.
    """
    program = model.program
    for name, placeholder in zip((spec.name for spec in model.signature.inputs), user_inputs(program), strict=True):
        if name in folds:
            _fold_input(program, placeholder, name, split(model.signature.pre[name])[1], folds[name])
    program.graph.lint()
    program.graph_module.recompile()
    _renew_examples(program)
    return replace(
        model, program=program, signature=folded_signature(model.signature, folds), nodes=source_nodes(program.graph)
    )


def affine(steps: Iterable[Step], axes: int) -> tuple[Floats, Floats]:
    """The shift and the factor that steps come to once all axes are turned, of length 1 where all values are alike.

    Args:
        axes: how many the raw samples have.
    """
    shift, factor = np.zeros([1] * axes), np.ones([1] * axes)
    for step in steps:
        if isinstance(step, Normalize):
            mean, std = (_along(values, step.channel_axis, shift.ndim) for values in (step.mean, step.std))
            shift, factor = shift + mean / (factor * step.scale), factor * step.scale / std
        elif isinstance(step, Transpose):
            shift, factor = shift.transpose(step.order), factor.transpose(step.order)
        elif isinstance(step, AddAxis):
            shift, factor = np.expand_dims(shift, step.axis), np.expand_dims(factor, step.axis)
        elif isinstance(step, ReverseChannels):
            shift, factor = np.flip(shift, step.axis), np.flip(factor, step.axis)
    return shift, factor


def _along(values: tuple[float, ...], axis: int, axes: int) -> Floats:
    made: Floats = np.asarray(values, np.float64).reshape([-1 if i == axis else 1 for i in range(axes)])
    return made


def _fold_input(program: ExportedProgram, placeholder: str, name: str, steps: tuple[Step, ...], dtype: FoldAs) -> None:
    """Let an input be raw, and all that read it read what the steps make of it."""
    raw = next(node for node in program.graph.nodes if node.name == placeholder)
    made = _Made(program, raw, re.sub(r"\W", "_", name))
    readers = list(raw.users)
    made.set_raw(raw_shape(tuple(raw.meta["val"].shape), steps), dtype)
    shift, factor = affine(steps, len(raw.meta["val"].shape))
    made.turn(steps)
    factor, shift = _into_layer(program, readers, raw, shift, factor)
    made.apply("sub", shift, 0.0)
    made.apply("mul", factor, 1.0)
    for reader in readers:
        reader.replace_input_with(raw, made.last)


class _Made:
    """The nodes that stand between a raw input and the model, in a chain."""

    def __init__(self, program: ExportedProgram, raw: Node, name: str) -> None:
        self.program, self.raw, self.last, self.name = program, raw, raw, name
        self.mode = raw.meta["val"].fake_mode

    def set_raw(self, shape: tuple[int, ...], dtype: FoldAs) -> None:
        import torch

        self.raw.meta["val"] = self._fake(torch.zeros(shape, dtype=getattr(torch, dtype)))
        self.raw.meta.pop("tensor_meta", None)
        if dtype != "float32":
            self._call("to_float", torch.ops.aten.to.dtype, self.last, torch.float32)

    def turn(self, steps: Iterable[Step]) -> None:
        import torch

        for number, step in enumerate(steps):
            if isinstance(step, Transpose):
                self._call(f"turn_{number}", torch.ops.aten.permute.default, self.last, list(step.order))
            elif isinstance(step, AddAxis):
                self._call(f"turn_{number}", torch.ops.aten.unsqueeze.default, self.last, step.axis)
            elif isinstance(step, ReverseChannels):
                self._call(f"turn_{number}", torch.ops.aten.flip.default, self.last, [step.axis])

    def apply(self, kind: str, values: Floats, neutral: float) -> None:
        """One of the two halves of normalizing, where it changes anything."""
        import torch

        if (values == neutral).all():
            return
        operator = torch.ops.aten.sub.Tensor if kind == "sub" else torch.ops.aten.mul.Tensor
        constant = self._constant(f"edgebuild_{self.name}_{kind}", torch.from_numpy(values.astype(np.float32)))
        self._call(kind, operator, self.last, constant)

    def _call(self, kind: str, operator: Any, *arguments: Any) -> None:
        graph = self.program.graph
        first = next(node for node in graph.nodes if node.op != "placeholder")
        with graph.inserting_before(self.last.next if self.last is not self.raw else first):
            node = graph.create_node("call_function", operator, arguments, {}, f"{self.name}_{kind}")
        given = [argument.meta["val"] if hasattr(argument, "meta") else argument for argument in arguments]
        with self.mode:
            node.meta["val"] = operator(*given)
        node.meta["nn_module_stack"] = {"edgebuild": (f"preprocessing.{self.name}", "edgebuild.Preprocessing")}
        self.last = node

    def _constant(self, name: str, value: torch.Tensor) -> Node:
        from torch.export.graph_signature import InputKind, InputSpec, TensorArgument

        placeholders = [node for node in self.program.graph.nodes if node.op == "placeholder"]
        with self.program.graph.inserting_before(placeholders[0]):
            node: Node = self.program.graph.placeholder(f"b_{name}")
        node.meta["val"] = self._fake(value)
        spec = InputSpec(InputKind.BUFFER, TensorArgument(node.name), name, persistent=True)
        self.program.graph_signature.input_specs.insert(0, spec)
        self.program.state_dict[name] = value
        return node

    def _fake(self, value: torch.Tensor) -> Any:
        return self.mode.from_tensor(value, static_shapes=True)


def _into_layer(
    program: ExportedProgram, readers: list[Node], raw: Node, shift: Floats, factor: Floats
) -> tuple[Floats, Floats]:
    """What the only layer that reads an input does not take over of the factor and the shift."""
    known = {layer.node: layer for layer in layers(program)}
    if len(readers) != 1 or readers[0].name not in known or readers[0].args[0] is not raw:
        return factor, shift
    node, layer = readers[0], known[readers[0].name]
    axis = -1 if layer.operator in LINEAR else 1
    if layer.bias is None or any(not _by_channel(values, axis, layer) for values in (shift, factor)):
        return factor, shift
    weight = program.state_dict[layer.weight].detach().double()
    scaled = weight * _for_weight(factor, weight)
    _set(program, layer.weight, scaled)
    if not _pads(node, layer):
        lost = (scaled * _for_weight(shift, weight)).flatten(1).sum(1)
        _set(program, layer.bias, program.state_dict[layer.bias].detach().double() - lost)
        shift = np.zeros_like(shift)
    return np.ones_like(factor), shift


def _by_channel(values: Floats, axis: int, layer: Layer) -> bool:
    """Whether values differ by nothing but the channel, and each weight meets the one of its own."""
    return values.size == 1 or (values.shape[axis] == values.size and layer.groups == 1)


def _for_weight(values: Floats, weight: torch.Tensor) -> torch.Tensor:
    """One value for each of a weight's input channels, which are its axis 1."""
    import torch

    return torch.from_numpy(values.reshape([-1 if i == 1 else 1 for i in range(weight.ndim)]).copy())


def _pads(node: Node, layer: Layer) -> bool:
    if layer.operator in LINEAR:
        return False
    padding = node.args[4] if len(node.args) > 4 else node.kwargs.get("padding", 0)
    sizes = padding if isinstance(padding, (list, tuple)) else [padding]
    return any(size not in (0, "valid") for size in sizes)


def _set(program: ExportedProgram, name: str, value: torch.Tensor) -> None:
    import torch

    program.state_dict[name] = torch.nn.Parameter(value.float(), requires_grad=False)


def _renew_examples(program: ExportedProgram) -> None:
    """The example inputs that exporters run a program on, of the dtypes and shapes that it takes now."""
    import torch

    nodes = {node.name: node for node in program.graph.nodes}
    made = tuple(
        torch.zeros(tuple(nodes[name].meta["val"].shape), dtype=nodes[name].meta["val"].dtype)
        for name in user_inputs(program)
    )
    program._example_inputs = (made, {})  # noqa: SLF001 - torch has no public way to say what a program now takes
