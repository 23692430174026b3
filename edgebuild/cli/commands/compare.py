"""Put two bundles side by side: precision, size, quality, and what was measured of both."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.console import Json, emit


def command(
    first: Annotated[Path, typer.Argument(help="A bundle.")],
    second: Annotated[Path, typer.Argument(help="Another one.")],
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Of each bound.")] = 0.99,
    json: Json = False,
) -> int:
    """Put two bundles side by side: precision, size, quality, and what was measured of both."""
    from dataclasses import asdict

    from edgebuild.comparison import compare
    from edgebuild.report.comparison import comparison_table
    from edgebuild.store.bundle import open_bundle

    rows = compare(open_bundle(first), open_bundle(second), confidence)
    return emit("compare", {"rows": [asdict(row) for row in rows]}, lambda: comparison_table(rows), json=json)
