"""A compiler's own configuration file, which a target's file names: read with it, so that its text is in keys."""

from __future__ import annotations

from pathlib import Path

from edgebuild.core.errors import ConfigError
from edgebuild.core.target import CONFIG, Target
from edgebuild.store.files import read_text

_MAX_BYTES = 1 << 16


def with_compiler_config(target: Target, path: Path) -> Target:
    """The target with the text of its compiler's configuration file as an option, if it names one.

    Args:
        path: the target's own file; the other one is in its folder, or below.

    Raises:
        ConfigError: it leads out of that folder, is not there, is too large or is no text.
    """
    compiler = target.compiler
    if compiler is None or not compiler.config:
        return target
    options = {**compiler.options, CONFIG: _text(path.parent, compiler.config, f"{path}: compiler.config")}
    return target.model_copy(update={"compiler": compiler.model_copy(update={"options": options})})


def _text(folder: Path, named: str, subject: str) -> str:
    place = folder / named
    if "\0" in named or not place.resolve().is_relative_to(folder.resolve()):
        found = f"{named!r} leads out of the folder of the target's file"
        raise ConfigError(subject, found, fix="put it beside the target's file")
    size = place.stat().st_size if place.is_file() else 0
    if size > _MAX_BYTES:
        raise ConfigError(str(place), f"is too large: {size:,} bytes", expected=f"at most {_MAX_BYTES:,} bytes")
    return read_text(place)
