"""Time per layer, as values and as text: one variant by module, or float and int8 side by side and why int8 loses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from edgebuild.core.digest import Json
from edgebuild.core.layers import LayerTimes
from edgebuild.core.units import Unit, format_quantity
from edgebuild.judge.layer_proposal import Proposal
from edgebuild.judge.layer_units import Unit as Row
from edgebuild.judge.layers import Findings, Missing
from edgebuild.profiling import ProfiledBundle
from edgebuild.report.table import Page, Table

_ROWS = 40
_NAMED = 6


def layers_result(found: ProfiledBundle) -> dict[str, Json]:
    """One bundle in the ``result`` of ``edgebuild bench --profile --json``. Times are in nanoseconds."""
    findings = found.findings
    return {
        "bundle": found.bundle.path.name,
        "digest": found.bundle.digest,
        "target": found.target.name,
        "profiles": [_times(times) for times in found.times.values()],
        "comparison": _comparison(findings, found.target.name) if findings else None,
        "hint": found.hint,
    }


def _times(times: LayerTimes) -> Json:
    return {
        "precision": times.key.precision,
        "device": times.key.device,
        "inferences": times.inferences,
        "whole_ns": times.whole_ns,
        "total_ns": times.total_ns,
        "overhead_ns": times.overhead_ns,
        "mapped": times.mapped,
        "layers": [layer.model_dump(mode="json") for layer in times.layers],
    }


def _comparison(findings: Findings, target: str) -> Json:
    proposal = findings.proposal
    return {
        "int8_slower": findings.slower,
        "float_whole_ns": findings.float_whole_ns,
        "int8_whole_ns": findings.int8_whole_ns,
        "float_ns": findings.float_ns,
        "int8_ns": findings.int8_ns,
        "layers": [_row(row) for row in (*findings.units, findings.unknown)],
        "conversions": {"operators": findings.conversions, "ns": findings.conversions_ns},
        "missing_kernels": [
            {"kind": m.kind, "kernel": m.kernel, "operators": m.count, "ns": m.ns, "runs": m.reason,
             "modules": list(m.modules)}
            for m in findings.missing
        ],
        "proposal": {
            "estimate_ns": proposal.estimate_ns,
            "modules": [name for row in proposal.units for name in row.modules],
            "keep_float": {target: list(proposal.patterns)},
            "everything": not proposal.patterns,
        }
        if proposal
        else None,
    }  # fmt: skip


def _row(row: Row) -> Json:
    return {
        "modules": list(row.modules), "float_ns": row.float_ns, "int8_ns": row.int8_ns, "lost_ns": row.lost_ns,
        "float_ops": list(row.float_ops), "int8_ops": list(row.int8_ops), "conversions_ns": row.conversions_ns,
    }  # fmt: skip


def layers_text(found: ProfiledBundle) -> Page:
    """A table and, of two variants, what they say."""
    heads = [_head(times) for times in found.times.values()]
    findings = found.findings
    if findings is not None:
        return Page((*heads, _side_by_side(findings), "\n".join(reasons(findings, found.target.name))))
    tables = [_alone(found, times) for times in found.times.values()]
    return Page((*heads, *tables, *([found.hint] if found.hint else [])))


def _head(times: LayerTimes) -> str:
    own = f"; its own time, {_ns(times.overhead_ns)} an operator, is taken off below" if times.overhead_ns else ""
    return (
        f"{times.key.precision}: an inference takes {_ns(times.whole_ns)}; {len(times.layers)} operators in "
        f"{_ns(times.total_ns)} under the profiler ({times.inferences} inferences){own}. "
        f"{times.mapped:.0%} of the time is known by module."
    )


def _side_by_side(findings: Findings) -> Table:
    headings = ("module", "float32", "int8", "int8/float", "lost", "runs in float32", "runs in int8")
    rows = [_compared(_names(row.modules), row) for row in findings.units[:_ROWS]]
    rest = findings.units[_ROWS:]
    if rest:
        both = sum(row.float_ns for row in rest), sum(row.int8_ns for row in rest)
        rows.append(_compared(f"{len(rest)} more", Row((), *both)))
    if findings.unknown.float_ns or findings.unknown.int8_ns:
        rows.append(_compared("(unknown)", findings.unknown))
    return Table(headings, [*rows, _compared("all", Row((), findings.float_ns, findings.int8_ns))])


def _compared(name: str, row: Row) -> tuple[str, ...]:
    return name, *_numbers(row), _kinds(row.float_ops), _kinds(row.int8_ops)


def _numbers(row: Row) -> tuple[str, str, str, str]:
    ratio = f"{row.int8_ns / row.float_ns:.2f}" if row.float_ns >= 1 else ""
    return _ns(row.float_ns), _ns(row.int8_ns), ratio, f"{'+' if row.lost_ns > 0 else ''}{_ns(row.lost_ns)}"


def _alone(found: ProfiledBundle, times: LayerTimes) -> Table:
    units = found.units_of(times)
    total = sum(row.float_ns for row in units)
    rows = [
        (
            _names(row.modules) or "(unknown)",
            _ns(row.float_ns),
            f"{row.float_ns / total:.1%}" if total else "",
            _kinds(row.float_ops),
        )
        for row in units[:_ROWS]
    ]
    if units[_ROWS:]:
        rows.append((f"{len(units) - _ROWS} more", _ns(sum(row.float_ns for row in units[_ROWS:])), "", ""))
    return Table(("module", times.key.precision, "share", "runs"), rows)


def reasons(findings: Findings, target: str) -> list[str]:
    """Why int8 is slower, or where it could still be faster, one line a reason."""
    ratio = findings.int8_whole_ns / max(findings.float_whole_ns, 1)
    times = f"{_ns(findings.int8_whole_ns)} against {_ns(findings.float_whole_ns)} ({ratio:.2f} x)"
    if not findings.slower:
        return [f"int8 is not slower: {times}.", *_proposed(findings.proposal, findings, target)]
    lost = [row for row in findings.units if row.lost_ns > 0]
    lines = [f"Why int8 is slower: {times}."]
    if lost:
        named = ", ".join(f"{_names(row.modules)} (+{_ns(row.lost_ns)})" for row in lost[:_NAMED])
        more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
        lines.append(f"  {len(lost)} layers lost, together {_ns(sum(r.lost_ns for r in lost))}: {named}{more}.")
    if findings.conversions:
        lines.append(
            f"  {findings.conversions} operators only convert between forms of numbers: {_ns(findings.conversions_ns)}."
        )
    lines += [f"  {line}" for line in _without_kernel(findings.missing)]
    return [*lines, *_proposed(findings.proposal, findings, target)]


def _without_kernel(missing: Sequence[Missing]) -> Iterable[str]:
    for reason, words in (
        ("in float", "run in float, as they have no int8 kernel or are kept so"),
        ("outside the delegate", "run outside the delegate, which has no int8 kernel for them"),
    ):
        found = [one for one in missing if one.reason == reason]
        if found:
            named = ", ".join(f"{one.count} x {one.kind} ({_ns(one.ns)})" for one in found[:_NAMED])
            yield f"These {words}: {named}{' and others' if len(found) > _NAMED else ''}."


def _proposed(proposal: Proposal | None, findings: Findings, target: str) -> list[str]:
    if proposal is None:
        return ["  Leaving a layer in float would not make int8 faster."] if findings.slower else []
    estimate = (
        f"about {_ns(proposal.estimate_ns)} of operators, where int8 has {_ns(findings.int8_ns)} and float "
        f"{_ns(findings.float_ns)}; estimated from these times"
    )
    if not proposal.patterns:
        return [
            f"  Proposal: keep all of it in float. int8 gains in no layer as much as converting costs ({estimate})."
        ]
    return [
        f"  Proposal: leave {len(proposal.units)} layers in float ({estimate}). In edgebuild.toml, then build again:",
        "",
        *setting_lines(proposal, target),
    ]


def setting_lines(proposal: Proposal, target: str) -> list[str]:
    """The proposal as TOML for the project's file."""
    return ["[build.keep_float]", f"{target} = {json.dumps(proposal.patterns, ensure_ascii=False)}"]


def _names(modules: Sequence[str]) -> str:
    return " + ".join(modules[:3]) + (f" + {len(modules) - 3} more" if len(modules) > 3 else "")


def _kinds(ops: Sequence[str]) -> str:
    return ", ".join(ops[:3]) + (", …" if len(ops) > 3 else "")


def _ns(value: float) -> str:
    return format_quantity(round(value), Unit.NANOSECOND)
