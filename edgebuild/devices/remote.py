"""What is asked of a device's own POSIX shell: a work folder that goes when the link goes, and runs that end with it.

Both scripts are given their values as arguments, so nothing of a user's, a target's or a device's is ever part of one.
They need ``sh``, ``cat``, ``mktemp``, ``rm``, ``mkdir``, ``sleep``, ``timeout`` and ``setsid``, which every Linux has,
BusyBox and Android's toybox too.
"""

from __future__ import annotations

import codecs
import posixpath
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import DeviceError
from edgebuild.devices.base import ISOLATED, OUTPUT_KEPT, SAID_LIMIT, Device, Hear, Transport, deaf

SHORT_S = 30.0
"""For what a device answers at once."""

_KEEP = r"""
base=${1:-${TMPDIR:-$2}}
mkdir -p -- "$base" && folder=$(mktemp -d "$base/edgebuild-run.XXXXXXXX") || exit 3
read -r boot < /proc/sys/kernel/random/boot_id
printf '%s %s\n' "$$" "$boot" > "$folder/.held" || { rm -rf -- "$folder"; exit 3; }
for old in "$base"/edgebuild-run.*; do
  read -r pid then 2>/dev/null < "$old/.held" || continue
  [ "$then" = "$boot" ] && [ -d "/proc/$pid" ] || rm -rf -- "$old"
done
trap '' HUP INT TERM
printf '%s\n' "$folder" "$(uname -m)"
cat /proc/cpuinfo
printf '\n.\n'
cat > /dev/null
rm -rf -- "$folder" || { sleep 1; rm -rf -- "$folder"; }
"""
"""Makes the work folder, says its name and what the device is, and removes the folder when its own input ends: at
``close``, or when the link is lost. What it says ends with a line of one dot.

Folders of an earlier boot, or whose keeper is gone, are removed too: a board may lose power at any time.
"""

_RUN = r"""
folder=$1 mark=$2 limit=$3
shift 3
cd -- "$folder" || { printf '%s folder' "$mark" >&2; exit 125; }
command -v "$1" > /dev/null 2>&1 || { printf '%s program' "$mark" >&2; exit 127; }
read -r _ _ _ _ group _ < "/proc/$$/stat"
exec 3<&0
(
  if [ "$limit" -gt 0 ]; then timeout -s KILL "$limit" cat <&3; else cat <&3; fi
  kill -9 "-$$" || kill -9 "$$"
) > /dev/null 2>&1 &
[ "$group" = "$$" ] && exec "$@" < /dev/null 3<&-
exec setsid "$@" < /dev/null 3<&-
"""
"""Becomes the program, which keeps this shell's number and leads a process group of its own.

A child waits for the end of the input, which comes when the run is over, given up or cut off, and kills the group.
A link can also fall silent without an end: then the limit, in the device's own seconds, is the end. 0: there is none.
"""


_TEND = r"""
folder=$1 mark=$2 limit=$3
shift 3
cd -- "$folder" || { printf '%s folder' "$mark" >&2; exit 125; }
command -v "$1" > /dev/null 2>&1 || { printf '%s program' "$mark" >&2; exit 127; }
exec 3<&0
setsid "$@" < /dev/null 3<&- &
program=$! timer=
( while read -r _ <&3; do :; done; kill -9 "-$program" || kill -9 "$program" ) > /dev/null 2>&1 &
watch=$!
if [ "$limit" -gt 0 ]; then
  setsid sh -c 'sleep "$1"; kill -9 "-$2"' edgebuild "$limit" "$program" < /dev/null > /dev/null 2>&1 3<&- &
  timer=$!
fi
wait "$program"
code=$?
kill -9 "$watch" "-$program" ${timer:+"$timer" "-$timer"} 2> /dev/null
exit "$code"
"""
"""As ``_RUN``, but this shell stays and ends what the program left: adb's link ends only when all output does, and
input and output are one socket there, so nothing that holds the input may outlive the program either. The timer is
ended by its own number too: it may not lead a group yet.

A program that a signal ended reads as 128 and the signal's number.
"""


def keep_command(folder: str | None, default: str) -> str:
    """The shell command that makes and keeps the work folder."""
    return _command(_KEEP, folder or "", default)


def run_command(folder: str, mark: str, limit_s: int, argv: Sequence[str], *, tended: bool = False) -> str:
    """The shell command that runs a program in the work folder.

    Args:
        mark: a word that nobody can guess; on stderr it says that the program was not started.
        tended: the shell stays beside the program; False: it becomes the program.
    """
    return _command(_TEND if tended else _RUN, folder, mark, str(limit_s), *argv)


def _command(script: str, *values: str) -> str:
    return f"exec sh -c {shlex.quote(script)} edgebuild {' '.join(map(shlex.quote, values))}"


