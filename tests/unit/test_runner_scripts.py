"""The runner held against bare loops: the interval and when it is decided, and that every side times a model."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from collections.abc import Callable
from math import exp, inf
from pathlib import Path

import numpy as np
import pytest

from edgebuild.bench.bench import Bench
from edgebuild.bench.empty_models import empty_model, runtimes_with_empty
from edgebuild.core.errors import DeviceError
from edgebuild.devices.transports.local import open_local

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))


def counting(place: Path, seconds: float) -> Callable[[], float]:
    """A process that writes down when it is on, for so many seconds of processor time; gives back its own number."""
    code = (
        "import sys, time\n"
        "with open(sys.argv[1], 'w') as out:\n"
        "    while time.process_time() < float(sys.argv[2]):\n"
        "        print(time.monotonic(), file=out)\n"
    )

    def timing() -> float:
        argv = [sys.executable, "-c", code, str(place), str(seconds)]
        return float(subprocess.run(argv, check=True, start_new_session=True).returncode)

    return timing


def test_two_processes_by_turns_are_never_on_at_once(tmp_path: Path) -> None:
    from runner_turns import by_turns

    places = [tmp_path / "first", tmp_path / "second"]
    assert by_turns(counting(places[0], 0.4), counting(places[1], 0.4), 0.0) == (0.0, 0.0)
    moments = [(float(line), place.name) for place in places for line in place.read_text().split()]
    names = [name for _, name in sorted(moments)]
    changes = sum(a != b for a, b in itertools.pairwise(names))
    assert changes >= 4, "they did not take turns"
    assert changes <= len(names) / 100, "they were on at once"


@pytest.mark.serial
def test_the_one_that_starts_up_more_slowly_is_ahead(tmp_path: Path) -> None:
    from runner_turns import by_turns

    first, second = tmp_path / "first", tmp_path / "second"
    by_turns(counting(first, 0.1), counting(second, 1.0), 0.6)
    assert float(second.read_text().split()[0]) < float(first.read_text().split()[0])


def test_by_turns_an_error_comes_through_and_the_other_process_goes(tmp_path: Path) -> None:
    from runner_turns import _children, by_turns

    def fails() -> float:
        raise DeviceError("it", "fails")

    with pytest.raises(DeviceError, match="fails"):
        by_turns(fails, counting(tmp_path / "other", 0.2), 0.0)
    assert not _children()


def test_the_bounds_are_the_order_statistics_of_the_sign_test() -> None:
    from runner_ratio import interval_of

    ratios = [1 + n / 1000 for n in range(12)]
    found = interval_of(ratios, looks=3)
    # P(X >= 11) = 13/4096 = 0.32 % for X ~ Binomial(12, 1/2), and P(X >= 10) = 1.9 %; each side has 5 % / 3 / 2.
    assert (found.low, found.median, found.high) == (ratios[1], pytest.approx(1.0055), ratios[10])
    assert interval_of(ratios, looks=1).low == ratios[2]  # P(X >= 10) = 1.9 % is within 2.5 %
    few = interval_of(ratios[:6])
    assert (few.low, few.high, few.bounds, few.verdict) == (0.0, inf, "–", "not decided")


def test_one_wild_block_does_not_move_the_interval_out() -> None:
    from runner_ratio import interval_of

    found = interval_of([*[1.0] * 11, 9.0])
    assert (found.inside, found.verdict) == (True, "inside")


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.98, 1.02, "inside"),
        (0.9799, 1.0, "not decided"),
        (1.0, 1.0201, "not decided"),
        (0.9, 0.9799, "outside"),
        (1.0201, 1.1, "outside"),
    ],
)
def test_only_a_whole_interval_is_inside_or_outside(low: float, high: float, verdict: str) -> None:
    from runner_ratio import Interval

    found = Interval(1.0, low, high, 12)
    assert (found.verdict, found.inside, found.outside) == (verdict, verdict == "inside", verdict == "outside")


def test_it_is_decided_at_a_look_only() -> None:
    from runner_ratio import LOOKS, is_decided

    clear, torn = [1.0] * LOOKS[-1], [0.9, 1.1] * LOOKS[-1]
    assert [count for count in range(LOOKS[-1] + 1) if is_decided(clear[:count])] == list(LOOKS)
    assert [count for count in range(LOOKS[-1] + 1) if is_decided(torn[:count])] == [LOOKS[-1]]
    assert is_decided([1.2] * LOOKS[0])


def test_with_all_looks_the_interval_misses_the_true_ratio_in_at_most_one_of_twenty_cases() -> None:
    from runner_ratio import LOOKS, interval_of

    draw, missed, cases = random.Random(1), 0, 2000
    places = {count: interval_of(range(count)) for count in LOOKS}  # of its bounds among sorted ratios
    for _ in range(cases):
        ratios = [exp(draw.gauss(0, 0.01) * (10 if draw.random() < 0.1 else 1)) for _ in range(LOOKS[-1])]
        looks = [(sorted(ratios[:count]), places[count]) for count in LOOKS]
        missed += any(not each[int(at.low)] <= 1.0 <= each[int(at.high)] for each, at in looks)
    assert 0 < missed <= 0.05 * cases


@pytest.mark.parametrize("runtime", runtimes_with_empty())
def test_every_side_times_a_model(runtime: str, tmp_path: Path) -> None:
    from runner_sides import Model, app_p50, bare_p50, runner_p50

    model = Model(runtime, empty_model(runtime), np.zeros((1, 1), np.float32), tmp_path / "model")
    model.write()
    with Bench(open_local()) as bench:
        assert runner_p50(bench, model) > 0
    assert bare_p50(model) > 0
    if runtime == "openvino":
        assert app_p50(model) > 0


def test_a_side_that_fails_says_why(tmp_path: Path) -> None:
    from runner_sides import Model, bare_p50

    model = Model("onnxruntime", {"model.onnx": b"no model"}, np.zeros((1, 1), np.float32), tmp_path / "model")
    model.write()
    with pytest.raises(DeviceError, match=r"(?s)runner_bare.py: exit code 1: .*model.onnx"):
        bare_p50(model)
