"""The published JSON Schemas are those of the types; ``scripts/schemas`` writes them anew."""

from __future__ import annotations

from pathlib import Path

from edgebuild.store.schema import schema_files

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "schema"


def test_published_schemas_are_current() -> None:
    published = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.schema.json")}
    assert published == schema_files(), "run scripts/schemas"
