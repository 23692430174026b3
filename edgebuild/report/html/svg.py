"""SVG elements for drawings that keep their text's size at any width: x in percent of the drawing, y in pixels.

Lines through many points can't be given in percent; they lie in an inner drawing of 1000 units that is stretched.
Every colour comes from the page's style sheet, by class.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from edgebuild.report.html.words import plain

_STRETCHED = 1000


def line(x1: float, y1: float, x2: float, y2: float, css: str) -> str:
    """A straight line."""
    return f'<line class="{css}" x1="{_x(x1)}" y1="{_n(y1)}" x2="{_x(x2)}" y2="{_n(y2)}"/>'


def rect(x: float, y: float, width: float, height: float, css: str, hint: str = "", round_: float = 0) -> str:
    """A bar; ``hint`` is shown when it is pointed at."""
    corners = f' rx="{_n(round_)}"' if round_ else ""
    shape = f'<rect class="{css}" x="{_x(x)}" y="{_n(y)}" width="{_x(max(width, 0))}" height="{_n(height)}"{corners}'
    return f"{shape}>{_hint(hint)}</rect>" if hint else f"{shape}/>"


def circle(x: float, y: float, radius: float, css: str, hint: str = "") -> str:
    """A point."""
    shape = f'<circle class="{css}" cx="{_x(x)}" cy="{_n(y)}" r="{_n(radius)}"'
    return f"{shape}>{_hint(hint)}</circle>" if hint else f"{shape}/>"


def shape(x: float, y: float, path: str, css: str, hint: str = "") -> str:
    """A small figure around a point: ``path`` is in pixels from it."""
    inner = f'<path class="{css}" d="{escape(path)}">{_hint(hint)}</path>'
    return f'<svg x="{_x(x)}" y="{_n(y)}" class="point">{inner}</svg>'


def text(x: float, y: float, words: str, css: str = "", anchor: str = "start", dx: float = 0) -> str:
    """A text; ``dx`` moves it by so many pixels."""
    moved = f' dx="{_n(dx)}"' if dx else ""
    named = f' class="{css}"' if css else ""
    return f'<text{named} x="{_x(x)}" y="{_n(y)}"{moved} text-anchor="{anchor}">{escape(plain(words))}</text>'


def stretched(height: float, inner: Iterable[str]) -> str:
    """An inner drawing for paths, as wide as the outer one."""
    box = f'viewBox="0 0 {_STRETCHED} {_n(height)}" width="100%" height="{_n(height)}"'
    return f'<svg {box} preserveAspectRatio="none">{"".join(inner)}</svg>'


def path(points: Sequence[tuple[float, float]], css: str) -> str:
    """A line through points, inside ``stretched``."""
    return f'<path class="{css}" d="{_through(points)}"/>' if points else ""


def band(lower: Sequence[tuple[float, float]], upper: Sequence[tuple[float, float]], css: str) -> str:
    """The area between two lines, inside ``stretched``."""
    return f'<path class="{css}" d="{_through([*lower, *reversed(upper)])}Z"/>' if lower else ""


def _through(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_n(x * _STRETCHED / 100)} {_n(y)}" for x, y in points)


def _hint(words: str) -> str:
    return f"<title>{escape(plain(words))}</title>" if words else ""


def _x(value: float) -> str:
    return f"{_n(value)}%"


def _n(value: float) -> str:
    """At most two decimals, and none where there are none: a page holds tens of thousands of these."""
    return f"{round(value, 2) + 0.0:g}"
