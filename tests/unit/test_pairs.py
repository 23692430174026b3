"""Two bundles held against each other by pairs of real runs on this machine."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from edgebuild import sampling
from edgebuild.bench.bench import Bench
from edgebuild.core.errors import ConfigError, DeviceError
from edgebuild.core.measurement import Basis, Measurement, Run
from edgebuild.core.metric import METRICS, Budget, Mode
from edgebuild.core.profile import Judging, Measuring
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.devices.transports.local import open_local
from edgebuild.judge.facts import Facts
from edgebuild.judge.pairs import changes, judge_change, pairs_of
from edgebuild.judge.sampling import Continue, next_step
from edgebuild.store.bundle import Bundle
from edgebuild.store.evidence import append, read_evidence
from edgebuild.trial import run_trial
from edgebuild.verification import verify
from tests.unit.test_trial import PROFILE, TARGET, bundle_of, host_project

CHANGE = Budget(metric="latency_p50_change", limit=2.0)
ONE_BY_ONE = PROFILE.model_copy(update={"measuring": PROFILE.measuring.model_copy(update={"turn_seconds": 0.0})})
WIDE = Budget(metric="latency_p50_change", limit=900.0)


def side(name: str, ns: int, pair: int, outside: tuple[str, ...] = ()) -> Run:
    value = {"mode": "latency", "samples_ns": (ns,) * 100, "pair": f"ab-{pair}", "side": name, "outside": outside}
    return Run.model_validate(value)


def made(baseline: list[int], own: list[int]) -> tuple[list[Run], list[Run]]:
    return [side("b", ns, i) for i, ns in enumerate(own)], [side("a", ns, i) for i, ns in enumerate(baseline)]


def kept(bundle: Bundle) -> list[Run]:
    found = [r.payload for r in read_evidence(bundle) if isinstance(r.payload, Measurement)]
    return [run for each in found for run in each.runs]


def two(tmp_path: Path, detour: int = 1) -> tuple[Bundle, Bundle]:
    """An older bundle, and a newer one that takes a longer way."""
    (tmp_path / "old").mkdir()
    return bundle_of(tmp_path / "old"), bundle_of(tmp_path, detour=detour)


@pytest.mark.parametrize(
    ("own", "outcome"), [(1000, Outcome.PASS), (1020, Outcome.PASS), (1021, Outcome.FAIL), (500, Outcome.PASS)]
)
def test_a_change_is_judged_by_its_pairs(own: int, outcome: Outcome) -> None:
    runs, baseline = made([1000] * 8, [own] * 8)
    line = judge_change(CHANGE, runs, baseline, 0.99, Basis.DEVICE)
    assert (line.outcome, line.count, line.estimate) == (outcome, 8, pytest.approx(own / 10 - 100))


def test_a_drift_that_both_sides_share_changes_nothing() -> None:
    drift = [1000 * 2**i for i in range(8)]
    runs, baseline = made(drift, drift)
    assert judge_change(CHANGE, runs, baseline, 0.99, Basis.DEVICE).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("baseline", "basis", "words"),
    [
        (None, Basis.DEVICE, "no baseline"),
        ([], Basis.DEVICE, "0 pairs; 0.99 confidence needs at least 8"),
        ([1000] * 7, Basis.DEVICE, "7 pairs"),
        ([1000] * 8, Basis.VIRTUAL, "basis virtual"),
        ([1000] * 7 + [10], Basis.DEVICE, "both sides"),
    ],
)
def test_what_pairs_cannot_tell_is_inconclusive(baseline: list[int] | None, basis: Basis, words: str) -> None:
    runs, others = made(baseline or [], [1000] * 8)
    line = judge_change(CHANGE, runs, None if baseline is None else others, 0.99, basis)
    assert line.outcome is Outcome.INCONCLUSIVE
    assert words in line.reason


def test_pairs_of_which_both_runs_drift_decide_nothing() -> None:
    runs, baseline = made([1000] * 8, [1000] * 8)
    drifting = [run.model_copy(update={"steady": False}) for run in runs]
    assert judge_change(CHANGE, drifting, baseline, 0.99, Basis.DEVICE).outcome is Outcome.PASS
    baseline = [run.model_copy(update={"steady": False}) for run in baseline]
    assert "unsteady: in 8 of 8 pairs" in judge_change(CHANGE, drifting, baseline, 0.99, Basis.DEVICE).reason


def test_only_whole_pairs_inside_the_conditions_count() -> None:
    runs, baseline = made([1000] * 10, [1000] * 10)
    baseline[0] = side("a", 1, 0, outside=("hot",))
    del runs[9]
    lone = Run(mode=Mode.LATENCY, samples_ns=(1,) * 100)
    assert len(pairs_of([*runs, lone], [*baseline, lone])) == 9
    line = judge_change(CHANGE, [*runs, lone], [*baseline, lone], 0.99, Basis.DEVICE)
    assert (line.outcome, line.count) == (Outcome.PASS, 8)
    assert "1 runs outside" in line.reason
    assert changes(METRICS["latency_p99_change"], pairs_of(runs, baseline)) == [], "100 samples tell no p99"


def test_pairs_are_asked_for_first_and_their_runs_count_for_other_budgets() -> None:
    budgets = [CHANGE, Budget(metric="latency_p50", limit=2000)]
    runs, baseline = made([1000] * 8, [1000] * 8)
    facts = Facts("0" * 64, [], Basis.DEVICE, 1, None, baseline=[])
    assert next_step(budgets, facts, Judging(), Measuring()) == Continue(Mode.LATENCY, 8, paired=True)
    whole = Facts("0" * 64, runs, Basis.DEVICE, 1, None, baseline=baseline)
    step = next_step(budgets, whole, Judging(), Measuring())
    assert isinstance(step, Verdict)
    assert step.outcome is Outcome.PASS
    alone = Facts("0" * 64, runs, Basis.DEVICE, 1, None)
    assert isinstance(next_step([CHANGE], alone, Judging(), Measuring()), Verdict), "no baseline: nothing to ask for"


@pytest.mark.serial
def test_a_slower_bundle_fails_against_the_faster_and_the_verdict_can_be_judged_again(tmp_path: Path) -> None:
    older, slower = two(tmp_path, detour=400)
    verdict = run_trial(slower, open_local(), [CHANGE], PROFILE, TARGET, baseline=older)
    assert verdict.outcome is Outcome.FAIL
    (line,) = verdict.lines
    assert line.estimate is not None
    assert line.estimate > 20
    assert [run.side for run in kept(older)] == ["a"] * line.count
    assert [run.side for run in kept(slower)] == ["b"] * line.count
    assert {run.pair for run in kept(older)} == {run.pair for run in kept(slower)}
    check = verify(slower, TARGET)[-1]
    assert (check.state, "rule 4" in check.why) == ("ok", True)
    assert verdict.baseline is not None
    edited = verdict.model_copy(update={"baseline": verdict.baseline.model_copy(update={"runs": ()})})
    (record,) = [r for r in read_evidence(slower) if isinstance(r.payload, Verdict)]
    append(slower, record.model_copy(update={"payload": edited}))
    assert verify(slower, TARGET)[-1].state == "broken"


def test_a_bundle_against_itself_keeps_its_sides_apart(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path)
    verdict = run_trial(bundle, open_local(), [WIDE], PROFILE, TARGET, baseline=bundle)
    assert verdict.outcome is Outcome.PASS
    assert sorted(run.side for run in kept(bundle)) == ["a"] * 4 + ["b"] * 4
    assert verify(bundle, TARGET)[-1].state == "ok"


def test_a_pair_that_was_cut_off_is_not_completed_by_a_later_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, bundle = two(tmp_path)
    left, real = [3], Bench.latency_run

    def failing(self: Bench, *args: object) -> Run:
        if left[0] == 0:
            raise DeviceError("board", "went away")
        left[0] -= 1
        return real(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Bench, "latency_run", failing)
    with pytest.raises(DeviceError):
        run_trial(bundle, open_local(), [WIDE], ONE_BY_ONE, TARGET, baseline=older)
    left[0] = 100
    verdict = run_trial(bundle, open_local(), [WIDE], ONE_BY_ONE, TARGET, baseline=older)
    assert (verdict.outcome, verdict.lines[0].count) == (Outcome.PASS, 4)
    names = [run.pair for run in kept(older) + kept(bundle)]
    assert sorted(names.count(name) for name in set(names)) == [1, 2, 2, 2, 2]


def test_the_order_in_pairs_is_random_and_the_same_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older, bundle = two(tmp_path)
    order: list[str] = []
    monkeypatch.setattr(sampling.Sampler, "_run", lambda *args: order.append(args[-1]))
    profile = PROFILE.model_copy(update={"measuring": Measuring(runs=40, turn_seconds=0)})
    for _ in range(2):
        said: list[str] = []

        def say(text: str, said: list[str] = said) -> None:
            said.append(text)
            if len(said) > 1:
                raise EOFError

        with pytest.raises(EOFError):
            run_trial(bundle, open_local(), [WIDE], profile, TARGET, baseline=older, progress=say)
    assert order[:80] == order[80:]
    pairs = [tuple(order[i : i + 2]) for i in range(0, 80, 2)]
    assert set(pairs) == {("a", "b"), ("b", "a")}
    assert 8 <= pairs.count(("a", "b")) <= 32


def test_bundles_of_unlike_parts_are_not_compared(tmp_path: Path) -> None:
    older, bundle = two(tmp_path)
    parts = tuple(each.model_copy(update={"name": "tail"}) for each in older.manifest.parts)
    renamed = dataclasses.replace(older, manifest=older.manifest.model_copy(update={"parts": parts}))
    with pytest.raises(ConfigError, match="there is no"):
        run_trial(bundle, open_local(), [CHANGE], PROFILE, TARGET, baseline=renamed)


@pytest.mark.serial
def test_the_commands_hold_one_bundle_against_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from edgebuild.cli.main import main

    host_project(
        tmp_path,
        "[measuring]\nruns = 4\nmax_runs = 6\nmin_samples = 20\nmin_seconds = 0.0\nwarmup_seconds = 0.05\n"
        "[judging]\nconfidence = 0.9\n",
    )
    older, slower = two(tmp_path, detour=400)
    common = ["--project", str(tmp_path), "--json"]
    assert main(["gate", str(slower.path), "--baseline", str(older.path), *common]) == 1
    found = json.loads(capsys.readouterr().out)["result"]
    assert (found["deciding"], found["lines"][0]["budget"]["limit"]) == ("latency_p50_change", 2.0)
    assert main(["bench", str(slower.path), "--against", str(older.path), *common]) == 0
    rows = json.loads(capsys.readouterr().out)["result"]["measured"]
    assert {row["metric"] for row in rows} >= {"latency_p50_change", "latency_p90_change", "latency_p50"}
