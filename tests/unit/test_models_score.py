from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.models.measures.base import Counted
from edgebuild.models.metrics import auc, sqnr_db, wilson
from edgebuild.models.samples import Samples
from edgebuild.models.score import check_labels, load_scorer, measured, quality
from edgebuild.store.cache import Cache


def one_hot(classes: list[int], count: int = 3) -> np.ndarray:
    return np.eye(count, dtype=np.float32)[classes]


def labelled(labels: list[int], groups: list[int] | None = None) -> Samples:
    x = np.arange(len(labels), dtype=np.float32)[:, None]
    return Samples({"x": x}, np.asarray(labels), None if groups is None else np.asarray(groups))


def test_wilson_against_published_values() -> None:
    # Newcombe 1998, Statist. Med. 17:857, table I: 81/263, 15/148, 0/20, 1/29.
    for hits, count, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson(hits, count) == pytest.approx((low, high), abs=5e-5)


def test_auc_counts_ties_as_half() -> None:
    assert auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([0, 0, 1, 1])) == 0.75
    assert auc(np.array([1.0, 1.0, 1.0, 2.0]), np.array([0, 1, 0, 1])) == 0.75
    assert auc(np.zeros(6), np.array([0, 1, 0, 1, 0, 1])) == 0.5


def test_auc_is_scikit_learns() -> None:
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(0)
    for _ in range(20):
        labels, scores = random.integers(0, 2, 50), random.integers(0, 8, 50).astype(float)
        assert auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))


def test_top1_counts_lost_and_won() -> None:
    samples = labelled([0, 1, 2, 0, 1])
    result = quality("top1", samples, [one_hot([0, 0, 2, 1, 1])], [one_hot([0, 1, 2, 1, 0])])
    assert (result.lost, result.won, result.samples) == (1, 1, 5)
    assert (result.value, result.float_value) == (60, 60)
    assert result.agreement == 60
    assert result.low is not None
    assert result.high is not None
    assert result.low < 60 < result.high


def test_outputs_of_a_group_are_averaged() -> None:
    samples = labelled([0, 1, 0, 1], groups=[7, 3, 7, 3])
    outputs = np.array([[0.9, 0.0], [0.6, 0.4], [0.0, 0.5], [0.1, 0.9]])
    scores = measured("top1", samples, [outputs])
    assert isinstance(scores, Counted)
    assert scores.answers.tolist() == [1, 0]
    assert scores.right.tolist() == [True, True]
    with pytest.raises(ConfigError, match="group 3 has samples of different labels"):
        measured("top1", labelled([0, 1, 0, 0], groups=[7, 3, 7, 3]), [outputs])


def test_auc_bounds_the_paired_drop() -> None:
    random = np.random.default_rng(1)
    labels = np.repeat([0, 1], 60)
    good = labels + random.normal(scale=0.8, size=120)
    samples = Samples({"x": good[:, None]}, labels)
    same = quality("auc", samples, [good[:, None]], [good[:, None]])
    assert (same.drop_high, same.value) == (0, same.float_value)
    noisy = good + random.normal(scale=1.0, size=120)
    worse = quality("auc", samples, [noisy[:, None]], [good[:, None]], drop_confidence=0.9)
    assert worse.value is not None
    assert worse.float_value is not None
    assert worse.drop_high is not None
    assert worse.drop_high > worse.float_value - worse.value > 0
    sure = quality("auc", samples, [noisy[:, None]], [good[:, None]], drop_confidence=0.99)
    assert sure.drop_high is not None
    assert sure.drop_high > worse.drop_high
    assert worse == quality("auc", samples, [noisy[:, None]], [good[:, None]], drop_confidence=0.9)


def test_the_bound_of_the_drop_holds_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    # How often is decided by the trials; what fewer resamples add to a bound is small beside what 120 samples do.
    monkeypatch.setattr("edgebuild.models.bootstrap.RESAMPLES", 500)
    # Float scores N(1.2, 1) against N(0, 1), int8 the same plus N(0, 0.5): AUC Φ(1.2/√2) and Φ(1.2/√2.5).
    from statistics import NormalDist

    true_drop = 100 * (NormalDist().cdf(1.2 / 2**0.5) - NormalDist().cdf(1.2 / 2.5**0.5))
    random, covered, trials = np.random.default_rng(2), 0, 60
    for trial in range(trials):
        labels = np.repeat([0, 1], 60)
        own = 1.2 * labels + random.normal(size=120)
        noisy = own + random.normal(scale=0.5**0.5, size=120)
        result = quality(
            "auc",
            Samples({"x": own[:, None]}, labels),
            [noisy[:, None]],
            [own[:, None]],
            seed=trial,
            drop_confidence=0.9,
        )
        assert result.drop_high is not None
        covered += result.drop_high >= true_drop
    assert 46 <= covered <= 60


def test_without_labels_there_is_noise_only() -> None:
    samples = Samples({"x": np.arange(4.0)[:, None]})
    reference, off = np.ones((4, 2)), np.ones((4, 2)) * 1.1
    result = quality("none", samples, [off], [reference])
    assert result.value is None
    assert result.sqnr_db == pytest.approx(20)
    with pytest.raises(ConfigError, match='metric = "top1" needs them'):
        quality("top1", samples, [off])


def test_sqnr_is_the_worst_outputs() -> None:
    one, two = np.full(10, 100.0), np.full(10, 0.01)
    assert sqnr_db((one, two), (one, two)) == 200
    assert sqnr_db((one, two), (one, two * 2)) == pytest.approx(0)
    assert sqnr_db((np.zeros(3),), (np.ones(3),)) == -200


def test_labels_that_do_not_match_are_refused() -> None:
    with pytest.raises(ConfigError, match="label 3 does not match the model, which has 3 classes"):
        measured("top1", labelled([0, 3]), [one_hot([0, 1])])
    with pytest.raises(ConfigError, match="label 10 does not match"):
        check_labels("top1", labelled([0, 10]), classes=10)
    with pytest.raises(ConfigError, match=r"auc has labels \[0, 2\]"):
        measured("auc", labelled([0, 2]), [np.zeros((2, 1))])
    with pytest.raises(ConfigError, match=r"\[N, 4, 4\]"):
        measured("top1", labelled([0, 1]), [np.zeros((2, 4, 4))])
    with pytest.raises(ConfigError, match="3 values"):
        measured("auc", labelled([0, 1]), [one_hot([0, 1])])


def test_scorers(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    (tmp_path / "s.py").write_text(
        "def last(inputs, outputs):\n    return outputs[0][:, -1] + inputs['x'][:, 0]\n"
        "def rows(inputs, outputs):\n    return outputs[0]\n"
        "def nan(inputs, outputs):\n    return outputs[0][:, 0] * float('nan')\n",
        encoding="utf-8",
    )
    inputs, outputs = {"x": np.ones((2, 3))}, [np.array([[1.0, 1, 1], [1, 1, 4]])]
    assert load_scorer("", tmp_path, cache) is None
    mse = load_scorer("reconstruction_mse", tmp_path, cache)
    assert mse is not None
    assert mse(inputs, outputs).tolist() == [0, 3]
    own = load_scorer("s.py:last", tmp_path, cache)
    assert own is not None
    assert own(inputs, outputs).tolist() == [2, 5]
    for name, words in (("rows", r"shape \[2, 3\]"), ("nan", "NaN")):
        bad = load_scorer(f"s.py:{name}", tmp_path, cache)
        assert bad is not None
        with pytest.raises(BuildError, match=words):
            bad(inputs, outputs)
