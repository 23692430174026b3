"""Finding targets and profiles, and the commands that show them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgebuild.cli.main import main
from edgebuild.core.errors import ConfigError
from edgebuild.store.catalog import find_profile, find_target, shipped, target_files, target_names

OWN = 'schema = 1\nname = "{}"\ntitle = "mine"\nfamily = "host"\nruntime = "litert"\ntransport = "local"\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "host-litert.toml").write_text(OWN.format("host-litert"))
    (tmp_path / "targets" / "my-board.toml").write_text(OWN.format("my-board"))
    return tmp_path


def test_own_targets_shadow_the_shipped(root: Path) -> None:
    assert find_target("host-litert").title != "mine"
    assert find_target("host-litert", root).title == "mine"
    assert target_files(root)["host-openvino"].parent == shipped("targets")
    assert set(target_names(root)) == {*target_names(), "my-board"}


def test_unknown_names_say_what_there_is() -> None:
    with pytest.raises(ConfigError, match="did you mean 'raspberry-pi-5'") as caught:
        find_target("rasberry-pi-5")
    assert "host-litert" in caught.value.expected
    with pytest.raises(ConfigError, match="default, encoder, noisy, quick, release"):
        find_profile("../default")


def test_check_names_every_broken_file(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "targets" / "bad.toml").write_text(OWN.format("bad").replace("litert", "litrt") + "colour = 1\n")
    (root / "targets" / "odd.toml").write_text(OWN.format("odd").replace("litert", "litrt"))
    assert main(["targets", "check", str(root / "targets"), "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    broken = {Path(o["subject"]).stem: o["message"] for o in document["outcomes"] if o["exit_code"]}
    assert set(broken) == {"bad", "odd"}
    assert "colour" in broken["bad"]
    assert "litert, onnxruntime, openvino" in broken["odd"]


def test_list_and_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["targets", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["result"]["targets"]}
    assert rows["raspberry-pi-5"]["runs"] == "needs its device"
    assert rows["host-litert"]["runs"] != "needs its device"
    assert main(["targets", "show", "raspberry-pi-5"]) == 0
    assert "BCM2712" in capsys.readouterr().out
    assert main(["targets", "show", "nope"]) == 2
    assert main(["profiles", "show", "quick", "--json"]) == 0
    assert main(["profiles", "list"]) == 0
