"""JSON Schemas of the TOML files, for editors."""

from __future__ import annotations

import json

from edgebuild.core.base import Frozen
from edgebuild.core.profile import Profile
from edgebuild.core.project import Project
from edgebuild.core.target import Target

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MODELS: dict[str, type[Frozen]] = {"target": Target, "profile": Profile, "project": Project}


def schema_files() -> dict[str, str]:
    """The text of each published schema by its file name: deterministic, sorted, ends with a newline."""
    return {f"{name}.schema.json": _text(model) for name, model in _MODELS.items()}


def _text(model: type[Frozen]) -> str:
    schema = {"$schema": _DIALECT} | model.model_json_schema(by_alias=True)
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
