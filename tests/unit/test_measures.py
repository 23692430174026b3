"""Every metric: perfect answers, answers that are worse, and the libraries' own numbers."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass

import numpy as np
import pytest

from edgebuild.core.errors import ConfigError
from edgebuild.core.quality_metric import QUALITY_METRICS, LabelKind
from edgebuild.models import bootstrap
from edgebuild.models.bootstrap import against
from edgebuild.models.measures import find_measure
from edgebuild.models.measures.base import Case, Counted, Pooled
from edgebuild.models.measures.text import edit_distance
from edgebuild.models.samples import Samples
from edgebuild.models.score import measured, quality

COUNT, CLASSES = 24, 4
PAIRED = (LabelKind.CLASSES, LabelKind.NONE)
SCORED = [name for name, rules in QUALITY_METRICS.items() if rules.measure]


@dataclass(frozen=True)
class Answered:
    """Labels, and outputs that are exactly right."""

    labels: np.ndarray
    outputs: list[np.ndarray]


def boxes(random: np.random.Generator, count: int = COUNT, most: int = 3) -> np.ndarray:
    near = random.uniform(0, 40, (count, most, 2))
    made = np.concatenate([near, near + random.uniform(5, 20, (count, most, 2)), np.zeros((count, most, 1))], axis=2)
    made[..., 4] = random.integers(0, CLASSES, (count, most))
    made[random.random((count, most)) < 0.3] = -1
    made[0, 0] = (1, 2, 11, 12, 0)
    return made


def perfect(kind: LabelKind) -> Answered:
    """For each kind of labels."""
    random = np.random.default_rng(4)
    classes = np.arange(COUNT) % 2
    if kind is LabelKind.MAPS:
        maps = random.integers(0, CLASSES, (COUNT, 5, 6))
        return Answered(maps, [np.moveaxis(np.eye(CLASSES)[maps], 3, 1)])
    if kind is LabelKind.BOXES:
        made = boxes(random)
        return Answered(
            made, [np.insert(made, 4, np.where(made[..., 4] < 0, -1, random.random(made.shape[:2])), axis=2)]
        )
    if kind is LabelKind.TOKENS:
        tokens = random.integers(0, 9, (COUNT, 7))
        tokens[:, 5:] = -1
        return Answered(tokens, [tokens.copy()])
    if kind is LabelKind.ITEMS:
        return Answered(np.arange(COUNT) // 2, [random.standard_normal((COUNT // 2, 30)).repeat(2, axis=0)])
    return Answered(classes, [np.eye(2)[classes]])


def worse(output: np.ndarray, kind: LabelKind) -> np.ndarray:
    """The same answers, the first third of them another sample's."""
    spoilt = output.copy()
    third = len(output) // 3
    if kind is LabelKind.ITEMS:
        spoilt[:third:2] *= -1
    else:
        spoilt[:third] = output[1 : third + 1] if kind in PAIRED else output[third : 2 * third]
    return spoilt


