"""List and show the release profiles: the shipped ones and the project's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.console import Json, emit

app = typer.Typer(add_completion=False, no_args_is_help=True)
Root = Annotated[Path, typer.Option("--project", help="The project's folder, whose own profiles come first.")]


@app.command("list")
def list_(project: Root = Path(), json: Json = False) -> int:
    """List every profile with its title."""
    from edgebuild.store.catalog import find_profile, profile_files

    rows = [
        {"name": name, "title": find_profile(name, project).title, "file": str(file)}
        for name, file in profile_files(project).items()
    ]
    width = max((len(row["name"]) for row in rows), default=0)
    text = "\n".join(f"{row['name']:<{width}}  {row['title']}" for row in rows)
    return emit("profiles list", {"profiles": rows}, text, json=json)


@app.command()
def show(name: str, project: Root = Path(), json: Json = False) -> int:
    """Show a profile's file, every field with its comment."""
    from edgebuild.store.catalog import find_profile, profile_files
    from edgebuild.store.files import read_text

    profile = find_profile(name, project)
    file = profile_files(project)[name]
    result = {"file": str(file), "profile": profile.model_dump(mode="json", by_alias=True)}
    return emit("profiles show", result, read_text(file), json=json)
