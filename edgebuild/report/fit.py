"""A search's trials and its end, as a document and as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from edgebuild.core.units import format_quantity
from edgebuild.core.verdict import Line
from edgebuild.pipeline.project import BuildReport, joined
from edgebuild.report.build import build_result
from edgebuild.report.html.reported import Reported, reported_of
from edgebuild.report.table import Page, Table
from edgebuild.search.rehearsal import bundle_of
from edgebuild.search.steering import missed
from edgebuild.search.trials import Fitted, FitTrial

if TYPE_CHECKING:
    from edgebuild.core.digest import Json
    from edgebuild.search.fit import FitReport


def fit_result(reports: Sequence[FitReport], builds: Sequence[BuildReport] = ()) -> dict[str, Json]:
    """The ``result`` of ``edgebuild build --fit --json``: the build's, and the search under "fit".

    Under "fits" are all there were, one or one a target; where there was one it is under "fit" too.

    Args:
        builds: of other targets, whose searches the lock knows.
    """
    built = build_result(joined([*(report.build for report in reports), *builds]))
    found: list[Json] = [report.result.model_dump(mode="json") for report in reports]
    verdicts: list[Json] = [each.verdict.model_dump(mode="json") for report in reports for each in report.judged]
    return {**built, **({"fit": found[0]} if len(found) == 1 else {}), "fits": found, "verdicts": verdicts}


def fit_outcomes(reports: Sequence[FitReport]) -> list[dict[str, object]]:
    """How each target's build was judged, and each of its parts that has budgets of its own."""
    return [
        {
            "subject": each.place,
            "exit_code": each.verdict.outcome.exit_code,
            "message": f"{each.verdict.outcome.value} {each.verdict.reason}".strip(),
        }
        for report in reports
        for each in report.judged
    ]


def fit_reported(reports: Sequence[FitReport]) -> list[Reported]:
    """What a page tells of the builds that the search ended in.

    Raises:
        BundleError: evidence can't be read.
    """
    wholes = (each.verdict for report in reports for each in report.judged if not each.part)
    built = (built for report in reports for built in report.build.built)
    return [reported_of(bundle_of(one), verdict) for one, verdict in zip(built, wholes, strict=True)]


def tried_reported(reports: Sequence[FitReport]) -> list[Reported]:
    """What was tried, each by its setting; errors as of ``fit_reported``."""
    tried = (each for report in reports for each in report.tried)
    return [replace(reported_of(bundle, verdict), name=label) for label, bundle, verdict in tried]


def fit_text(reports: Sequence[FitReport]) -> Page:
    """Each search's front, and what to make of it."""
    return Page(tuple(Page((_front(report), *_conclusion(report))) for report in reports))


def _front(report: FitReport) -> Table:
    result = report.result
    return Table(
        ("build", "parameters", "target", "variant", "accuracy", "budgets", ""),
        [row for trial in result.trials for row in _rows(trial, "chosen" if trial.setting == result.chosen else "")],
        title=f"{report.build.project.name}: {len(result.trials)} builds tried; {result.ended}",
        caption="Accuracy is on the selection set; ✗: the budget is not met.",
    )


def _rows(trial: FitTrial, mark: str) -> Iterable[tuple[str, ...]]:
    """A row a target, and one a part of it that has budgets; the first of them names the build."""
    if trial.refused:
        yield trial.setting.label, "", "", "", "", trial.refused, mark
    for number, fitted in enumerate(trial.fitted):
        first = (trial.setting.label, _parameters(trial)) if number == 0 else ("", "")
        yield *first, *_row(trial, fitted), mark if number == 0 else ""


def _row(trial: FitTrial, fitted: Fitted) -> tuple[str, ...]:
    misses = [line.budget for place, line in missed(trial) if place == fitted.place]
    told = "\n".join(f"{'✗' if line.budget in misses else ' '} {line_text(line)}" for line in fitted.lines)
    accuracy = "" if fitted.accuracy is None else f"{fitted.accuracy:.2f}"
    return fitted.place, fitted.precision, accuracy, told


def _parameters(trial: FitTrial) -> str:
    return "" if trial.parameters is None else f"{trial.parameters:,}"


def line_text(line: Line) -> str:
    """A budget and what was found of it: its upper bound, on which it is judged."""
    found = "unknown" if line.bound is None else format_quantity(line.bound, line.budget.definition.unit)
    return f"{line.budget}: {found}"


def _conclusion(report: FitReport) -> list[str]:
    result = report.result
    judged = [
        f"{each.place}: {each.verdict.outcome.value}{f', {each.verdict.reason}' if each.verdict.reason else ''}"
        for each in report.judged
    ]
    if result.met:
        return [f"{result.chosen.label} was built, and judged on the evaluation set and its device:", *judged]
    binding = [f"  {line_text(line)} on {place}" for place, line in result.binding]
    advice = [f"  {each}" for each in result.relaxations]
    return [
        f"Nothing that was tried meets all budgets. {result.chosen.label} is the nearest, and was built. It misses:",
        *binding, "What would be met, were this limit alone another one:", *advice,
        "Judged on the evaluation set and its device:", *judged,
    ]  # fmt: skip
