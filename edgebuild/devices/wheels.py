"""Wheels for a device, resolved by pip on this machine and pinned by their digests."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from edgebuild.core.base import Frozen
from edgebuild.core.digest import Digest, digest_bytes, digest_json
from edgebuild.core.errors import ConfigError, DeviceError
from edgebuild.devices.facts import PythonFacts
from edgebuild.store.cache import Cache, default_cache
from edgebuild.store.devices import devices_home
from edgebuild.store.files import read_bytes, write_atomic

PINNED: dict[str, tuple[str, ...]] = {
    "onnxruntime": ("onnxruntime==1.32.0",),
    "litert": ("ai-edge-litert==2.3.0",),
    "tflite-runtime": ("tflite-runtime==2.14.0", "numpy<2"),
    "openvino": ("openvino==2026.4.1",),
}
"""What each runtime is on a device: the versions that this edgebuild was tested with."""

_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
_PIP_SECONDS = 1800
_ROUNDS = 3
_LINK_WORDS = ("NewConnectionError", "Temporary failure in name resolution", "ConnectTimeoutError", "ReadTimeoutError")
_MARKERS = """
import json, pathlib, sys, zipfile
from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.utils import canonicalize_name, parse_wheel_filename
files = sorted(pathlib.Path(sys.argv[1]).glob("*.whl"))
there = {parse_wheel_filename(file.name)[0] for file in files}
environment = {**json.loads(sys.argv[2]), "extra": ""}
for file in files:
    with zipfile.ZipFile(file) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA") and n.count("/") == 1)
        lines = archive.read(name).decode("utf-8", "replace").split("\\n\\n", 1)[0].splitlines()
    for line in lines:
        if line.startswith("Requires-Dist:"):
            wanted = Requirement(line.partition(":")[2].strip())
            if wanted.marker and wanted.marker.evaluate(environment) and canonicalize_name(wanted.name) not in there:
                print(f"{wanted.name}{wanted.specifier}")
"""
"""pip judges markers such as ``python_version < "3.10"`` by its own interpreter; this judges them by the device's."""


class Wheel(Frozen):
    """One pinned wheel."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.]+$")]
    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.!+]+$")]
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.!+-]+\.whl$")]
    sha256: Digest


class Lock(Frozen):
    """What an environment is made of; its digest is the environment's name.

    Attributes:
        python: the device's version of Python, without its patch number.
        platform: the architecture and its newest C library, as wheels' tags name them.
    """

    python: str
    platform: str
    requirements: tuple[str, ...]
    wheels: tuple[Wheel, ...]

    @property
    def digest(self) -> Digest:
        """The identity of an environment made from it."""
        return digest_json(self)

    def version_of(self, package: str) -> str:
        """The pinned version of a package; empty if it has none."""
        plain = package.replace("-", "_").lower()
        return next((w.version for w in self.wheels if w.name.replace("-", "_").lower() == plain), "")


def requirements_of(runtimes: Sequence[str]) -> tuple[str, ...]:
    """What pip is asked for; a runtime may be given as NAME==VERSION, in another version than the tested one.

    Raises:
        ConfigError: for a runtime that no wheel is known of, or two that can't share an environment.
    """
    names = [runtime.partition("==")[0] for runtime in runtimes]
    unknown = [name for name in names if name not in PINNED]
    if unknown:
        raise ConfigError("--runtime", f"no wheels are known of {unknown[0]!r}", expected=", ".join(PINNED))
    if {"litert", "tflite-runtime"} <= set(names):
        raise ConfigError(
            "--runtime", "litert and tflite-runtime can't share an environment", expected="one of them",
            fix="add the same device under a second name for the other",
        )  # fmt: skip
    return tuple(dict.fromkeys(text for runtime in runtimes for text in _requirements(runtime)))


def resolve(facts: PythonFacts, runtimes: Sequence[str], *, anew: bool = False) -> Lock:
    """The wheels that a device's runtimes need, the same as last time unless ``anew``.

    Raises:
        DeviceError: there is none for this device, or no index can be reached. ConfigError: as ``requirements_of``.
    """
    wanted = requirements_of(runtimes)
    key = digest_json([facts.minor, facts.platforms[0], list(facts.abis), list(wanted)])
    place = devices_home() / "locks" / f"{facts.architecture}-{facts.abis[0]}-{key[:16]}.json"
    if place.is_file() and not anew:
        return _read(place)
    with tempfile.TemporaryDirectory(prefix="edgebuild-") as folder:
        _download_all(facts, wanted, Path(folder))
        wheels = tuple(_wheel(file) for file in sorted(Path(folder).glob("*.whl")))
        lock = Lock(python=facts.minor, platform=facts.platforms[0], requirements=wanted, wheels=wheels)
        _keep(lock, Path(folder), default_cache())
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(place, json.dumps(lock.model_dump(mode="json"), indent=1).encode() + b"\n")
    return lock


def wheelhouse(lock: Lock, facts: PythonFacts) -> dict[str, Path]:
    """Every wheel of a lock by its file name: from the cache, or fetched again and checked.

    Raises:
        DeviceError: it can't be had any more, or it is not what was pinned.
    """
    cache = default_cache()

    def fetch(folder: Path) -> None:
        pins = [f"{wheel.name}=={wheel.version} --hash=sha256:{wheel.sha256}" for wheel in lock.wheels]
        file = folder / "pins.txt"
        file.write_text("\n".join(pins) + "\n", encoding="utf-8")
        _pip_download(facts, folder, ["--no-deps", "--require-hashes", "-r", str(file)], lock.requirements)
        file.unlink()

    entry = cache.produce(lock.digest, "wheelhouse", fetch)
    for wheel in lock.wheels:
        if digest_bytes(entry.read(wheel.file)) != wheel.sha256:
            raise DeviceError(wheel.file, "is not the wheel that was pinned", fix="devices setup --upgrade pins anew")
    return {wheel.file: entry.file(wheel.file) for wheel in lock.wheels}


def _keep(lock: Lock, folder: Path, cache: Cache) -> None:
    def copy(into: Path) -> None:
        for wheel in lock.wheels:
            (into / wheel.file).write_bytes((folder / wheel.file).read_bytes())

    cache.produce(lock.digest, "wheelhouse", copy)


def _requirements(runtime: str) -> tuple[str, ...]:
    name, _, version = runtime.partition("==")
    first, *rest = PINNED[name]
    return (f"{first.partition('==')[0]}=={version}" if version else first, *rest)


def _download_all(facts: PythonFacts, wanted: Sequence[str], folder: Path) -> None:
    """Download, and again with what the device's own markers add, until nothing is missing."""
    asked = list(wanted)
    for _ in range(_ROUNDS):
        _pip_download(facts, folder, asked, wanted)
        missing = _missing(facts, folder)
        if not missing:
            return
        asked = [*asked, *missing]
    raise DeviceError("wheels", f"still missing after {_ROUNDS} rounds: {', '.join(missing)}")


