"""Measure a bundle on a device: latency and memory with their bounds, or instructions; as evidence beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.console import Json, emit, progress


def command(
    bundles: Annotated[list[Path], typer.Argument(help="Bundles: folders or .edgebundle files.")],
    device: Annotated[str | None, typer.Option(help="Where to measure; default the target's own device.")] = None,
    profile: Annotated[str | None, typer.Option("-p", "--profile", help="Default: the bundle's own.")] = None,
    precision: Annotated[str | None, typer.Option(help="The variant; default the preferred one.")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Count instructions, on a virtual board.")] = False,
    against: Annotated[Path | None, typer.Option(help="Another bundle, measured beside, to tell the change.")] = None,
    project: Annotated[Path, typer.Option(help="The project's folder, whose own targets come first.")] = Path(),
    json: Json = False,
) -> int:
    from edgebuild.deviceside import measure
    from edgebuild.store.bundle import open_bundle

    opened, other = [open_bundle(path) for path in bundles], open_bundle(against) if against else None
    with progress() as say:
        rows = [
            row
            for bundle in opened
            for row in measure(bundle, device, profile, precision, project, say, exact=exact, against=other)
        ]
    text = "\n".join("  ".join(str(value) for value in row.values()) for row in rows)
    return emit("bench", {"measured": rows}, text, json=json)
