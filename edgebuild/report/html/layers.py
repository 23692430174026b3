"""Time per layer, as a runtime's profiler told it: the variants side by side, by the module each operator came from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from edgebuild.core.layers import LayerTime, LayerTimes
from edgebuild.core.units import Unit
from edgebuild.report.html.page import Chart, Column, Section, Table
from edgebuild.report.html.plot import framed
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.scales import axis_of
from edgebuild.report.html.svg import rect, text
from edgebuild.report.html.words import DASH, plural, shown

NS = Unit.NANOSECOND
_DRAWN = 20
_NAME = 26
_TABLE_ROWS = 600
_COLOURS = ("a", "b", "c")
Times = dict[str, dict[str, int]]
"""Nanoseconds by module and precision."""


def layers_section(prefix: str, told: Reported) -> Section | None:
    """None where nothing was profiled."""
    groups: dict[tuple[str, str], list[LayerTimes]] = defaultdict(list)
    for each in told.layers:
        groups[each.key.part, each.key.device].append(each)
    blocks = [
        block
        for number, (_, found) in enumerate(sorted(groups.items()))
        for block in _blocks(f"{prefix}layers{number}", sorted(found, key=lambda each: each.key.precision))
    ]
    lead = "Told by the runtime's own profiler, which slows runs down: compare shares, and no sum with a latency."
    return Section(f"{prefix}layers", "Time per layer", lead, tuple(blocks)) if blocks else None


def _blocks(id_: str, found: Sequence[LayerTimes]) -> list[Chart | Table]:
    precisions = [each.key.precision for each in found]
    times = _by_module(found)
    ordered = sorted(times, key=lambda module: (-max(times[module].values()), module))
    return [_chart(id_, found, precisions, times, ordered), *(_operators(each) for each in found)]


def _by_module(found: Sequence[LayerTimes]) -> Times:
    times: Times = defaultdict(dict)
    for each in found:
        for layer in each.layers:
            own = times[_module(layer)]
            own[each.key.precision] = own.get(each.key.precision, 0) + layer.ns
    return times


def _module(layer: LayerTime) -> str:
    return " + ".join(layer.modules) or f"no module: {layer.kind}"


def _chart(
    id_: str, found: Sequence[LayerTimes], precisions: Sequence[str], times: Times, ordered: Sequence[str]
) -> Chart:
    drawn = ordered[:_DRAWN]
    row = 20 + 11 * len(precisions)
    axis = axis_of((ns for each in drawn for ns in times[each].values()), "time", NS, zero=True, count=4)
    marks = []
    for number, module in enumerate(drawn):
        y = number * row
        own = times[module]
        told = " · ".join(shown(own.get(precision), NS) for precision in precisions)
        marks += [text(0, y + 12, _shortened(module), "label"), text(100, y + 12, told, "label", "end")]
        marks += [
            rect(0, y + 17 + 11 * place, axis.x(own.get(precision, 0)), 9, f"bar {_COLOURS[place % 3]}")
            for place, precision in enumerate(precisions)
        ]
    height = row * len(drawn)
    sums = ", ".join(f"{each.key.precision} {shown(sum(layer.ns for layer in each.layers), NS)}" for each in found)
    key = found[0].key
    few = f" The {len(drawn)} longest of {plural(len(ordered), 'module')} are drawn."
    rest = few if len(drawn) < len(ordered) else ""
    return Chart(
        id=id_, title=f"By module, on {key.device}", height=height, marks=framed(height, marks, axis), wide=True,
        flush=True, desc=f"Sum of all operators: {sums}. Longest: {', '.join(drawn[:3])}.",
        note=f"Sum of all operators: {sums}.{rest}",
        legend=tuple((f"swatch {_COLOURS[i % 3]}", precision) for i, precision in enumerate(precisions)),
        table=_modules(precisions, times, ordered),
    )  # fmt: skip


def _shortened(module: str) -> str:
    """A name that leaves room for the times beside it on a phone; its end tells most."""
    return module if len(module) <= _NAME else f"…{module[1 - _NAME :]}"


def _modules(precisions: Sequence[str], times: Times, ordered: Sequence[str]) -> Table:
    both = {"float32", "int8"} <= set(precisions)
    columns = [Column("module"), *(Column(precision, "number") for precision in precisions)]
    columns += [Column("int8 − float32", "number"), Column("int8 / float32", "number")] if both else []
    rows = []
    for module in ordered[:_TABLE_ROWS]:
        own = times[module]
        row = [module, *(shown(own.get(precision), NS) for precision in precisions)]
        rows.append((*row, *(_against(own) if both else ())))
    return Table("Time by module", tuple(columns), tuple(rows), "Every module in numbers")


def _against(own: dict[str, int]) -> tuple[str, str]:
    flat, whole = own.get("float32"), own.get("int8")
    if flat is None or whole is None:
        return DASH, DASH
    sign = "+" if whole > flat else ""
    return f"{sign}{shown(whole - flat, NS)}", f"{whole / flat:.2f}" if flat else DASH


def _operators(each: LayerTimes) -> Table:
    total = sum(layer.ns for layer in each.layers) or 1
    columns = (
        Column("operator", "code"), Column("type"), Column("kernel"), Column("modules"), Column("time", "number"),
        Column("share", "number"),
    )  # fmt: skip
    rows = tuple(
        (layer.name, layer.kind, layer.kernel or DASH, ", ".join(layer.modules) or DASH, shown(layer.ns, NS),
         f"{100 * layer.ns / total:.1f}\u00a0%")
        for layer in each.layers[:_TABLE_ROWS]
    )  # fmt: skip
    few = f", the first {_TABLE_ROWS}" if len(each.layers) > _TABLE_ROWS else ""
    precision, over = each.key.precision, plural(each.inferences, "inference")
    caption = f"Operators of {precision} in the order they ran{few}; medians over {over}"
    return Table(caption, columns, rows, f"Every operator of {precision}")
