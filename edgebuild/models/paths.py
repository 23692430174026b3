"""Files that a project names: there, or a message with the names that are near."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from edgebuild.core.errors import ConfigError
from edgebuild.store.variables import filled_in, unset


def existing(path: Path, subject: str) -> Path:
    """The path, if it exists.

    Raises:
        ConfigError: it does not; names what is there with a similar name.
    """
    if path.exists():
        return path
    parent = path.parent
    names = sorted(p.name for p in parent.iterdir()) if parent.is_dir() else []
    near = difflib.get_close_matches(path.name, names, 1)
    where = "" if parent.is_dir() else f"; the folder {parent.name} does not exist either"
    raise ConfigError(
        subject,
        f"{path.name} does not exist{where}",
        fix=f"did you mean {near[0]}?" if near else "check the path; it is relative to the project's folder",
    )


def given(root: Path, text: str, subject: str) -> Path:
    """The file or folder that a project names: relative to it or absolute, with ``${VARIABLE}`` filled in.

    Raises:
        ConfigError: a variable is not set, or nothing is there.
    """
    found = filled_in(text, os.environ)
    if found is None:
        name = unset(text, os.environ)[0]
        raise ConfigError(subject, f"{text}: the environment variable {name} is not set", fix=f"set {name} to a folder")
    return existing(root / found, subject)


def inside(root: Path, relative: str, subject: str) -> Path:
    """A path inside the project's folder.

    Raises:
        ConfigError: it leads out of the folder, or does not exist.
    """
    path = root / relative
    if not path.resolve().is_relative_to(root.resolve()):
        raise ConfigError(
            subject, f"{relative} leads out of the project's folder", fix="move the file into the project"
        )
    return existing(path, subject)
