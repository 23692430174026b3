"""Where the history is: a file of the user's, or a PostgreSQL database."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edgebuild.core.errors import ConfigError
from edgebuild.store.files import absolute

VARIABLE = "EDGEBUILD_HISTORY"
_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")


@dataclass(frozen=True)
class Place:
    """Where a history is.

    Attributes:
        file: of SQLite; None: it is on a PostgreSQL server.
        url: of the server, which may hold a password and is not shown.
    """

    file: Path | None = None
    url: str = ""

    @property
    def shown(self) -> str:
        """What people are told of it: no user and no password."""
        return str(self.file) if self.file else f"postgresql://{self.url.rpartition('@')[2].partition('?')[0]}"


def history_place() -> Place:
    """``EDGEBUILD_HISTORY``, a path or a URL; or edgebuild/history.sqlite below XDG_DATA_HOME or ~/.local/share.

    Raises:
        ConfigError: if no home folder is known, or it is a URL of something else.
    """
    chosen = os.environ.get(VARIABLE, "")
    if chosen:
        return _chosen(chosen)
    base = os.environ.get("XDG_DATA_HOME", "")
    try:
        home = Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share"
    except RuntimeError as error:
        raise ConfigError(VARIABLE, "no home folder is known", fix=f"set {VARIABLE} to a file") from error
    return Place(home / "edgebuild" / "history.sqlite")


def _chosen(text: str) -> Place:
    scheme, separator, rest = text.partition("://")
    if not separator:
        return Place(absolute(Path(text).expanduser()))
    if scheme not in _SCHEMES:
        expected = "a path, or postgresql://USER@HOST/DATABASE"
        raise ConfigError(VARIABLE, f"{scheme}:// is not known here", expected=expected)
    return Place(url=f"postgresql+psycopg://{rest}")
