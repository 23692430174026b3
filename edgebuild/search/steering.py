"""What a search tries next, and what it takes in the end: pure functions of what was tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, inf, log, log10, sqrt

from edgebuild.core.compression import CostName
from edgebuild.core.fit import Setting
from edgebuild.core.metric import Budget
from edgebuild.core.verdict import Line, Outcome
from edgebuild.judge.accuracy import samples_without_disagreement
from edgebuild.search.binding import hardest
from edgebuild.search.trials import Fitted, FitTrial, Relaxation

_NEAR = 1.05
"""Two shares within this factor are as good as one: what is between them would gain less than noise."""
_FULL = 0.96
"""A build that takes so much of its tightest limit is not made larger."""
_AIM = 0.98
"""Of the tightest limit: what the next build is meant to take."""
_CAUTION = 0.97
"""What is less than was kept before takes a little more than its share."""
_LEAP = 4
"""So much narrower at once, at most: what is further away is guessed better from there."""
_LEAST_POWER = 0.25
"""However little a step saved, the next one goes no further than if cost grew by this power of the share."""
_ACCURATE_NEAR = 1.15
"""The same as ``_NEAR`` of what tells how far the limits are away only."""
_TINY = 1e-6
_SMALLEST = 0.005
"""Less is not tried."""


@dataclass(frozen=True)
class Offered:
    """What can be built at all.

    Attributes:
        float32: whether it can be in float: on some accelerators nothing can.
        int8: whether the profile offers int8.
        prunable: whether the model can be pruned.
        costs: by metric, what pruning makes less where a limit on it binds; nothing where the profile has [pruning].
    """

    float32: bool = True
    int8: bool = True
    prunable: bool = True
    costs: Mapping[str, CostName] = field(default_factory=dict)

    @property
    def dense(self) -> tuple[Setting, ...]:
        """The settings that leave the model as it is, the most accurate one first."""
        ways = [Setting(int8=False)] if self.float32 else []
        return tuple(ways + ([Setting()] if self.int8 or not ways else []))


def next_setting(trials: Sequence[FitTrial], offered: Offered) -> Setting | None:
    """The setting to try next; None if another would tell nothing new.

    First the model as it is, in float and then as the profile builds it: nothing is more accurate. Then, in float if
    int8 alone loses too much, the share that pruning keeps of what there is too much of is narrowed down to the largest
    that meets all limits but those of accuracy, which a larger share never meets worse. Where that one is not
    accurate enough nothing meets all limits, and the smallest share that is accurate enough is looked for, since it
    tells how far they are away.
    """
    dense = {trial.setting: trial for trial in trials if trial.setting.keep is None}
    if any(meets(trial) for trial in dense.values()):
        return None
    for setting in offered.dense:
        if setting not in dense:
            return setting
    if not offered.prunable:
        return None
    last = offered.dense[-1] if is_accurate(dense[offered.dense[-1]]) else offered.dense[0]
    precise = [trial for trial in trials if trial.setting.int8 == last.int8]
    loads = {keep_of(trial): load(trial) for trial in precise if not trial.refused}
    if loads[1.0] <= 1:
        return None  # what is not accurate enough as it is does not become so by pruning
    refused = max((keep_of(trial) for trial in precise if trial.refused), default=0.0)
    keep = _towards_the_limits(loads, refused)
    if keep is None:
        keep = _towards_accuracy(precise)
    return None if keep is None else Setting(keep=keep, int8=last.int8, cost=_cost(dense[last], offered))


def next_settings(trials: Sequence[FitTrial], offered: Offered, count: int) -> list[Setting]:
    """That of ``next_setting``, and at most so many in all that are built beside it: the shares around it."""
    first = next_setting(trials, offered)
    if first is None:
        return []
    if first.keep is None:
        tried = {trial.setting for trial in trials}
        return [setting for setting in offered.dense if setting not in tried][:count]
    known = [keep_of(trial) for trial in trials if trial.setting.int8 == first.int8]
    return [first, *(first.model_copy(update={"keep": share}) for share in _beside(first.keep, known, count - 1))]


def _beside(share: float, known: Sequence[float], count: int) -> list[float]:
    """Other shares, as many at most, that cut what lies between the next known ones into equal ratios."""
    high = min(keep for keep in known if keep > share)
    low = max((keep for keep in known if keep < share), default=max(share**2 / high, _SMALLEST))
    cuts = [_rounded(low * (high / low) ** (cut / (count + 2))) for cut in range(1, count + 2)]
    cuts.remove(min(cuts, key=lambda cut: abs(log(cut / share))))
    found: list[float] = []
    for cut in cuts:
        if all(abs(log(cut / near)) > log(_NEAR) for near in (low, share, high, *found)):
            found.append(cut)
    return found


def _cost(dense: FitTrial, offered: Offered) -> CostName | None:
    """What pruning makes less: of what the model as it is takes too much of, what is hardest to bring down.

    Not of what it takes most too much of: another limit, as one that was advised, would turn the search around.
    """
    lines = (line.budget.metric for _, line in missed(dense) if not _of_accuracy(line))
    return hardest([offered.costs[metric] for metric in lines if metric in offered.costs])


def keep_of(trial: FitTrial) -> float:
    """The share of a trial's model that was kept."""
    return 1.0 if trial.setting.keep is None else trial.setting.keep


