"""Operators of a runtime's model as an accelerator's rules see them: a kind, and facts by name."""

from __future__ import annotations

from edgebuild.core.base import Frozen

Fact = bool | int | float | str | tuple[str, ...]


class Operator(Frozen):
    """One operator.

    Attributes:
        name: as in `RuntimeOp`.
        kind: in the runtime's words, such as ``CONV_2D``.
        facts: what can be told of it; what is not in it is not known, or makes no sense for this kind.
    """

    name: str
    kind: str
    facts: dict[str, Fact]
