"""Check a bundle again: digests, golden vectors, signature, recorded verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.console import Json, emit


def command(
    bundle: Annotated[Path, typer.Argument(help="The bundle: a folder or a .edgebundle file.")],
    require: Annotated[
        str, typer.Option(help="Checks that must be made, with commas: exit code 4 if one is not.")
    ] = "",
    device: Annotated[str | None, typer.Option(help="Where the golden vectors are run.")] = None,
    project: Annotated[Path, typer.Option(help="The project's folder, whose own targets come first.")] = Path(),
    json: Json = False,
) -> int:
    from edgebuild.deviceside import known_profile, known_target
    from edgebuild.store.bundle import open_bundle
    from edgebuild.verification import exit_code, verify

    required = [name.strip() for name in require.split(",") if name.strip()]
    exit_code([], required)
    opened = open_bundle(bundle)
    checks = verify(opened, known_target(opened, project), known_profile(opened, project), device)
    rows = [{"check": check.name, "state": check.state, "why": check.why} for check in checks]
    text = "\n".join(f"{row['check']:<10} {row['state']:<12} {row['why']}".rstrip() for row in rows)
    result = {"bundle": opened.digest, "checks": rows}
    return emit("verify", result, text, json=json, exit_code=exit_code(checks, required))
