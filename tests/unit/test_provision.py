from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from edgebuild import provisioning
from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import ConfigError, DeviceError
from edgebuild.devices import wheels
from edgebuild.devices.facts import PythonFacts, read_facts
from edgebuild.devices.wheels import PINNED, Lock, Wheel, requirements_of
from edgebuild.provisioning import runtimes_for
from edgebuild.store.devices import device_names, find_device, save_device
from tests.unit.report_samples import bundle_in

ROOT = Path(__file__).resolve().parents[2]
ONBOARD = ROOT / "edgebuild/devices/onboard"
TOLD = {
    "machine": "aarch64", "bits": "64", "libc": "glibc", "libc_version": "2.36", "implementation": "cpython",
    "python": "3.11.2", "abi": "cpython-311-aarch64-linux-gnu", "base": "/usr/bin/python3.11",
    "folder": "/root/.edgebuild", "free": "900000000", "missing": "",
}  # fmt: skip
"""Made, as a Debian 12 board tells it."""


def told(**other: str) -> str:
    return "".join(f"{key}={value}\n" for key, value in {**TOLD, **other}.items())


def test_facts_become_every_tag_up_to_the_devices_libc() -> None:
    facts = read_facts("d", told())
    assert (facts.minor, facts.abis, facts.architecture) == ("3.11", ("cp311",), "aarch64")
    assert facts.platforms[:2] == ("manylinux_2_36_aarch64", "manylinux_2_35_aarch64")
    assert facts.platforms[-2:] == ("manylinux_2_17_aarch64", "manylinux2014_aarch64")
    assert read_facts("d", told(bits="32")).architecture == "armv7l", "a 32-bit system on a 64-bit kernel"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"machine": "riscv64"}, "wrong architecture: 'riscv64'"),
        ({"python": "3.7.3"}, "its Python is 3.7.3"),
        ({"python": "2.7.18"}, "its Python is 2.7.18"),
        ({"libc": "musl"}, "C library is 'musl'"),
        ({"implementation": "pypy"}, "pypy"),
        ({"missing": "ctypes,json"}, "lacks ctypes,json"),
        ({"base": "python3; rm -rf /"}, "can't be used: base"),
        ({"folder": "relative"}, "can't be used: folder"),
        ({"free": "much"}, "can't be used: free"),
        ({"libc_version": "2.36; x"}, "can't be used: glibc"),
    ],
)
def test_unfit_or_hostile_facts_are_the_devices_fault(other: dict[str, str], words: str) -> None:
    with pytest.raises(DeviceError, match=words.replace("(", r"\(")):
        read_facts("d", told(**other))
    with pytest.raises(DeviceError):
        read_facts("d", "\0garbage" * 100_000)


def test_the_pins_are_the_versions_tested_with() -> None:
    tested = set((ROOT / "constraints.txt").read_text(encoding="utf-8").split())
    for runtime in ("onnxruntime", "litert", "openvino"):
        assert set(PINNED[runtime]) <= tested, runtime


def test_a_bundle_brings_the_runtimes_of_all_its_parts(tmp_path: Path) -> None:
    bundle = bundle_in(tmp_path)
    (whole,) = bundle.manifest.parts
    names = {"model": "chain:litert+onnxruntime", "image": "litert", "sound": "onnxruntime"}
    parts = tuple(whole.model_copy(update={"name": name, "runtime": runtime}) for name, runtime in names.items())
    several = dataclasses.replace(bundle, manifest=bundle.manifest.model_copy(update={"parts": parts}))
    assert runtimes_for([several]) == runtimes_for([bundle, several]) == ("onnxruntime", "litert")
    assert runtimes_for([bundle], ["openvino"]) == ("openvino", "onnxruntime")
    given = ["tflite-runtime", "onnxruntime==1.19.2"]
    assert runtimes_for([several], given) == tuple(given), "what runs LiteRT's models there, in which version"
    assert runtimes_for([]) == ()