@pytest.mark.parametrize("metric", SCORED)
def test_perfect_answers_score_100_and_worse_ones_less(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = QUALITY_METRICS[metric].labels
    right = perfect(kind)
    samples = Samples({"x": np.arange(COUNT)[:, None]}, None if kind is LabelKind.NONE else right.labels)
    own = [worse(output, kind) for output in right.outputs]
    monkeypatch.setattr(bootstrap, "RESAMPLES", 200)  # it is the same thing, sooner
    best = quality(metric, samples, right.outputs, right.outputs)
    less = quality(metric, samples, own, right.outputs, drop_confidence=0.9)
    assert (best.value, best.float_value) == (pytest.approx(100), pytest.approx(100))
    assert less.value is not None
    assert less.low is not None
    assert less.high is not None
    assert less.float_value == pytest.approx(100)
    assert less.value < 95
    assert less.low <= less.value <= less.high
    if QUALITY_METRICS[metric].paired:
        assert (best.lost, best.won, best.drop_high) == (0, 0, None)
        assert less.lost
    else:
        assert best.drop_high == pytest.approx(0)
        assert less.drop_high is not None
        assert less.drop_high > 100 - less.value
        assert less == quality(metric, samples, own, right.outputs, drop_confidence=0.9)


@pytest.mark.parametrize("metric", [name for name in SCORED if not QUALITY_METRICS[name].paired])
def test_a_unit_that_counts_twice_is_two_units(metric: str) -> None:
    kind = QUALITY_METRICS[metric].labels
    right = perfect(kind)
    own, weights = [worse(output, kind) for output in right.outputs], np.arange(COUNT) % 3 + 1
    once = find_measure(metric)(Case(metric, right.labels, own, twin=right.outputs))
    again = [np.repeat(output, weights, axis=0) for output in own]
    twin = [np.repeat(output, weights, axis=0) for output in right.outputs]
    often = find_measure(metric)(Case(metric, np.repeat(right.labels, weights, axis=0), again, twin=twin))
    assert isinstance(once, Pooled)
    assert isinstance(often, Pooled)
    assert once.score(weights.astype(np.float64)) == pytest.approx(often.value)


def test_samples_of_a_group_are_drawn_together() -> None:
    angles = np.random.default_rng(0).random(10).repeat(4)
    own, twin = np.stack([np.cos(angles), np.sin(angles)], axis=1), np.tile([1.0, 0.0], (40, 1))
    bounds = []
    for groups in (None, np.arange(40) // 4):
        found = [find_measure("cosine")(Case("cosine", None, [one], [twin], groups)) for one in (own, twin)]
        assert all(isinstance(one, Pooled) for one in found)
        bounds.append(against(found[0], found[1], 0.95, 0)["drop_high"])  # type: ignore[arg-type]
    assert bounds[1] > bounds[0]


def test_f1_is_scikit_learns() -> None:
    from sklearn.metrics import f1_score

    random = np.random.default_rng(0)
    for _ in range(10):
        labels, answers = random.integers(0, 5, 60), random.integers(0, 6, 60)
        found = measured("f1", Samples({"x": labels}, labels), [np.eye(6)[answers]])
        assert isinstance(found, Pooled)
        assert found.value == pytest.approx(f1_score(labels, answers, average="macro"))


def test_iou_is_scikit_learns() -> None:
    from sklearn.metrics import jaccard_score

    random = np.random.default_rng(0)
    labels, answers = random.integers(-1, 4, (6, 9, 9)), random.integers(0, 4, (6, 9, 9))
    found = measured("miou", Samples({"x": labels}, labels), [answers])
    assert isinstance(found, Pooled)
    counted = labels >= 0
    assert found.value == pytest.approx(jaccard_score(labels[counted], answers[counted], average="macro"))


def _coco_says(labels: np.ndarray, detections: np.ndarray) -> tuple[float, float]:
    """AP and AP50 by pycocotools itself."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = [
        {"id": number + 1, "image_id": sample, "category_id": int(c), "bbox": [x1, y1, x2 - x1, y2 - y1],
         "area": (x2 - x1) * (y2 - y1), "iscrowd": 0}
        for number, (sample, (x1, y1, x2, y2, c)) in enumerate(
            (sample, row) for sample, rows in enumerate(labels) for row in rows if row[4] >= 0
        )
    ]  # fmt: skip
    found = [
        {"image_id": sample, "category_id": int(c), "bbox": [x1, y1, x2 - x1, y2 - y1], "score": score}
        for sample, rows in enumerate(detections)
        for x1, y1, x2, y2, score, c in rows
        if c >= 0
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        categories, images = ([{"id": number} for number in range(count)] for count in (CLASSES, len(labels)))
        coco.dataset = {"images": images, "annotations": truth, "categories": categories}
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0]), float(evaluation.stats[1])


def test_average_precision_is_cocos() -> None:
    for seed in range(6):
        random = np.random.default_rng(seed)
        labels = boxes(random, most=5)
        moved = np.concatenate([labels, labels[:, :3]], axis=1)
        there = moved[..., 4] >= 0
        moved[..., :4] += random.normal(scale=1.5, size=(*there.shape, 2))[..., [0, 1, 0, 1]] * there[..., None]
        moved[..., 4] = np.where(
            random.random(there.shape) < 0.1, random.integers(0, CLASSES, there.shape), moved[..., 4]
        )
        scores = random.random(there.shape) if seed % 2 else np.round(random.random(there.shape), 1)
        detections = np.insert(moved, 4, scores, axis=2)
        detections[~there] = -1
        samples = Samples({"x": labels}, labels)
        both = [measured(metric, samples, [detections]) for metric in ("map", "map50")]
        assert all(isinstance(one, Pooled) for one in both)
        assert [one.value for one in both] == pytest.approx(_coco_says(labels, detections), abs=1e-9)  # type: ignore[union-attr]


def test_edit_distance_is_that_of_the_whole_table() -> None:
    random = np.random.default_rng(0)
    for _ in range(40):
        first, second = (random.integers(0, 4, random.integers(0, 9)) for _ in range(2))
        table = np.zeros((len(first) + 1, len(second) + 1), int)
        table[:, 0], table[0] = np.arange(len(first) + 1), np.arange(len(second) + 1)
        for i, a in enumerate(first):
            for j, b in enumerate(second):
                table[i + 1, j + 1] = min(table[i, j] + (a != b), table[i, j + 1] + 1, table[i + 1, j] + 1)
        assert edit_distance(first, second) == table[-1, -1]


def test_word_accuracy_counts_edits_over_words() -> None:
    labels = np.array([[1, 2, 3, -1], [4, -1, -1, -1]])
    answers = np.array([[1, 3, -1, -1], [4, 5, 6, -1]])  # one left out, two put in: 3 edits over 4 words
    found = measured("word_accuracy", Samples({"x": labels}, labels), [answers])
    assert isinstance(found, Pooled)
    assert found.value == 0.25


def test_retrieval_by_hand() -> None:
    angles = np.radians([0, 2, 40, 50, 90, 52])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    samples = Samples({"x": embeddings}, np.array([7, 7, 8, 9, 8, 9]))
    found = measured("retrieval_top1", samples, [embeddings])
    assert isinstance(found, Counted)
    assert found.right.tolist() == [True, True, False, True, False, True]
    pairs = Samples({"x": embeddings}, np.stack([np.arange(6), np.arange(6)], axis=1))
    swapped = embeddings[[0, 1, 2, 3, 5, 4]]
    found = measured("retrieval_top1", pairs, [embeddings, swapped])
    assert isinstance(found, Counted)
    assert found.right.tolist() == [True, True, True, True, False, False]
    with pytest.raises(ConfigError, match="item 8 is asked for, and no other sample has it"):
        measured("retrieval_top1", samples.take([0, 1, 2]), [embeddings[:3]])


def test_cosine_needs_no_labels_and_says_nothing_without_float() -> None:
    samples, output = Samples({"x": np.arange(3)}), np.array([[1.0, 0], [0, 2], [0, 0]])
    found = quality("cosine", samples, [output], [np.array([[2.0, 0], [2, 0], [0, 0]])])
    assert found.value == pytest.approx(200 / 3)
    assert quality("cosine", samples, [output]).value is None


@pytest.mark.parametrize(
    ("metric", "output", "words"),
    [
        ("map", np.zeros((COUNT, 4, 5)), r"map needs detections; the first output has shape \[4, 5\]"),
        ("miou", np.zeros((COUNT, 3, 3), np.int64), "the maps are 5 x 6 pixels; the model answers 3 x 3"),
        ("miou", np.zeros((COUNT, 2, 5, 6)), "label 3 does not match the model, which has 2 classes"),
        ("word_accuracy", np.zeros((COUNT, 3)), "word_accuracy needs tokens"),
        ("f1", np.zeros((COUNT, 2, 3)), "f1 needs one score per class"),
        ("f1", np.zeros(COUNT, np.int64), r"f1 of class numbers needs it[\s\S]*classes = N"),
    ],
)
def test_outputs_that_do_not_fit_are_refused(metric: str, output: np.ndarray, words: str) -> None:
    samples = Samples({"x": np.arange(COUNT)}, perfect(QUALITY_METRICS[metric].labels).labels)
    with pytest.raises(ConfigError, match=words):
        measured(metric, samples, [output])
