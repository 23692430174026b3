"""Exported programs read from ``.pt2`` archives, without ever unpickling an object.

``torch.export.load`` (2.13) can run code from an archive in four ways: it falls back to an unrestricted
``torch.load`` for sample inputs and old weight files, unpickles entries marked ``use_pickle`` and custom objects,
loads compiled libraries under ``data/aotinductor/``, and hands symbolic shapes to ``sympify``, which evaluates them;
names end up in the code that torch.fx generates.
An archive that holds any of these is refused before torch sees it; the bytes that were checked are the bytes loaded.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import TYPE_CHECKING

from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.models.blame import quiet, short_text

if TYPE_CHECKING:
    import torch

_FIX = "save it again with torch.export.save(torch.export.export(module, inputs), path), without custom objects"
_QUOTING = re.compile(r"[\"'\\\n\r]")
_TORCH_FILES = (".pt",)


def load_program(data: bytes, name: str) -> torch.export.ExportedProgram:
    """The exported program in the bytes of a ``.pt2`` archive.

    Args:
        data: the whole archive.
        name: how the file is called in messages.

    Raises:
        ConfigError: it is no such archive, or it holds what would run code when loaded.
        BuildError: this version of torch cannot read it.
    """
    import torch

    checked = check_archive(data, name)
    try:
        with quiet("torch"):
            return torch.export.load(io.BytesIO(checked))
    except Exception as error:
        raise BuildError(
            "load",
            f"{name}: torch {torch.__version__} cannot read this exported program: {short_text(error)}",
            fix=_FIX,
        ) from error


def check_archive(data: bytes, name: str) -> bytes:
    """Refuse an archive that is damaged or would run code.

    Returns:
        A new archive of the entries that were checked, so that no other reader finds others in it.

    Raises:
        ConfigError: saying which entry.
    """
    checked = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(checked, "w") as copy:
            members = archive.namelist()
            if not any(member.endswith("models/model.json") for member in members) and b"models/model.json" in data:
                raise zipfile.BadZipFile("truncated: its list of entries is cut off")
            _check_names(members, name)
            for member in members:
                content = archive.read(member)
                _check_member(member, content, name)
                copy.writestr(zipfile.ZipInfo(member), content)
        return checked.getvalue()
    except zipfile.BadZipFile as error:
        raise ConfigError(name, f"not a readable .pt2 archive ({error})", fix=_FIX) from error


def _check_names(members: list[str], name: str) -> None:
    inner = [member.split("/", 1)[-1] for member in members]
    if len(set(inner)) != len(inner):
        raise ConfigError(name, "two entries of the archive have the same name", fix=_FIX)
    if "models/model.json" not in inner:
        found = "a pickled checkpoint (data.pkl)" if "data.pkl" in inner else "no exported program"
        raise ConfigError(name, f"the archive holds {found}", expected="a .pt2 of torch.export.save", fix=_FIX)


def _check_member(member: str, data: bytes, name: str) -> None:
    path = member.split("/", 1)[-1]
    if "aotinductor" in path:
        raise _refused(name, member, "compiled code")
    if path.endswith(_TORCH_FILES):
        _check_tensors_only(data, member, name)
    elif path.endswith(".json"):
        _check_json(data, member, name)


def _check_tensors_only(data: bytes, member: str, name: str) -> None:
    import torch

    if not data:
        return
    try:
        with quiet("torch"):
            torch.load(io.BytesIO(data), weights_only=True)
    except Exception as error:
        raise _refused(name, member, "pickled objects that are not tensors") from error


def _check_json(data: bytes, member: str, name: str) -> None:
    try:
        pending = [json.loads(data)]
    except ValueError as error:
        raise ConfigError(name, f"entry {member} is damaged: {error}", fix=_FIX) from error
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            _check_object(value, member, name)
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)


def _check_object(value: dict[str, object], member: str, name: str) -> None:
    if any(_QUOTING.search(text) for text in (*value, str(value.get("name", "")))):
        raise _refused(name, member, "a name with quotes, which would become part of generated code,")
    if value.get("use_pickle"):
        raise _refused(name, member, "pickled tensors")
    if value.get("expr_str"):
        raise BuildError(
            "load",
            f"{name}: the program was exported with dynamic shapes ({str(value['expr_str'])[:40]})",
            expected="fixed shapes",
            fix="export it again without dynamic_shapes",
        )
    path = str(value.get("path_name", ""))
    if path.startswith(("custom_obj", "opaque_obj")):
        raise _refused(name, member, "custom objects")


def _refused(name: str, member: str, what: str) -> ConfigError:
    return ConfigError(
        name, f"entry {member} holds {what}; loading it could run code", expected="tensors and a graph only", fix=_FIX
    )
