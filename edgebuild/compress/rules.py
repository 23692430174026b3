"""What each operator does to channels. One without a rule here is left as it is, and so is all that it touches."""

from __future__ import annotations

from edgebuild.compress.channels import Rule
from edgebuild.compress.rules_layers import LAYER_RULES
from edgebuild.compress.rules_shapes import SHAPE_RULES
from edgebuild.compress.rules_values import VALUE_RULES

RULES: dict[str, Rule] = {**LAYER_RULES, **SHAPE_RULES, **VALUE_RULES}
"""By operator; "pointwise" stands for all that torch tags so."""
