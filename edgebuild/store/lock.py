"""``edgebuild.lock`` on disk: JSON with sorted keys, to be kept under version control."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from edgebuild.core.errors import ConfigError
from edgebuild.core.lock import Lock
from edgebuild.store.files import read_text, write_atomic

NAME = "edgebuild.lock"
_FIX = "restore it from version control, or delete it: the next build measures again"


def load_lock(root: Path) -> Lock:
    """The lock of the project in ``root``; an empty one if there is none.

    Raises:
        ConfigError: if it can't be read, or is not what ``save_lock`` writes.
    """
    path = root / NAME
    if not path.exists():
        return Lock()
    try:
        value = json.loads(read_text(path))
        version = value.get("schema") if isinstance(value, dict) else None
        if isinstance(value, dict) and version != 1:
            raise ConfigError(str(path), f"is of schema version {version!r:.60}", expected="version 1", fix=_FIX)
        return Lock.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise ConfigError(str(path), f"{place}: {first['msg']}", fix=_FIX) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(str(path), f"is damaged: {error!s:.200}", fix=_FIX) from error


def save_lock(root: Path, lock: Lock) -> None:
    """Write the lock of the project in ``root``; the file is left untouched if it says the same already.

    Raises:
        BuildError: if the disk is full. ConfigError: if it can't be written to.
    """
    path = root / NAME
    value = lock.model_dump(mode="json", by_alias=True, exclude={"fits"} if lock.latencies else {"fits", "latencies"})
    if lock.fits:  # what an older edgebuild does not know is there only where it says something
        value["fits"] = {key: one.model_dump(mode="json", exclude_defaults=True) for key, one in lock.fits.items()}
    data = (json.dumps(value, sort_keys=True, indent=2) + "\n").encode()
    if not path.is_file() or path.read_bytes() != data:
        write_atomic(path, data)
