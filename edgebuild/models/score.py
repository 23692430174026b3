"""How good a model's outputs are on labelled samples, and against its float twin on the same samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgebuild.core.array import Array, np
from edgebuild.core.artifact import Quality
from edgebuild.core.errors import ConfigError
from edgebuild.core.quality_metric import QUALITY_METRICS, LabelKind, MetricName
from edgebuild.models.bootstrap import against, interval
from edgebuild.models.measures import find_measure
from edgebuild.models.measures.base import Case, Counted, Pooled
from edgebuild.models.measures.classes import outside
from edgebuild.models.metrics import sqnr_db, wilson
from edgebuild.models.samples import Samples
from edgebuild.models.scorers import Scorer, load_scorer, reconstruction_mse
from edgebuild.steps.postprocess import PostProcess

__all__ = ["Scorer", "check_labels", "load_scorer", "measured", "quality", "reconstruction_mse"]


def measured(metric: MetricName, samples: Samples, outputs: Sequence[Array], **more: object) -> Counted | Pooled:
    """What a metric says of a model's outputs, each (N, …), in the order of the signature and after ``post``.

    Args:
        samples: with labels, where the metric takes some.
        more: further fields of ``Case``.

    Raises:
        ConfigError: labels are missing or do not match the metric or the outputs.
    """
    check_labels(metric, samples)
    labels = samples.labels if QUALITY_METRICS[metric].labels is not LabelKind.NONE else None
    case = Case(metric, labels, outputs, groups=samples.groups, **more)  # type: ignore[arg-type]
    return find_measure(metric)(case)


def quality(  # noqa: PLR0913 - of what, on what, against what, by what
    metric: MetricName,
    samples: Samples,
    outputs: Sequence[Array],
    float_outputs: Sequence[Array] | None = None,
    *,
    inputs: Mapping[str, Array] | None = None,
    scorer: Scorer | None = None,
    drop_confidence: float = 0.95,
    seed: int = 0,
    post: PostProcess | None = None,
    classes: int | None = None,
) -> Quality:
    """The quality of a model's outputs, against the float twin's where they are given.

    A metric of right and wrong units has Wilson's 95 % interval and the pairs lost and won. Any other has a paired
    bootstrap over units (2,000 seeded resamples): its 95 % interval, and the upper bound of the drop at
    ``drop_confidence``. Values are in percentage points.

    Args:
        outputs: of the model, before ``post``.
        inputs: what the model took, for the scorer.
        scorer: for auc; default the output itself, or second minus first class.
        classes: how many there are, where the outputs don't say it.

    Raises:
        ConfigError: labels are missing or do not match.
    """
    known = {"metric": metric, "dataset": samples.digest, "samples": len(samples)}
    known["sqnr_db"] = None if float_outputs is None else sqnr_db(tuple(float_outputs), tuple(outputs))
    rules = QUALITY_METRICS[metric]
    if not rules.measure or (rules.against_float and float_outputs is None):
        return Quality.model_validate(known)
    after = (lambda given: given) if post is None or rules.raw else post.arrays
    own = after(outputs)
    twin = own if float_outputs is outputs else None if float_outputs is None else after(float_outputs)
    more = {"twin": twin, "inputs": inputs or {}, "scorer": scorer, "classes": classes}
    found = measured(metric, samples, own, **more)
    same = twin is not None and all(a is b for a, b in zip(own, twin, strict=True))
    other = found if same else None if twin is None else measured(metric, samples, twin, **more)
    return Quality.model_validate(known | _scored(found, other, drop_confidence, seed))


def check_labels(metric: MetricName, samples: Samples, classes: int | None = None) -> None:
    """Refuse labels that the metric cannot use, before anything is run.

    Args:
        metric: as declared.
        samples: the set.
        classes: how many the model tells apart, if known.

    Raises:
        ConfigError: naming what is missing or does not match.
    """
    kind = QUALITY_METRICS[metric].labels
    if kind is LabelKind.NONE:
        return
    if samples.labels is None:
        raise ConfigError(
            "[data]",
            f'the samples have no labels; metric = "{metric}" needs them',
            expected=kind.told,
            fix='give labels, or metric = "none"',
        )
    if kind is LabelKind.CLASSES and classes is not None and int(samples.labels.max()) >= classes:
        raise outside(int(samples.labels.max()), classes)


def _scored(
    own: Counted | Pooled, twin: Counted | Pooled | None, confidence: float, seed: int
) -> dict[str, float | int]:
    if isinstance(own, Counted):
        assert twin is None or isinstance(twin, Counted)
        return _counted(own, twin)
    assert not isinstance(twin, Counted)
    fields: dict[str, float | int] = {"value": 100 * own.value, "samples": int(own.units.max()) + 1}
    if twin is None:
        return fields | interval(own, seed)
    return fields | {"float_value": 100 * twin.value} | against(own, twin, confidence, seed)


def _counted(own: Counted, twin: Counted | None) -> dict[str, float | int]:
    count, hits = len(own.right), int(own.right.sum())
    low, high = wilson(hits, count)
    fields: dict[str, float | int] = {
        "value": 100 * hits / count, "low": 100 * low, "high": 100 * high, "samples": count
    }  # fmt: skip
    if twin is None:
        return fields
    return fields | {
        "float_value": 100 * float(twin.right.mean()),
        "lost": int((twin.right & ~own.right).sum()),
        "won": int((own.right & ~twin.right).sum()),
        "agreement": 100 * float(np.mean(own.answers == twin.answers)),
    }
