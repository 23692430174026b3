"""Declared steps taken apart around their numbers, put together otherwise, and written as a project file has them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Cast, Dequantize, Normalize, Resize, ReverseChannels, Step, Transpose
from edgebuild.steps.preprocess import reads

Steps = tuple[Step, ...]

_SPECTRAL = ("spectrogram", "mel", "log", "mfcc")


@dataclass(frozen=True)
class Parts:
    """``before`` moves values about, ``numbers`` changes them, ``after`` is the rest."""

    before: Steps
    numbers: Steps
    after: Steps

    @property
    def steps(self) -> Steps:
        """All of it in order."""
        return (*self.before, *self.numbers, *self.after)

    def with_numbers(self, *numbers: Step) -> Parts:
        """The same with other numbers."""
        return replace(self, numbers=numbers)


def taken_apart(steps: Steps) -> Parts:
    """Steps up to the first that changes numbers, those that do, and the rest."""
    first = next((i for i, step in enumerate(steps) if _changes(step)), None)
    if first is None:
        first = next((i for i, step in enumerate(steps) if not _moves(step) and not reads(step)), len(steps))
        return Parts(steps[:first], (), steps[first:])
    last = first
    while last < len(steps) and _changes(steps[last]):
        last += 1
    return Parts(steps[:first], steps[first:last], steps[last:])


def _changes(step: Step) -> bool:
    return isinstance(step, Normalize | Dequantize) or (isinstance(step, Cast) and step.dtype.startswith("float"))


def _moves(step: Step) -> bool:
    return isinstance(step, Transpose | ReverseChannels | Resize)


def spectral(steps: Steps) -> bool:
    """Whether a spectrum is made."""
    return any(step.op in _SPECTRAL for step in steps)


def reads_first(steps: Steps) -> int:
    """How many steps read a sample, before any works on its values."""
    return next((place for place, step in enumerate(steps) if not reads(step)), len(steps))


def channel_axis(spec: InputSpec) -> int | None:
    """The axis of the model's input that counts channels: by the layout, else the only one of 1, 3 or 4."""
    if "C" in spec.layout:
        return spec.layout.index("C")
    found = [axis for axis in range(1, len(spec.shape)) if spec.shape[axis] in (1, 3, 4)]
    return found[0] if len(spec.shape) >= 3 and len(found) == 1 else None


def axis_before(axis: int, steps: Steps) -> int:
    """Where an axis of the model's input lies before some steps."""
    for step in reversed(steps):
        if isinstance(step, Transpose):
            axis = step.order[axis]
    return axis


def moved(steps: Steps, order: tuple[int, ...]) -> Steps:
    """Steps with the axes of what comes out reordered: by the last transpose where nothing stands behind it."""
    if steps and isinstance(steps[-1], Transpose):
        merged = tuple(steps[-1].order[axis] for axis in order)
        return (*steps[:-1], *(() if merged == tuple(range(len(merged))) else (Transpose(order=merged),)))
    return (*steps, Transpose(order=order))


def reversed_at(steps: Steps, axis: int) -> Steps:
    """Steps with one axis of what comes out reversed: without the reversal that was there, else with one more."""
    for i in range(len(steps) - 1, -1, -1):
        step = steps[i]
        if isinstance(step, ReverseChannels) and step.axis == axis_before(axis, steps[i + 1 :]):
            return steps[:i] + steps[i + 1 :]
    return (*steps, ReverseChannels(axis=axis))


def written(name: str, steps: Steps) -> str:
    """The line of ``edgebuild.toml`` that declares an input's steps."""
    listed = ", ".join(_step(step) for step in steps)
    return f"[model.inputs.{name}] pre = [{listed}]"


def _step(step: Step) -> str:
    fields = step.model_dump(mode="json", exclude_defaults=True, exclude={"op"})
    parts = [f'op = "{step.op}"', *(f"{name} = {_value(value)}" for name, value in fields.items())]
    return f"{{ {', '.join(parts)} }}"


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(one) for one in value)}]"
    if isinstance(value, float):
        return f"{value:.10g}" if "." in f"{value:.10g}" or "e" in f"{value:.10g}" else f"{value:.10g}.0"
    return f'"{value}"' if isinstance(value, str) else str(value)
