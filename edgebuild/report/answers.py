"""What a model answered, for people and machines: shapes, and the numbers where they are few."""

from __future__ import annotations

from collections.abc import Mapping

from edgebuild.core.array import Array, np
from edgebuild.core.digest import Json

_FEW = 32
_ROWS = 10


def answers_result(outputs: Mapping[str, Array]) -> dict[str, Json]:
    """The ``result`` of ``edgebuild run --json``; ``values`` are the first samples' where an output has few numbers.

    What is no number, as JSON has none for it, is null.
    """
    return {
        "outputs": {name: list(value.shape) for name, value in outputs.items()},
        "values": {name: _numbers(value[:_ROWS]) for name, value in outputs.items() if _is_small(value)},
    }


def answers_text(outputs: Mapping[str, Array], post_seconds: float | None = None) -> str:
    """A line an output, and a line a sample below it, with the number of the highest value.

    ``post_seconds``: what the steps after the model took for one sample.
    """
    lines = []
    for name, value in outputs.items():
        lines.append(f"{name}: {list(value.shape)}")
        if _is_small(value):
            lines += [_row(number, row) for number, row in enumerate(value[:_ROWS])]
        if _is_small(value) and len(value) > _ROWS:
            lines.append(f"  and {len(value) - _ROWS} more")
    if post_seconds is not None:
        lines.append(f"post: {post_seconds * 1e3:.3g} ms a sample, on this machine")
    return "\n".join(lines)


def _numbers(value: Array) -> Json:
    return [_numbers(row) for row in value] if value.ndim else (value.item() if np.isfinite(value) else None)


def _is_small(value: Array) -> bool:
    return value.ndim > 0 and value[:1].size <= _FEW


def _row(number: int, row: Array) -> str:
    flat = row.reshape(-1).astype(float)
    shown = " ".join(f"{one:.4g}" for one in flat)
    return f"  {number}: {shown}" + (
        f"  (highest: {int(np.nan_to_num(flat, nan=-np.inf).argmax())})" if flat.size > 1 else ""
    )