def test_what_can_not_be_asked_for() -> None:
    assert requirements_of(["onnxruntime==1.19.2"]) == ("onnxruntime==1.19.2",)
    with pytest.raises(ConfigError, match="no wheels are known of 'tensorrt'"):
        requirements_of(["tensorrt"])
    with pytest.raises(ConfigError, match="share an environment"):
        requirements_of(["litert", "tflite-runtime"])


def test_pip_failing_to_find_a_wheel_is_said_with_what_was_asked() -> None:
    facts = PythonFacts.model_validate_strings(
        {"architecture": "armv7l", "glibc": "31", "python": "3.9.2", "base": "/p", "folder": "/f", "free": "1"}
    )
    said = "ERROR: Could not find a version that satisfies the requirement x==1 (from versions: 0.1, 0.2)\n"
    with pytest.raises(DeviceError, match=r"x==1 can't be had: .*requirement x==1\n"):
        wheels._refuse(facts, said, ["x==1"])
    with pytest.raises(DeviceError, match="can't be reached") as caught:
        wheels._refuse(facts, "WARNING: Retrying ... NewConnectionError\nERROR: No matching distribution", ["x==1"])
    assert caught.value.transient


def environments(*arguments: object) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-I", ONBOARD / "environments.py", *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)


def wheel_of(folder: Path, members: dict[str, str]) -> tuple[Path, str]:
    path = folder / "made-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


GOOD = {
    "made/__init__.py": "VALUE = 7\n",
    "made-1.0.data/purelib/beside.py": "",
    "made-1.0.data/scripts/run": "",
    "made-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: made\nVersion: 1.0\n",
}


