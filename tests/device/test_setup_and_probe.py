"""Setting a board up without a network of its own, twice, and probing it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from waiting import eventually

from edgebuild.cli.main import main
from edgebuild.core.device import DeviceEntry
from edgebuild.core.errors import DeviceError
from edgebuild.devices.board.disk import own_folder
from edgebuild.devices.board.image import boards_folder
from edgebuild.devices.board.up import board_up, bring_up
from edgebuild.devices.opening import open_entry
from edgebuild.provisioning import set_up, take_away
from edgebuild.store.devices import device_names, find_device, save_device

pytestmark = pytest.mark.device
Add = Callable[..., DeviceEntry]


@pytest.mark.parametrize(("transport", "runtime"), [("ssh", "litert"), ("adb", "tflite-runtime")])
def test_setup_twice_probe_and_remove(
    add: Add, home: Path, transport: str, runtime: str,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("edgebuild.probing.EMULATED_PAIRS", 1)  # that there is a figure is asked, not which
    add("pi", memory_mib=512, transport=transport)
    first = set_up("pi", [runtime])
    assert first.changed
    assert first.python.endswith(f"/environments/{first.lock.digest[:16]}/bin/python")
    package = {"litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}[runtime]
    assert {wheel.name for wheel in first.lock.wheels} >= {package, "numpy"}

    bring_up(find_device("pi"))
    before = _listing("pi")
    assert first.lock.digest[:16] in before
    if transport == "ssh":  # what is there already is decided by the same code over adb
        second = set_up("pi", [runtime])
        assert (second.changed, second.python) == (False, first.python)
        with pytest.raises(DeviceError, match="wrong architecture"):
            _on_another_target()
        assert _listing("pi") == before, "nothing was changed"
        with pytest.raises(DeviceError, match="devices down"):
            set_up("pi", ["onnxruntime"])

    assert main(["devices", "probe", "pi", "--write", "--project", str(home), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["result"]
    assert found["hardware"]["clusters"] == ["1x Cortex-A76"]
    assert found["hardware"]["isa"] == "aarch64"
    assert "asimddp" in found["hardware"]["features"]
    (floor,) = found["floors"]
    assert (floor["runtime"], floor["wrong"]) == ("litert", "")
    assert 10 * 2**20 < floor["memory"] < 200 * 2**20
    assert main(["targets", "check", found["file"]]) == 0
    generic = {"ssh": "arm64-generic", "adb": "android-arm64-cpu"}[transport]
    assert found["target"] == generic, "one core is no Raspberry Pi 5"

    assert main(["devices", "down", "pi"]) == 0
    assert board_up("pi") is None
    eventually(lambda: not list((boards_folder() / "boots").glob("pi-*")), "its boot leaves nothing")
    assert take_away("pi")
    assert device_names() == ()
    assert not own_folder("pi").exists()


def _on_another_target() -> None:
    entry = find_device("pi")
    save_device(entry.model_copy(update={"target": "intel-n100"}))
    try:
        set_up("pi")
    finally:
        save_device(entry)


def _listing(name: str) -> str:
    """Every file under edgebuild's folder there, but byte code."""
    device = open_entry(find_device(name))
    try:
        where = "cd ~/.edgebuild 2>/dev/null || cd /data/local/tmp/edgebuild"
        files = "find . -path '*__pycache__*' -prune -o -type f -printf '%p %s %T@\\n' | sort | tail -n 400"
        script = f"{where}; {files}; ls environments"
        done = device.transport.run(["sh", "-c", script], timeout_s=120)
    finally:
        device.close()
    assert done.code == 0, done.stderr
    return done.stdout
