"""Show how a model's measurements went over its bundles, and where their level changed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.console import Json, emit, progress
from edgebuild.core.errors import ConfigError


def command(
    model: Annotated[str | None, typer.Argument(help="A model's name; without, list those that are known.")] = None,
    metric: Annotated[str | None, typer.Option(help='Only this one, such as "latency_p90".')] = None,
    target: Annotated[str | None, typer.Option("-t", "--target", help="Only this target.")] = None,
    device: Annotated[str | None, typer.Option(help="Only what was measured on this device.")] = None,
    precision: Annotated[str | None, typer.Option(help="Only this precision.")] = None,
    export: Annotated[Path | None, typer.Option(help="Write all, or what is known of MODEL, as JSON lines.")] = None,
    import_: Annotated[Path | None, typer.Option("--import", help="Take up what --export wrote elsewhere.")] = None,
    json: Json = False,
) -> int:
    if export is not None and import_ is not None:
        raise ConfigError("history", "--export and --import at once", fix="give one of them")
    if import_ is not None:
        return _import(import_, json=json)
    if export is not None:
        return _export(export, model, json=json)
    if model is None:
        return _list(json=json)
    from edgebuild.recalling import Wanted, recall, views
    from edgebuild.report.history import view_page
    from edgebuild.store.history.database import open_history

    wanted = Wanted(target, device, precision, metric)
    with open_history() as database:
        series = recall(database, model, wanted)
        shown = () if json else views(database, series, wanted)
    result = {"series": [each.model_dump(mode="json") for each in series]}
    return emit("history", result, lambda: view_page(shown), json=json)


def _list(*, json: bool) -> int:
    from dataclasses import asdict

    from edgebuild.recalling import models
    from edgebuild.report.history import models_table
    from edgebuild.store.history.database import open_history

    with open_history() as database:
        found, place = models(database), database.place.shown
    result = {"place": place, "models": [asdict(each) for each in found]}
    nothing = f"{place}: nothing is remembered yet; edgebuild bench, gate and release fill it"
    return emit("history", result, lambda: models_table(found) if found else nothing, json=json)


def _export(path: Path, model: str | None, *, json: bool) -> int:
    from edgebuild.store.history.database import open_history
    from edgebuild.store.history.exchange import export

    with open_history() as database:
        lines = export(database, path, model)
    return emit("history", {"file": str(path), "lines": lines}, f"{path}: {lines} lines", json=json)


def _import(path: Path, *, json: bool) -> int:
    from edgebuild.indexing import values
    from edgebuild.store.history.database import open_history
    from edgebuild.store.history.exchange import take_up

    with progress() as say, open_history() as database:
        added, place = take_up(database, path, values, say), database.place.shown
    return emit("history", {"place": place, "added": added}, f"{place}: {added} new records of evidence", json=json)
