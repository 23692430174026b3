"""The declared steps from what a model gives to what its user wants, in numpy only; ``run`` and ``eval`` share them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from edgebuild.core.array import Array, Floats, Integers, np
from edgebuild.core.errors import ConfigError
from edgebuild.steps.nms import suppressed

if TYPE_CHECKING:
    from edgebuild.core.postprocess import Argmax, Boxes, Nms, PostStep, Softmax
    from edgebuild.core.signature import Signature

SUBJECT = "[model] post"
_TIMED = 200


@dataclass(frozen=True)
class PostProcess:
    """Steps over named outputs.

    Attributes:
        names: of the model's outputs that are answers, in order.
        steps: as declared.
        places: where those outputs stand among all; None: they are all.
    """

    names: tuple[str, ...]
    steps: tuple[PostStep, ...] = ()
    places: tuple[int, ...] | None = None

    def __call__(self, outputs: Sequence[Array]) -> dict[str, Array]:
        """The outputs by name, each (N, …), after the steps.

        Raises:
            ConfigError: a step does not fit them.
        """
        values: dict[str, Array] = dict(zip(self.names, outputs))
        for step in self.steps:
            values = _detections(values, step) if step.op == "nms" else _changed(values, step)
        return values

    def chosen(self, outputs: Sequence[Array]) -> list[Array]:
        """The answers among all of a model's outputs: those that do nothing but feed a state are none."""
        return list(outputs) if self.places is None else [outputs[place] for place in self.places]

    def answers(self, outputs: Sequence[Array]) -> dict[str, Array]:
        """What the steps make of all of a model's outputs."""
        return self(self.chosen(outputs))

    def arrays(self, outputs: Sequence[Array]) -> list[Array]:
        """The same, without their names."""
        return list(self(outputs).values())

    def seconds(self, outputs: Sequence[Array]) -> float | None:
        """How long the steps take for one sample on this machine: the median of at most 200; None without a step."""
        if not self.steps:
            return None
        took = []
        for number in range(min(len(outputs[0]), _TIMED)):
            sample = [output[number : number + 1] for output in outputs]
            began = time.perf_counter()
            self(sample)
            took.append(time.perf_counter() - began)
        return median(took)


def post_of(signature: Signature, steps: Sequence[PostStep] | None = None) -> PostProcess:
    """The steps of a model's signature, or others that are declared for it."""
    places = signature.answers
    names = tuple(signature.outputs[place].name for place in places)
    return PostProcess(names, signature.answer if steps is None else tuple(steps), places)


def check_post(signature: Signature, steps: Sequence[PostStep]) -> None:
    """Refuse steps that do not fit a model's outputs, before anything is run.

    Raises:
        ConfigError: naming the step.
    """
    post_of(signature, steps).answers([np.zeros(spec.shape, spec.dtype) for spec in signature.outputs])


def _changed(values: Mapping[str, Array], step: PostStep) -> dict[str, Array]:
    assert step.op != "nms"
    name = step.output or next(iter(values))
    return {**values, name: _STEPS[step.op](_output(values, name, step.op), step)}


def _output(values: Mapping[str, Array], name: str, op: str) -> Array:
    if name not in values:
        raise ConfigError(f"{SUBJECT}, {op}", f"there is no output {name!r}", expected=", ".join(values))
    return values[name]


def _detections(values: Mapping[str, Array], step: Nms) -> dict[str, Array]:
    boxes, scores = (_output(values, name, step.op) for name in (step.boxes, step.scores))
    if boxes.ndim != 3 or scores.ndim != 3 or boxes.shape[2] != 4 or boxes.shape[1] != scores.shape[1]:
        raise _unfit(step.op, f"boxes {_shape(boxes)} and scores {_shape(scores)}", "[N, A, 4] and [N, A, classes]")
    found = np.stack([suppressed(b, s, step) for b, s in zip(_floats(boxes), _floats(scores))])
    rest = {name: value for name, value in values.items() if name not in (step.boxes, step.scores)}
    return {"detections": found, **rest}


