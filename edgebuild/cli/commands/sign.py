"""Sign bundles with their evidence, or make a key to sign with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.console import Json, emit
from edgebuild.cli.keys import signing_key


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
    from edgebuild.store.keys import new_signing_key

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
    found = sign(opened, signing_key(key))
    return emit("sign", {"signed": [signed_row(each) for each in found]}, signed_text(found), json=json)
