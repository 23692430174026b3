"""Budgets in a TOML document, each checked on its own so that all that are wrong are said at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from edgebuild.core.metric import METRICS, parse_budget
from edgebuild.store.toml_faults import Fault, nearest
from edgebuild.store.toml_lines import Place


def budget_faults(value: Mapping[str, object]) -> list[Fault]:
    """What is wrong under ``[budgets]`` and ``[budgets.TARGET]``, in a project or a profile."""
    budgets = value.get("budgets")
    if not isinstance(budgets, Mapping):
        return []
    return [*_wrong_texts(budgets, ("budgets",)), *_strangers(budgets, value.get("build"))]


def _wrong_texts(budgets: Mapping[str, object], place: Place) -> Iterator[Fault]:
    for name, text in budgets.items():
        if isinstance(text, Mapping) and len(place) == 1:
            yield from _wrong_texts(text, (*place, name))
        elif isinstance(text, str):
            yield from _wrong_text(name, text, (*place, name))


def _wrong_text(name: str, text: str, place: Place) -> Iterator[Fault]:
    if name not in METRICS:
        yield Fault(place, "is not a known metric", ", ".join(METRICS), nearest(name, METRICS))
        return
    try:
        parse_budget(name, text)
    except ValueError as error:
        yield Fault(place, str(error))


def _strangers(budgets: Mapping[str, object], build: object) -> Iterator[Fault]:
    """Tables under ``[budgets]`` that are named for no target of the project."""
    targets = build.get("targets") if isinstance(build, Mapping) else None
    if not isinstance(targets, list):
        return
    names = [str(name) for name in targets]
    for name, table in budgets.items():
        if isinstance(table, Mapping) and name not in names:
            yield Fault(("budgets", name), "is not a target of this project", ", ".join(names), nearest(name, names))
