"""Sign bundles with their evidence, or make a key to sign with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebuild.cli.console import Json, emit

if TYPE_CHECKING:
    from edgebuild.store.keys import AskPassphrase


def command(
    bundles: Annotated[list[Path] | None, typer.Argument(help="Bundles: folders or .edgebundle files.")] = None,
    key: Annotated[
        Path | None, typer.Option(help="An Ed25519 private key in PEM; default EDGEBUILD_SIGNING_KEY, text or path.")
    ] = None,
    new_key: Annotated[
        Path | None, typer.Option("--new-key", help="Make a key here, its public one beside it at FILE.pub.")
    ] = None,
    json: Json = False,
) -> int:
    from edgebuild.core.errors import ConfigError
    from edgebuild.report.verification import signed_row, signed_text
    from edgebuild.store.bundle import open_bundle
    from edgebuild.store.keys import find_signing_key, new_signing_key

    if new_key is not None:
        if bundles or key is not None:
            raise ConfigError("--new-key", "is given with something to sign", fix="make the key first, then sign")
        made, public = new_signing_key(new_key)
        text = f"{new_key}: private, keep it secret\n{public}: give it to whoever verifies (key {made.public.id})"
        return emit("sign", {"private": str(new_key), "public": str(public), "key": made.public.id}, text, json=json)
    if not bundles:
        raise ConfigError("sign", "no bundle is named", expected="bundles to sign, or --new-key FILE")
    from edgebuild.signing import sign

    opened = [open_bundle(path) for path in bundles]
    found = sign(opened, find_signing_key(key, asker()))
    return emit("sign", {"signed": [signed_row(each) for each in found]}, signed_text(found), json=json)


def asker() -> AskPassphrase | None:
    """Asks for a passphrase on the terminal; None where there is none."""
    if not sys.stdin.isatty():
        return None
    return lambda source: str(typer.prompt(f"Passphrase of {source}", hide_input=True, err=True))
