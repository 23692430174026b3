"""State: inputs that are zero in the first step of a sequence, and in each further one what an output was before."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

from typing import Any

import numpy as np
from runner.faults import Fault


def recurrent(session: Any, request: dict[str, Any]) -> Any:
    """The session itself, or one that carries the states that the request names."""
    return Recurrent(session, request) if request.get("states") else session


class Recurrent:
    """A session of which each call is a step: it takes what is no state, and carries the states itself.

    What is not here is the session's own: the bare call, which is all that is timed, has nothing around it.
    """

    def __init__(self, session: Any, request: dict[str, Any]) -> None:
        self._session, self._steps, self._made = session, int(request.get("steps", 0)), 0
        self._tensors = session.inputs()
        places = {name: place for place, (name, _, _) in enumerate(self._tensors)}
        self._states = [_State(state, places, self._tensors, session.outputs()) for state in request["states"]]
        held = {state.place for state in self._states}
        self._given = [place for place in range(len(self._tensors)) if place not in held]
        self._last: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def inputs(self) -> list[tuple[str, Any, tuple[int, ...]]]:
        """Those of the model that are no state."""
        return [self._tensors[place] for place in self._given]

    def restart(self) -> None:
        """Nothing: a sequence restarts by itself, where its first step is fed."""

    def feed(self, sample: list[Any]) -> None:
        """Put a step's arrays in place, and the states beside them."""
        if self._made == 0 or (self._steps and self._made % self._steps == 0):
            getattr(self._session, "restart", lambda: None)()
            for state in self._states:
                state.array[...] = state.zero
        else:
            outputs = self._session.read() if self._last is None else self._last
            for state in self._states:
                state.follow(outputs)
        self._made, self._last = self._made + 1, None
        self._session.feed(self._whole(sample))

    def read(self) -> list[Any]:
        """The step's outputs, those that feed states among them."""
        self._last = self._session.read()
        return list(self._last)

    def profile(self, samples: list[list[Any]], most: int, one_ns: int) -> Any:
        """As the session's; every step begins with the states of now."""
        return self._session.profile([self._whole(sample) for sample in samples], most, one_ns)

    def _whole(self, sample: list[Any]) -> list[Any]:
        """All arrays in the model's order."""
        arrays: list[Any] = [None] * len(self._tensors)
        for place, array in zip(self._given, sample):  # noqa: B905
            arrays[place] = array
        for state in self._states:
            arrays[state.place] = state.array
        return arrays


class _State:
    """One state: an array that stays where it is, so that a runtime which shares it is given it once."""

    def __init__(self, told: dict[str, Any], places: dict[str, int], tensors: Any, outputs: list[str]) -> None:
        name, by = told["input"], told["output"]
        if name not in places:
            raise Fault("bad_request", "no input {}; the model has {}".format(name, ", ".join(places)))
        self.place, self.name, self.zero = places[name], name, told.get("zero", 0)
        self._output = outputs.index(by) if by in outputs else int(told["place"])
        if self._output >= len(outputs):
            raise Fault("bad_request", "no output {}; the model has {}".format(by, ", ".join(outputs)))
        _, dtype, shape = tensors[self.place]
        self.array = np.zeros(shape, dtype)

    def follow(self, outputs: list[Any]) -> None:
        """Become what the output was."""
        made = np.asarray(outputs[self._output])
        if made.dtype != self.array.dtype or made.size != self.array.size:
            raise Fault(
                "bad_request",
                f"state {self.name} is {self.array.dtype} {self.array.shape}; "
                f"what feeds it is {made.dtype} {made.shape}",
            )
        self.array[...] = made.reshape(self.array.shape)
