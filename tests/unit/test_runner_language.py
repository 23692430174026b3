"""The runner's sources are Python 3.9: boards have older interpreters than hosts."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

from edgebuild.devices.ship import RUNNER, STEPS

FILES = sorted((*STEPS, *RUNNER.glob("*.py"), *(RUNNER.parent / "devices/onboard").glob("*.py")))
LATER = {"zip": {"strict"}, "dataclass": {"slots", "kw_only"}, "open": set[str]()}
"""Keywords that Python 3.9 does not take, by the function's name."""


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_sources_parse_as_python_3_9(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    for call in calls:
        assert isinstance(call.func, ast.Name)
        assert not {keyword.arg for keyword in call.keywords} & LATER.get(call.func.id, set()), ast.unparse(call)
    assert any(isinstance(n, ast.ImportFrom) and n.module == "__future__" for n in tree.body) or len(tree.body) == 1


def test_a_real_python_3_9_compiles_it_all() -> None:
    found = sorted(Path.home().glob(".pyenv/versions/3.9.*/bin/python"))
    if not found:
        pytest.skip("no Python 3.9 here")
    code = "import sys; [compile(open(name).read(), name, 'exec') for name in sys.argv[1:]]"
    done = subprocess.run([found[0], "-I", "-c", code, *FILES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
