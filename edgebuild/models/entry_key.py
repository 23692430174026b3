"""The key of an entry point: everything that its result depends on, as far as can be seen.

That is its source, the modules it imported from outside the installed packages, the files it read and the folders it
listed when it last ran, the files it declares, where ``EDGEBUILD_DATA`` points, and the versions
of Python, numpy and torch.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path

from edgebuild import __version__
from edgebuild.core.digest import Digest, Json, digest_json
from edgebuild.core.errors import EdgebuildError
from edgebuild.store.cache import Cache
from edgebuild.store.installed import installed_version

_LISTED_NOT = ("__pycache__",)


def remember(
    spec: str, root: Path, files: Iterable[Path], folders: Iterable[Path], input_files: tuple[str, ...], cache: Cache
) -> Digest | None:
    """Keep what an entry point read, and give its key."""
    base = os.path.realpath(root)
    read = {"files": _named(files, base), "folders": _named(folders, base)}
    cache.remember(_record_key(spec, root), json.dumps(read).encode())
    cache.digests.save()
    return recall(spec, root, input_files, cache)


def recall(spec: str, root: Path, input_files: tuple[str, ...], cache: Cache) -> Digest | None:
    """The key as things stand now; None if the entry point never ran here or a file it read is gone."""
    data = cache.recall(_record_key(spec, root))
    if data is None:
        return None
    try:
        record = json.loads(data)
        files = {**record["files"], **_named(_declared(root, input_files), os.path.realpath(root))}
        listed: list[Json] = [[name, _listing(Path(path))] for path, name in record["folders"].items()]
        digests: list[Json] = [[name, cache.digests.of(Path(path))] for path, name in files.items()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EdgebuildError):
        return None
    return digest_json(["entry", 1, spec, _versions(), os.environ.get("EDGEBUILD_DATA", ""), digests, listed])


def _record_key(spec: str, root: Path) -> Digest:
    return digest_json(["entry-record", 2, spec, str(root.resolve())])


def _declared(root: Path, names: tuple[str, ...]) -> Iterable[Path]:
    for name in names:
        path = root / name
        yield from sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def _listing(folder: Path) -> list[Json]:
    return [n for n in sorted(p.name for p in folder.iterdir()) if n not in _LISTED_NOT and not n.startswith(".")]


def _named(paths: Iterable[Path], base: str) -> dict[str, str]:
    """Each path, in order, and its name in the key."""
    return {path: _name(path, base) for path in sorted({str(path.absolute()) for path in paths})}


def _name(path: str, base: str) -> str:
    """A path as the key has it: relative where it is inside the project, whose own path is no part of a key."""
    resolved = os.path.realpath(path)
    return resolved[len(base) + 1 :] or "." if f"{resolved}/".startswith(f"{base}/") else resolved


def _versions() -> list[Json]:
    return [__version__, platform.python_version(), installed_version("numpy"), installed_version("torch")]
