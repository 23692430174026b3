"""What scripts/reference_case makes of builds and measurements: its table, and what is wanting."""

from __future__ import annotations

import dataclasses
from math import sqrt

import pytest
from reference_table import Counted, Found, Measured, mean_drop, render, wanting
from report_samples import pruned, quality
from store_samples import FILES, SIGNATURE, manifest_for

from edgebuild.core.artifact import ModelFile, Part, Variant

VALUES = {"latency_p50": Measured(2e6, 1.9e6, 2.1e6), "peak_memory": Measured(2**20, None, None)}
SMALL = pruned().model_copy(update={"parameters": 400_000})
"""It keeps 40,000."""


def _found(name: str, lost: int, won: int, change: Measured | None) -> Found:
    file = ModelFile(name="model.onnx", sha256="0" * 64, size=2**20)
    score = quality("a", 92.4 - (lost - won) / 8, lost).model_copy(update={"won": won})
    variants = tuple(Variant(precision=precision, files=(file,), quality=score) for precision in ("int8", "float32"))
    parts = (Part(runtime="onnxruntime", signature=SIGNATURE, variants=variants),)
    manifest = manifest_for(FILES, parts=parts, compression=None if change is None else SMALL)
    return Found(name, "onnxruntime", manifest, {"float32": VALUES, "int8": VALUES}, change)


def _seeds(lost: tuple[int, ...] = (10, 11, 12), won: int = 9, change: float = -82.0) -> list[Found]:
    own = [_found(f"seed-{at}", each, won, Measured(change, change - 1, change + 1)) for at, each in enumerate(lost)]
    return [_found("dense", 0, 0, None), *own]


def test_a_drop_is_bounded_over_images_and_over_seeds() -> None:
    # Of 800 images: 2 of 20 that differ, in every seed alike; the seeds say nothing more.
    same = _seeds((11, 11, 11))[1:]
    assert mean_drop(same) == pytest.approx((0.25, 0.25 + 1.96 * 100 * sqrt(20 - 4 / 800) / 800))
    # Seeds that are far apart say more than their images: t = 4.303 of standard deviation 5 over sqrt(3).
    apart = _seeds((9, 49, 89), 9)[1:]
    assert mean_drop(apart) == pytest.approx((5.0, 5.0 + 4.303 * 5 / sqrt(3)))


def test_a_change_of_latency_is_told_as_how_many_times_as_fast() -> None:
    assert _seeds()[1].faster == pytest.approx((1 / 0.18, 1 / 0.19, 1 / 0.17))
    assert _seeds()[0].faster is None


def test_nothing_is_wanting_where_all_holds() -> None:
    assert wanting(_seeds((5, 5, 5), 5), 5300) == []


@pytest.mark.parametrize(
    ("found", "seconds", "words"),
    [
        (_seeds((9, 9, 9)), 5500, "92 minutes"),
        (_seeds((12, 12, 12)), 0, "0.38 points lost"),
        (_seeds((5, 15, 5), 8), 0, "at most"),
        (_seeds((9, 9, 9), change=-80.5), 0, "not 5 times as fast beyond doubt"),
    ],
)
def test_what_is_wanting_is_named(found: list[Found], seconds: float, words: str) -> None:
    assert words in "\n".join(wanting(found, seconds))


def test_too_many_parameters_are_named() -> None:
    dense, one = _seeds((9,))
    kept = one.manifest.model_copy(update={"compression": pruned()})
    assert "60.0% fewer parameters" in "\n".join(wanting([dense, dataclasses.replace(one, manifest=kept)], 0))


def test_the_table_has_teacher_and_seeds() -> None:
    counts = [Counted("dense", "int8", Measured(9.5e6, None, None))]
    text = render(_seeds(), counts, {"dense": 60.0, "seed-0": 600.0})
    assert "| onnxruntime | teacher int8 | 0.40 M | 10.0 M | 1.0 MiB | 2 ms (1.9 to 2.1) | 1 MiB |" in text
    assert "| onnxruntime | seed-0 int8 | 0.04 M | 5.0 M |" in text
    assert "5.56 (5.26 to 5.88)" in text
    assert "| dense | int8 | 9.50 M |" in text
    assert "70.50 | 91.25 | board 0.500, 0.520" in text
    assert "the small models were built in 10 minutes (in minutes: dense 1, seed-0 10;" in text