def _towards_the_limits(loads: dict[float, float], refused: float) -> float | None:
    """The next share on the way to the largest that stays inside; None where it is known, or known not to be."""
    outside = min((keep for keep, taken in loads.items() if taken > 1), default=1.0)
    inside = max((keep for keep, taken in loads.items() if taken <= 1 and keep < outside), default=None)
    if inside is None:
        return _narrower(loads, outside, refused)
    if outside / inside <= _NEAR or loads[inside] >= _FULL:
        return None
    share = inside * (_AIM / max(loads[inside], _TINY)) ** (1 / _power(loads, inside, outside))
    return _rounded(min(max(share, inside * sqrt(_NEAR)), outside / sqrt(_NEAR)))


def _narrower(loads: dict[float, float], outside: float, refused: float) -> float | None:
    """A share that is meant to be inside; one as small as was refused already is none."""
    wider = min((keep for keep in loads if keep > outside), default=outside)
    share = outside * (_AIM / loads[outside]) ** (1 / _power(loads, outside, wider))
    share = min(max(_CAUTION * share, outside / _LEAP), outside * _CAUTION**5)
    if _rounded(share) <= refused:
        if outside / refused <= _NEAR**2:
            return None
        share = sqrt(refused * outside)
    return _rounded(share) if share >= _SMALLEST else None


def _power(loads: dict[float, float], narrow: float, wide: float) -> float:
    """Between two shares, by which power of the share the load grows; 1 where that is not known."""
    if narrow == wide or not 0 < loads[narrow] < loads[wide] < inf:
        return 1.0
    return min(max(log(loads[wide] / loads[narrow]) / log(wide / narrow), _LEAST_POWER), 1 / _LEAST_POWER)


def _towards_accuracy(trials: Sequence[FitTrial]) -> float | None:
    """The next share on the way to the smallest that is accurate enough, if the one inside the limits is not."""
    built = [trial for trial in trials if not trial.refused]
    accurate = min((keep_of(trial) for trial in built if is_accurate(trial)), default=None)
    if accurate is None or any(load(trial) <= 1 and is_accurate(trial) for trial in built):
        return None
    short = max(
        (keep_of(trial) for trial in built if not is_accurate(trial) and keep_of(trial) < accurate), default=None
    )
    if short is None:
        return None
    return _rounded(sqrt(accurate * short)) if accurate / short > _ACCURATE_NEAR else None


def _rounded(share: float) -> float:
    return float(f"{share:.3g}")


def load(trial: FitTrial) -> float:
    """What a build takes of its tightest limit, accuracy aside; at most 1 where they are all met beyond doubt."""
    if trial.refused or not trial.fitted:
        return inf
    return max((_taken(line) for _, line in lines_of(trial) if not _of_accuracy(line)), default=0.0)


def _taken(line: Line) -> float:
    """By its upper bound where that is inside; else by its estimate: sampling stops where no bound need be near it."""
    if not line.decides:
        return 0.0
    passed = line.outcome is Outcome.PASS
    found = line.bound if passed or line.estimate is None else line.estimate
    if found is None or line.budget.limit <= 0:
        return 0.0 if passed else inf
    taken = found / line.budget.limit
    return taken if passed else max(taken, 1.001)


def is_accurate(trial: FitTrial) -> bool:
    """Whether a build meets its accuracy budgets as far as the selection set can tell."""
    return bool(trial.fitted) and not any(_of_accuracy(line) for _, line in missed(trial))


