"""Every case of the corpus: its exit code, its words, no traceback, and nothing half-written left behind."""

from __future__ import annotations

import importlib
import json
import tempfile
from pathlib import Path

import pytest
from corpus_case import Case
from corpus_place import Place, contents

from edgebuild.cli.main import main

CASES: list[Case] = [
    case
    for file in sorted(Path(__file__).parent.glob("cases_*.py"))
    for case in importlib.import_module(file.stem).CASES.found
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input(case: Case, place: Place, capfd: pytest.CaptureFixture[str], corpus_cache: Path) -> None:
    scratch = place.root / "scratch"
    scratch.mkdir()
    case.prepare(place)
    argv = [*case.argv(place), "--json"]
    before = contents(place.root)
    capfd.readouterr()
    with pytest.MonkeyPatch.context() as patch:  # for main alone: pytest needs temporary files too
        patch.setattr(tempfile, "tempdir", str(scratch))
        patch.setenv("TMPDIR", str(scratch))
        code = main(argv)
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err
    assert code == case.exit_code, err
    assert json.loads(out)["exit_code"] == code  # one document, and nothing else on stdout
    for word in case.words:
        assert word in err or json.dumps(word, ensure_ascii=False)[1:-1] in out
    assert contents(place.root) == before, "something was written, changed or left behind"


def test_names_are_unique_and_there_are_enough() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert len(names) >= 60
