"""What the processes of the memory runs took, part by part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median_low

from edgebuild.core.measurement import Memory
from edgebuild.core.metric import Mode
from edgebuild.core.units import Unit
from edgebuild.report.html.page import Chart, Column, Section, Table
from edgebuild.report.html.plot import framed
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.scales import axis_of
from edgebuild.report.html.svg import line, rect, text
from edgebuild.report.html.words import plural, shown

BYTE = Unit.BYTE
_ROW = 34
_PARTS: tuple[tuple[str, str, Callable[[Memory], int | None]], ...] = (
    ("process peak", "the kernel's high-water mark (VmHWM)", lambda m: m.vm_hwm),
    ("runtime's floor", "the same of a process alike with no model", lambda m: m.floor),
    ("peak above the floor", "what peak_memory is", lambda m: None if m.floor is None else max(0, m.vm_hwm - m.floor)),
    ("weights mapped", "resident pages of the model's own files", lambda m: m.weights_mapped),
    ("arena", "growth of anonymous memory since before the model was loaded", lambda m: m.arena),
    ("resident at the end", "VmRSS", lambda m: m.vm_rss),
    ("proportional peak", "the largest PSS that was sampled", lambda m: m.pss_peak),
    ("control group's peak", "memory.peak of a group of its own", lambda m: m.cgroup_peak),
)
_LIMITED = {"peak above the floor": "peak_memory", "process peak": "process_memory"}


def memory_section(prefix: str, told: Reported) -> Section | None:
    """None where no run tells of memory."""
    runs = [run for run in told.runs(Mode.MEMORY) if run.memory is not None and not run.outside]
    found = [_part(name, meaning, [read(run.memory) for run in runs if run.memory]) for name, meaning, read in _PARTS]
    parts = [part for part in found if part is not None]
    if not parts:
        return None
    limits = {line.budget.metric: line.budget.limit for line in told.verdict.lines} if told.verdict else {}
    named = {part: limits[metric] for part, metric in _LIMITED.items() if metric in limits}
    lead = f"The median of {plural(len(runs), 'run')} made for memory, apart from those made for latency."
    return Section(f"{prefix}memory", "Memory", lead, (_chart(f"{prefix}memory-parts", parts, named),))


Part = tuple[str, str, int, int, int]
"""Name, meaning, least, median and largest bytes."""


def _part(name: str, meaning: str, values: Sequence[int | None]) -> Part | None:
    known = [value for value in values if value is not None]
    return (name, meaning, min(known), median_low(known), max(known)) if known else None


def _chart(id_: str, parts: Sequence[Part], limits: dict[str, float]) -> Chart:
    height = _ROW * len(parts)
    top = max(largest for *_, largest in parts)
    axis = axis_of(
        [top, *(limit for limit in limits.values() if limit <= 1.6 * top)], "memory", BYTE, zero=True, count=4
    )
    floor = next((median for name, _, _, median, _ in parts if name == _PARTS[1][0]), 0)
    marks = []
    for row, (name, _, least, median, largest) in enumerate(parts):
        y = row * _ROW
        marks += [text(0, y + 13, f"{name} ", "label"), text(100, y + 13, shown(median, BYTE), "label strong", "end")]
        marks.append(rect(0, y + 18, axis.x(median), 8, "bar a"))
        if name == _PARTS[0][0] and floor:
            marks.append(rect(0, y + 18, axis.x(floor), 8, "bar floor"))
        if largest > least:
            marks.append(line(axis.x(least), y + 22, axis.x(largest), y + 22, "range"))
        if name in limits and limits[name] <= axis.high:
            marks.append(line(axis.x(limits[name]), y + 16, axis.x(limits[name]), y + 28, "limit"))
    told = "; ".join(f"{name} {shown(median, BYTE)}" for name, _, _, median, _ in parts)
    columns = (
        Column("part"),
        Column("median", "number"),
        Column("least", "number"),
        Column("largest", "number"),
        Column("what it is", "prose"),
    )
    rows = tuple(
        (name, shown(mid, BYTE), shown(low, BYTE), shown(high, BYTE), what) for name, what, low, mid, high in parts
    )
    legend = (("swatch floor", "of it, what the runtime takes without a model"), ("limit-mark", "budget"))
    return Chart(
        id=id_, title="Parts", height=height, marks=framed(height, marks, axis), desc=f"{told}.", wide=True, flush=True,
        note="The parts overlap and don't add up: each is a count of the kernel's own.",
        table=Table("Memory, part by part", columns, rows, "In numbers"),
        legend=legend if limits else legend[:1],
    )  # fmt: skip