def _kept(line: Line, fitted: Fitted) -> bool:
    """Beyond doubt, or where so few samples could never tell beyond doubt, by what they say."""
    if line.outcome is not Outcome.INCONCLUSIVE:
        return line.outcome is Outcome.PASS
    needed = samples_without_disagreement(line.budget.limit, line.confidence or 0.95)
    return needed > fitted.selected and line.estimate is not None and line.estimate <= line.budget.limit


def _of_accuracy(line: Line) -> bool:
    return line.budget.metric == "accuracy_drop"


def meets(trial: FitTrial) -> bool:
    """Whether a build meets all limits."""
    return load(trial) <= 1 and is_accurate(trial)


def lines_of(trial: FitTrial) -> Iterator[tuple[str, Line]]:
    """Every line of a trial, with its place."""
    for fitted in trial.fitted:
        yield from ((fitted.place, line) for line in fitted.lines)


def accuracy(trial: FitTrial) -> float:
    """Of the whole, the least over targets."""
    wholes = (fitted for fitted in trial.fitted if not fitted.part)
    return min((-inf if fitted.accuracy is None else fitted.accuracy for fitted in wholes), default=-inf)


def best(trials: Sequence[FitTrial]) -> FitTrial:
    """The most accurate build that meets all limits.

    Where none does: the most accurate that meets all but those of accuracy; where there is none either, the one that is
    nearest to them.
    """
    built = [trial for trial in trials if trial.fitted]
    inside = [trial for trial in built if meets(trial)] or [trial for trial in built if load(trial) <= 1]
    if inside:
        return max(inside, key=lambda trial: (accuracy(trial), keep_of(trial)))
    return min(built, key=lambda trial: (load(trial), -accuracy(trial)))


def missed(trial: FitTrial) -> list[tuple[str, Line]]:
    """The lines that a build does not meet, each with its place."""
    return [(fitted.place, line) for fitted in trial.fitted for line in fitted.lines if not _met(line, fitted)]


def _met(line: Line, fitted: Fitted) -> bool:
    return _kept(line, fitted) if _of_accuracy(line) else _taken(line) <= 1


def relaxations(trials: Sequence[FitTrial]) -> list[Relaxation]:
    """Of each limit that a build misses, what it would have to be if all others stayed as they are."""
    misses = [(trial, missed(trial)) for trial in trials if trial.fitted]
    asked = {(place, line.budget.metric): line.budget for _, lines in misses for place, line in lines}
    return [_relaxed(place, asked[place, metric], misses) for place, metric in sorted(asked)]


def _relaxed(own: str, asked: Budget, misses: Sequence[tuple[FitTrial, list[tuple[str, Line]]]]) -> Relaxation:
    alone = [
        (bound, trial)
        for trial, lines in misses
        if [(place, line.budget.metric) for place, line in lines] == [(own, asked.metric)]
        and (bound := _told_again(lines[0][1])) is not None
    ]
    if not alone:
        return Relaxation(target=own, asked=asked)
    bound, trial = min(alone, key=lambda one: one[0])
    return Relaxation(target=own, asked=asked, limit=rounded_up(bound), setting=trial.setting)


def _told_again(line: Line) -> float | None:
    """A line's bound; of accuracy what the bound on other samples, as many, will hardly be above.

    Both estimates err, so that their difference has twice the variance of one: a bound on it lies as far above the
    bound as the bound lies above the estimate, times the root of two.
    """
    if not _of_accuracy(line) or line.high is None or line.estimate is None:
        return line.bound
    return line.high + sqrt(2) * (line.high - line.estimate)


def stretched(advice: Relaxation, found: FitTrial, confirmed: Mapping[str, Sequence[Line]]) -> Relaxation:
    """Advice that holds too for what was measured of the build that was made in the end.

    Args:
        confirmed: by place, its lines.
    """
    if advice.limit is None or advice.setting != found.setting:
        return advice
    own = (line.bound for line in confirmed[advice.target] if line.budget.metric == advice.asked.metric)
    bound = max((bound for bound in own if bound is not None), default=0.0)
    return advice.model_copy(update={"limit": max(advice.limit, rounded_up(bound))})


def rounded_up(bound: float) -> float:
    """A limit with some room above a bound, of two digits: what is measured again comes out a little otherwise."""
    if bound <= 0:
        return 0.1
    roomy = 1.03 * bound
    step = 10.0 ** (floor(log10(roomy)) - 1)
    return float(f"{ceil(roomy / step) * step:.6g}")
