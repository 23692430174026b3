"""Texts of several lengths: what may be declared, and which of several bundles each text goes to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from file_samples import WORDS, write_tokenizer
from pydantic import ValidationError

from edgebuild.by_bucket import bundles_at, joined, shares
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import InputSpec, ModelSource
from edgebuild.core.reading import Tokenize
from edgebuild.core.signature import Signature, TensorSpec
from edgebuild.models.assets import with_assets
from edgebuild.models.raw_files import read_raw

SIZES = ((1, 4), (1, 6), (1, 8))
STEP = Tokenize(tokenizer="tokenizer.json", length=8)


def spec_of(shape: tuple[int, ...], step: Tokenize = STEP, pad: float = 0) -> InputSpec:
    return InputSpec(shape=shape, buckets=tuple(s for s in SIZES if s != shape), dtype="int64", pre=(step,), pad=pad)


def signature_of(shape: tuple[int, ...], output: str = "vector") -> Signature:
    ids = TensorSpec(name="ids", dtype="int64", shape=shape, buckets=tuple(s for s in SIZES if s != shape))
    return Signature(inputs=(ids,), outputs=(TensorSpec(name=output, shape=(1, 2)),), pre={"ids": (STEP,)})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"length": 4}, "length that of the largest, 8"),
        ({"padding": "left"}, 'it must be "right"'),
    ],
)
def test_a_text_is_read_as_long_as_the_largest_bucket(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        spec_of((1, 4), STEP.model_copy(update=changes))


def test_a_text_ends_where_the_tokenizer_pads(tmp_path: Path) -> None:
    write_tokenizer(tmp_path / "tokenizer.json")
    padded = STEP.model_copy(update={"pad_token": "mat"})
    mask = padded.model_copy(update={"output": "attention_mask"})
    inputs = {"ids": spec_of((1, 4), padded, 5), "mask": spec_of((1, 4), mask, 5)}
    known = with_assets(ModelSource(source="m.onnx", inputs=inputs), tmp_path).inputs
    assert known["ids"].pad == WORDS.index("mat")
    assert known["mask"].pad == 0


@pytest.fixture
def read(tmp_path: Path) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Texts of 3, 8, 5 and 4 tokens on the lines 1, 2, 4 and 5."""
    write_tokenizer(tmp_path / "tokenizer.json")
    source = tmp_path / "texts.txt"
    source.write_text("cat\nthe cat sat on the mat\n\nthe dog ran\nthe dog\n", encoding="utf-8")
    raw = read_raw(source, {"ids": spec_of((1, 4))}, lambda name: (tmp_path / name).read_bytes())
    return raw.arrays, raw.places


def test_each_text_goes_to_the_smallest_that_holds_it(
    read: tuple[dict[str, np.ndarray], tuple[str, ...]],
) -> None:
    found = shares([signature_of((1, 8)), signature_of((1, 4)), signature_of((1, 6))], *read, "texts.txt")
    assert [(one.bundle, one.rows.tolist(), one.arrays["ids"].shape) for one in found] == [
        (1, [0, 3], (2, 4)),
        (2, [2], (1, 6)),
        (0, [1], (1, 8)),
    ]
    cat = WORDS.index("cat")
    assert found[0].arrays["ids"][0].tolist() == [2, cat, 3, 0]


def test_of_some_buckets_the_smallest_that_holds_it_is_taken(
    read: tuple[dict[str, np.ndarray], tuple[str, ...]],
) -> None:
    found = shares([signature_of((1, 4)), signature_of((1, 8))], *read, "texts.txt")
    assert [(one.bundle, one.rows.tolist()) for one in found] == [(0, [0, 3]), (1, [1, 2])]


def test_a_text_that_none_of_them_holds_is_refused_with_its_line(
    read: tuple[dict[str, np.ndarray], tuple[str, ...]],
) -> None:
    with pytest.raises(ConfigError, match=r"(?s)texts\.txt:2.*\[1, 8\].*at most \[1, 6\]"):
        shares([signature_of((1, 4)), signature_of((1, 6))], *read, "texts.txt")


def test_bundles_of_other_models_are_refused() -> None:
    samples = {"ids": np.zeros((1, 8), np.int64)}
    for second, words in ((signature_of((1, 6), "scores"), "no buckets of one model"), (signature_of((1, 4)), "two")):
        with pytest.raises(ConfigError, match=words):
            shares([signature_of((1, 4)), second], samples, (), "x.npz")


def test_a_text_of_too_many_tokens_is_refused_where_that_is_declared(tmp_path: Path) -> None:
    write_tokenizer(tmp_path / "tokenizer.json")
    source = tmp_path / "texts.txt"
    source.write_text("the cat\n" + "the cat sat on the mat and ran\n", encoding="utf-8")
    refusing = {"ids": spec_of((1, 4), STEP.model_copy(update={"longer": "refuse"}))}
    with pytest.raises(ConfigError, match=r"(?s)texts\.txt:2.*more than 8 tokens"):
        read_raw(source, refusing, lambda name: (tmp_path / name).read_bytes())


def test_answers_come_in_the_order_of_the_texts() -> None:
    short, long = np.array([0, 2]), np.array([1])
    first = {"vector": np.array([[1.0], [3.0]]), "tokens": np.ones((2, 4))}
    made = joined([(short, first), (long, {"vector": np.array([[2.0]]), "tokens": np.ones((1, 6))})])
    assert made["vector"].ravel().tolist() == [1, 2, 3]
    assert made["tokens"].sum(axis=1).tolist() == [4, 6, 4]
    assert made["tokens"].shape == (3, 6)


def test_a_common_path_means_all_buckets(tmp_path: Path) -> None:
    for name in ("host-litert-1x16", "host-litert-1x8", "host-litert-x-1x8", "host-litert-1x8.evidence"):
        (tmp_path / name).mkdir()
    assert [path.name for path in bundles_at([tmp_path / "host-litert"])] == ["host-litert-1x8", "host-litert-1x16"]
    assert bundles_at([tmp_path / "other"]) == [tmp_path / "other"]
    assert bundles_at([tmp_path / "host-litert-1x16"]) == [tmp_path / "host-litert-1x16"]
