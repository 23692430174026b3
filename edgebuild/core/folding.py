"""Which of an input's steps can become part of the model, and what the model then takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar

from edgebuild.core.signature import (
    AddAxis,
    Cast,
    Normalize,
    ReverseChannels,
    Shape,
    Signature,
    Step,
    TensorSpec,
    Transpose,
)

T = TypeVar("T")
FoldAs = Literal["float32", "uint8", "int16"]
"""What a device gives raw: pixels as bytes, sound as 16-bit integers, or either in float."""


def split(steps: Sequence[Step]) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """The steps that stay before the model, and the last ones, which a graph can take in its place."""
    start = len(steps)
    while start and _folds(steps[start - 1]):
        start -= 1
    return tuple(steps[:start]), tuple(steps[start:])


def _folds(step: Step) -> bool:
    if isinstance(step, Cast):
        return step.dtype == "float32"
    if isinstance(step, Normalize):
        return step.scale != 0
    return isinstance(step, (Transpose, AddAxis, ReverseChannels))


def check_fold(steps: Sequence[Step], shape: Shape) -> None:
    """Refuse to fold where nothing can be.

    Args:
        shape: what the steps give.

    Raises:
        ValueError: naming the step that is in the way.
    """
    folded = split(steps)[1]
    if not folded:
        last = f"the last step is {steps[-1].op}" if steps else "there is no step"
        raise ValueError(f"fold: {last}; normalize, transpose, add_axis, reverse_channels and cast to float32 fold")
    axes = len(shape) - sum(isinstance(step, AddAxis) for step in folded)
    for step in folded:
        axes += isinstance(step, AddAxis)
        if isinstance(step, Transpose) and sorted(step.order) != list(range(axes)):
            raise ValueError(f"fold: transpose order {list(step.order)} does not fit samples of {axes} axes")


def raw_shape(shape: Shape, folded: Sequence[Step]) -> Shape:
    """What the folded steps take, for a model that takes ``shape``."""
    return tuple(_undone(list(shape), folded))


def raw_layout(layout: str, folded: Sequence[Step]) -> str:
    """The same for a layout; an axis that the steps add has its letter taken away."""
    return "".join(_undone(list(layout), folded)) if layout else ""


def _undone(axes: list[T], folded: Sequence[Step]) -> list[T]:
    for step in reversed(folded):
        if isinstance(step, Transpose):
            axes = [axis for _, axis in sorted(zip(step.order, axes, strict=True), key=lambda pair: pair[0])]
        elif isinstance(step, AddAxis):
            axes = axes[: step.axis] + axes[step.axis + 1 :]
    return axes


def folded_signature(signature: Signature, folds: Mapping[str, FoldAs]) -> Signature:
    """How a model is called that takes the last ``pre`` steps of some inputs itself.

    Args:
        folds: by input, the dtype that it then takes.
    """
    parts = {name: split(signature.pre[name]) for name in folds}
    kept = {name: parts[name][0] if name in parts else steps for name, steps in signature.pre.items()}
    inside = {name: own for name, (_, own) in parts.items()}
    return signature.model_copy(
        update={
            "inputs": tuple(_raw(spec, inside[spec.name], folds[spec.name]) if spec.name in folds else spec
                            for spec in signature.inputs),
            "pre": {name: steps for name, steps in kept.items() if steps},
            "folded": inside,
        }
    )  # fmt: skip


def _raw(spec: TensorSpec, folded: Sequence[Step], dtype: FoldAs) -> TensorSpec:
    shape, layout = raw_shape(spec.shape, folded), raw_layout(spec.layout, folded)
    return spec.model_copy(update={"dtype": dtype, "shape": shape, "layout": layout})
