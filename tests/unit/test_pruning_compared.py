"""What scripts/pruning_compared makes of its records, and how it finds a rival of the same latency."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import compared_stall
import numpy as np
import pytest
from compared_records import OURS, POINTS, RUNTIMES, Cell, Record, copy_whole, keep, kept_in, packed, path_of, read
from compared_rivals import METHODS
from compared_stall import Match, Stall, matched
from compared_table import against, render, strongest, verdicts

COUNT = 1000
_CUT_OFF = 0.95
"""A ratio from which on rounding would leave nothing of a layer, and torch-pruning leaves all of it."""


def _record(by: str, right: int, *, slower: tuple[float, float, float] | None = (1.0, 0.98, 1.02)) -> Record:
    told = np.arange(COUNT) < right
    return Record(by, "0.5", "minmax", 1e6, 0.5, slower=slower, count=COUNT, right=packed(told))


def _seeds(own: int, *other: int) -> dict[str, Record]:
    return {
        OURS: _record(OURS, own, slower=None),
        **{f"way {at}": _record(f"way {at}", r) for at, r in enumerate(other)},
    }


def _records(own: int, *other: int) -> dict[Cell, Mapping[str, Record]]:
    cells = [Cell(name, "litert", point, seed) for name in ("a", "b") for point in POINTS for seed in (0, 1)]
    return {cell: _seeds(own, *other) for cell in cells}


def test_a_record_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    cell, record = Cell("net", "litert", 0.35, 1), _record("global, L2", 777)
    assert read(tmp_path, cell, record.by) is None
    keep(tmp_path, cell, record)
    assert read(tmp_path, cell, record.by) == record
    assert read(tmp_path, cell, record.by).told.sum() == 777  # type: ignore[union-attr]
    assert path_of(tmp_path, cell, record.by).name == "net-litert-0.35-1-global-L2.json"


def test_whole_comparisons_are_kept_in_one_file(tmp_path: Path) -> None:
    cells = Cell("net", "litert", 0.35, 1), Cell("net", "onnxruntime", 0.5, 0)
    made: dict[Cell, dict[str, Record]] = {}
    assert kept_in(tmp_path / "kept.jsonl") == {}
    for cell in cells:
        made[cell] = {by: _record(by, 700 + at) for at, by in enumerate((OURS, *METHODS))}
        for record in made[cell].values():
            keep(tmp_path, cell, record)
        copy_whole(tmp_path, cell, tmp_path / "kept.jsonl")
    assert kept_in(tmp_path / "kept.jsonl") == made


def test_ours_is_held_against_the_best_of_theirs_on_the_same_images() -> None:
    seeds = [_seeds(900, 890, 905), _seeds(900, 890, 905)]
    own = [one[OURS] for one in seeds]
    found = [against(own, [one[by] for one in seeds]) for by in ("way 0", "way 1")]
    assert [round(one.gained, 6) for one in found] == [1.0, -0.5]
    assert strongest(found).by == "way 1"
    # Five images of a thousand differ, in both seeds: 1.96 * sqrt(0.005 * 0.995 / 999), in points.
    assert found[1].noise == pytest.approx(0.4374, abs=1e-3)
    assert found[1].worse
    assert not found[0].worse


@pytest.mark.parametrize(
    ("own", "other", "holds"),
    [(910, 900, True), (902, 900, False), (895, 900, False)],
    ids=["better", "level, and nowhere better by half a point", "worse everywhere"],
)
def test_the_verdict_wants_level_nowhere_worse_and_once_better(own: int, other: int, holds: bool) -> None:
    lines, held = verdicts(_records(own, other))
    assert held is holds
    assert ("does not hold" not in lines[0]) is holds


def test_fewer_points_than_wanted_do_not_hold() -> None:
    few = {cell: own for cell, own in _records(910, 900).items() if cell.subject == "a"}
    assert not verdicts(few)[1]


def test_the_table_marks_a_rival_that_could_not_be_brought_to_our_latency() -> None:
    records = _records(910, 900)
    cell = next(iter(records))
    records[cell] = {**records[cell], "way 0": _record("way 0", 900, slower=(1.2, 1.1, 1.3))}
    records[Cell("a", "litert", 0.7, 1)] = records[cell]
    rows = [row for row in render(records).splitlines() if row.startswith("| a, litert | 0.7")]
    assert "≠" in rows[0]
    assert sum("≠" in row for row in render(records).splitlines()) == 1


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, int]]:
    """A latency that falls with the ratio; multiples of 8 leave a staircase of four steps, of 16 one of two."""
    asked: list[tuple[float, int]] = []

    def match(_stall: object, _method: object, ratio: float, round_to: int) -> Match:
        asked.append((ratio, round_to))
        steps = {16: 2, 8: 4, 4: 16, 1: 1024}[round_to]
        left = 1 - int(ratio * steps) / steps if ratio < _CUT_OFF else 1.0
        return Match(ratio, round_to, 0.1 + 0.9 * left, left, SimpleNamespace())  # type: ignore[arg-type]

    monkeypatch.setattr(compared_stall, "_match", match)
    return asked


def test_each_bisection_stops_at_the_first_model_that_is_near(measured: list[tuple[float, int]]) -> None:
    found = matched(None, None, 0.55)  # type: ignore[arg-type]
    assert (found.ratio, found.round_to) == (0.5, 16)
    assert measured == [(0.5, 16), (0.5, 8)]


def test_where_multiples_of_eight_are_too_coarse_finer_widths_are_tried(measured: list[tuple[float, int]]) -> None:
    found = matched(None, None, 0.66)  # type: ignore[arg-type]
    assert found.round_to == 4
    assert found.off(0.66) <= 0.03
    assert {round_to for _, round_to in measured} == {16, 8, 4}


def test_a_ratio_at_which_rounding_leaves_a_layer_whole_is_too_high(
    measured: list[tuple[float, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("test_pruning_compared._CUT_OFF", 0.7)
    found = matched(None, None, 0.66)  # type: ignore[arg-type]
    assert found.off(0.66) <= 0.03
    low = matched(None, None, 0.4)  # type: ignore[arg-type]
    assert low.ratio < 0.7
    assert low.off(0.4) <= 0.03


def test_of_two_multiples_the_larger_model_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def match(_stall: object, _method: object, ratio: float, round_to: int) -> Match:
        return Match(ratio, round_to, 0.5 + (ratio < 0.5), {16: 200, 8: 100}[round_to], SimpleNamespace())  # type: ignore[arg-type]

    monkeypatch.setattr(compared_stall, "_match", match)
    assert matched(None, None, 0.5).round_to == 16  # type: ignore[arg-type]


def test_of_models_that_are_fast_enough_the_largest_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {0.5: (0.9, 100), 0.25: (0.97, 200), 0.375: (0.94, 150)}

    def match(_stall: object, _method: object, ratio: float, round_to: int) -> Match:
        relative, macs = known.get(ratio, (0.99, 900))
        return Match(ratio, round_to, relative, macs, SimpleNamespace())  # type: ignore[arg-type]

    monkeypatch.setattr(compared_stall, "_match", match)
    assert matched(None, None, 0.92).macs == 100  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shortest", "asked"), [(0.2, (0.7, 0.5, 0.35, 0.25)), (0.6, (0.864, 0.773, 0.705, 0.66))], ids=["all", "spread"]
)
def test_points_that_cannot_be_reached_are_spread_over_what_can(shortest: float, asked: tuple[float, ...]) -> None:
    stall = Stall(Path(), None, "litert", None)  # type: ignore[arg-type]
    stall.shortest = shortest
    assert tuple(stall.asked(point) for point in POINTS) == asked


def test_cells_are_chosen_by_any_of_their_parts() -> None:
    from importlib.machinery import SourceFileLoader
    from importlib.util import module_from_spec, spec_from_loader

    script = Path(__file__).parents[2] / "scripts" / "pruning_compared"
    spec = spec_from_loader("pruning_compared", SourceFileLoader("pruning_compared", str(script)))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    assert len(module.chosen(None)) == 2 * len(RUNTIMES) * len(POINTS) * 3
    assert {cell.runtime for cell in module.chosen([",litert,,"])} == {"litert"}
    assert module.chosen(["resnet32,onnxruntime,0.25,2"]) == [Cell("resnet32", "onnxruntime", 0.25, 2)]
