"""Why a budget is undecided: what the device did, or what it would take to tell."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from math import exp, log
from statistics import fmean, median

from edgebuild.core.measurement import Run
from edgebuild.core.metric import Budget, Metric, Mode
from edgebuild.core.profile import Judging
from edgebuild.core.verdict import Line, Outcome
from edgebuild.judge.facts import Facts, counting_runs, is_median, values_for
from edgebuild.judge.floor import MOST, can_tell, least_distance, runs_needed, scatter
from edgebuild.judge.pairs import Pair
from edgebuild.judge.steadiness import Shape, shape_of

_CLOCK_FELL = 0.1
_PILOT = 8
_LOOKED_AT = 200


def told_why(line: Line, facts: Facts, judging: Judging) -> Line:
    """The line; one on a median that evidence leaves open, with what the device did, or what it would take to tell."""
    if line.outcome is not Outcome.INCONCLUSIVE or line.low is None or not is_median(line.budget):
        return line
    if line.budget.definition.change:
        pairs, found = facts.pairs, values_for(line.budget, facts)
        reason = unsteady(line.budget.definition, *in_time(pairs))
        reason = reason or _price(line.budget, found, pairs, len(found), judging.confidence)
    else:
        runs = counting_runs(line.budget, facts)
        reason = unsteady(line.budget.definition, values_for(line.budget, facts), runs)
    told = "; ".join(part for part in (reason, line.reason) if part and part not in line.reason)
    return line.model_copy(update={"reason": told or line.reason})


def below_the_floor(budget: Budget, facts: Facts, most: int, seconds: float, confidence: float) -> bool:
    """Whether so many pairs in so many seconds can't decide a change, even if there is none.

    Unchanged, pairs would be inside the limit as often as they are that near to their median, and half of the others;
    or what is seen goes on.
    """
    found, pairs = values_for(budget, facts), facts.pairs
    if len(found) < _PILOT:
        return False
    each = seconds_each(pairs)
    most = min(most, int(seconds / each)) if each else most
    middle, below = median(found), sum(change <= budget.limit for change in found)
    near = sum(abs(change - middle) <= abs(budget.limit) for change in found)
    hits = max((len(found) + near) // 2, below, len(found) - below)
    return not can_tell(hits, len(found), most, confidence)


def unsteady(metric: Metric, series: Sequence[float], runs: Sequence[Run]) -> str:
    """What the device did over the runs, or inside most of them; or nothing."""
    across = shape_of(series)
    inside = None if across else _inside(metric, runs)
    told = across.told("runs") if across else f"inside the runs {inside.told('inferences')}" if inside else ""
    return f"unsteady: {'; '.join(part for part in (told, _clock(runs)) if part)}" if told else ""


def in_time(pairs: Sequence[Pair]) -> tuple[list[float], list[Run]]:
    """The medians of all runs of some pairs in the order they were made, the second ones' without the change."""
    told = [(a, b, first, second) for a, b in pairs if (first := _middle(a)) and (second := _middle(b))]
    factor = exp(fmean(log(second / first) for *_, first, second in told)) if told else 1.0
    made = [each for a, b, first, second in told for each in ((first, a), (second / factor, b))]
    made.sort(key=lambda each: each[1].started_at)
    return [value for value, _ in made], [run for _, run in made]


def seconds_each(pairs: Sequence[Pair]) -> float:
    """How long a pair takes, from when the first and the last were begun; 0: not known."""
    moments = [moment for pair in pairs if (moment := _moment(pair[0])) is not None]
    return (max(moments) - min(moments)) / (len(moments) - 1) if len(moments) > 1 else 0.0


def _price(budget: Budget, changes: Sequence[float], pairs: Sequence[Pair], most: int, confidence: float) -> str:
    """What it would take to decide: pairs, time, or another limit."""
    logs = [log(1 + change / 100) for change in changes]
    noise, goal = scatter(logs), log(1 + budget.limit / 100)
    needed = runs_needed(goal, noise, confidence)
    each = seconds_each(pairs)
    time = f", {_duration(needed * each)}" if each and needed < MOST else ""
    limit = 100 * (exp(least_distance(most, noise, confidence)) - 1)
    count = f"about {needed:,}" if needed < MOST else f"more than {MOST:,}"
    return (
        f"pairs scatter by {100 * noise:.2g} %; to pass unchanged this limit takes {count} pairs{time}, "
        f"and {most} pairs are enough for a limit of {limit:.2g} %"
    )


def _inside(metric: Metric, runs: Sequence[Run]) -> Shape | None:
    """The shape that at least half of the runs have inside; the last of them stands for it.

    Two modes matter where the percentile lies between them: elsewhere it is a number of one.
    """
    if metric.mode is Mode.SUSTAINED:
        return None  # what becomes of it over the minutes is what such a run is for
    beyond = 1 - (metric.quantile or 0.5)
    found = [shape for run in runs if (shape := shape_of(_thinned(run))) is not None]
    shapes = [shape for shape in found if shape.name != "bimodal" or beyond / 2 <= shape.share <= 1.5 * beyond]
    name, count = Counter(shape.name for shape in shapes).most_common(1)[0] if shapes else ("", 0)
    return next(shape for shape in reversed(shapes) if shape.name == name) if 2 * count >= len(runs) > 0 else None


def _thinned(run: Run) -> list[int]:
    """A run's inferences, every so many of them where there are many."""
    return [max(1, ns) for ns in run.samples_ns[:: 1 + len(run.samples_ns) // _LOOKED_AT]]


def _clock(runs: Sequence[Run]) -> str:
    """The largest fall of the busiest core's clock between runs or inside one."""
    clocks = [(max(moment.clock_khz) / 1e6) for run in runs for moment in run.during if moment.clock_khz]
    fell = bool(clocks) and min(clocks) < (1 - _CLOCK_FELL) * max(clocks)
    return f"the clock fell from {max(clocks):.1f} to {min(clocks):.1f} GHz" if fell else ""


def _middle(run: Run) -> float | None:
    found = run.told_ns.get("p50") or (median(run.samples_ns) if run.samples_ns else None)
    return float(found) if found else None


def _moment(run: Run) -> float | None:
    try:
        moment = dt.datetime.fromisoformat(run.started_at)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.0f} h"
    )
