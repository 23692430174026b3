"""Where it was measured: the device, the tools on it, and the state it was in before and after the runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from edgebuild.core.measurement import Environment, Measurement, MeasurementKey, Run
from edgebuild.core.metric import TIMED, Mode
from edgebuild.core.units import Unit
from edgebuild.report.html.page import Block, Column, Fact, Facts, Note, Section, Table
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.samples import evenly
from edgebuild.report.html.words import DASH, plural, short_digest, shown

_ROWS = 300
Reading = Callable[[Environment], "float | None"]
Words = Callable[[float], str]
_READINGS: tuple[tuple[str, Reading, Words], ...] = (
    ("load, last minute", lambda e: e.load_1min, lambda v: f"{v:.2f}"),
    ("fastest core's clock", lambda e: _most(e.clock_khz), lambda v: f"{v / 1000:,.0f}\u00a0MHz"),
    ("clock's limit", lambda e: _most(e.clock_limit_khz), lambda v: f"{v / 1000:,.0f}\u00a0MHz"),
    ("hottest sensor", lambda e: _most(e.temperature_mc), lambda v: f"{v / 1000:.1f}\u00a0°C"),
    ("memory available", lambda e: e.memory_available, lambda v: shown(v, Unit.BYTE)),
)  # fmt: skip
_MOMENTS: tuple[tuple[str, Callable[[Run], Iterable[Environment]]], ...] = (
    ("before", lambda run: (run.before,)), ("during", lambda run: run.during), ("after", lambda run: (run.after,)),
)  # fmt: skip


def surroundings_section(prefix: str, told: Reported) -> Section | None:
    """None where nothing was measured."""
    key = told.key
    if key is None:
        return None
    runs = [run for mode in (*TIMED, Mode.TURNS, Mode.MEMORY, Mode.EXACT) for run in told.runs(mode)]
    blocks: list[Block] = [Facts((*_device(key), *_computed_by(runs))), Note(_held_back(runs))]
    states = _states(runs)
    blocks += [states] if states.rows else []
    blocks += [_each_run(runs)] if states.rows else []
    blocks.append(_all_measurements(told))
    lead = "Runs are pooled only where all of this is equal."
    return Section(f"{prefix}environment", "Environment", lead, tuple(blocks))


def _device(key: MeasurementKey) -> tuple[Fact, ...]:
    tools = [Fact(name, version, code=True) for name, version in sorted(key.toolchain.items())]
    return (
        Fact("device", key.device), Fact("basis", key.basis.value), Fact("threads", str(key.threads)),
        Fact("affinity", key.affinity or "none"), Fact("delegate", key.delegate), Fact("float arithmetic", key.compute),
        *tools,
    )  # fmt: skip


def _computed_by(runs: Sequence[Run]) -> tuple[Fact, ...]:
    """Who computed how many of the model's operators, where the runtime tells."""
    told = dict.fromkeys(", ".join(share.text for share in run.shares) for run in runs if run.shares)
    return (Fact("operators computed by", "; or ".join(told)),) if told else ()


def _held_back(runs: Sequence[Run]) -> str:
    """Whether the device held itself back, and which runs do not count, in a sentence or two."""
    told = [each for run in runs for each in (run.before, *run.during, run.after)]
    flags = [each.throttled for each in told if each.throttled is not None]
    governors = sorted({each.governor for each in told if each.governor})
    said = "The device does not tell whether it is throttled."
    if flags:
        held = sum(any(each.throttled for each in (run.before, *run.during, run.after)) for run in runs)
        said = f"Throttled during {plural(held, 'run')} of {len(runs):,}."
    outside = Counter(reason for run in runs for reason in run.outside)
    left = "; ".join(f"{reason} ({plural(count, 'run')})" for reason, count in outside.most_common(5))
    kept = f" Not counted, being outside the profile's conditions: {left}." if left else ""
    clock = f" Clock governor: {', '.join(governors)}." if governors else ""
    return f"{said}{clock}{kept}"


def _states(runs: Sequence[Run]) -> Table:
    """Least to largest over all runs."""
    rows = []
    for name, read, words in _READINGS:
        cells = [
            _range([v for run in runs for e in moment(run) if (v := read(e)) is not None], words)
            for _, moment in _MOMENTS
        ]
        if any(cell != DASH for cell in cells):
            rows.append((name, *cells))
    columns = (Column("reading"), *(Column(name, "number") for name, _ in _MOMENTS))
    return Table(f"The device's state, least to largest over {plural(len(runs), 'run')}", columns, tuple(rows))


def _most(values: tuple[int, ...] | None) -> int | None:
    return max(values) if values else None


def _range(values: Sequence[float], words: Words) -> str:
    if not values:
        return DASH
    low, high = words(min(values)), words(max(values))
    return low if low == high else f"{low} to {high}"


def _each_run(runs: Sequence[Run]) -> Table:
    """A row a run: what was read before and after."""
    told = [each for run in runs for each in (run.before, run.after)]
    known = [reading for reading in _READINGS if any(reading[1](each) is not None for each in told)]
    columns = [
        Column("started"),
        Column("mode"),
        *(Column(f"{name}, before → after", "number") for name, _, _ in known),
    ]
    rows = [
        (run.started_at or DASH, run.mode.value, *(_change(run, read, words) for _, read, words in known))
        for run in evenly(runs, _ROWS)
    ]
    few = f", {_ROWS} of {len(runs):,}" if len(runs) > _ROWS else ""
    return Table(f"The device's state, run by run{few}", tuple(columns), tuple(rows), "Every run's surroundings")


def _change(run: Run, read: Reading, words: Words) -> str:
    before, after = (DASH if (value := read(each)) is None else words(value) for each in (run.before, run.after))
    return f"{before} → {after}"


def _all_measurements(told: Reported) -> Table:
    """What else there is in the evidence, so that nothing is hidden by what is shown."""
    counted: Counter[tuple[str, str, str, str]] = Counter()
    for each in told.payloads:
        if isinstance(each, Measurement):
            counted[each.key.precision, each.key.workload, each.key.device, short_digest(each.key.model)] += len(
                each.runs
            )
    columns = (
        Column("precision"),
        Column("workload"),
        Column("device"),
        Column("model", "code"),
        Column("runs", "number"),
    )
    rows = tuple((*names, f"{count:,}") for names, count in sorted(counted.items()))
    return Table("Everything measured of this bundle", columns, rows, "All measurements in the evidence")
