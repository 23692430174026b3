"""What a run is given: inputs, on the device already or not, and of a model with state how its steps follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from edgebuild.core.array import Array
from edgebuild.core.signature import Signature
from edgebuild.core.wire import Around, FedState

Files = Mapping[str, bytes]
"""A model's files by name, the one that the runtime opens first."""
Inputs = Mapping[str, Array]
"""By input name, (N, …) in the model's dtype; a model with one input takes it under any name."""


@dataclass(frozen=True)
class Placed:
    """Inputs that are on the device already, for as long as its bench is open."""

    name: str


@dataclass(frozen=True)
class Steps:
    """Sequences: inputs of which each row is a step, and the states that outputs feed.

    Attributes:
        length: the steps of a sequence, in whose first the states are zero.
    """

    inputs: Inputs | Placed | None
    states: tuple[FedState, ...]
    length: int


@dataclass(frozen=True)
class Raw:
    """Samples as they were read, of any dtype and shape, and the steps around the model, to be made on the device."""

    inputs: Inputs | Steps
    around: Around


Given = Inputs | Placed | Steps | Raw
Side = tuple[Files, Inputs | Steps | Raw | None]
"""A model's files and what it is given."""


Rows = TypeVar("Rows", Inputs, Placed)


def in_steps(signature: Signature, inputs: Rows, length: int | None) -> Rows | Steps:
    """What a model is given: of one with state, sequences of so many rows; None: rows that hold the states too."""
    states = states_of(signature)
    return inputs if length is None or not states else Steps(inputs, states, length)


def states_of(signature: Signature) -> tuple[FedState, ...]:
    """The states of a model, as a run is told of them."""
    return tuple(
        FedState(input=fed.state.name, output=fed.by.name, place=fed.place, zero=fed.state.zero_point)
        for fed in signature.fed
    )


def around_of(signature: Signature) -> Around:
    """The steps around a model, as a run is told of them."""
    return Around(
        pre=signature.pre, post=signature.post, outputs=tuple(spec.name for spec in signature.outputs),
        places=signature.answers, answer=signature.answer,
    )  # fmt: skip
