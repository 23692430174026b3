"""What a search tries next and takes in the end, on devices and models that are functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebuild.core.fit import Setting
from edgebuild.core.metric import Budget
from edgebuild.core.verdict import Line, Outcome
from edgebuild.search.steering import (
    Offered,
    best,
    keep_of,
    load,
    meets,
    missed,
    next_setting,
    next_settings,
    relaxations,
    rounded_up,
)
from edgebuild.search.trials import Fitted, FitTrial, Relaxation

TARGET = "board"
MS = 1e6


@dataclass(frozen=True)
class World:
    """A device and a model.

    Attributes:
        time: latency in ms by the share that is kept, in int8.
        drop: accuracy lost in points by the same share.
        float_slower: how much slower float is.
        int8_drop: what int8 loses beside.
        narrowest: the smallest share that pruning can reach.
        latency, accuracy: the budgets, in ms and points.
    """

    time: Callable[[float], float]
    drop: Callable[[float], float]
    latency: float
    accuracy: float = 1.0
    float_slower: float = 2.0
    int8_drop: float = 0.1
    narrowest: float = 0.0
    samples: int = 100_000

    def trial(self, setting: Setting) -> FitTrial:
        keep = 1.0 if setting.keep is None else setting.keep
        if keep < self.narrowest:
            return FitTrial(setting=setting, refused=f"even the narrowest costs {self.narrowest}")
        drop = self.drop(keep) + (self.int8_drop if setting.int8 else 0.0)
        took = self.time(keep) * (1.0 if setting.int8 else self.float_slower)
        lines = (line("accuracy_drop", self.accuracy, drop), line("latency_p50", self.latency * MS, took * MS))
        precision = "int8" if setting.int8 else "float32"
        fitted = Fitted(
            target=TARGET, precision=precision, size=1, lines=lines, accuracy=90 - drop, selected=self.samples
        )
        return FitTrial(setting=setting, fitted=(fitted,))


def line(metric: str, limit: float, found: float) -> Line:
    outcome = Outcome.PASS if found <= limit else Outcome.FAIL
    return Line(budget=Budget(metric=metric, limit=limit), outcome=outcome, estimate=found, high=found, confidence=0.95)


def search(world: World, offered: Offered = Offered(), most: int = 30) -> list[FitTrial]:  # noqa: B008 - frozen
    trials: list[FitTrial] = []
    while (setting := next_setting(trials, offered)) is not None and len(trials) < most:
        assert setting not in [trial.setting for trial in trials]
        trials.append(world.trial(setting))
    return trials


def test_a_model_that_is_fast_enough_in_float_stays_as_it_is() -> None:
    (only,) = search(World(lambda keep: keep, lambda keep: 0.0, latency=3))
    assert only.setting == Setting(int8=False)
    assert meets(only)


def test_int8_comes_before_pruning() -> None:
    trials = search(World(lambda keep: keep, lambda keep: 0.0, latency=1.5))
    assert [trial.setting for trial in trials] == [Setting(int8=False), Setting()]
    assert best(trials).setting == Setting()


def test_where_int8_alone_loses_too_much_float_is_pruned() -> None:
    world = World(lambda keep: keep, lambda keep: 1 - keep, latency=1.5, accuracy=0.5, int8_drop=5)
    found = best(search(world))
    assert meets(found)
    assert not found.setting.int8
    assert 0.7 < keep_of(found) <= 0.75


def test_a_device_that_runs_integers_alone_is_offered_nothing_else() -> None:
    trials = search(World(lambda keep: keep, lambda keep: 0.0, latency=0.5), Offered(float32=False))
    assert trials[0].setting == Setting()
    assert all(trial.setting.int8 for trial in trials)
    assert meets(best(trials))


def test_without_int8_float_is_pruned() -> None:
    trials = search(World(lambda keep: keep, lambda keep: 0.0, latency=0.5), Offered(int8=False))
    assert not any(trial.setting.int8 for trial in trials)
    assert meets(best(trials))


def test_less_is_made_of_what_there_is_too_much_of() -> None:
    offered = Offered(costs={"latency_p50": "latency", "model_size": "parameters"})
    trials = search(World(lambda keep: keep, lambda keep: 0.0, latency=0.5), offered)
    assert [trial.setting.cost for trial in trials[:3]] == [None, None, "latency"]
    assert trials[2].setting.label.endswith("-of-latency")
    for latency, size, cost in ((0.5, 1.5, "latency"), (0.5, 9.0, "latency"), (1.0, 1.5, "parameters")):
        world = World(lambda keep: keep, lambda keep: 0.0, latency=latency, float_slower=0.9)
        dense = [with_size(world.trial(setting), size) for setting in offered.dense]
        setting = next_setting(dense, offered)
        assert setting is not None
        assert setting.cost == cost
    assert all(trial.setting.cost is None for trial in search(World(lambda keep: keep, lambda keep: 0.0, latency=0.5)))


def test_how_far_a_limit_is_missed_is_told_by_the_estimate() -> None:
    """Once it is sure that a limit is missed no more is measured, and one slow run among few is the upper bound."""
    missed_by_little = line("latency_p50", 300, 335).model_copy(update={"low": 333, "high": 429})
    fitted = Fitted(target=TARGET, precision="int8", size=1, lines=(missed_by_little,), accuracy=90, selected=1000)
    assert load(FitTrial(setting=Setting(), fitted=(fitted,))) == pytest.approx(335 / 300)
    inside = line("latency_p50", 300, 250).model_copy(update={"high": 290})
    within = fitted.model_copy(update={"lines": (inside,)})
    assert load(FitTrial(setting=Setting(), fitted=(within,))) == pytest.approx(290 / 300)
    unsure = inside.model_copy(update={"outcome": Outcome.INCONCLUSIVE, "high": 310})
    undecided = fitted.model_copy(update={"lines": (unsure,)})
    assert load(FitTrial(setting=Setting(), fitted=(undecided,))) == 1.001


def with_size(trial: FitTrial, share: float) -> FitTrial:
    """A trial that takes so much of a limit on its size, too."""
    (fitted,) = trial.fitted
    lines = (*fitted.lines, line("model_size", 1000, 1000 * share))
    return trial.model_copy(update={"fitted": (fitted.model_copy(update={"lines": lines}),)})


CURVES = {"linear": 1.0, "bends down": 0.5, "bends up": 2.0}


@given(st.sampled_from(sorted(CURVES)), st.floats(0.01, 0.95), st.floats(0.0, 0.3))
def test_the_largest_share_inside_is_found(curve: str, share: float, floor: float) -> None:
    power = CURVES[curve]

    def time(keep: float) -> float:
        return floor + (1 - floor) * keep**power

    world = World(time, lambda keep: 0.5 * (1 - keep), latency=time(share))
    trials = search(world)
    found = best(trials)
    assert meets(found)
    assert keep_of(found) <= share
    assert keep_of(found) >= share / 1.06 or load(found) >= 0.96
    assert len(trials) <= 14


@given(st.integers(2, 20), st.floats(0.1, 0.9))
def test_a_staircase_is_climbed_down(steps: int, share: float) -> None:
    def time(keep: float) -> float:
        return max(1, round(keep * steps)) / steps

    world = World(time, lambda keep: 0.0, latency=max(time(share), 0.11))
    trials = search(world)
    assert len(trials) < 30
    assert meets(best(trials)) == any(time(k / 1000) <= world.latency for k in range(5, 1000))


@given(st.integers(2, 64), st.floats(0.02, 1.2), st.floats(0.0, 0.3), st.floats(0.1, 3.0))
def test_at_once_the_same_is_found_in_fewer_rounds(count: int, share: float, narrowest: float, accuracy: float) -> None:
    world = World(
        lambda keep: keep**1.5, lambda keep: 2 * (1 - keep), share**1.5, accuracy, narrowest=narrowest
    )  # fmt: skip
    alone = search(world)
    trials: list[FitTrial] = []
    rounds = 0
    while settings := next_settings(trials, Offered(), count):
        assert settings[0] == next_setting(trials, Offered())
        assert len(settings) <= count
        shares = sorted(setting.keep for setting in settings if setting.keep)
        assert all(wide > 1.04 * narrow for narrow, wide in pairwise(shares))
        trials += [world.trial(setting) for setting in settings]
        rounds += 1
        assert rounds < 30
    assert len({trial.setting for trial in trials}) == len(trials)
    assert rounds <= len(alone)
    found = best(trials)
    assert meets(found) == meets(best(alone))
    assert not meets(found) or keep_of(found) >= share / 1.06 or load(found) >= 0.96 or keep_of(found) == 1


def test_one_at_once_is_one_after_the_other() -> None:
    world = World(lambda keep: keep, lambda keep: 0.0, latency=0.3)
    trials: list[FitTrial] = []
    while settings := next_settings(trials, Offered(), 1):
        trials += [world.trial(setting) for setting in settings]
    assert trials == search(world)


def test_a_share_that_pruning_cannot_reach_ends_in_what_is_nearest() -> None:
    world = World(lambda keep: keep, lambda keep: 0.0, latency=0.2, narrowest=0.4)
    trials = search(world)
    found = best(trials)
    assert not meets(found)
    assert 0.4 <= keep_of(found) < 0.5
    assert [line.budget.metric for _, line in missed(found)] == ["latency_p50"]
    (latency,) = relaxations(trials)
    assert latency.limit is not None
    assert 0.4 * MS <= latency.limit <= 0.6 * MS
    assert meets(best(search(World(lambda keep: keep, lambda keep: 0.0, latency=latency.limit / MS, narrowest=0.4))))


@given(st.floats(0.1, 0.5), st.floats(0.2, 2.0))
def test_advice_that_is_followed_is_enough(latency: float, accuracy: float) -> None:
    def world(latency: float, accuracy: float) -> World:
        return World(lambda keep: keep, lambda keep: 6 * (1 - keep) ** 2, latency=latency, accuracy=accuracy)

    trials = search(world(latency, accuracy))
    found = best(trials)
    if meets(found):
        return
    assert load(found) <= 1  # the fast ones are there, and not accurate enough
    for advice in relaxations(trials):
        assert advice.limit is not None
        assert advice.limit > advice.asked.limit
        relaxed = (advice.limit / MS, accuracy) if advice.asked.metric == "latency_p50" else (latency, advice.limit)
        assert meets(best(search(world(*relaxed))))


def test_what_could_never_be_proved_by_so_few_samples_goes_by_what_they_say() -> None:
    open_line = Line(
        budget=Budget(metric="accuracy_drop", limit=0.5), outcome=Outcome.INCONCLUSIVE, estimate=0.4, high=2.0,
        confidence=0.95,
    )  # fmt: skip

    def trial(samples: int) -> FitTrial:
        fitted = Fitted(target=TARGET, precision="int8", size=1, lines=(open_line,), accuracy=90, selected=samples)
        return FitTrial(setting=Setting(), fitted=(fitted,))

    assert meets(trial(100))
    assert not meets(trial(10_000))


def test_a_build_that_takes_nothing_is_no_division_by_nothing() -> None:
    world = World(lambda keep: 1.0 if keep > 0.5 else 0.0, lambda keep: 0.0, latency=0.5)
    found = best(search(world))
    assert meets(found)
    assert 0.45 < keep_of(found) <= 0.5


def test_what_was_not_decided_is_not_inside() -> None:
    undecided = Line(budget=Budget(metric="latency_p50", limit=MS), outcome=Outcome.INCONCLUSIVE, estimate=0.5 * MS)
    fitted = Fitted(target=TARGET, precision="int8", size=1, lines=(undecided,), accuracy=90)
    assert load(FitTrial(setting=Setting(), fitted=(fitted,))) > 1
    assert load(FitTrial(setting=Setting(), refused="too small")) == inf


def test_files_of_other_frameworks_are_not_pruned() -> None:
    world = World(lambda keep: keep, lambda keep: 0.0, latency=0.5)
    trials = [world.trial(Setting(int8=False)), world.trial(Setting())]
    assert next_setting(trials, Offered(prunable=False)) is None
    assert best(trials).setting == Setting()


@pytest.mark.parametrize(("bound", "limit"), [(1.0, 1.1), (9.65e5, 1e6), (0.0, 0.1), (123.0, 130.0)])
def test_limits_are_round_and_have_room(bound: float, limit: float) -> None:
    assert rounded_up(bound) == pytest.approx(limit)


def test_advice_on_accuracy_has_room_for_what_other_samples_may_say() -> None:
    limit = Budget(metric="accuracy_drop", limit=4.0)
    told = Line(budget=limit, outcome=Outcome.FAIL, estimate=10.0, low=8.0, high=12.0, confidence=0.95)
    fitted = Fitted(target=TARGET, precision="int8", size=1, lines=(told,), accuracy=80.0, selected=1000)
    (advice,) = relaxations([FitTrial(setting=Setting(keep=0.5), fitted=(fitted,))])
    # 1.03 * (12 + sqrt(2) * 2) = 15.27, to two digits
    assert advice == Relaxation(target=TARGET, asked=limit, limit=16.0, setting=Setting(keep=0.5))
