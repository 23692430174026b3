"""What a history knows of a model. Each question is one or two queries that go by an index."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Table, func, select

from edgebuild.core.artifact import Precision
from edgebuild.core.digest import Digest
from edgebuild.core.release import Release
from edgebuild.core.verdict import Outcome
from edgebuild.store.history.database import Database
from edgebuild.store.history.tables import bundles, facts, keys, records, releases, sightings, told, verdicts


@dataclass(frozen=True)
class Known:
    """A model that the history knows, on one target. ``moment``: of the latest evidence of it."""

    model: str
    target: str
    bundles: int
    moment: int


@dataclass(frozen=True)
class Of:
    """Which variants are asked for; None: all."""

    model: str
    target: str | None = None
    device: str | None = None
    part: str | None = None
    precision: str | None = None
    metric: str | None = None
    bundle: Digest | None = None


@dataclass(frozen=True)
class Level:
    """What was found of one metric of one bundle's variant: under one key, or without a run.

    Attributes:
        conditions: what else must be alike for two bundles to be comparable, as JSON.
        moment: of the first run; ``latest``: of the last one.
        values: one a run that counts, in the order in which they were taken up.
        taken: how many runs they are: 0 if it takes none.
    """

    bundle: Digest
    target: str
    part: str
    precision: Precision
    device: str
    conditions: str
    metric: str
    moment: int
    latest: int
    values: tuple[float, ...]
    taken: int


@dataclass(frozen=True)
class Judged:
    """A verdict on a bundle's variant."""

    bundle: Digest
    part: str
    precision: str
    device: str
    outcome: Outcome


def known_models(database: Database) -> list[Known]:
    """Every model with its targets, by name."""
    newest = select(func.max(records.c.moment)).where(records.c.bundle_id == bundles.c.id).scalar_subquery()
    each = select(bundles.c.name, bundles.c.target, newest.label("moment")).subquery()
    query = select(each.c.name, each.c.target, func.count(), func.coalesce(func.max(each.c.moment), 0))
    with database.reading() as connection:
        found = connection.execute(query.group_by(each.c.name, each.c.target)).all()
    return sorted((Known(*row) for row in found), key=lambda each: (each.model, each.target))


def levels(database: Database, of: Of) -> list[Level]:
    """Everything that runs said of a model's variants."""
    metric = [told.c.metric == of.metric] if of.metric else []
    query = (
        select(
            keys.c.id, bundles.c.digest, bundles.c.target, keys.c.part, keys.c.precision, keys.c.device,
            keys.c.conditions, told.c.metric, told.c.first_run, told.c.last_run, told.c.said,
        )
        .join(keys, keys.c.bundle_id == bundles.c.id).join(told, told.c.key_id == keys.c.id)
        .where(*_chosen(of, keys), *metric).order_by(keys.c.id, told.c.metric, told.c.record_id)
    )  # fmt: skip
    with database.reading() as connection:
        rows = connection.execute(query).all()
    parsed = json.loads(f"[{','.join(row.said for row in rows)}]")  # at once: a call for each takes twice the time
    found: dict[tuple[int, str], list[tuple[Any, list[float]]]] = {}
    for row, values in zip(rows, parsed, strict=True):
        found.setdefault((row[0], row[7]), []).append((row, values))
    return [_level(added) for added in found.values()]


def _level(added: Sequence[tuple[Any, list[float]]]) -> Level:
    """What was added of one metric under one key, in several goes."""
    row, values = added[0]
    first, last = row.first_run, row.last_run
    for other, more in added[1:]:
        first, last, values = min(first, other.first_run), max(last, other.last_run), values + more
    fields: list[Any] = [*row[1:8], first, last, tuple(values), len(values)]
    return Level(*fields)


def stated(database: Database, of: Of) -> list[Level]:
    """What manifests and records of quality say of a model's variants, the latest last."""
    first = select(func.min(told.c.first_run)).join(keys, keys.c.id == told.c.key_id)
    first_run = first.where(keys.c.bundle_id == bundles.c.id).scalar_subquery()
    first_record = select(func.min(records.c.moment)).where(records.c.bundle_id == bundles.c.id).scalar_subquery()
    moment = func.coalesce(first_run, first_record, 0)
    metric = [facts.c.metric == of.metric] if of.metric else []
    query = (
        select(
            bundles.c.digest, bundles.c.target, facts.c.part, facts.c.precision, facts.c.device, facts.c.metric,
            moment, facts.c.value,
        ).join(bundles, bundles.c.id == facts.c.bundle_id).where(*_chosen(of, facts), *metric)
        .order_by(facts.c.record_id)
    )  # fmt: skip
    with database.reading() as connection:
        rows = connection.execute(query).all()
    return [Level(*row[:5], "", row[5], row[6], row[6], (row[7],), 0) for row in rows]


def judged(database: Database, of: Of) -> list[Judged]:
    """The verdicts on a model's variants, the latest last."""
    of_verdicts = (verdicts.c.part, verdicts.c.precision, verdicts.c.device, verdicts.c.outcome)
    query = select(bundles.c.digest, *of_verdicts).join(bundles, bundles.c.id == verdicts.c.bundle_id)
    with database.reading() as connection:
        rows = connection.execute(query.where(*_chosen(of, verdicts)).order_by(verdicts.c.moment)).all()
    return [Judged(*row[:4], Outcome(row[4])) for row in rows]


def released(database: Database, model: str, target: str | None = None) -> list[Release]:
    """How releases of a model ended, the latest first."""
    query = select(releases.c.body).join(bundles, bundles.c.id == releases.c.bundle_id)
    with database.reading() as connection:
        chosen = query.where(*_chosen(Of(model, target), None)).order_by(releases.c.moment.desc(), releases.c.id.desc())
        return [Release.model_validate_json(body) for body in connection.execute(chosen).scalars()]


def seen_at(database: Database, bundle: Digest, machine: str) -> list[str]:
    """The paths at which a bundle was on a machine."""
    query = select(sightings.c.path).join(bundles, bundles.c.id == sightings.c.bundle_id)
    with database.reading() as connection:
        return list(
            connection.execute(query.where(bundles.c.digest == bundle, sightings.c.machine == machine)).scalars()
        )


def digests_of(database: Database, bundle: Digest) -> set[Digest]:
    """The digests of all records of a bundle's evidence that are here."""
    query = select(records.c.digest).join(bundles, bundles.c.id == records.c.bundle_id)
    with database.reading() as connection:
        return set(connection.execute(query.where(bundles.c.digest == bundle)).scalars())


def known_bundles(database: Database, digests: Iterable[Digest]) -> set[Digest]:
    """Those of some bundles that the history knows."""
    query = select(bundles.c.digest).where(bundles.c.digest.in_(list(digests)))
    with database.reading() as connection:
        return set(connection.execute(query).scalars())


def _chosen(of: Of, table: Table | None) -> list[ColumnElement[bool]]:
    """The conditions of a query on bundles, and on a table that says part, precision and device."""
    wanted = [(bundles.c.name, of.model), (bundles.c.target, of.target), (bundles.c.digest, of.bundle)]
    if table is not None:
        wanted += [(table.c.part, of.part), (table.c.precision, of.precision), (table.c.device, of.device)]
    return [column == value for column, value in wanted if value is not None]
