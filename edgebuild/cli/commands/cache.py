"""Say what the cache of build stages holds, and free space."""

from __future__ import annotations

from typing import Annotated

import typer

from edgebuild.cli.console import Json, emit
from edgebuild.core.errors import ConfigError
from edgebuild.core.units import Unit, format_quantity, parse_quantity

app = typer.Typer(add_completion=False, no_args_is_help=True)

_DEFAULT_DAYS = 30.0


@app.command()
def stats(json: Json = False) -> int:
    """Say where the cache is, what it holds and how large it is."""
    from dataclasses import asdict

    from edgebuild.store.cache import default_cache

    found = default_cache().stats()
    size = format_quantity(found.bytes, Unit.BYTE)
    text = f"{found.root}: {found.entries} entries and {found.records} records, {size}"
    return emit("cache stats", asdict(found), text, json=json)


@app.command()
def gc(
    max_size: Annotated[str, typer.Option(help='Shrink to this size, such as "5 GiB".')] = "",
    max_days: Annotated[float | None, typer.Option(min=0, help="Remove what was not used for so many days.")] = None,
    json: Json = False,
) -> int:
    """Remove what was not used for longest; without options, what was not used for 30 days.

    What a running build has used is never removed.
    """
    from dataclasses import asdict

    from edgebuild.store.cache import default_cache

    days = _DEFAULT_DAYS if not max_size and max_days is None else max_days
    freed = default_cache().gc(max_bytes=_bytes(max_size), max_age_days=days)
    text = f"removed {freed.removed} items, {format_quantity(freed.freed_bytes, Unit.BYTE)}; "
    text += f"kept {freed.kept} items, {format_quantity(freed.kept_bytes, Unit.BYTE)}"
    text += f" ({freed.in_use} in use by a running build)" if freed.in_use else ""
    return emit("cache gc", asdict(freed), text, json=json)


def _bytes(text: str) -> int | None:
    if not text:
        return None
    try:
        return int(parse_quantity(text, Unit.BYTE))
    except ValueError as error:
        raise ConfigError("--max-size", str(error), expected='a size such as "5 GiB"') from error