def not_started(device: str, program: str, mark: str, stderr: str) -> DeviceError | None:
    """The error that a run's stderr tells by its mark; None for a program that did start."""
    _, marked, why = stderr.rpartition(f"{mark} ")
    if not marked:
        return None
    if why.startswith("folder"):
        return DeviceError(device, "its work folder is gone", fix="try again", transient=True)
    return DeviceError(device, f"{program} does not start: there is no such program", fix="name a Python that runs")


def too_slow(device: str, what: str, timeout_s: float) -> DeviceError:
    """The error for what was not over in its time."""
    found = f"{what} took longer than {timeout_s:g} s and was ended"
    return DeviceError(device, found, fix="see what keeps it busy or stands in its way, then try again", transient=True)


def endless(device: str, fix: str = "") -> DeviceError:
    """The error for a program that says more than any of ours."""
    return DeviceError(
        device, f"a run said more than {SAID_LIMIT >> 20} MiB and was ended", expected="output that ends",
        fix=fix or f"see that its Python is the one of edgebuild devices setup {device}",
    )  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """What the keeper of a work folder says: where the folder is, and what ``uname -m`` and /proc/cpuinfo say there."""

    folder: str
    machine: str
    cpuinfo: str


def kept(device: str, said: bytes) -> Kept | None:
    """What a keeper said; None while it is not all there.

    Raises:
        DeviceError: it names no path, or does not end.
    """
    if len(said) > SAID_LIMIT:
        raise endless(device)
    if not said.endswith(b"\n.\n"):
        return None
    folder, _, rest = said[:-2].decode("utf-8", "replace").partition("\n")
    if not re.fullmatch(r"/[^\x00-\x1f\x7f]{1,500}", folder):
        raise DeviceError(device, f"it names no work folder: {folder[:80]!r}", expected="an absolute path")
    machine, _, cpuinfo = rest.partition("\n")
    return Kept(folder, machine, cpuinfo)


def no_folder(device: str, why: str) -> DeviceError:
    """The error for a keeper that ended before it had said all."""
    fix = "free some space there, or give the device a folder of its own"
    return DeviceError(device, f"no work folder: {why.strip()[:500] or 'its shell said nothing'}", fix=fix)


def place_in(device: str, folder: str, remote: str) -> str:
    """The absolute path of a name in the work folder.

    Raises:
        DeviceError: it leads outside.
    """
    path = posixpath.normpath(posixpath.join(folder, remote))
    if not path.startswith(f"{folder}/") or "\0" in remote:
        raise DeviceError(device, f"{remote!r} is outside the work folder")
    return path


@dataclass
class Tail:
    """The end of a stream; each part is told to ``hear`` while it comes."""

    hear: Hear = deaf
    _kept: bytes = b""
    _said: int = 0
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )

    def add(self, part: bytes) -> None:
        """Take the next bytes."""
        self._said += len(part)
        self._kept = (self._kept + part)[-OUTPUT_KEPT:]
        self.hear(self._decoder.decode(part))

    @property
    def endless(self) -> bool:
        """Whether it was more than any run of ours says."""
        return self._said > SAID_LIMIT

    def text(self) -> str:
        """What was kept."""
        return self._kept.decode("utf-8", "replace")


class Remote(Transport, Protocol):
    """A transport with a work folder that a shell on the device keeps."""

    kept: Kept


def opened(transport: Remote, entry: DeviceEntry) -> Device:
    """A device on a transport that is open."""
    told = transport.kept
    return Device(
        entry.name, identity(entry.name, told.machine, told.cpuinfo), transport,
        (entry.python or "python3", *ISOLATED), machine=told.machine,
    )  # fmt: skip


def identity(name: str, machine: str, cpuinfo: str) -> str:
    """What a device's measurements are filed under, from what ``uname -m`` and /proc/cpuinfo say there."""
    return f"{name}/{_plain(machine) or 'unknown'}/{_plain(_cpu(cpuinfo)) or 'unknown'}"


def _cpu(cpuinfo: str) -> str:
    """The processor's own name; where Linux does not tell it, as on most ARM, implementer and part number."""
    facts: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        facts.setdefault(key.strip(), value.strip())
    named = next((facts[key] for key in ("model name", "Model", "Hardware") if facts.get(key)), "")
    part = "/".join(facts[key] for key in ("CPU implementer", "CPU part") if facts.get(key))
    return " ".join(word for word in (named, part) if word)


def _plain(text: str) -> str:
    """Printable ASCII of a bounded length: a device may say anything."""
    return re.sub(r"[^\x20-\x7e]|/", lambda found: "-" if found[0] == "/" else "", text).strip()[:80]
