"""The key that a command signs with; its passphrase is asked for on a terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from edgebuild.store.keys import AskPassphrase, SigningKey


def signing_key(path: Path | None) -> SigningKey:
    """The key at ``path``, else the environment's.

    Raises:
        ConfigError: as ``find_signing_key``.
    """
    from edgebuild.store.keys import find_signing_key

    return find_signing_key(path, _asker())


def _asker() -> AskPassphrase | None:
    """Asks for a passphrase; None where there is no terminal."""
    if not sys.stdin.isatty():
        return None
    return lambda source: str(typer.prompt(f"Passphrase of {source}", hide_input=True, err=True))
