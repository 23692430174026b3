"""What pydantic finds wrong in a TOML document, in the words of the file's author."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pydantic import ValidationError

from edgebuild.core.base import Frozen
from edgebuild.core.errors import ConfigError
from edgebuild.store.toml_lines import Place, field_lines, line_of

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Schema = Mapping[str, object]


@dataclasses.dataclass(frozen=True)
class Fault:
    """One wrong field: where, what was found, what was expected and what to do."""

    place: Place
    found: str
    expected: str = ""
    fix: str = ""

    @property
    def is_about_budgets(self) -> bool:
        """Whether it is the whole document's complaint about budgets, which ``budget_faults`` says field by field."""
        return not self.place and any(word in self.found for word in ("budget", "metric", "quantity", "unit"))


def described(faults: Iterable[Fault], file: str, text: str) -> list[ConfigError]:
    """The errors to show, in the order of the file."""
    lines = field_lines(text)
    placed = [(line_of(fault.place, lines) or 0, fault) for fault in faults]
    return [_error(fault, file, line) for line, fault in sorted(placed, key=lambda pair: pair[0])]


def faults_of(error: ValidationError, value: Mapping[str, object], model: type[Frozen]) -> list[Fault]:
    """Every field that pydantic refused; the branches of a union become one fault."""
    found: dict[Place, list[Fault]] = {}
    for details in error.errors(include_url=False):
        place = _place(details, value)
        found.setdefault(place, []).append(_fault(place, details, model))
    return [_merged(group) for group in found.values()]


def nearest(word: str, names: Iterable[str]) -> str:
    """A "did you mean" for a misspelt name, or nothing."""
    near = difflib.get_close_matches(word, list(names), 1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""


def shown(value: object) -> str:
    """A value as it may stand in a message: short, on one line."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _error(fault: Fault, file: str, line: int) -> ConfigError:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault.place).lstrip(".")
    subject = ": ".join(part for part in (f"{file}:{line}" if line else file, place) if part)
    return ConfigError(subject, fault.found, expected=fault.expected, fix=fault.fix)


def _place(details: ErrorDetails, value: object) -> Place:
    """The error's place in the document: pydantic's own names for union branches are dropped."""
    place: Place = ()
    for position, part in enumerate(details["loc"]):
        last = position == len(details["loc"]) - 1
        inside = _inside(value, part)
        if inside is not None:
            value = inside
        elif not (last and details["type"] == "missing"):
            continue
        place = (*place, part)
    return place


def _inside(value: object, part: str | int) -> object | None:
    """What a table or an array holds at a key or an index; TOML has no null, so None means nothing."""
    if isinstance(value, Mapping):
        return value.get(part)
    return value[part] if isinstance(value, list) and isinstance(part, int) and part < len(value) else None


def _fault(place: Place, details: ErrorDetails, model: type[Frozen]) -> Fault:
    kind, message = details["type"], details["msg"]
    if kind == "extra_forbidden":
        return _unknown_key(place, model)
    if kind == "missing":
        return Fault(place, "is missing", fix=f"add {place[-1]} = …" if place else "")
    if kind == "union_tag_invalid":
        return _unknown_tag(place, details)
    if kind == "value_error":
        return Fault(place, message.removeprefix("Value error, "))
    fix = nearest(str(details["input"]), _choices(details)) if kind in ("literal_error", "enum") else ""
    return Fault(place, f"is {shown(details['input'])}", _expected(message), fix)


def _unknown_tag(place: Place, details: ErrorDetails) -> Fault:
    """A table that says by one key, such as ``op``, what it is, and says something unknown."""
    context = details.get("ctx", {})
    key, tag = str(context.get("discriminator", "")).strip("'"), str(context.get("tag", ""))
    known = [word.strip(" '") for word in str(context.get("expected_tags", "")).split(",")]
    return Fault((*place, key), f"is {shown(tag)}", ", ".join(known), nearest(tag, known))


def _expected(message: str) -> str:
    for start in ("Input should be ", "String should ", "Input should ", "Value should "):
        message = message.removeprefix(start)
    return message


def _choices(details: ErrorDetails) -> list[str]:
    text = str(details.get("ctx", {}).get("expected", ""))
    return [word.strip(" '") for word in text.replace(" or ", ", ").split(",")]


def _unknown_key(place: Place, model: type[Frozen]) -> Fault:
    known = sorted(_keys(model.model_json_schema(by_alias=True), place[:-1]))
    return Fault(place, "is not a known key", ", ".join(known), nearest(str(place[-1]), known))


def _merged(group: list[Fault]) -> Fault:
    first = group[0]
    known = [fault for fault in group if fault.found != "is not a known key"]
    expected = " or ".join(dict.fromkeys(fault.expected for fault in (known or group) if fault.expected))
    return dataclasses.replace((known or [first])[0], expected=expected)


def _keys(schema: Schema, place: Place) -> set[str]:
    """The keys that a JSON Schema knows at a place, over all branches of its unions."""
    keys: set[str] = set()
    for branch in _descend(schema, schema, place):
        properties = branch.get("properties")
        keys |= set(properties) if isinstance(properties, Mapping) else set()
    return keys


def _descend(root: Schema, schema: object, place: Place) -> list[Schema]:
    branches = _branches(root, schema)
    for part in place:
        inner = [_child(branch, part) for branch in branches]
        branches = [leaf for child in inner for leaf in _branches(root, child)]
    return branches


def _child(schema: Schema, part: str | int) -> object:
    if isinstance(part, int):
        return schema.get("items")
    properties = schema.get("properties")
    named = properties.get(part) if isinstance(properties, Mapping) else None
    return named or schema.get("additionalProperties")


def _branches(root: Schema, schema: object) -> list[Schema]:
    if not isinstance(schema, Mapping):
        return []
    reference = schema.get("$ref")
    if isinstance(reference, str):
        definitions = root.get("$defs")
        name = reference.rpartition("/")[2]
        return _branches(root, definitions.get(name)) if isinstance(definitions, Mapping) else []
    unions = [schema.get(word) for word in ("anyOf", "oneOf")]
    inner = [option for union in unions if isinstance(union, list) for option in union]
    return [leaf for option in inner for leaf in _branches(root, option)] or [schema]
