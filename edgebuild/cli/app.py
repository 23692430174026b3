"""The command tree, made of the files in ``edgebuild/cli/commands``; adding a command is adding a file.

A module ``commands/NAME.py`` is the command ``NAME`` (``_`` becomes ``-``). The first line of its docstring is its
line in ``edgebuild --help``, read without importing it. It exposes one of:

- ``command``: a Typer function that returns the exit code, or
- ``app``: a ``typer.Typer`` of sub-commands, each returning the exit code.

Heavy imports belong inside those functions. ``EDGEBUILD_INJECT_FAULT=NAME`` makes command ``NAME`` fail inside
its run, which is how the tests see that an unexpected error is never taken for a verdict.
"""

from __future__ import annotations

import ast
import difflib
import functools
import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from edgebuild import __version__
from edgebuild.cli import console
from edgebuild.core.errors import ConfigError

if TYPE_CHECKING:
    from typer._click import Command, Context, HelpFormatter

_FOLDER = Path(__file__).with_name("commands")
_PACKAGE = "edgebuild.cli.commands"


class Commands(TyperGroup):
    """The group of all commands: a command's module is imported when it is called, not before."""

    def list_commands(self, ctx: Context) -> list[str]:
        return command_names()

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        if cmd_name in command_names():
            return _load(cmd_name)
        if cmd_name.startswith("-"):
            return None
        near = difflib.get_close_matches(cmd_name, command_names(), 1)
        fix = f"did you mean {near[0]!r}?" if near else "see edgebuild --help"
        raise ConfigError("command", f"there is no {cmd_name!r}", expected=", ".join(command_names()), fix=fix)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line(name)) for name in command_names()])


@functools.cache
def command_names() -> list[str]:
    """Every command, by the files there are."""
    return sorted(file.stem.replace("_", "-") for file in _FOLDER.glob("[a-z]*.py"))


def help_line(name: str) -> str:
    """The first line of a command module's docstring, read without importing it."""
    source = (_FOLDER / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def _load(name: str) -> Command:
    module = importlib.import_module(f"{_PACKAGE}.{name.replace('-', '_')}")
    app: typer.Typer | None = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False)
        app.command(name, help=module.__doc__)(module.command)
    for info in app.registered_commands:
        if info.callback is not None:
            info.callback = _guarded(name, info.callback)
    app.rich_markup_mode = None
    command = get_group(app) if hasattr(module, "app") else get_command(app)
    command.name, command.help = name, command.help or module.__doc__
    return command


def _guarded(name: str, function: Callable[..., object]) -> Callable[..., object]:
    """A command's function with stdout kept for its answer alone."""
    if getattr(function, "__wrapped__", None) is not None:
        return function

    @functools.wraps(function)
    def run(*args: object, **kwargs: object) -> object:
        with console.reserved_stdout():
            if os.environ.get("EDGEBUILD_INJECT_FAULT") == name:
                raise RuntimeError(f"injected fault in {name}")
            return function(*args, **kwargs)

    return run


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edgebuild {__version__}")
        raise typer.Exit


def _root(version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_version)] = False) -> None:
    """Name a device and a budget; get a bundle that meets it, with evidence anyone can re-check."""


def tree() -> Command:
    """The root command."""
    app = typer.Typer(cls=Commands, add_completion=False, rich_markup_mode=None)
    app.callback()(_root)
    return get_command(app)
