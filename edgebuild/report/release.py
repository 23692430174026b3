"""How a release went, as values and as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from edgebuild.core.artifact import Manifest, Quality
from edgebuild.core.digest import Json
from edgebuild.core.metric import METRICS
from edgebuild.core.units import Unit, format_quantity
from edgebuild.core.verdict import Outcome
from edgebuild.published import published_rows
from edgebuild.release import SHOWN, Bounded, Released, ReleaseReport
from edgebuild.report.build import short
from edgebuild.report.creep import creep_text
from edgebuild.report.html.reported import Reported, reported_of
from edgebuild.report.table import Table
from edgebuild.report.verdict import Case, gate_cases


def release_outcomes(report: ReleaseReport) -> list[dict[str, object]]:
    """One outcome a target."""
    return [
        {"subject": each.built.label, "exit_code": each.exit_code, "message": _message(each)}
        for each in report.released
    ]


def _message(each: Released) -> str:
    if each.error is not None:
        return each.error.message
    broken = [f"{check.name} {check.state}: {check.why}" for check in each.checks if check.state == "broken"]
    if broken:
        return "; ".join(broken)
    assert each.verdict is not None
    return f"{each.verdict.outcome.value} {each.verdict.reason}".rstrip()


def release_result(report: ReleaseReport) -> dict[str, Json]:
    """The ``result`` of ``edgebuild release --json``."""
    targets: list[Json] = [_released(each) for each in report.released]
    return {"project": report.build.project.name, "targets": targets, "creeps": [*creep_texts(report)],
        "input_check": report.build.inputs.model_dump(mode="json") if report.build.inputs else None,
    }  # fmt: skip


def _released(each: Released) -> Json:
    bundle = each.built.bundle
    return {
        "target": each.built.label,
        "bundle": str(bundle.path) if bundle else None,
        "digest": bundle.digest if bundle else None,
        "checks": [{"check": c.name, "state": c.state, "why": c.why} for c in each.checks],
        "verdict": each.verdict.model_dump(mode="json") if each.verdict else None,
        "error": each.error.message if each.error else None,
        "signed": each.signed or None,
    }


def release_cases(report: ReleaseReport) -> list[Case]:
    """The cases of every target: its checks, its budgets, or what kept it from a verdict."""
    return [case for each in report.released for case in _cases_of(each)]


def _cases_of(each: Released) -> Iterable[Case]:
    subject = each.built.label
    for check in each.checks:
        outcome = {"ok": Outcome.PASS, "broken": Outcome.FAIL}.get(check.state)
        yield Case(subject, f"verify {check.name}", outcome or Outcome.INCONCLUSIVE, check.why, outcome is not None)
    if each.error is not None:
        yield Case(subject, "build" if each.built.bundle is None else "measure", None, each.error.message)
    if each.verdict is not None:
        unjudged = Case(subject, "budgets", each.verdict.outcome, each.verdict.reason)
        yield from gate_cases(subject, each.verdict) or [unjudged]


def release_reported(report: ReleaseReport) -> list[Reported]:
    """What the page tells of every target: its bundle's evidence, or what kept it from one.

    Raises:
        BundleError: evidence can't be read.
    """
    return [_reported(each) for each in report.released]


def _reported(each: Released) -> Reported:
    if each.built.bundle is None:
        return Reported(each.built.label, error=each.error)
    found = reported_of(each.built.bundle, each.verdict, each.checks)
    published = published_rows(each.built.target, each.built.bundle.manifest)
    return replace(found, error=each.error, published=published)


def release_table(report: ReleaseReport) -> Table:
    """One row a target: accuracy float and int8, size, latency and memory with their bounds, verdict."""
    shown = _shown(report)
    return Table(
        ("target", "built", "float", "int8", "size", *map(_heading, shown), "verify", "verdict"),
        [_row(each, shown) for each in report.released],
        title=f"{report.build.project.name}: release",
        caption="\n".join(creep_texts(report)),
    )


def creep_texts(report: ReleaseReport) -> list[str]:
    """A line for every metric that crept up over the history."""
    return [f"{target}: {creep_text(creep)}" for target, creep in report.creeps]


def _shown(report: ReleaseReport) -> tuple[str, ...]:
    """The metrics with a column: instructions have one where some were counted."""
    counted = any("instructions" in (each.measured or {}) for each in report.released)
    return tuple(name for name in SHOWN if counted or name != "instructions")


def _heading(metric: str) -> str:
    return {"latency_p50": "p50", "latency_p90": "p90", "peak_memory": "memory above floor"}.get(metric, metric)


def _row(each: Released, shown: tuple[str, ...]) -> tuple[str, ...]:
    if each.built.bundle is None:
        return each.built.label, "not built", *[""] * (len(shown) + 4), short(_message(each))
    manifest = each.built.bundle.manifest
    variant = manifest.parts[0].variants[0]
    found = each.measured or {}
    checks = ", ".join(f"{check.name} {check.state}" for check in each.checks if check.state != "not checked")
    return (
        each.built.label,
        variant.precision,
        *_qualities(manifest),
        format_quantity(variant.size, Unit.BYTE),
        *(bounded_text(name, found.get(name)) for name in shown),
        checks,
        short(_message(each)),
    )


def _qualities(manifest: Manifest) -> tuple[str, str]:
    """Of the float model and of int8, offered or not, on the evaluation set."""
    variants = {variant.precision: variant.quality for variant in manifest.parts[0].variants}
    scored = [one for one in manifest.rejected if one.quality is not None and one.reason]
    for one in scored:
        known = variants.get(one.precision)
        if known is None or one.precision not in variants:
            variants[one.precision] = one.quality
    return _score(variants.get("float32")), _score(variants.get("int8"))


def _score(quality: Quality | None) -> str:
    if quality is None or quality.value is None:
        return "–"
    return f"{quality.value:.2f} %"


def bounded_text(metric: str, value: Bounded | None) -> str:
    """A median with its bounds and the number of runs."""
    if value is None:
        return "–"
    unit = METRICS[metric].unit
    low, high = ("–" if v is None else format_quantity(v, unit) for v in (value.low, value.high))
    return f"{format_quantity(value.estimate, unit)} [{low}, {high}]"
