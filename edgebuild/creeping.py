"""Whether a model crept, over its history, beyond what the gate lets pass at once."""

from __future__ import annotations

from collections.abc import Iterable

from edgebuild.core.errors import EdgebuildError
from edgebuild.core.history import Series
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.judge.creep import Creep, creep_of, limits
from edgebuild.remembering import FIRST_PART, series
from edgebuild.store.bundle import Bundle


def creeps(bundle: Bundle, verdict: Verdict) -> tuple[Creep, ...]:
    """What crept up to this bundle, of the metrics that a verdict is on, on the device that it was measured on.

    None where the history can't be asked: no verdict hangs on it.
    """
    try:
        return tuple(_creeps(bundle, verdict))
    except (EdgebuildError, ModuleNotFoundError):
        return ()


def _creeps(bundle: Bundle, verdict: Verdict) -> Iterable[Creep]:
    from edgebuild.store.history.database import open_history
    from edgebuild.store.history.reading import released

    key, name, target = verdict.key, bundle.manifest.name, bundle.manifest.target
    if key is None:
        return
    model = name if key.part == FIRST_PART else f"{name}/{key.part}"
    with open_history() as database:
        passed = [each for each in released(database, name, target) if each.outcome is Outcome.PASS]
        alike = (r.bundle for r in passed if (r.device, r.precision) == (key.device, key.precision))
        last = next((digest for digest in alike if digest != bundle.digest), None)
        for metric, percent in limits(line.budget for line in verdict.lines).items():
            found = _creep(series(model, target, key.device, key.precision, metric, database), bundle, last, percent)
            yield from [found] if found else []


def _creep(found: Series, bundle: Bundle, released: str | None, percent: float) -> Creep | None:
    places = {point.bundle: index for index, point in enumerate(found.points)}
    if bundle.digest not in places:
        return None
    points = found.points[: places[bundle.digest] + 1]
    before = places.get(released) if released else None
    return creep_of(found.metric, points, percent, before if before is not None and before < len(points) else None)