def _pip_download(facts: PythonFacts, folder: Path, what: Sequence[str], wanted: Sequence[str]) -> None:
    tags = [part for platform in facts.platforms for part in ("--platform", platform)]
    tags += [part for abi in (*facts.abis, "abi3", "none") for part in ("--abi", abi)]
    argv = [
        *_PIP, "download", "--quiet", "--dest", str(folder), "--only-binary=:all:", "--implementation", "cp",
        "--python-version", facts.minor, *tags, *what,
    ]  # fmt: skip
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_PIP_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise DeviceError("package index", f"no answer in {_PIP_SECONDS} s", transient=True) from error
    if done.returncode:
        _refuse(facts, done.stderr, wanted)


def _refuse(facts: PythonFacts, said: str, wanted: Sequence[str]) -> None:
    if "No module named pip" in said:
        raise ConfigError("pip", "this Python has none", fix=f"{sys.executable} -m ensurepip")
    if any(word in said for word in _LINK_WORDS):
        raise DeviceError("package index", "can't be reached", fix="check this machine's network", transient=True)
    errors = [re.sub(r" \(from versions:.*", "", line[7:]) for line in said.splitlines() if line.startswith("ERROR: ")]
    raise DeviceError(
        f"wheels for {facts.described}", f"{', '.join(wanted)} can't be had: {' '.join(errors)[:400] or said[-400:]}",
        expected="a published wheel for this architecture, Python and C library",
        fix="leave that runtime out, give another version (--runtime NAME==VERSION), or update the device's Python",
    )  # fmt: skip


def _missing(facts: PythonFacts, folder: Path) -> list[str]:
    argv = [sys.executable, "-c", _MARKERS, str(folder), json.dumps(facts.markers)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise DeviceError("wheels", f"their requirements can't be read: {done.stderr[-300:]}")
    return sorted(set(done.stdout.split("\n")) - {""})


def _wheel(file: Path) -> Wheel:
    name, version = file.name.split("-")[:2]
    return Wheel(name=name, version=version, file=file.name, sha256=digest_bytes(file.read_bytes()))


def _read(place: Path) -> Lock:
    try:
        return Lock.model_validate_json(read_bytes(place))
    except ValidationError as error:
        raise ConfigError(str(place), "is no lock of wheels", fix="remove it, or devices setup --upgrade") from error
