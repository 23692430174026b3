"""The first project file: a commented ``edgebuild.toml`` for a model that is already there."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

from edgebuild.core.errors import ConfigError
from edgebuild.store.files import missing, read_text, unwritable

_FORMATS = (".pt2", ".onnx", ".tflite")
_RUNTIME = {".onnx": "onnxruntime", ".tflite": "litert"}

_TEMPLATE = """\
schema = 1
name = "{name}"

[model]
# A callable that returns a torch.nn.Module, or a .pt2, .onnx or .tflite file.
source = "{source}"

# One table an input, named as in the model; the first dimension of the shape is the batch, which is 1.
{inputs}

[data]
metric = "none"           # "top1" for classifiers; f1, auc, map, miou, word_accuracy, cosine, …: docs/metrics.md
# Real inputs, a few hundred, to choose the int8 ranges with. "data.py:calibration" returns a mapping of arrays by
# input name; .npz files, a folder of images or WAV files, or a .csv or .jsonl file with a row a sample will do too.
# calibration = {{ source = "data.py:calibration" }}
# Labelled samples to report accuracy on; none of them may be among the calibration samples.
# evaluation = {{ source = "data.py:evaluation" }}

[build]
targets = ["{target}"]    # `edgebuild targets list` shows them all
profile = "default"

[budgets]
# What a release must meet; the whole list is in the documentation.
# latency_p90 = "12 ms"
# peak_memory = "60 MiB"
# accuracy_drop = "0.5 pt"
"""
_INPUTS = """\
# [model.inputs.x]
# shape = [1, 3, 224, 224]
# dtype = "float32"
# pre = [{ op = "normalize", scale = 0.0039215686, mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225] }]"""


def find_model(folder: Path) -> str:
    """The one model in a folder: a model file, or a top-level function of ``model.py``.

    Raises:
        ConfigError: if there is none, or more than one.
    """
    if not folder.is_dir():
        raise ConfigError(str(folder), missing(folder), expected="a folder that holds a model")
    found = sorted(file.name for file in folder.iterdir() if file.suffix in _FORMATS)
    if (folder / "model.py").is_file():
        found += [f"model.py:{name}" for name in _callables(folder / "model.py")]
    if len(found) == 1:
        return found[0]
    problem = f"more than one model: {', '.join(found)}" if found else "no model found"
    raise ConfigError(
        str(folder),
        problem,
        expected="one .pt2, .onnx or .tflite file, or one function in model.py",
        fix="name it: edgebuild init --model FILE.py:CALLABLE",
    )


def write_project(folder: Path, source: str, inputs: str = "") -> Path:
    """Write ``edgebuild.toml`` for a model source and return its path.

    Args:
        inputs: the tables of the model's inputs, where they are known.

    Raises:
        ConfigError: if there is one already, or the source is not there.
    """
    _check(folder, source)
    suffix = Path(source.partition(":")[0]).suffix
    name = re.sub(r"[^a-z0-9._-]+", "-", folder.resolve().name.lower()).strip("-._") or "project"
    target = f"host-{_RUNTIME.get(suffix, 'onnxruntime')}"
    text = _TEMPLATE.format(name=name, source=source, inputs=inputs or _INPUTS, target=target)
    path = folder / "edgebuild.toml"
    try:
        # Mode x: two at once, or a file that is there, can never be written over.
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
            os.fsync(file.fileno())
    except FileExistsError:
        raise ConfigError(str(path), "exists already", fix="edit it, or remove it first") from None
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def _check(folder: Path, source: str) -> None:
    file, _, name = source.partition(":")
    path = folder / file
    if not path.is_file():
        raise ConfigError(str(path), missing(path), expected="a model source inside the project")
    if path.suffix in _FORMATS and not name:
        return
    if path.suffix != ".py" or not name:
        expected = f"FILE.py:CALLABLE, or a file ending in {', '.join(_FORMATS)}"
        raise ConfigError("--model", f"{source!r} is no model source", expected=expected)
    known = _callables(path)
    if name not in known:
        raise ConfigError(str(path), f"has no function {name!r}", expected=", ".join(known) or "a function")


def _callables(path: Path) -> list[str]:
    """Public top-level functions of a Python file that take no required argument, read without running it."""
    try:
        tree = ast.parse(read_text(path))
    except SyntaxError as error:
        raise ConfigError(str(path), f"line {error.lineno}: {error.msg}", expected="Python") from None
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    return [node.name for node in functions if len(node.args.args) <= len(node.args.defaults)]