def test_an_environment_is_whole_under_its_own_name_only(tmp_path: Path) -> None:
    root = tmp_path / "eb/environments"
    wheel, digest = wheel_of(tmp_path, GOOD)
    assert environments("begin", root, "n", sys.executable).returncode == 0
    assert environments("unpack", root, "n", wheel, digest).returncode == 0
    assert not wheel.exists(), "the disk is kept free"
    assert environments("check", root, "n").stdout == "absent\n"
    assert environments("finish", root, "n").returncode == 0
    assert environments("check", root, "n").stdout == "same\n"
    code = "import made, beside, sys; print(made.VALUE, sys.prefix)"
    ran = subprocess.run([root / "n/bin/python", "-I", "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == f"7 {root / 'n'}\n", "byte code may appear now"
    assert environments("check", root, "n").stdout == "same\n"
    next((root / "n").rglob("made/__init__.py")).write_text("VALUE = 70\n")
    assert environments("check", root, "n").stdout.startswith("differs: lib/")
    assert environments("remove", root, "n").returncode == 0
    assert (root / "n").is_dir(), "it was to be kept"
    assert environments("remove", root).returncode == 0
    assert not (tmp_path / "eb").exists()
    assert environments("remove", root).returncode == 0, "nothing there is nothing to do"


@pytest.mark.parametrize("member", ["../outside.py", "/tmp/outside.py", "a/../../../../../outside.py"])
def test_a_wheel_writes_nothing_outside(tmp_path: Path, member: str) -> None:
    root = tmp_path / "environments"
    wheel, digest = wheel_of(tmp_path, {member: "x"})
    environments("begin", root, "n", sys.executable)
    done = environments("unpack", root, "n", wheel, digest)
    assert done.returncode == 1
    assert "outside" in done.stderr
    assert list(root.iterdir()) == [], "what was begun is removed"


def test_a_wheel_damaged_on_the_way_is_refused(tmp_path: Path) -> None:
    wheel, _ = wheel_of(tmp_path, GOOD)
    environments("begin", tmp_path / "e", "n", sys.executable)
    assert "digest differs" in environments("unpack", tmp_path / "e", "n", wheel, "0" * 64).stderr


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DeviceEntry:
    """This machine as a device that was added, with its own folder; no network."""
    monkeypatch.setenv("EDGEBUILD_DEVICES", str(tmp_path / "devices"))
    monkeypatch.setenv("EDGEBUILD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EDGEBUILD_LOCKS", str(tmp_path / "locks"))
    entry = DeviceEntry(name="here", transport="local", python=sys.executable, folder=str(tmp_path / "eb"))
    save_device(entry)
    return entry


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """pip gives one made wheel; returns how often it was asked."""
    asked: list[str] = []

    def download(facts: object, folder: Path, what: object, wanted: object) -> None:
        asked.append("pip")
        wheel_of(folder, GOOD)

    monkeypatch.setattr(wheels, "_pip_download", download)
    monkeypatch.setattr(provisioning, "_test", lambda *_: None)
    return lambda: len(asked)


def test_setting_up_twice_changes_nothing_and_removing_leaves_nothing(
    here: DeviceEntry, offline: Callable[[], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = provisioning.set_up("here")
    assert first.changed
    stamps = {path: path.lstat().st_mtime_ns for path in (tmp_path / "eb").rglob("*")}
    with monkeypatch.context() as patch:
        patch.setattr(provisioning.Place, "state", lambda _: pytest.fail("asked by an interpreter of its own"))
        second = provisioning.set_up("here")
    assert (second.changed, second.lock, second.python) == (False, first.lock, first.python)
    assert {path: path.lstat().st_mtime_ns for path in (tmp_path / "eb").rglob("*")} == stamps
    assert offline() == 1, "the pins are kept"
    saved = tomllib.loads((tmp_path / "devices/here.toml").read_text())
    assert saved["python"] == first.python
    assert find_device("here").base is not None
    assert provisioning.take_away("here")
    assert not (tmp_path / "eb").exists()
    assert device_names() == ()


def test_a_second_name_of_the_same_device_keeps_its_environment(
    here: DeviceEntry, offline: Callable[[], int], tmp_path: Path
) -> None:
    made = provisioning.set_up("here")
    save_device(find_device("here").model_copy(update={"name": "twin"}))
    provisioning.take_away("here")
    assert Path(made.python).exists()
    provisioning.take_away("twin")
    assert not (tmp_path / "eb").exists()


def test_a_failed_self_test_leaves_no_environment_and_the_entry_as_it_was(
    here: DeviceEntry, offline: Callable[[], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise DeviceError("here", "the self-test failed")

    monkeypatch.setattr(provisioning, "_test", fail)
    with pytest.raises(DeviceError, match="self-test"):
        provisioning.set_up("here")
    assert list((tmp_path / "eb").rglob("*.py")) == []
    assert find_device("here") == here


def test_too_small_a_disk_is_said_before_anything_is_written(
    here: DeviceEntry, offline: Callable[[], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = provisioning.ask_facts

    def full(*given: str) -> tuple[PythonFacts, str]:
        facts, state = asked(*given)
        return facts.model_copy(update={"free": 10}), state

    monkeypatch.setattr(provisioning, "ask_facts", full)
    with pytest.raises(DeviceError, match="disk full: 0 MiB are free"):
        provisioning.set_up("here")
    assert not (tmp_path / "eb").exists()


def test_a_device_that_is_gone_is_forgotten_only_when_asked(here: DeviceEntry, offline: Callable[[], int]) -> None:
    provisioning.set_up("here")
    save_device(find_device("here").model_copy(update={"base": "/nowhere/python"}))
    with pytest.raises(DeviceError, match="--forget"):
        provisioning.take_away("here")
    assert device_names() == ("here",)
    assert not provisioning.take_away("here", forget=True)
    assert device_names() == ()


def test_a_device_of_another_architecture_than_its_target_is_refused(
    here: DeviceEntry, offline: Callable[[], int]
) -> None:
    save_device(here.model_copy(update={"target": "raspberry-pi-5"}))
    if read_facts("d", told()).architecture != "aarch64":
        pytest.skip("this machine is one")
    with pytest.raises(DeviceError, match="wrong architecture: it is x86_64"):
        provisioning.set_up("here")


def test_a_locks_digest_is_its_content() -> None:
    wheel = Wheel(name="a", version="1", file="a-1-py3-none-any.whl", sha256="0" * 64)
    lock = Lock(python="3.11", platform="p", requirements=("a==1",), wheels=(wheel,))
    other = lock.model_copy(update={"wheels": (wheel.model_copy(update={"sha256": "1" * 64}),)})
    assert lock.digest == lock.model_copy().digest != other.digest
    assert lock.version_of("A") == "1"
