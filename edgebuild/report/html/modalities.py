"""What each input is worth that may be missing: every variant's score without it and with it alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from edgebuild.core.artifact import Part, Quality
from edgebuild.core.evidence import Ablation, VariantQuality
from edgebuild.core.intervals import mcnemar
from edgebuild.core.signature import Role
from edgebuild.core.units import Unit
from edgebuild.report.build import drop_text, quality_text
from edgebuild.report.html.page import Chart, Column, Section, Table
from edgebuild.report.html.plot import framed
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.scales import Axis, axis_of
from edgebuild.report.html.svg import line, shape, text
from edgebuild.report.html.words import DASH, plural

_FIGURES = ("M0-5A5 5 0 1 1 0 5A5 5 0 1 1 0-5Z", "M0-6L5.5 0L0 6L-5.5 0Z", "M0-6L5.5 4.5L-5.5 4.5Z")
_KEYS = ("dot", "diamond", "triangle")
_COLOURS = ("a", "b", "c")
_ALL = "all inputs"
_NAME = 22
_LEAD = (
    "Scored by edgebuild eval: the model without each input that may be missing, what is declared standing in for it."
)


@dataclass(frozen=True)
class _Score:
    """A variant's score with some inputs.

    Attributes:
        inputs: in words.
        left_out: None where nothing is.
    """

    inputs: str
    precision: str
    quality: Quality
    left_out: Ablation | None = None


def modalities_section(prefix: str, told: Reported) -> Section | None:
    """None where no input was left out."""
    blocks: list[Chart | Table] = []
    by_device = sorted(told.ablations, key=lambda each: (each.part, each.device))
    for number, ((part, device), found) in enumerate(groupby(by_device, lambda each: (each.part, each.device))):
        scores = list(_scores(told, part, device, list(found)))
        blocks += [*_chart(f"{prefix}modalities{number}", device, scores), _table(device, scores)]
    return Section(f"{prefix}modalities", "Inputs alone and left out", _LEAD, tuple(blocks)) if blocks else None


def _scores(told: Reported, part: str, device: str, found: Sequence[Ablation]) -> Iterator[_Score]:
    """Every variant with all inputs, then with fewer, in the order they were scored."""
    own = next((one for one in told.bundle.manifest.parts if one.name == part), None) if told.bundle else None
    if own is None:
        return
    order = [variant.precision for variant in own.variants]
    for variant in own.variants:
        quality = _whole(told, own, variant.precision, device) or variant.quality
        if quality is not None:
            yield _Score(_ALL, variant.precision, quality)
    for missing in dict.fromkeys(each.missing for each in found):
        left = [each for each in found if each.missing == missing and each.precision in order]
        for each in sorted(left, key=lambda one: order.index(one.precision)):
            yield _Score(_words(own, missing), each.precision, each.quality, each)


def _whole(told: Reported, part: Part, precision: str, device: str) -> Quality | None:
    """The latest score with all inputs on a device."""
    found = [
        each.quality
        for each in told.payloads
        if isinstance(each, VariantQuality)
        and (each.part, each.precision, each.device) == (part.name, precision, device)
    ]
    return found[-1] if found else None


def _words(part: Part, missing: Sequence[str]) -> str:
    """What is left out, or, of all but one input, which one is left."""
    data = [spec.name for spec in part.signature.inputs if spec.role is Role.DATA]
    left = [name for name in data if name not in missing]
    return f"{left[0]} alone" if len(left) == 1 else f"without {', '.join(missing)}"


def _chart(id_: str, device: str, scores: Sequence[_Score]) -> list[Chart]:
    """Scores as points with their intervals, one row for each set of inputs; none where scores are no numbers."""
    known = [each for each in scores if each.quality.value is not None]
    if not known:
        return []
    ends = [end for each in known for end in _ends(each.quality)]
    axis = axis_of(ends, "", Unit.RATIO, count=5)
    axis = Axis(f"{known[0].quality.metric}, %", axis.low, axis.high, axis.ticks)
    precisions = list(dict.fromkeys(each.precision for each in known))
    step, marks, y = 13, [], 0.0
    rows = [(inputs, list(found)) for inputs, found in groupby(known, lambda each: each.inputs)]
    for inputs, found in rows:
        values = " · ".join(f"{each.quality.value:.2f}\u00a0%" for each in found)
        marks += [text(0, y + 12, _shortened(inputs), "label"), text(100, y + 12, values, "label", "end")]
        for each in found:
            place = precisions.index(each.precision)
            marks += _point(each, axis, y + 26 + step * place, place)
        y += 32 + step * len(precisions)
    told = "; ".join(
        f"{inputs}: {', '.join(f'{each.precision} {each.quality.value:.2f} %' for each in found)}"
        for inputs, found in rows
    )
    return [Chart(
        id=id_, title=f"Scores with fewer inputs, on {device}", height=round(y), marks=framed(y, marks, axis),
        desc=f"{told}.", wide=True, flush=True,
        note="Lines: each score's own 95 % interval; on the same samples, differences are surer. The table has them.",
        legend=tuple((f"{_KEYS[i % 3]} {_COLOURS[i % 3]}", precision) for i, precision in enumerate(precisions)),
    )]  # fmt: skip


def _ends(quality: Quality) -> list[float]:
    return [end for end in (quality.low, quality.value, quality.high) if end is not None]


def _shortened(inputs: str) -> str:
    """Words that leave room for the scores beside them on a phone; the table has them whole."""
    return inputs if len(inputs) <= _NAME else f"{inputs[: _NAME - 1]}…"


def _point(each: _Score, axis: Axis, y: float, place: int) -> list[str]:
    quality, colour = each.quality, _COLOURS[place % 3]
    hint = f"{each.precision}, {each.inputs}: {quality_text(quality)}"
    marks = []
    if quality.low is not None and quality.high is not None:
        marks.append(line(axis.x(quality.low), y, axis.x(quality.high), y, f"whisker {colour}"))
    return [*marks, shape(axis.x(quality.value or 0.0), y, _FIGURES[place % 3], f"{_KEYS[place % 3]} {colour}", hint)]


def _table(device: str, scores: Sequence[_Score]) -> Table:
    columns = (
        Column("inputs"), Column("variant"), Column("score", "number"), Column("95 % interval", "number"),
        Column("against float with the same", "number"), Column("all inputs win", "number"), Column("lose", "number"),
        Column("p", "number"),
    )  # fmt: skip
    count = plural(scores[0].quality.samples, "sample") if scores else ""
    note = "p: the chance that all inputs win so many where the missing are worth nothing (McNemar)"
    return Table(f"{count} with fewer inputs, on {device}; {note}", columns, tuple(map(_row, scores)))


def _row(each: _Score) -> tuple[str, ...]:
    quality, left = each.quality, each.left_out
    interval = "" if quality.low is None or quality.high is None else f"{quality.low:.1f} to {quality.high:.1f}"
    won, lost = (left.won, left.lost) if left else (None, None)
    gained = (DASH,) * 3 if won is None or lost is None else (f"{won:,}", f"{lost:,}", f"{mcnemar(won, lost):.2g}")
    return each.inputs, each.precision, _shown(quality), interval, drop_text(quality) or DASH, *gained


def _shown(quality: Quality) -> str:
    return quality_text(quality) if quality.value is None else f"{quality.value:.2f}\u00a0%"
