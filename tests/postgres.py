"""A PostgreSQL server of a test's own: Debian's programs, in a folder that is thrown away, on no network."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edgebuild.store.history.place import Place

_OWNER = "postgres"
"""The server refuses to run as root: then this user of the package's runs it, or nobody."""


def programs() -> Path | None:
    """The folder of the server's programs, the newest; None if it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    there = shutil.which("initdb")
    return Path(there).resolve().parent if there else None


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The URL of an empty database on a server that listens on a socket in its own folder, and ends with the block."""
    bin_ = programs()
    assert bin_ is not None, "scripts/history_packages installs it"
    with tempfile.TemporaryDirectory(prefix="edgebuild-pg-", dir="/tmp") as text:
        folder = Path(text)
        as_owner = _as_owner(folder)
        data = folder / "data"
        _run(
            [*as_owner, bin_ / "initdb", "-D", data, "-U", "edgebuild", "-A", "trust", "-E", "UTF8", "--no-sync"],
            folder,
        )
        options = f"-c listen_addresses= -c unix_socket_directories={folder}"
        control = [*as_owner, bin_ / "pg_ctl", "-D", data, "-w"]
        _run([*control, "-l", folder / "log", "-o", options, "start"], folder)
        try:
            yield f"postgresql://edgebuild@/postgres?host={folder}"
        finally:
            _run([*control, "-m", "immediate", "stop"], folder)


def place_on(url: str) -> Place:
    """A history on that server."""
    return Place(url=url.replace("postgresql://", "postgresql+psycopg://"))


def new_database(url: str) -> str:
    """The URL of another, empty database on the same server."""
    import psycopg

    name = f"t{secrets.token_hex(6)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return url.replace("/postgres?", f"/{name}?")


def _as_owner(folder: Path) -> list[str]:
    if os.geteuid() != 0:
        return []
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = _OWNER if _OWNER in names else "nobody"
    entry = pwd.getpwnam(user)
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]


def _run(command: list[str | Path], folder: Path) -> None:
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    words = [str(word) for word in command]
    with (folder / "said").open("ab") as said:  # pg_ctl's server would hold a pipe open
        done = subprocess.run(
            words,
            stdout=said,
            stderr=said,
            stdin=subprocess.DEVNULL,
            cwd="/",
            env=environment,
            timeout=120,
            check=False,
        )
    if done.returncode:
        logs = [path.read_text() for path in (folder / "said", folder / "log") if path.exists()]
        raise RuntimeError(f"{' '.join(words)} failed: {''.join(logs)[-2000:]}")
