"""Projects, targets and profiles from TOML: everything wrong in a file is said at once, with its line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from edgebuild.core.base import Frozen
from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import ConfigError, ConfigErrors
from edgebuild.core.profile import Profile
from edgebuild.core.project import Project
from edgebuild.core.target import Target
from edgebuild.store.compiler_config import with_compiler_config
from edgebuild.store.files import missing, near_names, read_bytes
from edgebuild.store.toml_budgets import budget_faults
from edgebuild.store.toml_faults import Fault, described, faults_of

PROJECT_FILE = "edgebuild.toml"
MAX_BYTES = 1 << 20

_Model = TypeVar("_Model", bound=Frozen)
_Named = TypeVar("_Named", Target, Profile, DeviceEntry)


def load_project(path: Path) -> tuple[Project, Path]:
    """The project in a folder, or of a file, and its root: the folder that paths in it start from.

    Raises:
        ConfigError: if the file is missing, too large, not UTF-8 or not TOML.
        ConfigErrors: for every field that is wrong.
    """
    file = path / PROJECT_FILE if path.is_dir() else path
    if not file.exists():
        fix = near_names(file) or "edgebuild init writes a first one"
        raise ConfigError(str(file), missing(file), expected=f"a project: a folder with {PROJECT_FILE}", fix=fix)
    return _load(file, Project), file.parent


def load_target(path: Path) -> Target:
    """The target that a TOML file states; raises as ``load_project``, and if its name is not the file's."""
    return with_compiler_config(_named_as_file(_load(path, Target), path), path)


def load_profile(path: Path) -> Profile:
    """The profile that a TOML file states; raises as ``load_project``, and if its name is not the file's."""
    return _named_as_file(_load(path, Profile), path)


def load_device(path: Path) -> DeviceEntry:
    """The device that a TOML file states; raises as ``load_project``, and if its name is not the file's."""
    return _named_as_file(_load(path, DeviceEntry), path)


def _load(path: Path, model: type[_Model]) -> _Model:
    text = _text(path)
    value = _parse(path, text)
    faults = budget_faults(value)
    try:
        loaded = model.model_validate(value)
    except ValidationError as error:
        own = faults_of(error, value, model)
        faults += [fault for fault in own if not faults or not fault.is_about_budgets]
        raise _all(path, text, faults) from error
    if faults:
        raise _all(path, text, faults)
    return loaded


def _text(path: Path) -> str:
    _refuse_large(path)
    data = read_bytes(path)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        found = f"is not UTF-8: byte 0x{data[error.start]:02x} on line {line}"
        raise ConfigError(str(path), found, expected="TOML text in UTF-8", fix="save it as UTF-8") from error


def _refuse_large(path: Path) -> None:
    """Refuse before reading: a data set named by mistake must not fill the memory."""
    size = path.stat().st_size if path.is_file() else 0
    if size > MAX_BYTES:
        raise ConfigError(str(path), f"is too large: {size:,} bytes", expected=f"TOML of at most {MAX_BYTES:,} bytes")


def _parse(path: Path, text: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        reason = str(error) if not isinstance(error, RecursionError) else "nested too deeply"
        raise ConfigError(str(path), f"is not valid TOML: {reason:.200}", fix="correct the line named") from error


def _all(path: Path, text: str, faults: list[Fault]) -> ConfigErrors:
    return ConfigErrors(str(path), described(faults, path.name, text))


def _named_as_file(loaded: _Named, path: Path) -> _Named:
    if loaded.name == path.stem:
        return loaded
    fix = f"rename the file to {loaded.name}.toml, or set name = {path.stem!r}"
    raise ConfigError(f"{path}: name", f"is {loaded.name!r}", expected=f"the file's own name, {path.stem!r}", fix=fix)
