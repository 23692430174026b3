"""Adding to a history. What is there already is passed over, so anything may be added again at any time."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Row, select

from edgebuild.core.digest import Digest, digest_bytes, digest_json
from edgebuild.core.measurement import Measurement
from edgebuild.core.release import Release
from edgebuild.store.archive import LIMITS
from edgebuild.store.history.database import Database, insert_new
from edgebuild.store.history.lines import BundleLine, Entry, Stored, line_bytes, moment_of
from edgebuild.store.history.rows import Rows, Values, bundle_row, key_row, manifest_facts
from edgebuild.store.history.tables import (
    bundles,
    facts,
    keys,
    manifests,
    records,
    releases,
    runs,
    sightings,
    told,
    verdicts,
)
from edgebuild.store.manifest import parse_manifest

BATCH = 500
"""So many records are added in one transaction: others are let in between."""
_LEVEL = 3


class UnknownBundle(ValueError):
    """Something is said of a bundle that the history does not know."""


def add(database: Database, entries: Sequence[Entry], values: Values) -> int:
    """Add what is new of these, all or nothing, and say how much evidence that was.

    Args:
        values: what a run says of each metric.

    Raises:
        UnknownBundle: one speaks of a bundle that is neither among them nor known. Others as ``Database.write``.
    """
    return database.write(lambda connection: _added(connection, entries, values))


def see(database: Database, bundle: Digest, machine: str, path: str) -> None:
    """Note where a known bundle is."""

    def work(connection: Connection) -> None:
        found = _bundle_ids(connection, [bundle])
        row = {"bundle_id": found[bundle], "machine": machine, "path": path}
        connection.execute(insert_new(connection, sightings), row)

    database.write(work)


def _added(connection: Connection, entries: Sequence[Entry], values: Values) -> int:
    for each in entries:
        if isinstance(each, BundleLine):
            _add_bundle(connection, each)
    evidence = [each for each in entries if isinstance(each, Stored)]
    released = [each for each in entries if isinstance(each, Release)]
    ids = _bundle_ids(connection, [*(e.record.bundle for e in evidence), *(r.bundle for r in released)])
    if released:
        connection.execute(
            insert_new(connection, releases), [_release_row(each, ids[each.bundle]) for each in released]
        )
    return _add_evidence(connection, {each.digest: each for each in evidence}, ids, values) if evidence else 0


def _add_bundle(connection: Connection, line: BundleLine) -> None:
    data = line.manifest.encode()
    manifest = parse_manifest("manifest", data, LIMITS)
    row = bundle_row(manifest, line.digest)
    made = connection.execute(insert_new(connection, bundles).returning(bundles.c.id), row).scalar_one_or_none()
    if made is not None:
        connection.execute(manifests.insert(), {"bundle_id": made, "body": zlib.compress(data, _LEVEL)})
        connection.execute(facts.insert(), manifest_facts(manifest, made))


def _add_evidence(
    connection: Connection, evidence: dict[Digest, Stored], ids: dict[Digest, int], values: Values
) -> int:
    """In the order given; their numbers in the database grow with it."""
    rows = [
        {
            "digest": each.digest, "bundle_id": ids[each.record.bundle], "kind": each.record.kind,
            "moment": moment_of(each.record.at), "body": zlib.compress(each.line, _LEVEL),
        }
        for each in evidence.values()
    ]  # fmt: skip
    insert = insert_new(connection, records).returning(records.c.digest, records.c.id)
    new = _pairs(connection.execute(insert, rows))
    key_ids = _add_keys(connection, [evidence[digest] for digest in new], ids)
    found = Rows()
    for digest, number in sorted(new.items(), key=lambda each: each[1]):
        each = evidence[digest]
        found.add(each, number, ids[each.record.bundle], key_ids.get(digest), values)
    for table, added in ((runs, found.runs), (told, found.told), (facts, found.facts), (verdicts, found.verdicts)):
        if added:
            connection.execute(table.insert(), added)
    return len(new)


def _add_keys(connection: Connection, evidence: Iterable[Stored], ids: dict[Digest, int]) -> dict[Digest, int]:
    """The number of each measurement's key, by the record's digest."""
    rows: dict[Digest, dict[str, object]] = {}
    key_of: dict[Digest, Digest] = {}
    for each in evidence:
        if isinstance(each.record.payload, Measurement):
            key = each.record.payload.key
            digest = key_of[each.digest] = digest_json(key)
            if digest not in rows:
                rows[digest] = key_row(key, digest, ids[each.record.bundle])
    if not rows:
        return {}
    connection.execute(insert_new(connection, keys), [rows[digest] for digest in sorted(rows)])
    query = select(keys.c.digest, keys.c.id).where(keys.c.digest.in_(list(rows)))
    found = _pairs(connection.execute(query))
    return {digest: found[key] for digest, key in key_of.items()}


def _bundle_ids(connection: Connection, digests: Iterable[Digest]) -> dict[Digest, int]:
    wanted = sorted(set(digests))
    query = select(bundles.c.digest, bundles.c.id).where(bundles.c.digest.in_(wanted))
    found = _pairs(connection.execute(query)) if wanted else {}
    missing = [digest for digest in wanted if digest not in found]
    if missing:
        raise UnknownBundle(f"no line before it tells of bundle {missing[0][:12]}, nor is it known here")
    return found


def _pairs(rows: Iterable[Row[str, int]]) -> dict[Digest, int]:
    return {row[0]: row[1] for row in rows}


def _release_row(release: Release, bundle_id: int) -> dict[str, object]:
    line = line_bytes(release)
    return {
        "digest": digest_bytes(line), "bundle_id": bundle_id, "moment": moment_of(release.at), "body": line.decode(),
    }  # fmt: skip
