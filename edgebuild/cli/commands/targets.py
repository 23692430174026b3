"""List, show and check the targets: the shipped ones and the project's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebuild.cli.console import Json, emit

if TYPE_CHECKING:
    from edgebuild.core.target import Target

app = typer.Typer(add_completion=False, no_args_is_help=True)
Root = Annotated[Path, typer.Option("--project", help="The project's folder, whose own targets come first.")]
Files = Annotated[list[Path] | None, typer.Argument(help="Target files, or folders of them; by default all there are.")]

_MODULES = {
    "onnxruntime": ("onnxruntime",),
    "litert": ("ai_edge_litert", "tflite_runtime"),
    "openvino": ("openvino",),
}


@app.command("list")
def list_(project: Root = Path(), json: Json = False) -> int:
    """List every target: name, runtime, how it is reached, whether it runs here, title."""
    from edgebuild.store.catalog import find_target, target_names

    rows = [_row(find_target(name, project)) for name in target_names(project)]
    return emit("targets list", {"targets": rows}, _table(rows), json=json)


@app.command()
def show(name: str, project: Root = Path(), json: Json = False) -> int:
    """Show a target's file: its facts, each with its source."""
    from edgebuild.store.catalog import find_target, target_files
    from edgebuild.store.files import read_text

    target = find_target(name, project)
    file = target_files(project)[name]
    result = {"file": str(file), "runs": _runs(target), "target": target.model_dump(mode="json", by_alias=True)}
    return emit("targets show", result, f"# {_runs(target)}\n{read_text(file)}", json=json)


@app.command()
def check(paths: Files = None, project: Root = Path(), json: Json = False) -> int:
    """Check target files and say every problem; exit code 2 if there is one."""
    from edgebuild.store.catalog import target_files

    files = _expanded(paths) if paths else list(target_files(project).values())
    outcomes = [_outcome(file) for file in files]
    bad = [outcome for outcome in outcomes if outcome["exit_code"]]
    text = "\n".join([*(str(outcome["message"]) for outcome in bad), f"{len(files)} checked, {len(bad)} with problems"])
    result = {"checked": len(files), "broken": len(bad)}
    return emit("targets check", result, text, json=json, exit_code=2 if bad else 0, outcomes=outcomes)


def _row(target: Target) -> dict[str, str]:
    return {
        "name": target.name,
        "runtime": target.runtime,
        "transport": target.transport,
        "runs": _runs(target),
        "title": target.title,
    }


def _runs(target: Target) -> str:
    """Where the target runs: here, here once its runtime is installed, on its own device, or nowhere."""
    from importlib.util import find_spec

    if target.is_estimated:
        return "is estimated"
    if not target.is_host:
        return "needs its device"
    modules = _MODULES.get(target.runtime, (target.runtime,))
    return "runnable here" if any(find_spec(module) for module in modules) else f"needs {modules[0]} installed"


def _table(rows: list[dict[str, str]]) -> str:
    widths = {key: max(len(row[key]) for row in rows) for key in rows[0]} if rows else {}
    return "\n".join("  ".join(f"{row[key]:<{widths[key]}}" for key in row).rstrip() for row in rows)


def _expanded(paths: list[Path]) -> list[Path]:
    return [file for path in paths for file in (sorted(path.glob("*.toml")) if path.is_dir() else [path])]


def _outcome(file: Path) -> dict[str, object]:
    from edgebuild.backends import backend_names
    from edgebuild.core.errors import ConfigError
    from edgebuild.store.toml import load_target

    try:
        target = load_target(file)
        if target.runtime not in backend_names():
            raise ConfigError(f"{file}: runtime", f"is {target.runtime!r}", expected=", ".join(backend_names()))
    except ConfigError as error:
        return {"subject": str(file), "exit_code": error.exit_code, "message": error.message}
    return {"subject": str(file), "exit_code": 0, "message": "ok"}
