"""The renderer of docs/results.md: its table, and the sections that several scripts share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edgebuild.core.artifact import (
    Golden,
    Lineage,
    Manifest,
    ModelFile,
    Part,
    Precision,
    Quality,
    Rejected,
    Speed,
    Variant,
)
from edgebuild.core.signature import Signature
from edgebuild.store.catalog import find_profile
from edgebuild.store.toml import load_project

SCRIPTS = Path(__file__).parents[2] / "scripts"
DIGEST = "0" * 64
SLOWER = Speed(
    device="host", pairs=9, ratio=0.8, low=0.7, high=0.9, confidence=0.99, float_p50_ns=80_000, int8_p50_ns=100_000
)


@pytest.fixture(autouse=True)
def _scripts_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    for name in ("results_table", "results_file", "example_copy"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def _quality(value: float) -> Quality:
    return Quality(
        metric="top1", dataset=DIGEST, samples=300, value=value, low=80, high=95, float_value=90, lost=3, won=1,
        agreement=97,
    )  # fmt: skip


def _manifest(variants: tuple[Variant, ...], rejected: tuple[Rejected, ...] = ()) -> Manifest:
    golden = ModelFile(name="golden.npz", sha256=DIGEST, size=1)
    files = tuple(file for variant in variants for file in variant.files)
    return Manifest(
        name="task",
        target="host-litert",
        target_digest=DIGEST,
        profile="default",
        profile_digest=DIGEST,
        parts=(Part(runtime="litert", signature=Signature(inputs=(), outputs=()), variants=variants),),
        golden=Golden(source="synthetic", samples=4, tolerance={}),
        lineage=Lineage(edgebuild="0", model=DIGEST, project=DIGEST),
        rejected=rejected,
        files=(golden, *files),
    )


def _variant(precision: Precision, quality: Quality | None = None, note: str = "") -> Variant:
    file = ModelFile(name=f"{precision}.tflite", sha256=DIGEST, size=2048)
    return Variant(precision=precision, files=(file,), quality=quality, note=note)


def _cells(table: str, start: str) -> list[str]:
    lines = [line for line in table.splitlines() if line.startswith(start)]
    assert len(lines) == 1
    return [cell.strip() for cell in lines[0].strip("|").split("|")]


def test_a_rejected_int8_is_shown_with_its_numbers_and_reason() -> None:
    from results_table import render

    rejected = Rejected(
        precision="int8", setting="minmax", reason="slower than float", quality=_quality(89), speed=SLOWER, size=1024
    )
    table = render([_manifest((_variant("float32", _quality(90), "It is faster."),), (rejected,))])
    float_row, int8_row = _cells(table, "| task | litert | float32"), _cells(table, "| task | litert | int8")
    assert float_row[3:] == ["90.0 (80.0 to 95.0) top1, n = 300", "–", "–", "2 KiB", "80 µs", "–", "chosen"]
    assert int8_row[4:] == [
        "+1.0 pt (lost 3, won 1)", "97.0 %", "1 KiB", "100 µs", "0.80 (0.70 to 0.90), 9 pairs", "rejected",
    ]  # fmt: skip
    assert "float32 was chosen. It is faster." in table
    assert "rejected int8 minmax: slower than float" in table


def test_settings_that_lost_the_selection_are_not_shown_among_evaluated_candidates() -> None:
    from results_table import candidates

    from edgebuild.pipeline.build import SETTING_LOST

    reasons = {"loser": SETTING_LOST, "finalist": "loses too much"}
    rejected = tuple(
        Rejected(precision="int8", setting=setting, reason=reason, quality=_quality(99 if setting == "loser" else 80))
        for setting, reason in reasons.items()
    )
    found = candidates(_manifest((_variant("float32"),), rejected))
    assert [(c.precision, c.setting) for c in found] == [("float32", ""), ("int8", "finalist")]


def test_what_was_not_measured_is_not_made_up() -> None:
    from results_table import render

    row = _cells(render([_manifest((_variant("float32"),))]), "| task | litert")
    assert row[3:] == ["–", "–", "–", "2 KiB", "–", "–", "chosen"]


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    from results_file import replace_section, section

    path = tmp_path / "docs" / "results.md"
    assert section(path, "one") == "", "there is no file yet"
    replace_section(path, "one", "old \\1")
    replace_section(path, "two", "stays")
    replace_section(path, "one", "new \\1")
    text = path.read_text(encoding="utf-8")
    assert "old" not in text
    assert text.index("new \\1") < text.index("stays")
    assert text.count("<!-- begin one -->") == 1
    assert (section(path, "one"), section(path, "two"), section(path, "three")) == ("new \\1", "stays", "")


def test_a_copy_of_an_example_has_the_profile_and_nothing_that_was_there_before(tmp_path: Path) -> None:
    from example_copy import copy_with_profile

    place = tmp_path / "project"
    (place / "build").mkdir(parents=True)
    assert copy_with_profile("digits", place, "few", 'precisions = ["float32"]\nmax_drop = 100.0') == place
    profile = find_profile("few", place)
    assert (profile.quantization.precisions, profile.quantization.max_drop) == (("float32",), 100.0)
    assert not (place / "build").exists()
    assert load_project(place)[0].name == "digits"
