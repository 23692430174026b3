"""Which targets and profiles there are: the shipped ones, shadowed by the project's own."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from edgebuild.core.errors import ConfigError
from edgebuild.core.profile import Profile
from edgebuild.core.target import Target
from edgebuild.store.toml import load_profile, load_target

_PACKAGE = Path(__file__).resolve().parent.parent


def target_files(root: Path | None = None) -> dict[str, Path]:
    """Every target's file by its name; a project's own ``targets/`` folder comes first."""
    return _files("targets", root)


def profile_files(root: Path | None = None) -> dict[str, Path]:
    """Every profile's file by its name; a project's own ``profiles/`` folder comes first."""
    return _files("profiles", root)


def target_names(root: Path | None = None) -> tuple[str, ...]:
    """The names of all targets, sorted."""
    return tuple(target_files(root))


def profile_names(root: Path | None = None) -> tuple[str, ...]:
    """The names of all profiles, sorted."""
    return tuple(profile_files(root))


def find_target(name: str, root: Path | None = None) -> Target:
    """The target of that name.

    Args:
        root: the project's folder, whose own targets are looked at first.

    Raises:
        ConfigError: if there is none, naming those there are; or for what is wrong in its file.
    """
    return load_target(_find("target", name, target_files(root)))


def find_profile(name: str, root: Path | None = None) -> Profile:
    """The profile of that name; arguments and errors as for ``find_target``."""
    return load_profile(_find("profile", name, profile_files(root)))


def shipped(kind: str) -> Path:
    """The folder of shipped files: inside an installed package, at the top of a checkout."""
    inside = _PACKAGE / "_shipped" / kind
    return inside if inside.is_dir() else _PACKAGE.parent / kind


def _files(kind: str, root: Path | None) -> dict[str, Path]:
    folders = [shipped(kind)] + ([root / kind] if root is not None else [])
    found = {file.stem: file for folder in folders for file in folder.glob("*.toml")}
    return dict(sorted(found.items()))


def _find(kind: str, name: str, files: Mapping[str, Path]) -> Path:
    if name in files:
        return files[name]
    near = difflib.get_close_matches(name, files, 1)
    fix = f"did you mean {near[0]!r}?" if near else f"add {kind}s/{name}.toml to the project, or use one of these"
    raise ConfigError(kind, f"there is no {kind} {name!r}", expected=", ".join(files), fix=fix)
