"""Whose line it was: the user's own file and line behind an exception, and libraries kept quiet meanwhile."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import sys
import sysconfig
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

_OWN = str(Path(__file__).resolve().parent.parent)
_LIBRARY_FOLDERS = tuple(
    {str(Path(sysconfig.get_paths()[key]).resolve()) for key in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_MESSAGE_LIMIT = 400


def is_library_file(filename: str) -> bool:
    """Whether a source file belongs to Python, an installed package or edgebuild, so not to the user."""
    if filename.startswith("<") or "site-packages" in filename or "dist-packages" in filename:
        return True
    path = str(Path(filename).resolve())
    return any(path == folder or path.startswith(folder + "/") for folder in (_OWN, *_LIBRARY_FOLDERS))


def user_location(error: BaseException) -> str:
    """``file.py:line`` of the innermost frame in the user's own code; empty if there is none."""
    if isinstance(error, SyntaxError) and error.filename and not is_library_file(error.filename):
        return f"{Path(error.filename).name}:{error.lineno or 1}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not is_library_file(frame.filename)]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""


def short_text(error: BaseException) -> str:
    """The exception's own words: its type and the first paragraph of its message."""
    text = re.split(r"\n\s*\n", _words(error).strip(), maxsplit=1)[0].strip()
    if len(text) > _MESSAGE_LIMIT:
        text = text[:_MESSAGE_LIMIT].rsplit(" ", 1)[0] + " …"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _words(error: BaseException) -> str:
    """The exception as text; a user's own class may fail even at that."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever it raises
        return ""


@contextlib.contextmanager
def quiet(*loggers: str) -> Iterator[None]:
    """Keep a library's warnings, prints and logs off the terminal while it works."""
    levels = {name: logging.getLogger(name).level for name in loggers}
    sink = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink):
        warnings.simplefilter("ignore")
        try:
            for name in loggers:
                logging.getLogger(name).setLevel(logging.CRITICAL + 1)
            yield
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)


@contextlib.contextmanager
def prints_to_stderr() -> Iterator[None]:
    """Send what the user's code prints to stderr: stdout belongs to edgebuild's own answer."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
