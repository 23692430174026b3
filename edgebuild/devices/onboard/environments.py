"""``python environments.py COMMAND ROOT …``: makes, checks and removes Python environments on a device.

An environment is what ``python -m venv --without-pip`` makes, by hand, since boards often lack that module. It is made
under ``NAME.partial`` and renamed when it is whole, so that one under its own name always is.

- ``begin ROOT NAME BASE``: an empty ``NAME.partial`` whose interpreter is BASE.
- ``unpack ROOT NAME WHEEL SHA256``: a wheel into it; the file is removed. Nothing is written outside the environment.
- ``finish ROOT NAME``: notes every file's size, and renames it.
- ``check ROOT NAME``: prints ``same``, or what differs from what was noted.
- ``discard ROOT NAME``: what was begun and not finished.
- ``remove ROOT KEEP…``: everything in ROOT but the environments named, and ROOT and its parent if they are empty then.

Modules are imported where they are used, so that ``check`` is quick.

Exit codes: 0, 28 for a full disk, 1 for the rest; the reason is on stderr.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable

NOTE = "edgebuild-files.txt"
FULL = 28
PARTIAL = ".partial"


def begin(root: str, name: str, base: str) -> None:
    """An environment without packages."""
    import shutil

    os.makedirs(root, exist_ok=True)
    for left in os.listdir(root):
        if left.endswith(PARTIAL):
            shutil.rmtree(os.path.join(root, left), ignore_errors=True)
    place = os.path.join(root, name + PARTIAL)
    os.makedirs(_packages(place))
    os.makedirs(os.path.join(place, "bin"))
    os.symlink(base, os.path.join(place, "bin", "python"))
    version = ".".join(str(part) for part in sys.version_info[:3])
    with open(os.path.join(place, "pyvenv.cfg"), "w", encoding="utf-8") as file:
        file.write(f"home = {os.path.dirname(base)}\ninclude-system-site-packages = false\nversion = {version}\n")


def unpack(root: str, name: str, wheel: str, sha256: str) -> None:
    """One wheel into the environment; its scripts, headers and data are not wanted."""
    import shutil
    import zipfile

    if _sha256(wheel) != sha256:
        raise ValueError(f"{wheel} is not what was sent: its digest differs")
    packages = os.path.realpath(_packages(os.path.join(root, name + PARTIAL)))
    try:
        archive = zipfile.ZipFile(wheel)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{wheel} is no wheel: {error}") from error
    with archive:
        for member in archive.infolist():
            inside = _inside(member.filename)
            if inside is None or member.is_dir():
                continue
            place = os.path.realpath(os.path.join(packages, inside))
            if not place.startswith(packages + os.sep):
                raise ValueError(f"{wheel} has a file outside its folder: {member.filename!r}")
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with archive.open(member) as source, open(place, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
    os.remove(wheel)


def finish(root: str, name: str) -> None:
    """Make it whole."""
    place = os.path.join(root, name + PARTIAL)
    with open(os.path.join(place, NOTE), "w", encoding="utf-8") as file:
        file.writelines(f"{size} {path}\n" for path, size in sorted(_sizes(place).items()))
        file.flush()
        os.fsync(file.fileno())
    import shutil

    shutil.rmtree(os.path.join(root, name), ignore_errors=True)
    os.rename(place, os.path.join(root, name))


def check(root: str, name: str) -> None:
    """Say how it is."""
    print(state(root, name))


def state(root: str, name: str) -> str:
    """``same`` where every file noted is there with its size and no other is, ``absent``, or what differs."""
    place = os.path.join(root, name)
    try:
        with open(os.path.join(place, NOTE), encoding="utf-8") as file:
            noted = {line.rstrip("\n").partition(" ")[2]: int(line.partition(" ")[0]) for line in file}
    except (OSError, ValueError):
        return "absent"
    found = _sizes(place)
    differing = sorted(path for path in noted.keys() | found.keys() if noted.get(path) != found.get(path))
    usable = os.access(os.path.join(place, "bin", "python"), os.X_OK)
    return "same" if not differing and usable else f"differs: {differing[0] if differing else 'bin/python'}"


def discard(root: str, name: str) -> None:
    """Remove what was begun."""
    import shutil

    shutil.rmtree(os.path.join(root, name + PARTIAL), ignore_errors=True)


def remove(root: str, *keep: str) -> None:
    """Remove environments; folders that are empty then go too."""
    import shutil

    for name in os.listdir(root) if os.path.isdir(root) else ():
        if name not in keep:
            shutil.rmtree(os.path.join(root, name))
    for folder in (root, os.path.dirname(root)):
        if os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)


def _packages(place: str) -> str:
    return os.path.join(place, "lib", "python{}.{}".format(*sys.version_info[:2]), "site-packages")


def _inside(member: str) -> str | None:
    """Where a wheel's member belongs under site-packages; None if it doesn't."""
    top, _, rest = member.partition("/")
    if not top.endswith(".data"):
        return member
    kind, _, path = rest.partition("/")
    return path if kind in ("purelib", "platlib") else None


def _sizes(place: str) -> dict[str, int]:
    """Each file's size by its path; byte code comes and goes."""
    found, folders = {}, [""]
    while folders:
        inside = folders.pop()
        with os.scandir(f"{place}/{inside}") as entries:
            for entry in entries:
                path = f"{inside}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    folders += [f"{path}/"] if entry.name != "__pycache__" else []
                elif path != NOTE:
                    found[path] = entry.stat(follow_symlinks=False).st_size
    return found


def _sha256(path: str) -> str:
    import hashlib

    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


COMMANDS: dict[str, Callable[..., None]] = {
    "begin": begin,
    "unpack": unpack,
    "finish": finish,
    "check": check,
    "discard": discard,
    "remove": remove,
}


def main(argv: list[str]) -> int:
    """Run one command; an environment that fails in the making is removed."""
    command, root, *rest = argv
    try:
        COMMANDS[command](root, *rest)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        if command in ("begin", "unpack", "finish"):
            discard(root, rest[0])
        return FULL if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
