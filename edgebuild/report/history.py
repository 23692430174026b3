"""What the history knows, as tables, plots and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from edgebuild.core.history import ChangePoint, Point, Series
from edgebuild.recalling import Remembered, View
from edgebuild.report.creep import quantity
from edgebuild.report.plot import plot
from edgebuild.report.table import Table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as Drawn
    from rich.text import Text

_HEADINGS = {
    "latency_p50": "p50", "latency_p90": "p90", "peak_memory": "memory", "accuracy_drop": "drop", "model_size": "size",
}  # fmt: skip
LATEST = 20
"""So many bundles a table shows; a plot and --json show all."""


def models_table(remembered: Sequence[Remembered]) -> Table:
    """One row a model and target."""
    rows = [
        (each.model, each.target, str(each.bundles), str(each.releases), each.latest[:16].replace("T", " "))
        for each in remembered
    ]
    return Table(("model", "target", "bundles", "releases", "latest evidence"), rows)


def view_page(views: Sequence[View]) -> RenderableType:
    """For every variant on every device: a table of its bundles, and plots with the changes found in them."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    for view in views:
        parts += [_table(view), *(_coloured("\n".join(_drawn(each))) for each in view.plotted), Text()]
    return Group(*parts)


def _coloured(drawing: str) -> Text:
    from rich.text import Text

    text = Text(drawing)
    for what, colour in (("●", "cyan"), ("▲", "bold red"), ("▼", "bold green"), ("[\u2800-\u28ff]+", "yellow")):
        text.highlight_regex(what, colour)
    return text


def _table(view: View) -> Drawn:
    from rich import box
    from rich.table import Table as Drawn

    first, rows = view.series[0], view.rows[-LATEST:]
    place = f" on {first.device}" if first.device else ""
    table = Drawn(
        title=f"{first.model}, {first.target}: {first.precision}{place}",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )
    table.title_justify = table.caption_justify = "left"
    for heading in (
        "first run",
        "bundle",
        *(_HEADINGS.get(s.metric, s.metric) for s in view.series),
        "verdict",
        "release",
    ):
        table.add_column(heading, no_wrap=True)
    shown = 10 if len({row.at[:10] for row in rows}) == len(rows) else 16  # the day, and the minute where days repeat
    for row in rows:
        cells = [_cell(each, row.points.get(each.metric)) for each in view.series]
        table.add_row(row.at[:shown].replace("T", " "), row.bundle[:8], *cells, row.outcome, row.released)
    if len(view.rows) > LATEST:
        table.caption = f"the latest {LATEST} of {len(view.rows)} bundles"
    return table


def _cell(series: Series, point: Point | None) -> str:
    return "" if point is None else quantity(series.metric, point.value)


def _drawn(series: Series) -> Iterable[str]:
    yield f"{series.metric}: {len(series.points)} bundles"
    yield from plot(series)
    for change in series.changes:
        yield f"  {change_text(series.metric, change)}"


def change_text(metric: str, change: ChangePoint) -> str:
    """A change point as a sentence."""
    which = "rose" if change.after > change.before else "fell"
    share = f" by {100 * abs(change.after / change.before - 1):.1f} %" if change.before else ""
    levels = f"{quantity(metric, change.before)} to {quantity(metric, change.after)}"
    return f"{change.at[:10]}: {metric} {which}{share}, {levels} (p ≤ {change.significance:.3g})"
