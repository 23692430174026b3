"""Reading TOML: every wrong field at once, each with its place, its line and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebuild.core.errors import ConfigError, ConfigErrors
from edgebuild.store.toml import MAX_BYTES, load_project, load_target
from edgebuild.store.toml_lines import field_lines, line_of

GOOD = """\
name = "digits"
[model]
source = "model.py:make"
[model.inputs.image]
shape = [1, 1, 8, 8]
pre = [
  { op = "normalize", mean = [0.5] },
]
[build]
targets = ["host-litert"]
[budgets]
latency_p50 = "12 ms"
"""


def project(folder: Path, text: str) -> Path:
    file = folder / "edgebuild.toml"
    file.write_text(text, encoding="utf-8")
    return file


def problems(folder: Path, text: str) -> dict[str, ConfigError]:
    with pytest.raises(ConfigErrors) as caught:
        load_project(project(folder, text))
    return {problem.subject: problem for problem in caught.value.problems}


def test_folder_and_file_are_the_same(tmp_path: Path) -> None:
    file = project(tmp_path, GOOD)
    assert load_project(tmp_path) == load_project(file)
    loaded, root = load_project(tmp_path)
    assert (loaded.name, root) == ("digits", tmp_path)


def test_all_problems_at_once_with_lines(tmp_path: Path) -> None:
    text = GOOD.replace("source =", "sorce =").replace("[1, 1, 8, 8]", "[1, 0]").replace("12 ms", "12 parsecs")
    found = problems(tmp_path, text + 'acuracy_drop = "1 pt"\n')
    assert set(found) == {
        "edgebuild.toml:2: model.source",
        "edgebuild.toml:3: model.sorce",
        "edgebuild.toml:5: model.inputs.image.shape[1]",
        "edgebuild.toml:12: budgets.latency_p50",
        "edgebuild.toml:13: budgets.acuracy_drop",
    }
    assert found["edgebuild.toml:3: model.sorce"].fix == "did you mean 'source'?"
    assert found["edgebuild.toml:2: model.source"].found == "is missing"
    assert found["edgebuild.toml:13: budgets.acuracy_drop"].fix == "did you mean 'accuracy_drop'?"
    assert "parsecs" in found["edgebuild.toml:12: budgets.latency_p50"].found


def test_choice_in_an_inline_table(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD.replace('"normalize"', '"normalise"')).values()
    assert problem.subject.startswith("edgebuild.toml:6: model.inputs.image.pre[0]")
    assert "normalise" in problem.message
    assert "normalize" in problem.message


def test_budgets_of_a_stranger(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, GOOD + '[budgets.host-liter]\nmodel_size = "1 MiB"\n').values()
    assert problem.subject == "edgebuild.toml:13: budgets.host-liter"
    assert problem.fix == "did you mean 'host-litert'?"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"name = \xff\n", "not UTF-8: byte 0xff on line 1"),
        (b"name = \n", "line 1"),
        (b"a = 1\na = 2\n", "not valid TOML"),
        (b"a = " + b"[" * 5000, "not valid TOML"),
        (b"#" * (MAX_BYTES + 1), "too large"),
    ],
)
def test_pathological_files(tmp_path: Path, data: bytes, words: str) -> None:
    file = tmp_path / "edgebuild.toml"
    file.write_bytes(data)
    with pytest.raises(ConfigError, match=words):
        load_project(tmp_path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"edgebuild\.toml"):
        load_project(tmp_path)


def test_target_without_a_source_and_with_another_name(tmp_path: Path) -> None:
    head = 'schema = 1\nname = "b"\ntitle = "b"\nfamily = "host"\nruntime = "litert"\ntransport = "local"\n'
    (tmp_path / "b.toml").write_text(head + "[hardware]\ncores = 4\n")
    with pytest.raises(ConfigErrors, match=r"no source for hardware\.cores"):
        load_target(tmp_path / "b.toml")
    (tmp_path / "a.toml").write_text(head)
    with pytest.raises(ConfigError, match=r"rename the file to b\.toml"):
        load_target(tmp_path / "a.toml")


def test_lines_of_arrays_of_tables_and_long_values() -> None:
    text = '[[q.s]]\na = 1\n[[q.s]]\na = """\nb = 2\n"""\nc.d = 3\n'
    lines = field_lines(text)
    assert lines[("q", "s", 1, "a")] == 4
    assert ("q", "s", 1, "b") not in lines
    assert line_of(("q", "s", 1, "c", "d"), lines) == 7
    assert line_of(("q", "s", 0, "z"), lines) == 1
    assert line_of(("none",), lines) is None
