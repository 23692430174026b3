"""The declared steps before and after a model, as part of the call that is timed."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from runner.faults import Fault


def surrounded(session: Any, request: dict[str, Any]) -> Any:
    """The session itself, or one whose call begins before the steps that the request names and ends after them."""
    return Surrounded(session, request["around"]) if request.get("around") else session


class Surrounded:
    """A session that takes samples as they were read, and gives what the user gets.

    The steps are ``edgebuild/steps``, packed beside this package; they are told as data and known by their ``op``.
    """

    took_ns = None
    """What a runtime says its call took leaves the steps out."""

    def __init__(self, session: Any, told: dict[str, Any]) -> None:
        from edgebuild.core.errors import ConfigError
        from edgebuild.steps.postprocess import PostProcess
        from edgebuild.steps.preprocess import apply_steps

        self._session, self._apply, self._unfit = session, apply_steps, ConfigError
        self._tensors = session.inputs()
        self._pre = [_steps(steps) for steps in _in_order(told["pre"], [name for name, _, _ in self._tensors])]
        self._order = _order(session.outputs(), told["outputs"])
        self._post = [_steps(told["post"].get(name, ())) for name in told["outputs"]]
        places = tuple(told["places"])
        names = tuple(told["outputs"][place] for place in places)
        self._answer = PostProcess(names, tuple(_steps(told["answer"])), places)
        self._sample: list[Any] = []
        self._answers: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def feed(self, sample: list[Any]) -> None:
        """Keep a sample as it was read: what is done to it is timed."""
        self._sample = sample

    def run(self) -> None:
        """All from the sample to the answer."""
        try:
            self._session.feed([self._made(*each) for each in zip(self._sample, self._pre, self._tensors)])  # noqa: B905
            self._session.run()
            read = self._session.read()
            outputs = zip([np.asarray(read[place]) for place in self._order], self._post)  # noqa: B905
            self._answers = self._answer.answers([self._apply(value, steps) for value, steps in outputs])
        except self._unfit as error:
            raise Fault("bad_request", str(error)) from error

    def read(self) -> list[Any]:
        """The answer to the sample."""
        return list(self._answers.values())

    def outputs(self) -> list[str]:
        """The answer's names."""
        return list(self._answers)

    def _made(self, raw: Any, steps: list[Any], tensor: tuple[str, Any, tuple[int, ...]]) -> Any:
        name, dtype, shape = tensor
        made = self._apply(raw, steps, f"[model.inputs.{name}] pre")
        if made.size != int(np.prod(shape)):
            raise Fault("bad_request", f"the steps of input {name} give {made.shape}; the model takes {shape}")
        return made.astype(dtype, copy=False).reshape(shape)


def _steps(told: Any) -> list[Any]:
    return [SimpleNamespace(**step) for step in told]


def _in_order(pre: dict[str, Any], names: list[str]) -> list[Any]:
    """Each input's steps. A model with one input has them under any name."""
    if len(names) == 1 == len(pre):
        return list(pre.values())
    unknown = [name for name in pre if name not in names]
    if unknown:
        raise Fault("bad_request", "steps of {}; the model's inputs are {}".format(unknown[0], ", ".join(names)))
    return [pre.get(name, ()) for name in names]


def _order(own: list[str], told: list[str]) -> list[int]:
    """The places of the told outputs among the session's: by name where it has them, else as they come."""
    if len(own) != len(told):
        raise Fault("bad_request", f"{len(told)} outputs are expected; the model has {len(own)}")
    return [own.index(name) for name in told] if set(own) == set(told) else list(range(len(own)))
