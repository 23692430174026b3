"""The user's devices: one TOML file each, in a folder of the user's own."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import ConfigError, ConfigErrors
from edgebuild.store.files import write_atomic, writing
from edgebuild.store.toml import load_device
from edgebuild.store.toml_faults import described, faults_of, shown


def devices_home() -> Path:
    """``EDGEBUILD_DEVICES``, or ``edgebuild/devices`` in the user's configuration folder."""
    chosen = os.environ.get("EDGEBUILD_DEVICES")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".config") / "edgebuild" / "devices"


def device_names() -> tuple[str, ...]:
    """The names of all devices that were added, sorted."""
    return tuple(sorted(file.stem for file in devices_home().glob("*.toml")))


def find_device(name: str) -> DeviceEntry:
    """The device of that name.

    Raises:
        ConfigError: if there is none, naming those there are; or for what is wrong in its file.
    """
    names = device_names()
    if name in names:
        return load_device(devices_home() / f"{name}.toml")
    near = difflib.get_close_matches(name, names, 1)
    fix = f"did you mean {near[0]!r}?" if near else "edgebuild devices add names one"
    raise ConfigError("device", f"there is no device {name!r}", expected=", ".join(("local", *names)), fix=fix)


def new_device(values: Mapping[str, object]) -> DeviceEntry:
    """A device from the values that its file will state; those that are None are left out.

    Raises:
        ConfigError: there is one of that name. ConfigErrors: for every value that is wrong.
    """
    stated = {key: value for key, value in values.items() if value is not None}
    try:
        entry = DeviceEntry.model_validate(stated)
    except ValidationError as error:
        subject = f"device {shown(values.get('name'))}"
        raise ConfigErrors(subject, described(faults_of(error, stated, DeviceEntry), subject, "")) from error
    if entry.name in device_names():
        fix = f"choose another name, or edgebuild devices remove {entry.name} first"
        raise ConfigError(f"device {entry.name}", "is there already", fix=fix)
    return entry


def save_device(entry: DeviceEntry) -> Path:
    """Write a device's file, over an older one of its name; returns its path."""
    place = devices_home() / f"{entry.name}.toml"
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(place, _toml(entry).encode())
    return place


def forget_device(name: str) -> None:
    """Remove a device's file; errors as for ``find_device``."""
    find_device(name)
    place = devices_home() / f"{name}.toml"
    with writing(place):
        place.unlink()


def _toml(entry: DeviceEntry) -> str:
    """JSON's strings and numbers are TOML's too."""
    value = entry.model_dump(mode="json", by_alias=True, exclude_none=True)
    tables = {key: table for key, table in value.items() if isinstance(table, dict)}
    lines = [f"{key} = {json.dumps(plain)}" for key, plain in value.items() if key not in tables]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *(f"{key} = {json.dumps(plain)}" for key, plain in table.items())]
    return "\n".join(lines) + "\n"
