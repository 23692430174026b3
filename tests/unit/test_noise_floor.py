"""What so many pairs can tell, what a smaller limit would take, and several budgets at once."""

from __future__ import annotations

import datetime as dt
import random

import pytest

from edgebuild.core.measurement import Basis, Run
from edgebuild.core.metric import Budget, Mode
from edgebuild.core.profile import Judging, Measuring
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.judge.betting import hits_needed
from edgebuild.judge.facts import Facts
from edgebuild.judge.family import strength
from edgebuild.judge.floor import MOST, can_tell, least_distance, runs_needed
from edgebuild.judge.sampling import Continue, next_step
from edgebuild.judge.verdict import judge


@pytest.mark.parametrize(("effect", "chance"), [(0.44, 0.67), (0.8, 0.788), (1.0, 0.841)])
def test_the_price_of_a_distance_is_what_the_signs_cost(effect: float, chance: float) -> None:
    count = runs_needed(effect, 1.0, 0.99)
    needed = hits_needed(count, 0.99)
    assert needed is not None
    assert abs(chance * count - needed) <= 2, "as many hits as are expected decide"
    assert least_distance(count, 1.0, 0.99) == pytest.approx(effect, rel=0.05)


def test_what_can_not_be_told_at_all_is_not_counted_out() -> None:
    assert runs_needed(0.0, 1.0, 0.99) == MOST
    assert runs_needed(0.5, 0.0, 0.99) == 1
    assert can_tell(8, 8, 10, 0.99)
    assert not can_tell(8, 16, 100, 0.99)


def pairs(ratios: list[float], seconds: float = 1.0) -> tuple[list[Run], list[Run]]:
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    moments = [(start + dt.timedelta(seconds=seconds * n)).isoformat() for n in range(len(ratios))]

    def made(ns: float, n: int, side: str) -> Run:
        told = {"p50": round(ns)}
        return Run.model_validate(
            {"mode": "latency", "told_ns": told, "pair": f"a-{n}", "side": side, "started_at": moments[n]}
        )

    return [made(1e7 * r, n, "b") for n, r in enumerate(ratios)], [made(1e7, n, "a") for n in range(len(ratios))]


def scattered(count: int, percent: float, shift: float = 1.0) -> list[float]:
    rng = random.Random(count)
    return [shift * (1 + rng.gauss(0, percent / 100)) for _ in range(count)]


def step(limit: float, ratios: list[float], seconds: float = 1.0, most: int = 40) -> Continue | Verdict:
    own, baseline = pairs(ratios, seconds)
    facts = Facts("0" * 64, own, Basis.DEVICE, 1, None, baseline=baseline)
    measuring = Measuring(max_runs=most, max_seconds=60.0)
    return next_step([Budget(metric="latency_p50_change", limit=limit)], facts, Judging(), measuring)


def test_a_limit_below_the_noise_floor_is_given_up_and_what_it_takes_is_named() -> None:
    found = step(0.3, scattered(12, 5.0))
    assert isinstance(found, Verdict)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason.startswith("pairs scatter by ")
    assert "to pass unchanged this limit takes about " in found.reason
    assert " min" in found.reason or " h" in found.reason
    assert "are enough for a limit of " in found.reason


def test_a_limit_that_more_pairs_can_tell_is_gone_on_with() -> None:
    assert isinstance(step(3.0, [*scattered(9, 2.0), 1.1]), Continue)


def test_time_counts_as_well_as_pairs() -> None:
    ratios = [1.0, 1.05, 1.0, 1.05, 1.0, 1.05, 1.0, 1.0, 1.0]
    assert isinstance(step(2.0, ratios, most=200), Continue)
    assert isinstance(step(2.0, ratios, seconds=20.0, most=200), Verdict), "three pairs a minute tell nothing"


def test_a_clear_change_is_decided_however_small_the_limit() -> None:
    found = step(0.3, scattered(12, 5.0, shift=1.5))
    assert isinstance(found, Verdict)
    assert found.outcome is Outcome.FAIL


def runs(above: int, below: int) -> list[Run]:
    values = [2_000_000] * above + [1_000_000] * below
    return [Run(mode=Mode.LATENCY, samples_ns=(ns,) * 100) for ns in values]


def test_one_of_many_budgets_has_to_fail_more_clearly_than_one_alone() -> None:
    failing, passing = Budget(metric="latency_p50", limit=1.5e6), Budget(metric="latency_p90", limit=3e6)
    facts = Facts("0" * 64, runs(8, 0), Basis.DEVICE, 1, None)
    assert judge([failing], facts, Judging()).outcome is Outcome.FAIL
    both = judge([failing, passing], facts, Judging())
    assert both.outcome is Outcome.INCONCLUSIVE
    assert "not beside 1 other budgets (Holm)" in both.reason
    assert judge([failing, passing], facts, Judging(), rule=3).outcome is Outcome.FAIL
    clearer = Facts("0" * 64, runs(9, 0), Basis.DEVICE, 1, None)
    assert judge([failing, passing], clearer, Judging()).outcome is Outcome.FAIL
    elsewhere = judge([failing], clearer, Judging(beside=100))
    assert elsewhere.outcome is Outcome.INCONCLUSIVE, "budgets on other devices count too"


def test_holm_asks_less_of_the_second() -> None:
    strong = Budget(metric="latency_p50", limit=1.5e6)
    weaker = Budget(metric="cold_start", limit=1.0)
    made = [run.model_copy(update={"load_ns": 2 if n < 8 else None}) for n, run in enumerate(runs(12, 0))]
    made = [*made[:8]]
    made = [run.model_copy(update={"load_ns": 2}) for run in runs(9, 0)]
    lines = judge([strong, weaker], Facts("0" * 64, made, Basis.DEVICE, 1, None), Judging()).lines
    assert [line.outcome for line in lines] == [Outcome.FAIL, Outcome.FAIL]
    assert strength([2.0] * 9, 1.0) > 200
    assert strength([0.0] * 9, 1.0) == 1, "who never wins keeps what he had"
    assert strength([2.0] * 9 + [0.0] * 20, 1.0) == strength([2.0] * 9, 1.0), "what was reached once is kept"
