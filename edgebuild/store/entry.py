"""One finished entry of the cache: files under a folder, and an index that says what they must be."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from edgebuild.core.digest import Digest, digest_bytes, digest_json
from edgebuild.core.errors import BuildError
from edgebuild.store.digests import FileDigests

INDEX = "index.json"
_FILES = "files"
_SCHEMA = 1


@dataclass(frozen=True)
class Entry:
    """Files that a stage made. Never write to them.

    Attributes:
        key: what they are found by.
        stage: which stage made them.
        path: the folder they are in.
        files: the digest of each, by name relative to ``path``.
        content: the digest of all names and digests: what later stages put in their keys.
    """

    key: Digest
    stage: str
    path: Path
    files: dict[str, Digest]
    content: Digest

    def file(self, name: str) -> Path:
        """Where one file is. Its size was checked when the entry was found, its bytes were not.

        Raises:
            BuildError: if the entry has no such file.
        """
        if name not in self.files:
            raise BuildError(self.stage, f"made no file {name!r}", expected=f"one of {', '.join(sorted(self.files))}")
        return self.path / name

    def read(self, name: str) -> bytes:
        """The bytes of one file, checked against their digest.

        Raises:
            BuildError: if they were changed; the entry is made unusable, so that the next build makes it anew.
        """
        path = self.file(name)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise self._spoilt(f"{name} can't be read: {error.strerror}") from error
        if digest_bytes(data) != self.files[name]:
            raise self._spoilt(f"the bytes of {name} were changed")
        return data

    def check(self) -> tuple[str, ...]:
        """Every file that is missing or changed, in words; reads them all."""
        digests = FileDigests()
        problems = []
        for name, expected in sorted(self.files.items()):
            if not (self.path / name).is_file():
                problems.append(f"{name}: missing")
            elif digests.of(self.path / name) != expected:
                problems.append(f"{name}: its bytes were changed")
        return tuple(problems)

    def _spoilt(self, found: str) -> BuildError:
        with contextlib.suppress(OSError):
            (self.path.parent / INDEX).unlink()
        return BuildError("cache", f"entry {self.key[:12]} of {self.stage}: {found}", fix="run the same command again")


def seal_entry(folder: Path, key: Digest, stage: str) -> None:
    """Write the index of a folder whose ``files`` are complete.

    Raises:
        BuildError: if the stage left something that is neither a file nor a folder.
        OSError: if it can't be written.
    """
    digests = FileDigests()
    found = _regular_files(folder / _FILES, stage)
    listed = {name: [digests.of(path), path.stat().st_size] for name, path in found.items()}
    content = _content({name: str(digest) for name, (digest, _) in listed.items()})
    index = {"schema": _SCHEMA, "key": key, "stage": stage, "files": listed, "content": content}
    (folder / INDEX).write_text(json.dumps(index, sort_keys=True, indent=1) + "\n", encoding="utf-8")


def files_folder(folder: Path) -> Path:
    """Where an entry's files are, below its own folder."""
    return folder / _FILES


def load_entry(folder: Path, key: Digest) -> Entry | None:
    """The entry in a folder, or None if it is missing, torn, foreign, or a file is not as long as it was."""
    try:
        index = json.loads((folder / INDEX).read_bytes())
        files = {str(name): str(digest) for name, (digest, _) in index["files"].items()}
        if (index["schema"], index["key"], index["content"]) != (_SCHEMA, key, _content(files)):
            return None
        for name, (_, size) in index["files"].items():
            state = os.lstat(folder / _FILES / name)
            if not stat.S_ISREG(state.st_mode) or state.st_size != size:
                return None
        return Entry(key, str(index["stage"]), folder / _FILES, files, index["content"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _content(files: dict[str, Digest]) -> Digest:
    return digest_json([[name, digest] for name, digest in sorted(files.items())])


def _regular_files(root: Path, stage: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder, folders, names in os.walk(root):
        for name in [*names, *folders]:
            path = Path(folder) / name
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise BuildError(stage, f"made {name}, which is neither a file nor a folder")
        found |= {(Path(folder) / name).relative_to(root).as_posix(): Path(folder) / name for name in names}
    return found
