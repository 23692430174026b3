"""What a command says: one answer on stdout (text or one JSON document), everything else on stderr."""

from __future__ import annotations

import contextlib
import json as json_format
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Annotated

import typer

from edgebuild.core.errors import BuildError, ConfigErrors, EdgebuildError

if TYPE_CHECKING:
    from rich.console import RenderableType

SCHEMA = 1
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Say = Callable[[str], None]

_reserved: list[IO[str]] = []


def emit(
    command: str,
    result: Mapping[str, object] | Callable[[], Mapping[str, object]],
    text: RenderableType | Callable[[], RenderableType],
    *,
    json: bool,
    exit_code: int = 0,
    outcomes: Sequence[Mapping[str, object]] = (),
) -> int:
    """Print a command's answer and return its exit code.

    Args:
        result: plain JSON values, or a function that makes them; what ``--json`` shows under "result".
        text: what is shown without ``--json``, or a function that makes it.
        outcomes: one mapping for each of several subjects: "subject", "exit_code", "message".
    """
    if json:
        _write_document(command, exit_code, outcomes, result=result() if callable(result) else result)
    else:
        _write_text(text() if callable(text) else text)
    return exit_code


def emit_error(command: str, error: EdgebuildError, kind: str, *, json: bool) -> int:
    """Say on stderr what went wrong, and with ``--json`` in the document too; returns the exit code."""
    problems = error.problems if isinstance(error, ConfigErrors) else ()
    note(f"edgebuild: {error.message}")
    if json:
        outcome = {"subject": error.subject, "exit_code": error.exit_code, "message": error.message}
        details = _details(kind, error) | {"problems": [_details(type(p).__name__, p) for p in problems]}
        _write_document(command, error.exit_code, [outcome], error=details)
    return error.exit_code


def note(text: str) -> None:
    """A line on stderr; a closed stderr is no error."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.stderr, flush=True)


def note_missed(why: str) -> None:
    """A line on stderr if evidence was not taken up in the history; that changes no exit code."""
    if why:
        note(f"edgebuild: {why}")


@contextlib.contextmanager
def progress() -> Iterator[Say]:
    """What is being done, on stderr: one live line on a terminal, a line each otherwise."""
    if not sys.stderr.isatty():
        yield note
        return
    from rich.console import Console
    from rich.markup import escape

    with Console(stderr=True).status("starting") as status:
        yield lambda text: status.update(escape(text))


@contextlib.contextmanager
def reserved_stdout() -> Iterator[None]:
    """Keep stdout for ``emit``: what libraries print, from Python or from C, goes to stderr meanwhile."""
    stream = sys.stdout
    _reserved.append(stream)
    try:
        with _descriptor_moved(stream), contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _reserved.pop()


def close_stdout() -> None:
    """Flush stdout at the end; a reader that went away is no error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _silence(sys.stdout)


@contextlib.contextmanager
def _descriptor_moved(stream: IO[str]) -> Iterator[None]:
    """Point descriptor 1 at stderr, where ``stream`` is the process's own stdout; ``emit`` keeps the real one."""
    if stream is not sys.__stdout__:
        yield
        return
    stream.flush()
    real = os.dup(1)
    os.dup2(2, 1)
    try:
        with open(real, "w", encoding="utf-8", closefd=False) as kept:
            _reserved[-1] = kept
            yield
    finally:
        os.dup2(real, 1)
        os.close(real)


def _write_document(
    command: str, exit_code: int, outcomes: Sequence[Mapping[str, object]], **body: Mapping[str, object]
) -> None:
    head = {"schema": SCHEMA, "command": command, "exit_code": exit_code, "outcomes": list(outcomes)}
    _write(json_format.dumps(head | body, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _write_text(text: RenderableType) -> None:
    if isinstance(text, str):
        _write(text if text.endswith("\n") or not text else text + "\n")
        return
    from edgebuild.report.table import PLAIN_WIDTH, Page, Table

    terminal = _stdout().isatty()
    if isinstance(text, Table | Page) and not terminal:
        _write(f"{text}\n")
        return
    from io import StringIO

    from rich.console import Console

    page = StringIO()
    width = None if terminal else PLAIN_WIDTH
    # What is told may hold [data.calibration] or :0:, which are no markup and no emoji.
    console = Console(file=page, force_terminal=terminal, width=width, highlight=False, markup=False, emoji=False)
    console.print(text)
    _write("\n".join(line.rstrip() for line in page.getvalue().split("\n")))


def _stdout() -> IO[str]:
    return _reserved[-1] if _reserved else sys.stdout


def _write(text: str) -> None:
    """Write to stdout; a reader that went away does not change what the command found."""
    stream = _stdout()
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _silence(stream)


def _silence(stream: IO[str]) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _details(kind: str, error: EdgebuildError) -> dict[str, object]:
    stage = {"stage": error.stage} if isinstance(error, BuildError) else {}
    fields = {"subject": error.subject, "found": error.found, "expected": error.expected, "fix": error.fix}
    return {"kind": kind, "message": error.message, **fields, **stage}
