"""The house: imports only go down, rooms of one floor keep to themselves, and light things stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgebuild.devices.ship import STEPS, runner_zipapp

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "edgebuild"
FLOORS = {
    "core": 0, "store": 1, "steps": 1,
    "models": 2, "inputcheck": 2, "compress": 2, "quant": 2, "backends": 2, "compilers": 2, "placement": 2,
    "runner": 2, "devices": 2, "bench": 2, "judge": 2,
    "trial": 3, "pipeline": 3, "search": 3, "report": 3,
    "cli": 4,
}  # fmt: skip
TOP_MODULES_FLOOR = 3  # modules straight under edgebuild/ drive the rooms of F2
BETWEEN_ROOMS = {
    ("compilers", "backends"),  # a compiler stands behind a backend's artifact, and looks into it as the backend does
    ("quant", "compress"),  # int8 is trained by the loop of recovery
    ("inputcheck", "models"), ("quant", "models"), ("backends", "models"), ("compress", "models"),
    ("bench", "devices"), ("devices", "runner"),
}  # fmt: skip
OF_ANOTHER_PYTHON = (PACKAGE / "compilers" / "tflite_micro" / "program.py",)
"""What runs where nothing of edgebuild is, beside the runner."""
PACKED = ("edgebuild.steps", "edgebuild.core.errors", "edgebuild.core.array")
STANDALONE = {"numpy", "onnxruntime", "ai_edge_litert", "tflite_runtime", "openvino"}
HEAVY = ("torch", "onnx", "onnxruntime", "onnxscript", "nncf", "litert_torch", "ai_edge_quantizer", "openvino")
DEVICE_SIDE = (
    "bench",
    "devices",
    "judge",
    "trial",
    "verification",
    "rejudging",
    "signatures",
    "signing",
    "report",
    "store",
    "core",
)


def imports(source: str) -> Iterator[str]:
    """Every module that a source imports, inside functions too; type-checking blocks count as well."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield "." * node.level + (node.module or "")
            else:
                yield node.module or ""
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(module: str) -> str:
    """``edgebuild.store.files`` is in the room ``store``; the package's own root is in none."""
    return ([*module.split("."), ""])[1]


def room_names() -> set[str]:
    return {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}


def problem(own: str, module: str, rooms: set[str]) -> str:
    """What is wrong with an import of ``module`` from the room ``own``, or nothing."""
    if module.startswith("."):
        return "a relative import hides the room"
    other = room(module)
    if not module.startswith("edgebuild.") or other not in rooms or other == own:
        return ""
    here, there = FLOORS.get(own, TOP_MODULES_FLOOR), FLOORS.get(other, TOP_MODULES_FLOOR)
    if there > here:
        return f"F{here} {own} imports F{there} {other}: up"
    if there == here == 2 and (own, other) not in BETWEEN_ROOMS:
        return f"{own} imports {other}: rooms of one floor keep to themselves"
    return ""


def test_imports_only_go_down() -> None:
    rooms = room_names()
    found = [
        f"{path.relative_to(ROOT)}: {wrong}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for module in imports(path.read_text(encoding="utf-8"))
        if (wrong := problem(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), module, rooms))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("own", "module", "words"),
    [
        ("core", "edgebuild.store.files", "up"),
        ("models", "edgebuild.pipeline", "up"),
        ("judge", "edgebuild.bench", "keep to themselves"),
        ("models", "edgebuild.quant.fold", "keep to themselves"),
        ("store", ".files", "relative"),
        ("quant", "edgebuild.models.graph", ""),
        ("cli", "edgebuild.core.errors", ""),
    ],
)
def test_the_check_itself(own: str, module: str, words: str) -> None:
    wrong = problem(own, module, {*FLOORS})
    assert words in wrong if words else wrong == ""


def test_imports_inside_functions_are_seen() -> None:
    assert "edgebuild.cli" in set(imports("def f():\n    from edgebuild import cli\n"))


def test_every_package_has_a_floor() -> None:
    packages = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert packages <= {*FLOORS}


def test_the_runner_stands_alone() -> None:
    allowed = STANDALONE | sys.stdlib_module_names
    for path in sorted((PACKAGE / "runner").rglob("*.py")):
        siblings = {file.stem for file in path.parent.glob("*.py")} | {"runner"}
        for module in imports(path.read_text(encoding="utf-8")):
            top = module.lstrip(".").partition(".")[0]
            assert not module.startswith("edgebuild") or module.startswith(PACKED), f"{path.name} imports {module}"
            assert module.startswith(".") or top in allowed | siblings | {"edgebuild"}, f"{path.name} imports {module}"


def test_the_steps_that_go_with_the_runner_need_nothing_else(tmp_path: Path) -> None:
    """Not pydantic, and no module of ours that is not packed."""
    (tmp_path / "runner.pyz").write_bytes(runner_zipapp())
    packed = tmp_path / "runner.pyz"
    modules = [f"edgebuild.steps.{path.stem}" for path in STEPS if path.parent.name == "steps"]
    path = f"import sys; sys.path.insert(0, {str(packed)!r})\n"
    code = BLOCKED % (("pydantic", "typing_extensions", *HEAVY), modules, modules)
    told = f"\nimport edgebuild; print(edgebuild.__file__.startswith({str(packed)!r}))"
    assert python(path + code + told) == "True"


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().rpartition("\n")[2]


LOADED = "import sys; print(sorted({m.partition('.')[0] for m in sys.modules} & set(%r)))"


def test_help_imports_nothing_heavy() -> None:
    code = "from edgebuild.cli.main import main; assert main(['--help']) == 0; "
    assert python(code + LOADED % ((*HEAVY, "numpy", "pydantic", "rich", "scipy"),)) == "[]"


@pytest.mark.skipif(not (PACKAGE / "cli/commands/targets.py").exists(), reason="no targets command")
def test_targets_list_imports_no_torch_and_no_numpy() -> None:
    code = "from edgebuild.cli.main import main; assert main(['targets', 'list']) == 0; "
    assert python(code + LOADED % ((*HEAVY, "numpy", "scipy"),)) == "[]"


def test_numpy_comes_from_where_it_is_loaded_on_first_use() -> None:
    elsewhere = {PACKAGE / "core" / "array.py", *OF_ANOTHER_PYTHON}
    for path in sorted(PACKAGE.rglob("*.py")):
        if "runner" not in path.parts and path not in elsewhere:
            tops = {module.partition(".")[0] for module in imports(path.read_text(encoding="utf-8"))}
            assert "numpy" not in tops, f"{path.relative_to(PACKAGE)}: take np from edgebuild.core.array"


def device_side_modules() -> list[str]:
    files = [PACKAGE / f"{name}.py" for name in DEVICE_SIDE if (PACKAGE / f"{name}.py").exists()]
    for name in DEVICE_SIDE:
        files += sorted((PACKAGE / name).rglob("*.py"))
    return [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files]


BLOCKED = """
import importlib, sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in %r:
            raise ImportError(f"{name} is blocked: the device side works without it")
sys.meta_path.insert(0, Blocked())
for module in %r:
    importlib.import_module(module)
print("imported", len(%r))
"""


def test_the_device_side_imports_without_torch() -> None:
    modules = device_side_modules()
    assert "edgebuild.store.bundle" in modules
    assert python(BLOCKED % (HEAVY, modules, modules)) == f"imported {len(modules)}"