def _softmax(value: Array, step: PostStep) -> Array:
    assert step.op == "softmax"
    axis = _axis(value, step)
    powers = np.exp(_floats(value) - value.max(axis=axis, keepdims=True))
    shares: Array = (powers / powers.sum(axis=axis, keepdims=True)).astype(np.float32)
    return shares


def _sigmoid(value: Array, _step: PostStep) -> Array:
    with np.errstate(over="ignore"):
        shares: Array = (1 / (1 + np.exp(-_floats(value)))).astype(np.float32)
    return shares


def _argmax(value: Array, step: PostStep) -> Array:
    assert step.op == "argmax"
    largest: Array = value.argmax(axis=_axis(value, step)).astype(np.int32)
    return largest


def _threshold(value: Array, step: PostStep) -> Array:
    assert step.op == "threshold"
    above: Array = (_floats(value) >= step.at).astype(np.uint8)
    return above


def _ctc(value: Array, step: PostStep) -> Array:
    assert step.op == "ctc"
    if value.ndim != 3 or step.blank >= value.shape[2]:
        raise _unfit(step.op, _shape(value), f"[N, T, tokens] with more than {step.blank} tokens")
    best = value.argmax(axis=2)
    fresh = np.concatenate([np.ones((len(best), 1), bool), best[:, 1:] != best[:, :-1]], axis=1)
    found: Integers = np.full(best.shape, -1, np.int64)
    for row, tokens, kept in zip(found, best, fresh & (best != step.blank)):
        row[: int(kept.sum())] = tokens[kept]
    return found


def _boxes(value: Array, step: PostStep) -> Array:
    assert step.op == "boxes"
    if value.ndim != 3 or value.shape[2] != 4:
        raise _unfit(step.op, _shape(value), "[N, A, 4]")
    near, far = _floats(value[..., :2]), _floats(value[..., 2:])
    if step.coding == "distances":
        return _reached(near, far, step).astype(np.float32)
    if step.coding == "centres":
        near, far = near - far / 2, near + far / 2
    corners: Array = (np.concatenate([near, far], axis=2) * step.scale).astype(np.float32)
    return corners


def _reached(near: Floats, far: Floats, step: Boxes) -> Floats:
    assert step.size is not None
    height, width = step.size
    centres = np.concatenate([_centres(height, width, stride) for stride in step.strides])
    if len(centres) != near.shape[1]:
        raise _unfit(
            step.op, f"{near.shape[1]} boxes",
            f"{len(centres)}: a grid of strides {list(step.strides)} over {height} x {width} pixels",
        )  # fmt: skip
    points, strides = centres[:, :2], centres[:, 2:]
    corners = np.concatenate([points - near * strides, points + far * strides], axis=2)
    clipped: Floats = np.clip(corners, 0, (width, height, width, height))
    return clipped


def _centres(height: int, width: int, stride: int) -> Floats:
    """x, y and stride of each cell, row by row."""
    rows, columns = (np.arange(-(-size // stride)) for size in (height, width))
    y, x = np.meshgrid((rows + 0.5) * stride, (columns + 0.5) * stride, indexing="ij")
    return np.stack([x.reshape(-1), y.reshape(-1), np.full(x.size, float(stride))], axis=1)


def _axis(value: Array, step: Softmax | Argmax) -> int:
    if step.axis >= value.ndim:
        raise _unfit(step.op, f"axis {step.axis} of {_shape(value)}", f"an axis from 1 to {value.ndim - 1}")
    return step.axis


def _floats(value: Array) -> Floats:
    return value.astype(np.float64)


def _shape(value: Array) -> str:
    return str(["N", *value.shape[1:]]).replace("'", "")


def _unfit(op: str, found: str, expected: str) -> ConfigError:
    return ConfigError(f"{SUBJECT}, {op}", found, expected=expected, fix="check the step's output, and its settings")


_STEPS: dict[str, Callable[[Array, PostStep], Array]] = {
    "softmax": _softmax,
    "sigmoid": _sigmoid,
    "argmax": _argmax,
    "threshold": _threshold,
    "ctc": _ctc,
    "boxes": _boxes,
}
