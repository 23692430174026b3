"""Taking up in the history what lies beside a bundle. No verdict hangs on it: where it can't be done, that is told."""

from __future__ import annotations

import datetime as dt
import platform
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from edgebuild.core.digest import digest_bytes
from edgebuild.core.errors import BundleError, EdgebuildError
from edgebuild.core.extras import not_installed
from edgebuild.core.measurement import Run
from edgebuild.core.metric import METRICS, Metric, Mode
from edgebuild.core.release import Release
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.judge.runs import value_of
from edgebuild.store.bundle import Bundle
from edgebuild.store.evidence import evidence_path, lines_of
from edgebuild.store.packing import MANIFEST

if TYPE_CHECKING:
    from edgebuild.store.history.database import Database
    from edgebuild.store.history.lines import Entry

_PATIENCE_S = 5.0


def remember(bundles: Sequence[Bundle | None], releases: Sequence[Release] = ()) -> str:
    """Take up all evidence beside some bundles, and how releases of them ended; why that failed, or nothing.

    Evidence that is there already is passed over, so what is missed today is taken up another day.
    """
    try:
        from edgebuild.store.history.database import open_history

        with open_history(patience_s=_PATIENCE_S) as database:
            for bundle in bundles:
                if bundle is not None:
                    take_up_bundle(database, bundle, [each for each in releases if each.bundle == bundle.digest])
    except EdgebuildError as error:
        return _missed(f"{error.subject}: {error.found}")
    except Exception as error:  # noqa: BLE001 - an index must not take back a verdict
        known = not_installed(error)
        return _missed(f"{known.found}; {known.fix}" if known else f"{type(error).__name__}: {error}")
    return ""


def take_up_bundle(database: Database, bundle: Bundle, releases: Sequence[Release] = ()) -> int:
    """Take up what is new beside a bundle, and where it is; how many records of evidence that was.

    Lines that are no evidence, and those about another bundle, are passed over.
    """
    from edgebuild.store.history.lines import BundleLine
    from edgebuild.store.history.reading import digests_of, seen_at
    from edgebuild.store.history.writing import BATCH, add, see

    entries = [*_new(bundle, digests_of(database, bundle.digest)), *releases]
    machine, path = platform.node(), str(bundle.path)
    if not entries and path in seen_at(database, bundle.digest, machine):
        return 0
    manifest = bundle.source.read(MANIFEST)
    if digest_bytes(manifest) != bundle.digest:
        raise BundleError(path, "another bundle was put in its place meanwhile", fix="measure that one by itself")
    itself = BundleLine(digest=bundle.digest, manifest=manifest.decode())
    added = add(database, [itself], values)
    for first in range(0, len(entries), BATCH):
        added += add(database, entries[first : first + BATCH], values)
    see(database, bundle.digest, machine, path)
    return added


def release_of(bundle: Bundle, verdict: Verdict, outcome: Outcome) -> Release | None:
    """How the release of the variant that was judged ended; None if the verdict does not say which one that was."""
    if verdict.precision is None:
        return None
    return Release(
        bundle=bundle.digest, part=verdict.part, precision=verdict.precision, outcome=outcome,
        device=verdict.key.device if verdict.key else "", at=dt.datetime.now(dt.UTC).isoformat(),
        machine=platform.node(), path=str(bundle.path),
    )  # fmt: skip


def values(run: Run) -> Mapping[str, float]:
    """What a run says of each metric of its mode, in the metric's base unit; one of a pair, of its latency too."""
    of_mode = (each for each in METRICS.values() if not each.change and _tells(run, each))
    return {metric.name: value for metric in of_mode if (value := value_of(metric, run)) is not None}


def _tells(run: Run, metric: Metric) -> bool:
    in_turns = run.mode is Mode.TURNS and metric.mode is Mode.LATENCY and metric.quantile is not None
    return in_turns or metric.mode is run.mode


def _new(bundle: Bundle, known: set[str]) -> list[Entry]:
    """The entries on the lines of a bundle's evidence whose digest is not known; a known one is not even parsed."""
    from edgebuild.store.history.lines import Stored, entry_on

    found: list[Entry] = []
    for line in lines_of(evidence_path(bundle)):
        if not line or digest_bytes(line) in known:
            continue
        try:
            entry = entry_on(line)
        except ValueError:
            continue
        if isinstance(entry, Stored) and entry.record.bundle == bundle.digest:
            found.append(entry)
    return found


def _missed(why: str) -> str:
    return f"not taken up in the history: {' '.join(why.split())}; the evidence beside the bundle is complete"
