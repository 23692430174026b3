"""The console entry: runs a command and turns whatever happens into one exit code and one message.

Nothing unexpected may read as a verdict: an uncaught exception and a library's own ``sys.exit`` are both 70.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer

from edgebuild.cli import app, console
from edgebuild.core.errors import ConfigError, EdgebuildError, Interrupted
from edgebuild.core.interrupts import interrupts_heard

_COLLECT_AFTER = 100_000
"""New objects between collections, Python's own being 700: torch and its exporters make millions that stay."""


class InternalError(EdgebuildError):
    """Something edgebuild did not foresee."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (default: this process's) and return the exit code. Never raises, never exits."""
    args = list(sys.argv[1:] if argv is None else argv)
    # Else pydantic looks through all installed packages for plugins, which could change how files are read.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.set_threshold(_COLLECT_AFTER, *gc.get_threshold()[1:])
    try:
        with interrupts_heard():
            code = _run(args)
        _ignore_interrupts(argv)
    except BaseException as error:
        _ignore_interrupts(argv)
        code = console.emit_error(_command(args), *_foreseen(error), json="--json" in args)
    console.close_stdout()
    return code


def program() -> NoReturn:
    """The process of one command: run it, and end with its exit code.

    At once: taking itself apart costs Python a tenth of a second, and all of a second where torch was used.
    """
    code = main()
    atexit._run_exitfuncs()  # noqa: SLF001  what libraries asked for; all of our own is closed by now
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    os._exit(code)


def _ignore_interrupts(argv: Sequence[str] | None) -> None:
    """Once a process's command is over, Ctrl-C comes too late: it must not break off what Python does at its end."""
    if argv is None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(args: list[str]) -> int:
    tree = app.tree()
    try:
        with tree.make_context("edgebuild", list(args)) as context:
            code = tree.invoke(context)
    except typer.Exit as exit_:
        return exit_.exit_code
    if not isinstance(code, int):
        raise TypeError(f"the command returned {code!r} and not an exit code")
    return code


def _foreseen(error: BaseException) -> tuple[EdgebuildError, str]:
    """An error of ours for any exception, and the name of its kind."""
    if os.environ.get("EDGEBUILD_DEBUG") == "1":
        traceback.print_exception(error)
    error = _known(error) or error
    if isinstance(error, EdgebuildError):
        return error, type(error).__name__
    if isinstance(error, typer.TyperException):
        return _usage(error), "UsageError"
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        fix = "run it again: what was finished is kept, and is not done again"
        return Interrupted("edgebuild", "interrupted", fix=fix), "Interrupted"
    try:
        found = f"internal error: {type(error).__name__}: {error}"
    except Exception:
        found = f"internal error: {type(error).__name__}"
    fix = "this is a bug of edgebuild; run again with EDGEBUILD_DEBUG=1 and report the traceback with edgebuild doctor"
    return InternalError("edgebuild", found, fix=fix), "InternalError"


def _known(error: BaseException) -> EdgebuildError | None:
    """What any command can meet anywhere: a library that is not installed, a full disk."""
    from edgebuild.core.extras import not_installed
    from edgebuild.store.files import is_full, unwritable

    if isinstance(error, OSError) and is_full(error):
        return unwritable(Path(str(error.filename or "a temporary file")), error)
    return not_installed(error)


def _usage(error: typer.TyperException) -> ConfigError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "edgebuild"
    return ConfigError(path, error.format_message(), fix=f"see {path} --help")


def _command(args: Sequence[str]) -> str:
    return next((arg for arg in args if not arg.startswith("-")), "")


if __name__ == "__main__":
    program()
