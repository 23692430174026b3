"""``--baseline last-release``: the bundle that the history says was released last."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

from edgebuild.core.errors import BundleError, ConfigError
from edgebuild.core.release import Release
from edgebuild.core.verdict import Outcome
from edgebuild.store.bundle import Bundle, open_bundle

LAST_RELEASE = "last-release"
_KEEP = "give every release a folder of its own (edgebuild release -o releases/1.4), or name the baseline by its path"


def releases_before(bundle: Bundle) -> list[Release]:
    """How releases of other bundles of the same model and target passed, the latest first.

    Raises:
        ConfigError: the history can't be read, or knows of none. ModuleNotFoundError: a library is not installed.
    """
    from edgebuild.store.history.database import open_history
    from edgebuild.store.history.reading import released

    name, target = bundle.manifest.name, bundle.manifest.target
    with open_history() as database:
        ended = released(database, name, target)
        found = [each for each in ended if each.outcome is Outcome.PASS and each.bundle != bundle.digest]
    if not found:
        why = f"the history ({database.place.shown}) knows of no earlier release of {name} for {target} that passed"
        raise ConfigError(
            "--baseline", why, fix="release one first (edgebuild release), or name the baseline by its path"
        )
    return found


def last_release(bundle: Bundle, releases: Sequence[Release], device: str, precision: str | None) -> Bundle:
    """The bundle of the latest of some releases that was measured on this device, in the precision to be judged.

    Args:
        precision: None: that of the bundle's preferred variant.

    Raises:
        ConfigError: there is none, or its bundle is no longer where it was.
    """
    wanted = precision or bundle.manifest.parts[0].variants[0].precision
    found = next((each for each in releases if (each.device, each.precision) == (device, wanted)), None)
    if found is None:
        there = ", ".join(sorted({f"{each.precision} on {each.device or 'no device'}" for each in releases}))
        expected = f"a release of {wanted} on {device}"
        raise ConfigError("--baseline", f"released were only {there}", expected=expected, fix="name it by its path")
    return _opened(found)


def _opened(release: Release) -> Bundle:
    """The released bundle, where it was released or where it was seen on this machine later."""
    from edgebuild.store.history.database import open_history
    from edgebuild.store.history.reading import seen_at

    with open_history() as database:
        seen = seen_at(database, release.bundle, platform.node())
    why = []
    for path in dict.fromkeys((release.path, *seen)):
        try:
            found = open_bundle(Path(path))
        except BundleError as error:
            why.append(f"{path}: {error.found}")
            continue
        if found.digest == release.bundle:
            return found
        why.append(f"{path} is another bundle now ({found.digest[:12]})")
    elsewhere = "" if release.machine == platform.node() else f" on {release.machine}"
    said = f"bundle {release.bundle[:12]}, released on {release.at[:10]}{elsewhere}, is gone: {'; '.join(why)}"
    raise ConfigError("--baseline", said, fix=_KEEP)
