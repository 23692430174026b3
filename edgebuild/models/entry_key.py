"""The key of an entry point: everything that its result depends on, as far as can be seen.

That is its source, the modules it imported from outside the installed packages, the files it read and the folders it
listed when it last ran, the files it declares, where ``EDGEBUILD_DATA`` points, and the versions
of Python, numpy and torch.
"""

from __future__ import annotations

import functools
import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path

from edgebuild import __version__
from edgebuild.core.digest import Digest, Json, digest_json
from edgebuild.core.errors import EdgebuildError
from edgebuild.store.cache import Cache

_LISTED_NOT = ("__pycache__",)


def remember(
    spec: str, root: Path, files: Iterable[Path], folders: Iterable[Path], input_files: tuple[str, ...], cache: Cache
) -> Digest | None:
    """Keep what an entry point read, and give its key."""
    paths = {
        "files": sorted({str(f.absolute()) for f in files}),
        "folders": sorted({str(f.absolute()) for f in folders}),
    }
    cache.remember(_record_key(spec, root), json.dumps(paths).encode())
    cache.digests.save()
    return recall(spec, root, input_files, cache)


def recall(spec: str, root: Path, input_files: tuple[str, ...], cache: Cache) -> Digest | None:
    """The key as things stand now; None if the entry point never ran here or a file it read is gone."""
    data = cache.recall(_record_key(spec, root))
    if data is None:
        return None
    try:
        record = json.loads(data)
        files = [Path(name) for name in record["files"]] + list(_declared(root, input_files))
        base = os.path.realpath(root)
        listed: list[Json] = [[_shown(Path(name), base), _listing(Path(name))] for name in record["folders"]]
        digests: list[Json] = [[_shown(path, base), cache.digests.of(path)] for path in files]
    except (OSError, ValueError, KeyError, TypeError, EdgebuildError):
        return None
    return digest_json(["entry", 1, spec, _versions(), os.environ.get("EDGEBUILD_DATA", ""), digests, listed])


def _record_key(spec: str, root: Path) -> Digest:
    return digest_json(["entry-record", 1, spec, str(root.resolve())])


def _declared(root: Path, names: tuple[str, ...]) -> Iterable[Path]:
    for name in names:
        path = root / name
        yield from sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]


def _listing(folder: Path) -> list[Json]:
    return [n for n in sorted(p.name for p in folder.iterdir()) if n not in _LISTED_NOT and not n.startswith(".")]


def _shown(path: Path, base: str) -> str:
    """A path as the key has it: relative where it is inside the project, whose own path is no part of a key."""
    resolved = os.path.realpath(path)
    return resolved[len(base) + 1 :] or "." if f"{resolved}/".startswith(f"{base}/") else resolved


@functools.cache
def _versions() -> list[Json]:
    from importlib.metadata import PackageNotFoundError, version

    found: list[Json] = [__version__, platform.python_version()]
    for name in ("numpy", "torch"):
        try:
            found.append(version(name))
        except PackageNotFoundError:
            found.append("")
    return found
