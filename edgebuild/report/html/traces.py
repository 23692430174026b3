"""Inferences in the order they were made, run after run, each run's warm-up apart."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.core.measurement import Run
from edgebuild.core.units import Unit
from edgebuild.judge.order_statistics import percentile
from edgebuild.report.html.page import Chart
from edgebuild.report.html.plot import framed
from edgebuild.report.html.samples import Bucket, buckets, evenly
from edgebuild.report.html.scales import Axis, axis_of
from edgebuild.report.html.svg import band, line, path, shape, stretched
from edgebuild.report.html.words import plural, shown

_RUNS = 60
_BUCKETS = 900
_HEIGHT = 190
_USUAL = 0.99
_TIMES = 3
"""What the height is made for: such a share of all inferences, or so many times their 90th percentile."""
_SPIKES = 120
Piece = tuple[str, list[Bucket]]


def trace_chart(id_: str, title: str, runs: Sequence[Run]) -> list[Chart]:
    """None where there are no samples.

    Args:
        runs: those that have some.
    """
    if not runs:
        return []
    drawn = evenly(runs, _RUNS)
    total = sum(len(run.warmup_ns) + len(run.samples_ns) for run in drawn)
    pieces, starts = _pieces(drawn, total)
    all_buckets = [bucket for _, piece in pieces for bucket in piece]
    y = _heights(drawn, all_buckets)
    x = axis_of([0, total], "inferences, run after run", Unit.COUNT, zero=True, count=4)
    x = Axis(x.title, 0, total, tuple(tick for tick in x.ticks if tick[0] <= total))
    marks = [line(x.x(start), 0, x.x(start), _HEIGHT, "between") for start in starts[1:]]
    marks.append(stretched(_HEIGHT, (_drawn(css, piece, x, y) for css, piece in pieces)))
    spikes = [bucket for bucket in all_buckets if bucket.high > y.high]
    marks += [_spike(bucket, x) for bucket in _apart(spikes, total)]
    per = max((bucket.count for bucket in all_buckets), default=1)
    return [Chart(
        id=id_, title=title, height=_HEIGHT, marks=framed(_HEIGHT, marks, x, y), wide=True,
        desc=f"{plural(total, 'inference')} of {plural(len(drawn), 'run')} in order; slowest {_slowest(all_buckets)}.",
        note=_note(drawn, len(runs), per, len(spikes)), legend=_legend(pieces, bool(spikes)),
    )]  # fmt: skip


def _pieces(drawn: Sequence[Run], total: int) -> tuple[list[Piece], list[int]]:
    """Each run's warm-up and timed inferences, in buckets, and the place of each run's first."""
    pieces: list[Piece] = []
    starts, first = [], 0
    for run in drawn:
        starts.append(first)
        timed = "outside" if run.outside else "a" if run.steady else "unsteady"
        for css, samples in (("warm", run.warmup_ns), (timed, run.samples_ns)):
            if samples:
                pieces.append((css, buckets(samples, first, max(2, _BUCKETS * len(samples) // total))))
            first += len(samples)
    return pieces, starts


def _heights(drawn: Sequence[Run], found: Sequence[Bucket]) -> Axis:
    pooled = sorted(sample for run in drawn for sample in run.samples_ns)
    usual = min(1.2 * pooled[int(_USUAL * (len(pooled) - 1))], _TIMES * percentile(pooled, 0.9))
    return axis_of([min(bucket.low for bucket in found), usual], "time of one inference", Unit.NANOSECOND, count=4)


def _apart(spikes: Sequence[Bucket], total: int) -> list[Bucket]:
    """The largest spike of every stretch that one mark covers."""
    largest: dict[int, Bucket] = {}
    for each in spikes:
        place = each.first * _SPIKES // total
        if place not in largest or each.high > largest[place].high:
            largest[place] = each
    return list(largest.values())


def _drawn(css: str, piece: Sequence[Bucket], x: Axis, y: Axis) -> str:
    places = [x.x(bucket.first + bucket.count / 2) for bucket in piece]
    if len(piece) == 1:  # a line needs two ends
        places, piece = [x.x(piece[0].first), x.x(piece[0].first + piece[0].count)], [piece[0], piece[0]]
    lows = [(at, y.y(bucket.low, _HEIGHT)) for at, bucket in zip(places, piece, strict=True)]
    highs = [(at, y.y(bucket.high, _HEIGHT)) for at, bucket in zip(places, piece, strict=True)]
    middles = [(at, y.y(bucket.middle, _HEIGHT)) for at, bucket in zip(places, piece, strict=True)]
    return band(lows, highs, f"band {css}") + path(middles, f"trace {css}")


def _spike(bucket: Bucket, x: Axis) -> str:
    hint = f"up to {shown(bucket.high, Unit.NANOSECOND)}"
    return shape(x.x(bucket.first + bucket.count / 2), 0, "M0-5L3.5 1L-3.5 1Z", "spike", hint)


def _slowest(found: Sequence[Bucket]) -> str:
    return shown(max(bucket.high for bucket in found), Unit.NANOSECOND)


def _note(drawn: Sequence[Run], made: int, per: int, spikes: int) -> str:
    said = [f"{len(drawn)} of {made:,} runs are drawn, evenly spread."] if len(drawn) < made else []
    if (every := max(run.every for run in drawn)) > 1:
        said.append(f"Of up to {every:,} inferences one was kept.")
    if per > 1:
        said.append(f"A point stands for up to {per:,} inferences: their median, in the band from least to largest.")
    if spikes:
        above = plural(spikes, "point reaches", "points reach")
        said.append(f"{above} above the drawing, marked at its top.")
    return " ".join(said)


def _legend(pieces: Sequence[Piece], spikes: bool) -> tuple[tuple[str, str], ...]:
    names = {
        "warm": "warm-up, not timed", "a": "timed", "unsteady": "of a run that drifted",
        "outside": "of a run outside the profile's conditions",
    }  # fmt: skip
    there = {css for css, _ in pieces}
    found = [(f"swatch {css}", words) for css, words in names.items() if css in there]
    return (*found, *([("triangle spike", "slower than is drawn")] if spikes else []))
