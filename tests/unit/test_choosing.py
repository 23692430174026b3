"""Whether a trained candidate takes the place of the one that it came from, by the selection set."""

from __future__ import annotations

import pytest

from edgebuild.core.artifact import Quality
from edgebuild.pipeline.choose import is_kept


def scored(value: float | None, sqnr: float, lost: int = 0, won: int = 0) -> Quality:
    floats = None if value is None else 64.0
    return Quality(
        metric="top1", dataset="a" * 64, samples=25, value=value, float_value=floats, lost=lost, won=won, sqnr_db=sqnr
    )


@pytest.mark.parametrize(
    ("trained", "before", "kept"),
    [
        (scored(48.0, 17.2, lost=4), scored(52.0, 17.4, lost=3), True),
        (scored(40.0, 17.9, lost=6), scored(52.0, 17.4, lost=3), False),
        (scored(56.0, 17.0, lost=2), scored(52.0, 17.4, lost=3), True),
        (scored(None, 20.1), scored(None, 20.0), True),
        (scored(None, 20.0), scored(None, 20.1), False),
    ],
)
def test_unless_it_is_worse_by_more_than_the_samples_can_tell(trained: Quality, before: Quality, kept: bool) -> None:
    assert is_kept(trained, before) is kept
