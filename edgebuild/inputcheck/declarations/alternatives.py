"""Other declarations that samples might need: one edit of the declared steps each, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterator

from edgebuild.core.array import Array, np
from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Cast, Normalize
from edgebuild.inputcheck.declarations import memory, numbers, orders, pictures, raw_numbers, signals, tables
from edgebuild.inputcheck.declarations.alternative import Alternative
from edgebuild.inputcheck.declarations.form import Form, form_of
from edgebuild.inputcheck.declarations.steps import taken_apart

_SHIFTS = (-1, 1)


def alternatives(spec: InputSpec, raw: Array) -> Iterator[Alternative]:
    """Edits of an input's steps; some may come to the same.

    Args:
        raw: some samples before the ``pre`` steps, (N, …).
    """
    form = form_of(spec, raw)
    if np.dtype(spec.dtype).kind in "iu" and not spec.pre:
        yield from _ids(spec)
    else:
        parts = taken_apart(spec.pre)
        yield from orders.channels(spec, parts)
        yield from numbers.declared(spec, parts, raw)
        yield from orders.layouts(spec)
        yield from raw_numbers.in_front(spec, parts, raw, form)
    yield from _remade(spec, raw, form)


def _ids(spec: InputSpec) -> Iterator[Alternative]:
    """Token ids of a vocabulary with one entry more or less in front."""
    for shift in _SHIFTS:
        steps = (Normalize(mean=(float(-shift),)), Cast(dtype=spec.dtype))
        yield Alternative("vocabulary", f"token ids {abs(shift)} {'higher' if shift > 0 else 'lower'}", steps)


def _remade(spec: InputSpec, raw: Array, form: Form) -> Iterator[Alternative]:
    """The same steps over samples that are made otherwise."""
    for source in (memory.remade, signals.remade, tables.remade, pictures.remade):
        for other in source(raw, form):
            yield Alternative(other.kind, other.words, spec.pre, other.change, other.fix)
