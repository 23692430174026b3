"""Rows of numbers as they would be if they had been made otherwise: columns in another order, another rate."""

from __future__ import annotations

from collections.abc import Iterator

from edgebuild.core.array import Array, np
from edgebuild.inputcheck.declarations.alternative import Remade
from edgebuild.inputcheck.declarations.form import Form

_FEW = 10
"""Columns up to which their numbers sort as text as they do as numbers."""


def remade(raw: Array, form: Form) -> Iterator[Remade]:
    """Ways that fit the shape of some raw samples."""
    if form.sort == "numbers" and raw.ndim > 1 and raw.shape[-1] > _FEW:
        by_text = np.array(sorted(range(raw.shape[-1]), key=str))
        fix = "give columns by their numbers where the samples are made, not by their names as text"
        for words, order in (("numbers", np.argsort(by_text)), ("names", by_text)):
            yield Remade("channel order", f"columns by their {words}", fix, lambda x, order=order: x[..., order])  # type: ignore[misc]
