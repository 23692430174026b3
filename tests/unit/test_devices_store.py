"""The user's devices on disk, and the commands that list, add and remove them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from edgebuild.cli.main import main
from edgebuild.core.device import DeviceEntry, Virtual
from edgebuild.core.errors import ConfigError, ConfigErrors
from edgebuild.devices.lock import hold
from edgebuild.store.devices import device_names, find_device, forget_device, new_device, save_device


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEBUILD_DEVICES", str(tmp_path / "devices"))
    monkeypatch.setenv("EDGEBUILD_LOCKS", str(tmp_path / "locks"))
    return tmp_path / "devices"


ENTRIES = [
    DeviceEntry(name="pi", target="raspberry-pi-5", transport="ssh", address="pi@[fe80::1%eth0]:22", python="/o p/x"),
    DeviceEntry(name="phone.1", transport="adb", address="R58M-1:5555", folder='/data/"x"\\ é', native="/data/bench"),
    DeviceEntry(name="board", transport="ssh", virtual=Virtual(cpu="cortex-a76", memory_mib=256)),
]  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_an_entry_comes_back_as_it_was(home: Path, entry: DeviceEntry) -> None:
    file = save_device(entry)
    assert file == home / f"{entry.name}.toml"
    assert tomllib.loads(file.read_text(encoding="utf-8"))["schema"] == 1
    assert find_device(entry.name) == entry
    assert device_names() == (entry.name,)
    forget_device(entry.name)
    assert (device_names(), list(home.iterdir())) == ((), [])


def test_an_unknown_device_names_those_there_are() -> None:
    save_device(ENTRIES[0])
    with pytest.raises(ConfigError, match="no device 'pii'") as raised:
        find_device("pii")
    assert (raised.value.expected, raised.value.fix) == ("local, pi", "did you mean 'pi'?")
    with pytest.raises(ConfigError, match="no device"):
        forget_device("../pi")


HOSTILE = """\
schema = 1
name = "pi"
transport = "../ssh"
address = "pi -oProxyCommand=touch${IFS}x"
folder = "relative"
native = "/a\\nb"
python = ""
color = "red"
[virtual]
cpu = "max,sme=off"
memory_mib = 1
"""


def test_every_fault_of_a_hostile_file_is_said(home: Path) -> None:
    home.mkdir()
    (home / "pi.toml").write_text(HOSTILE, encoding="utf-8")
    with pytest.raises(ConfigErrors) as raised:
        find_device("pi")
    said = raised.value.message
    for field in ("transport", "address", "folder", "native", "python", "color", "virtual.cpu", "virtual.memory_mib"):
        assert f": {field}: " in said, said
    assert len(raised.value.problems) == 8


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "local", "transport": "ssh", "address": "x"}, "is this machine"),
        ({"name": "pi", "transport": "ssh"}, "no address"),
        ({"name": "pi", "transport": "ssh", "address": "-oProxyCommand=x"}, "address"),
        ({"name": "pi", "transport": "ssh", "address": "x", "virtual": {"cpu": "cortex-a76"}}, "when it boots"),
        ({"name": "../pi", "transport": "ssh", "address": "x"}, "name"),
    ],
)
def test_a_bad_entry_is_refused(values: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigErrors) as raised:
        new_device(values)
    assert words in raised.value.message


def test_a_file_must_have_its_devices_name(home: Path) -> None:
    (save_device(ENTRIES[0])).rename(home / "other.toml")
    with pytest.raises(ConfigError, match="is 'pi'"):
        find_device("other")


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    document: dict[str, object] = json.loads(capsys.readouterr().out)
    return document


def test_add_list_remove(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "list"]) == 0
    assert capsys.readouterr().out == "no device is there yet\n"
    assert (
        main(["devices", "add", "pi", "--ssh", "me@pi", "-t", "raspberry-pi-5", "--python", "/v/bin/python", "--json"])
        == 0
    )
    added = answer(capsys)["result"]
    assert added == {
        "file": str(home / "pi.toml"),
        "device": {
            "schema": 1, "name": "pi", "target": "raspberry-pi-5", "transport": "ssh", "address": "me@pi",
            "python": "/v/bin/python",
        },
    }  # fmt: skip
    assert main(["devices", "add", "phone", "--adb", "R58M", "--native", "/data/bench", "--folder", "/data/x"]) == 0
    let_go = hold("phone")
    capsys.readouterr()
    assert main(["devices", "list", "--json"]) == 0
    let_go()
    rows = [
        {"name": "phone", "target": None, "transport": "adb", "address": "R58M", "busy": True},
        {"name": "pi", "target": "raspberry-pi-5", "transport": "ssh", "address": "me@pi", "busy": False},
    ]
    assert answer(capsys)["result"] == {"devices": rows}
    assert main(["devices", "list"]) == 0
    assert "phone  any target" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--ssh"),
        (["--ssh", "a", "--adb", "b"], "more than one way"),
        (["--ssh", "a b"], "address"),
        (["--ssh", "a", "-t", "no-such-target"], "no-such-target"),
        (["--ssh", "a", "--folder", "b"], "folder"),
    ],
)
def test_what_can_not_be_added(options: list[str], words: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "add", "pi", *options, "--json"]) == 2
    assert words in json.dumps(answer(capsys)["error"])
    assert not home.exists()


def test_a_name_is_taken_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "add", "pi", "--ssh", "a"]) == 0
    assert main(["devices", "add", "pi", "--ssh", "b"]) == 2
    assert "is there already" in capsys.readouterr().err
    assert find_device("pi").address == "a"


def test_a_broken_file_does_not_hide_the_others(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_device(ENTRIES[0])
    (home / "bad.toml").write_text("name = 3", encoding="utf-8")
    assert main(["devices", "list", "--json"]) == 2
    document = answer(capsys)
    assert [row["name"] for row in document["result"]["devices"]] == ["pi"]  # type: ignore[index]
    assert [each["subject"] for each in document["outcomes"]] == ["bad"]  # type: ignore[attr-defined]


def test_removing_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "remove", "pi"]) == 2
    assert "there is no device 'pi'" in capsys.readouterr().err


def test_the_extra_is_named_when_its_library_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    from edgebuild.core.extras import not_installed
    from edgebuild.devices.opening import open_entry

    for library, entry in (("asyncssh", ENTRIES[0]), ("adbutils", ENTRIES[1])):
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(ModuleNotFoundError) as raised:
            open_entry(entry)
        error = not_installed(raised.value)
        assert error is not None
        assert (error.exit_code, error.fix) == (2, 'pip install "edgebuild[devices]"')
