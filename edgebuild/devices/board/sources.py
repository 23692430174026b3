"""Where this machine gets Debian's packages from: its own apt sources, told for another release."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgebuild.core.errors import DeviceError
from edgebuild.devices.board.tools import BOARD

_APT = Path("/etc/apt")
_OS_RELEASE = Path("/etc/os-release")


@dataclass(frozen=True)
class Source:
    """One archive that the machine uses: its address, the suites taken from it, and the key that signs it."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""


def debian_sources(release: str, apt: Path = _APT, os_release: Path = _OS_RELEASE) -> str:
    """The machine's own sources of Debian, as a ``.sources`` file for ``release``.

    Updates and security fixes are taken where the machine takes them. Other vendors' archives are left out: theirs
    is no suite with the machine's own release name and the component "main".

    Raises:
        DeviceError: the machine has no such source.
    """
    own = _codename(os_release)
    told: list[Source] = []
    for source in _found(apt):
        suites = tuple(s.replace(own, release, 1) for s in source.suites if _is_of(s, own))
        if suites and "main" in source.components:
            told.append(Source(source.uri, suites, ("main",), source.signed_by))
    if not any(release in source.suites for source in told):
        raise DeviceError(
            BOARD,
            f"no apt source of Debian's {own or 'own'} release in {apt}",
            expected="a Debian machine whose apt sources name its release and main",
            fix="build the board on Debian 12 or later",
        )
    return "\n".join(_stanza(source) for source in told)


def _is_of(suite: str, release: str) -> bool:
    return bool(release) and suite in (release, f"{release}-updates", f"{release}-security")


def _codename(os_release: Path) -> str:
    try:
        text = os_release.read_text(encoding="utf-8")
    except OSError:
        return ""
    found = re.search(r'^VERSION_CODENAME="?([a-z]+)"?$', text, re.MULTILINE)
    return found[1] if found else ""


def _found(apt: Path) -> Iterator[Source]:
    for file in sorted((apt / "sources.list.d").glob("*.sources")):
        yield from _from_stanzas(file.read_text(encoding="utf-8", errors="replace"))
    for file in (apt / "sources.list", *sorted((apt / "sources.list.d").glob("*.list"))):
        if file.is_file():
            yield from _from_lines(file.read_text(encoding="utf-8", errors="replace"))


def _from_stanzas(text: str) -> Iterator[Source]:
    """Of the format of apt's ``.sources`` files."""
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", kept):
        fields = {key.lower(): value for key, value in re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", stanza, re.MULTILINE)}
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").strip().lower() != "no":
            signed_by = fields.get("signed-by", "").strip()
            suites, components = fields.get("suites", "").split(), fields.get("components", "").split()
            for uri in fields.get("uris", "").split():
                yield Source(uri, tuple(suites), tuple(components), signed_by)


def _from_lines(text: str) -> Iterator[Source]:
    """Of the one-line format: ``deb [ signed-by=KEY ] URI SUITE COMPONENT...``."""
    for line in text.splitlines():
        found = re.match(r"^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s+([^#]+)", line)
        if found:
            options = dict(part.split("=", 1) for part in shlex.split(found[1] or "") if "=" in part)
            yield Source(found[2], (found[3],), tuple(found[4].split()), options.get("signed-by", ""))


def _stanza(source: Source) -> str:
    lines = ["Types: deb", f"URIs: {source.uri}", f"Suites: {' '.join(source.suites)}"]
    lines.append(f"Components: {' '.join(source.components)}")
    lines += [f"Signed-By: {source.signed_by}"] if source.signed_by else []
    return "\n".join(lines) + "\n"
