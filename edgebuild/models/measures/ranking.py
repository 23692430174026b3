"""Scores that rank: the area under the ROC curve."""

from __future__ import annotations

from edgebuild.core.array import Floats, np
from edgebuild.core.errors import ConfigError
from edgebuild.models.measures.base import Case, Pooled
from edgebuild.models.metrics import weighted_auc
from edgebuild.models.scorers import own_score


def auc_of(case: Case) -> Pooled:
    """Of one score a unit against labels 0 and 1; units are drawn within each, so that both are always there."""
    found = sorted(set(case.known.tolist()))
    if found != [0, 1]:
        raise ConfigError("[data] labels", f"auc has labels {found[:5]}", expected="both 0 (normal) and 1")
    labels, scores = case.labels_of_units().astype(np.int64), scores_of(case)
    return Pooled(weighted_auc(scores, labels), np.arange(len(labels), dtype=np.intp), labels)


def scores_of(case: Case) -> Floats:
    """One score a unit, (units,): the project's own, or the output itself."""
    values = (case.scorer or own_score)(case.inputs, case.outputs)
    return case.averaged(np.asarray(values, np.float64).reshape(len(case.known), 1))[:, 0]
