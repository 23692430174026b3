"""With labels: declarations are scored on the same samples; one is named if a paired test says that it is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgebuild.core.array import Integers, np
from edgebuild.core.input_check import Kind, Suspicion
from edgebuild.inputcheck.case import SHOWN, Case, Trial, mending
from edgebuild.inputcheck.paired import p_better, value
from edgebuild.inputcheck.scores import Scores
from edgebuild.models.samples import evenly

_KEPT = 8
"""Declarations that are judged of those that are tried."""
_NUMBERS: tuple[Kind, ...] = ("scale", "mean and deviation")
_AS_GOOD = 0.2
"""p from which on two declarations count as equally good; the likelier one is named."""
_CHANCE = 2.0
"""Times the share of the most frequent class up to which a model is guessing."""


@dataclass(frozen=True)
class Finding:
    """What scoring came to.

    Attributes:
        own: the declared inputs' scores.
        tried: declarations scored beside it.
        best: what the named declaration scores, in percent.
    """

    own: Scores
    tried: int
    suspicion: Suspicion | None = None
    best: float = 0.0

    @property
    def value(self) -> float:
        """Of the declared inputs, in percent."""
        return value(self.own)

    @property
    def guessing(self) -> bool:
        """Whether the model does hardly better than without looking."""
        if self.own.classes is None:
            return self.value < 60
        most = 100 * float(np.bincount(self.own.labels).max()) / len(self.own.labels)
        return self.value < min(_CHANCE * most, most + 10)


@dataclass(frozen=True)
class _Better:
    """Another declaration that does better for sure, and what ``p`` is corrected for, in words."""

    trial: Trial
    scores: Scores
    p: float
    among: str


def named(case: Case) -> Finding:
    """Score other declarations; a second slip is looked for behind the first one found."""
    own, tried, better = _best(case)
    if better is None:
        return Finding(own, tried)
    last, first = better, better.trial.alternative
    kinds, words, fixes = [first.kind], [first.words], [first.fix]
    _, more, further = _best(case.redeclared(better.trial), without=_same_step(first.kind))
    if further is not None and further.trial.input == better.trial.input:
        kinds.append(further.trial.alternative.kind)
        words.append(further.trial.alternative.words)
        fixes.append(further.trial.alternative.fix)
        last = further
    declared, found = value(own), value(last.scores)
    suspicion = Suspicion(
        input=last.trial.input, kinds=tuple(dict.fromkeys(kinds)), certainty="named",
        found=f"the model does better with {', and '.join(words)}",
        evidence=f"{case.metric} {declared:.1f} % as declared, {found:.1f} % otherwise, on {len(own.labels)} "
        f"labelled samples ({_counts(own, last.scores)}p = {better.p:.1g} for any of {better.among})",
        declaration=mending(case, last.trial), fix=" and ".join(filter(None, fixes)),
    )  # fmt: skip
    return Finding(own, tried + more, suspicion, found)


def _counts(own: Scores, other: Scores) -> str:
    if own.classes is None:
        return ""
    won, lost = int((other.correct & ~own.correct).sum()), int((own.correct & ~other.correct).sum())
    return f"{won} won, {lost} lost; "


def _same_step(kind: Kind) -> tuple[Kind, ...]:
    """The kinds that are about what one is about: a second slip is in another step."""
    return _NUMBERS if kind in _NUMBERS else (kind,)


def _best(case: Case, without: tuple[Kind, ...] = ()) -> tuple[Scores, int, _Better | None]:
    """The declared scores, how many others were tried, and the best of them if it is better for sure."""
    trials = [trial for trial in case.trials() if trial.alternative.kind not in without]
    kept, judged_on = _screened(case, trials)
    own, others = case.scores(case.samples, kept)
    screened = len(judged_on) < len(own.labels)
    among = f"{len(kept)}, chosen of {len(trials)} on other samples" if screened else f"{len(kept)} declarations tried"
    better = [
        _Better(trial, scores, p, among)
        for trial, scores in others
        if value(scores) - value(own) >= case.rules.min_gain
        and (p := _p(own, scores, judged_on, len(kept))) <= 1 - case.rules.confidence
    ]
    if not better:
        return own, len(trials), None
    best = max(better, key=lambda one: value(one.scores))
    return own, len(trials), next(one for one in better if _as_good(one, best))


def _p(own: Scores, other: Scores, units: Integers, tried: int) -> float:
    """For any of those tried, on units that had no part in choosing them."""
    return min(1.0, tried * p_better(own.of(units), other.of(units)))


def _as_good(one: _Better, best: _Better) -> bool:
    return one is best or p_better(one.scores, best.scores) > _AS_GOOD


def _screened(case: Case, trials: Sequence[Trial]) -> tuple[list[Trial], Integers]:
    """The declarations that do best on some of the samples, in the order they came, and the units left to judge them.

    They are judged on samples that did not choose them, so that the test has to be corrected for those kept only.
    """
    everything = np.arange(case.labelled)
    if len(case.samples) <= 2 * SHOWN or case.samples.groups is not None or case.metric != "top1":
        return list(trials), everything
    chosen = evenly(len(case.samples), SHOWN)
    own, others = case.scores(case.samples.take(chosen), trials)
    ranked = sorted((one for one in others if value(one[1]) >= value(own)), key=lambda one: -value(one[1]))
    kept = [id(trial) for trial, _ in ranked[:_KEPT]]
    return [trial for trial in trials if id(trial) in kept], np.setdiff1d(everything, chosen)
