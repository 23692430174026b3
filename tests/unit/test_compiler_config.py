"""A compiler's own configuration file, beside the target's."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebuild.core.errors import ConfigError, ConfigErrors
from edgebuild.core.target import CONFIG
from edgebuild.placing import compile_for
from edgebuild.store.catalog import find_target, shipped
from edgebuild.store.toml import load_target

OWN = "[System_Config.My_Board]\ninherit=System_Config.Ethos_U55_High_End_Embedded\ncore_clock=250e6\n"


def target_file(folder: Path, config: str, base: str = "ethos-u55-128") -> Path:
    """A copy of a shipped target whose compiler is given a file."""
    text = (shipped("targets") / f"{base}.toml").read_text(encoding="utf-8")
    file = folder / "targets" / "my-board.toml"
    file.parent.mkdir(exist_ok=True)
    changed = text.replace(f'name = "{base}"\n', 'name = "my-board"\n', 1)
    file.write_text(changed.replace("[compiler]\n", f"[compiler]\nconfig = {config!r}\n"), encoding="utf-8")
    return file


def test_its_text_is_read_with_the_target(tmp_path: Path) -> None:
    file = target_file(tmp_path, "vela/own.ini")
    (file.parent / "vela").mkdir()
    (file.parent / "vela" / "own.ini").write_text(OWN, encoding="utf-8")
    target = find_target("my-board", tmp_path)
    assert target.compiler is not None
    assert target.compiler.options[CONFIG] == OWN
    (file.parent / "vela" / "own.ini").write_text(OWN + "; another\n", encoding="utf-8")
    assert find_target("my-board", tmp_path) != target, "what is in it is part of every key that the target is in"


@pytest.mark.parametrize("config", ["../own.ini", "/etc/hostname", "link.ini", "own\\u0000.ini"])
def test_no_way_leads_out_of_the_folder(config: str, tmp_path: Path) -> None:
    (tmp_path / "own.ini").write_text(OWN, encoding="utf-8")
    file = target_file(tmp_path, "x.ini")
    (file.parent / "link.ini").symlink_to(tmp_path / "own.ini")
    file.write_text(file.read_text(encoding="utf-8").replace("'x.ini'", f'"{config}"'), encoding="utf-8")
    with pytest.raises(ConfigError, match="leads out of the folder"):
        load_target(file)


@pytest.mark.parametrize(
    ("data", "message"), [(None, "no such file"), (b"\xff\xfe", "not UTF-8"), (b";" * 70_000, "too large")]
)
def test_a_file_that_can_not_be_one(data: bytes | None, message: str, tmp_path: Path) -> None:
    file = target_file(tmp_path, "own.ini")
    if data is not None:
        (file.parent / "own.ini").write_bytes(data)
    with pytest.raises(ConfigError, match=message):
        load_target(file)


def test_it_is_named_under_compiler_and_not_as_an_option(tmp_path: Path) -> None:
    file = target_file(tmp_path, "own.ini")
    text = file.read_text(encoding="utf-8").replace("[compiler.options]\n", '[compiler.options]\nconfig = "own.ini"\n')
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigErrors, match=r"named under \[compiler\]"):
        load_target(file)


def test_a_compiler_without_one_says_so(tmp_path: Path) -> None:
    from edgebuild.backends import find_backend

    file = target_file(tmp_path, "own.ini", base="cortex-m55")
    (file.parent / "own.ini").write_text(OWN, encoding="utf-8")
    with pytest.raises(ConfigError, match="tflite-micro takes no configuration file"):
        compile_for(load_target(file), find_backend("litert"), {})
