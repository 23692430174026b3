"""How each metric of ``core/quality_metric.py`` is computed, a file for each kind of answer."""

from __future__ import annotations

import importlib

from edgebuild.core.quality_metric import QUALITY_METRICS
from edgebuild.models.measures.base import Measure


def find_measure(metric: str) -> Measure:
    """The function that a metric's declaration names."""
    module, _, name = QUALITY_METRICS[metric].measure.partition(":")
    found: Measure = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    return found
