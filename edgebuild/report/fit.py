"""A search's trials and its end, as a document and as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from edgebuild.core.units import format_quantity
from edgebuild.core.verdict import Line
from edgebuild.report.build import build_result
from edgebuild.report.html.reported import Reported, reported_of
from edgebuild.report.table import Page, Table
from edgebuild.search.rehearsal import bundle_of
from edgebuild.search.steering import missed
from edgebuild.search.trials import Fitted, FitTrial

if TYPE_CHECKING:
    from edgebuild.core.digest import Json
    from edgebuild.search.fit import FitReport


def fit_result(report: FitReport) -> dict[str, Json]:
    """The ``result`` of ``edgebuild build --fit --json``: the build's, and the search under "fit"."""
    verdicts: list[Json] = [verdict.model_dump(mode="json") for verdict in report.verdicts]
    return {**build_result(report.build), "fit": report.result.model_dump(mode="json"), "verdicts": verdicts}


def fit_outcomes(report: FitReport) -> list[dict[str, object]]:
    """One outcome a target: how its build was judged."""
    return [
        {
            "subject": built.target.name,
            "exit_code": verdict.outcome.exit_code,
            "message": f"{verdict.outcome.value} {verdict.reason}".strip(),
        }
        for built, verdict in zip(report.build.built, report.verdicts, strict=True)
    ]


def fit_reported(report: FitReport) -> list[Reported]:
    """What a page tells of the builds that the search ended in.

    Raises:
        BundleError: evidence can't be read.
    """
    return [
        reported_of(bundle_of(built), verdict)
        for built, verdict in zip(report.build.built, report.verdicts, strict=True)
    ]


def tried_reported(report: FitReport) -> list[Reported]:
    """What was tried, each by its setting; errors as of ``fit_reported``."""
    return [replace(reported_of(bundle, verdict), name=label) for label, bundle, verdict in report.tried]


def fit_text(report: FitReport) -> Page:
    """The front, and what to make of it."""
    return Page((_front(report), *_conclusion(report)))


def _front(report: FitReport) -> Table:
    result = report.result
    return Table(
        ("build", "parameters", "target", "variant", "accuracy", "budgets", ""),
        [row for trial in result.trials for row in _rows(trial, "chosen" if trial.setting == result.chosen else "")],
        title=f"{report.build.project.name}: {len(result.trials)} builds tried; {result.ended}",
        caption="Accuracy is on the selection set; ✗: the budget is not met.",
    )


def _rows(trial: FitTrial, mark: str) -> Iterable[tuple[str, ...]]:
    """A row a target; the first of them names the build."""
    if trial.refused:
        yield trial.setting.label, "", "", "", "", trial.refused, mark
    for number, fitted in enumerate(trial.fitted):
        first = (trial.setting.label, _parameters(trial)) if number == 0 else ("", "")
        yield *first, *_row(trial, fitted), mark if number == 0 else ""


def _row(trial: FitTrial, fitted: Fitted) -> tuple[str, ...]:
    misses = [line.budget for target, line in missed(trial) if target == fitted.target]
    told = "\n".join(f"{'✗' if line.budget in misses else ' '} {line_text(line)}" for line in fitted.lines)
    accuracy = "" if fitted.accuracy is None else f"{fitted.accuracy:.2f}"
    return fitted.target, fitted.precision, accuracy, told


def _parameters(trial: FitTrial) -> str:
    return "" if trial.parameters is None else f"{trial.parameters:,}"


def line_text(line: Line) -> str:
    """A budget and what was found of it: its upper bound, on which it is judged."""
    found = "unknown" if line.bound is None else format_quantity(line.bound, line.budget.definition.unit)
    return f"{line.budget}: {found}"


def _conclusion(report: FitReport) -> list[str]:
    result = report.result
    judged = [
        f"{built.target.name}: {verdict.outcome.value}{f', {verdict.reason}' if verdict.reason else ''}"
        for built, verdict in zip(report.build.built, report.verdicts, strict=True)
    ]
    if result.met:
        return [f"{result.chosen.label} was built, and judged on the evaluation set and its device:", *judged]
    binding = [f"  {line_text(line)} on {target}" for target, line in result.binding]
    advice = [f"  {each}" for each in result.relaxations]
    return [
        f"Nothing that was tried meets all budgets. {result.chosen.label} is the nearest, and was built. It misses:",
        *binding, "What would be met, were this limit alone another one:", *advice,
        "Judged on the evaluation set and its device:", *judged,
    ]  # fmt: skip
