"""Check a bundle again: digests, golden vectors, signature, recorded verdicts."""

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
    key: Annotated[
        list[Path] | None,
        typer.Option(
            help="Who must have signed it: a file of public keys; repeatable; default EDGEBUILD_TRUSTED_KEYS."
        ),
    ] = None,
    device: Annotated[str | None, typer.Option(help="Where the golden vectors are run.")] = None,
    project: Annotated[Path, typer.Option(help="The project's folder, whose own targets come first.")] = Path(),
    json: Json = False,
) -> int:
    from edgebuild.deviceside import known_profile, known_target
    from edgebuild.report.verification import checks_result, checks_text
    from edgebuild.store.bundle import open_bundle
    from edgebuild.store.keys import find_trusted_keys
    from edgebuild.verification import exit_code, verify

    required = [name.strip() for name in require.split(",") if name.strip()]
    exit_code([], required)
    keys = find_trusted_keys(key or [])
    required += ["signature"] if keys else []
    opened = open_bundle(bundle)
    checks = verify(opened, known_target(opened, project), known_profile(opened, project), device, keys)
    result = {"bundle": opened.digest, **checks_result(checks)}
    return emit("verify", result, checks_text(checks), json=json, exit_code=exit_code(checks, required))
