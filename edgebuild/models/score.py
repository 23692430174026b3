"""How good a model's outputs are on labelled samples, and against its float twin on the same samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edgebuild.core.array import Array, Booleans, Floats, Indices, Integers, np
from edgebuild.core.artifact import Quality
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import MetricName
from edgebuild.models.metrics import auc, resampled_aucs, sqnr_db, wilson
from edgebuild.models.samples import Samples
from edgebuild.models.scorers import Scorer, load_scorer, own_score, reconstruction_mse

RESAMPLES = 2000

__all__ = ["Scorer", "Scores", "check_labels", "load_scorer", "quality", "reconstruction_mse", "score"]


@dataclass(frozen=True, eq=False)
class Scores:
    """One entry per unit: a sample, or a group of samples that are scored as one.

    Attributes:
        labels: (units,).
        classes: the class with the highest output, for top1.
        values: one score, for auc.
    """

    labels: Integers
    classes: Integers | None = None
    values: Floats | None = None

    @property
    def correct(self) -> Booleans:
        """Which units have the right class."""
        assert self.classes is not None
        right: Booleans = self.classes == self.labels
        return right


def score(
    metric: MetricName,
    samples: Samples,
    outputs: Sequence[Array],
    inputs: Mapping[str, Array] | None = None,
    scorer: Scorer | None = None,
) -> Scores:
    """Score each unit. Outputs and scores of a group are averaged.

    Args:
        metric: "top1" or "auc".
        samples: with labels.
        outputs: in the order of the signature, each (N, …); the first one is scored.
        inputs: what the model took, for the scorer.
        scorer: for auc; default the output itself, or second minus first class.

    Raises:
        ConfigError: labels are missing or do not match the metric or the outputs.
    """
    labels = _labels(metric, samples)
    first, units = _units(samples)
    if metric == "top1":
        rows = _class_rows(outputs[0])
        if int(labels.max()) >= rows.shape[1]:
            raise _mismatch(int(labels.max()), rows.shape[1])
        return Scores(labels[first], classes=_average(rows, units).argmax(axis=1))
    values = (scorer or own_score)(inputs or {}, outputs)
    return Scores(labels[first], values=_average(np.asarray(values, np.float64).reshape(len(samples), 1), units)[:, 0])


def quality(
    metric: MetricName,
    samples: Samples,
    outputs: Sequence[Array],
    float_outputs: Sequence[Array] | None = None,
    *,
    inputs: Mapping[str, Array] | None = None,
    scorer: Scorer | None = None,
    drop_confidence: float = 0.95,
    seed: int = 0,
) -> Quality:
    """The quality of a model's outputs, against the float twin's where they are given.

    top1 has Wilson's 95 % interval and the pairs lost and won; auc has a bootstrap over units (2,000 seeded, paired
    resamples within each class): its 95 % interval, and the upper bound of the drop at ``drop_confidence``.
    Values are in percentage points.

    Raises:
        ConfigError: labels are missing or do not match.
    """
    noise = None if float_outputs is None else sqnr_db(tuple(float_outputs), tuple(outputs))
    if metric == "none":
        return Quality(metric=metric, dataset=samples.digest, samples=len(samples), sqnr_db=noise)
    own = score(metric, samples, outputs, inputs, scorer)
    twin = None if float_outputs is None else score(metric, samples, float_outputs, inputs, scorer)
    fields = _top1(own, twin) if metric == "top1" else _auc(own, twin, drop_confidence, seed)
    known = {"metric": metric, "dataset": samples.digest, "samples": len(own.labels), "sqnr_db": noise}
    return Quality.model_validate(known | fields)


def check_labels(metric: MetricName, samples: Samples, classes: int | None = None) -> None:
    """Refuse labels that the metric cannot use, before anything is run.

    Args:
        metric: as declared.
        samples: the set.
        classes: how many the model tells apart, if known.

    Raises:
        ConfigError: naming what is missing or does not match.
    """
    if metric == "none":
        return
    labels = _labels(metric, samples)
    if metric == "top1" and classes is not None and int(labels.max()) >= classes:
        raise _mismatch(int(labels.max()), classes)


def _labels(metric: MetricName, samples: Samples) -> Integers:
    if samples.labels is None:
        raise ConfigError(
            "[data]",
            f'the samples have no labels; metric = "{metric}" needs them',
            fix='give labels, or metric = "none"',
        )
    if metric == "auc":
        found = sorted(set(samples.labels.tolist()))
        if found != [0, 1]:
            raise ConfigError("[data] labels", f"auc has labels {found[:5]}", expected="both 0 (normal) and 1")
    return samples.labels


def _mismatch(label: int, classes: int) -> ConfigError:
    return ConfigError(
        "[data] labels",
        f"label {label} does not match the model, which has {classes} classes",
        expected=f"0 to {classes - 1}",
        fix="check the numbering of the classes (from 0), and that the first output holds one score per class",
    )


def _units(samples: Samples) -> tuple[Indices, Indices]:
    """For each unit its first sample, and for each sample its unit."""
    if samples.groups is None:
        every = np.arange(len(samples), dtype=np.intp)
        return every, every
    _, first, units = np.unique(samples.groups, return_index=True, return_inverse=True)
    units = units.reshape(-1)
    if samples.labels is not None and (samples.labels != samples.labels[first][units]).any():
        mixed = int(samples.groups[np.argmax(samples.labels != samples.labels[first][units])])
        raise ConfigError(
            "[data] groups", f"group {mixed} has samples of different labels", expected="one label a group"
        )
    return first, units


def _average(rows: Floats, units: Indices) -> Floats:
    count = int(units.max()) + 1
    if count == len(rows):
        return rows[np.argsort(units)]
    total = np.zeros((count, rows.shape[1]))
    np.add.at(total, units, rows)
    averaged: Floats = total / np.bincount(units, minlength=count)[:, None]
    return averaged


def _class_rows(output: Array) -> Floats:
    rows = output.reshape(len(output), -1).astype(np.float64)
    if rows.shape[1] != max(output.shape[1:], default=1) or rows.shape[1] < 2:
        raise ConfigError(
            "[data] metric",
            f"top1 needs one score per class in the first output; its shape is {['N', *output.shape[1:]]}".replace(
                "'", ""
            ),
            expected="[N, classes] with at least 2 classes",
            fix='make the scores the first output, or choose metric = "auc" or "none"',
        )
    return rows


def _top1(own: Scores, twin: Scores | None) -> dict[str, float | int]:
    count, hits = len(own.labels), int(own.correct.sum())
    low, high = wilson(hits, count)
    fields: dict[str, float | int] = {"value": 100 * hits / count, "low": 100 * low, "high": 100 * high}
    if twin is None:
        return fields
    return fields | {
        "float_value": 100 * float(twin.correct.mean()),
        "lost": int((twin.correct & ~own.correct).sum()),
        "won": int((own.correct & ~twin.correct).sum()),
        "agreement": 100 * float(np.mean(own.classes == twin.classes)),
    }


def _auc(own: Scores, twin: Scores | None, confidence: float, seed: int) -> dict[str, float]:
    assert own.values is not None
    columns = (own.values,) if twin is None or twin.values is None else (own.values, twin.values)
    resampled = resampled_aucs(columns, own.labels, RESAMPLES, seed)
    low, high = np.quantile(resampled[:, 0], (0.025, 0.975))
    fields = {"value": 100 * auc(own.values, own.labels), "low": 100 * float(low), "high": 100 * float(high)}
    if len(columns) == 1:
        return fields
    drop = np.quantile(resampled[:, 1] - resampled[:, 0], confidence)
    return fields | {
        "float_value": 100 * auc(columns[1], own.labels),
        "drop_high": 100 * float(drop),
        "drop_confidence": confidence,
    }
