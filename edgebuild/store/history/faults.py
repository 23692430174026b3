"""What a database's errors mean; mapped once, here."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError, InterfaceError, SQLAlchemyError

from edgebuild.core.errors import BuildError, ConfigError, EdgebuildError
from edgebuild.store.history.place import Place

_BUSY = ("database is locked", "database table is locked", "database schema is locked")
_AGAIN = {"40001", "40P01", "55P03"}
"""PostgreSQL: serialization failure, deadlock, lock not available."""


def passes(error: DBAPIError) -> bool:
    """Whether trying again may help: somebody else is writing just now."""
    code = getattr(error.orig, "sqlstate", None)
    return code in _AGAIN or str(error.orig).startswith(_BUSY)


@contextlib.contextmanager
def told_plainly(place: Place) -> Iterator[None]:
    """Map any error of a block that uses the database, and say of what history it is.

    Raises:
        ConfigError: it can't be reached, read or written. BuildError: the disk is full.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise _meant(place, error) from error


def _meant(place: Place, error: SQLAlchemyError | sqlite3.Error) -> EdgebuildError:
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip().partition("\n")[0]
    subject = f"history {place.shown}"
    if isinstance(error, DBAPIError) and passes(error):
        return ConfigError(subject, f"others are writing to it all the time: {said}", fix="try again")
    if "disk is full" in said or "No space left" in said:
        return BuildError("write", f"no space left for the {subject}", fix="free some space")
    if "malformed" in said or "not a database" in said:
        fix = "move the file away; bundles that are measured again and exports fill a new one"
        return ConfigError(subject, f"is damaged, or no history: {said}", fix=fix)
    if "readonly" in said or "permission denied" in said:
        return ConfigError(subject, f"not writable: {said}", fix="make it writable, or choose another place")
    if place.file is None and isinstance(error, InterfaceError | DBAPIError):
        return ConfigError(
            subject, f"the server does not answer as it should: {said}", fix="see that it runs and lets you in"
        )
    return ConfigError(subject, f"can't be used: {said}", fix="set EDGEBUILD_HISTORY to another place")
