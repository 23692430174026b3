"""What wheels a device takes, told by its own Python and validated here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from edgebuild.core.base import Frozen
from edgebuild.core.errors import DeviceError
from edgebuild.devices.base import Device
from edgebuild.devices.onboarding import run_onboard

OLDEST = (3, 9)
_OLDEST_MANYLINUX = {"x86_64": 5, "aarch64": 17, "armv7l": 17}
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_PATH = r"^/[^\x00-\x1f]*$"


class PythonFacts(Frozen):
    """The interpreter of a device.

    Attributes:
        architecture: what its programs are built for: a 32-bit system on a 64-bit kernel is armv7l.
        glibc: the minor version of its C library, 2.x.
        base: the interpreter's path. folder: where edgebuild may write. free: bytes free there.
    """

    architecture: Literal["aarch64", "armv7l", "x86_64"]
    glibc: Annotated[int, Field(ge=5, le=99)]
    python: Annotated[str, Field(pattern=r"^3\.[0-9]{1,2}\.[0-9]{1,3}$")]
    base: Annotated[str, Field(pattern=_PATH, max_length=500)]
    folder: Annotated[str, Field(pattern=_PATH, max_length=500)]
    free: Annotated[int, Field(ge=0)]

    @property
    def minor(self) -> str:
        """Such as 3.11."""
        return self.python.rpartition(".")[0]

    @property
    def abis(self) -> tuple[str, ...]:
        """Such as cp311."""
        return ("cp" + self.minor.replace(".", ""),)

    @property
    def platforms(self) -> tuple[str, ...]:
        """Every wheel tag that it takes, the newest C library first: with an older one pip would pick older wheels."""
        tags: list[str] = []
        for version in range(self.glibc, _OLDEST_MANYLINUX[self.architecture] - 1, -1):
            tags.append(f"manylinux_2_{version}_{self.architecture}")
            if version in _LEGACY:
                tags.append(f"{_LEGACY[version]}_{self.architecture}")
        return tuple(tags)

    @property
    def markers(self) -> dict[str, str]:
        """The values of environment markers there (PEP 508)."""
        return {
            "implementation_name": "cpython", "implementation_version": self.python, "os_name": "posix",
            "platform_machine": self.architecture, "platform_python_implementation": "CPython",
            "platform_release": "", "platform_system": "Linux", "platform_version": "", "sys_platform": "linux",
            "python_full_version": self.python, "python_version": self.minor,
        }  # fmt: skip

    @property
    def described(self) -> str:
        """For messages."""
        return f"{self.architecture}, Python {self.minor}, glibc 2.{self.glibc}"


def ask_facts(device: Device, folder: str, environment: str = "") -> tuple[PythonFacts, str]:
    """Ask a device's own Python, and how an environment there is: see ``Place.state``.

    Args:
        folder: where environments are to be; ``~`` is the home folder there.
        environment: its folder there; "" asks about none.

    Raises:
        DeviceError: it can't be asked, or runtimes have no wheels for what it is.
    """
    named = [environment] if environment else []
    done = run_onboard(device, "facts", [folder, *named], timeout_s=60, beside=("environments",) if named else ())
    if done.code:
        raise DeviceError(
            device.name, f"no Python answers there: {(done.stderr or done.stdout).strip()[-300:]}",
            expected=f"python3, version {OLDEST[0]}.{OLDEST[1]} or later",
            fix="install python3 on the device, or name its interpreter with --python",
        )  # fmt: skip
    return read_facts(device.name, done.stdout), _told(done.stdout).get("state", "")


def read_facts(device: str, text: str) -> PythonFacts:
    """The facts in what the program on the device printed.

    Raises:
        DeviceError: they are none, or no runtime has wheels for them.
    """
    told = _told(text)
    _refuse_unfit(device, told)
    thirty_two = told.get("bits") == "32" and told.get("machine") in ("aarch64", "armv7l", "armv8l")
    try:
        return PythonFacts.model_validate_strings(
            {
                "architecture": "armv7l" if thirty_two else told.get("machine"),
                "glibc": told.get("libc_version", "").removeprefix("2."),
                **{key: told.get(key) for key in ("python", "base", "folder", "free")},
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DeviceError(
            device, f"what it says of its Python can't be used: {where}: {first['msg']:.100}",
            expected="an aarch64, armv7l or x86_64 Linux with glibc",
        ) from error  # fmt: skip


def _told(text: str) -> dict[str, str]:
    """The lines KEY=VALUE of a device's answer; only so much of it is looked at."""
    return dict(re.findall(r"^([a-z_]+)=([^\n]{0,1000})$", text[:20_000], re.MULTILINE))


def _refuse_unfit(device: str, told: dict[str, str]) -> None:
    if told.get("machine") not in ("aarch64", "armv7l", "armv8l", "x86_64"):
        raise DeviceError(
            device, f"wrong architecture: {told.get('machine', 'none told')!r}", expected="aarch64, armv7l or x86_64"
        )
    if told.get("implementation") != "cpython":
        raise DeviceError(device, f"its Python is {told.get('implementation')!r}", expected="CPython")
    if told.get("libc") != "glibc":
        raise DeviceError(
            device, f"its C library is {told.get('libc')!r}", expected="glibc: runtimes publish no wheels for others",
            fix="use a system with glibc; on a phone, name the vendor's benchmark program with devices add --native",
        )  # fmt: skip
    version = re.match(r"3\.(\d+)\.", told.get("python", ""))
    if version is None or (3, int(version[1])) < OLDEST:
        raise DeviceError(
            device, f"its Python is {told.get('python')}", expected=f"Python {OLDEST[0]}.{OLDEST[1]} or later",
            fix="install a newer one there and name it with --python",
        )  # fmt: skip
    if told.get("missing"):
        raise DeviceError(
            device, f"its Python lacks {told['missing']}", expected="a whole standard library",
            fix="install python3 there, not python3-minimal alone",
        )  # fmt: skip


def default_folder(transport: str) -> str:
    """Where edgebuild writes on a device whose entry names no folder."""
    return str(Path("/data/local/tmp/edgebuild")) if transport == "adb" else "~/.edgebuild"
