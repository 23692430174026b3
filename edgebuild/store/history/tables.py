"""The history's tables as queries see them; ``migrations`` makes them. Rows are inserted, never changed or removed.

Moments are microseconds since 1970 in UTC. Texts that are JSON are canonical. Bodies are compressed by zlib.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Integer, LargeBinary, MetaData, Table, Text

metadata = MetaData()
_whole = BigInteger().with_variant(Integer, "sqlite")

bundles = Table(
    "bundles", metadata,
    Column("id", _whole, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("profile", Text, nullable=False),
)  # fmt: skip
"""Every bundle that evidence speaks of."""

manifests = Table(
    "manifests", metadata,
    Column("bundle_id", _whole, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)  # fmt: skip
"""The bytes of each bundle's ``manifest.json``; apart, so that many bundles are read quickly."""

sightings = Table(
    "sightings", metadata,
    Column("bundle_id", _whole, primary_key=True),
    Column("machine", Text, primary_key=True),
    Column("path", Text, primary_key=True),
)  # fmt: skip
"""Where a bundle was when its evidence was taken up."""

records = Table(
    "records", metadata,
    Column("id", _whole, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("bundle_id", _whole, nullable=False),
    Column("kind", Text, nullable=False),
    Column("moment", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)  # fmt: skip
"""Every record of evidence as its line says it; ``digest`` is that line's sha256."""

keys = Table(
    "keys", metadata,
    Column("id", _whole, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("bundle_id", _whole, nullable=False),
    Column("part", Text, nullable=False),
    Column("precision", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("workload", Text, nullable=False),
    Column("conditions", Text, nullable=False),
    Column("toolchain", Text, nullable=False),
)  # fmt: skip
"""What runs are filed under. ``conditions``: the rest of what must be alike for two bundles to be comparable."""

runs = Table(
    "runs", metadata,
    Column("record_id", _whole, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("key_id", _whole, nullable=False),
    Column("mode", Text, nullable=False),
    Column("moment", BigInteger, nullable=False),
    Column("steady", Boolean, nullable=False),
    Column("outside", Boolean, nullable=False),
    Column("pair", Text, nullable=False),
    Column("side", Text, nullable=False),
    Column("told", Text, nullable=False),
)  # fmt: skip
"""Every run; ``told``: what it says of each metric in the metric's base unit, as a JSON object."""

told = Table(
    "told", metadata,
    Column("key_id", _whole, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("record_id", _whole, primary_key=True),
    Column("first_run", BigInteger, nullable=False),
    Column("last_run", BigInteger, nullable=False),
    Column("said", Text, nullable=False),
)  # fmt: skip
"""The same by metric, for reading many at once: of the runs that count among those that were added together.

``record_id``: the first of theirs; ``said``: a value a run, as a JSON array.
"""

facts = Table(
    "facts", metadata,
    Column("bundle_id", _whole, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("precision", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("device", Text, primary_key=True),
    Column("record_id", _whole, primary_key=True),
    Column("value", Double, nullable=False),
)  # fmt: skip
"""What is said of a variant and takes no run: by its manifest (``record_id`` 0), or by a record of quality."""

verdicts = Table(
    "verdicts", metadata,
    Column("record_id", _whole, primary_key=True),
    Column("bundle_id", _whole, nullable=False),
    Column("part", Text, nullable=False),
    Column("precision", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("moment", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),
)  # fmt: skip

releases = Table(
    "releases", metadata,
    Column("id", _whole, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("bundle_id", _whole, nullable=False),
    Column("moment", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)  # fmt: skip
"""How releases ended; ``body`` is a ``core.release.Release``."""

migrations = Table(
    "migrations", metadata,
    Column("number", Integer, primary_key=True),
    Column("edgebuild", Text, nullable=False),
)  # fmt: skip
"""Which changes of these tables were made, and by which version."""
