"""Load what ``[model] source`` names: a PyTorch model as an exported graph, or a foreign file as it is."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.core.digest import Digest, digest_bytes, digest_json
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.project import PARTS, ModelSource
from edgebuild.core.signature import Role, Signature
from edgebuild.models.archive import load_program
from edgebuild.models.assets import check_assets, with_assets
from edgebuild.models.calling import match_names
from edgebuild.models.entry import entry_state, is_entry, open_entry
from edgebuild.models.foreign import ForeignModel
from edgebuild.models.graph import TorchModel, export_module, wrap_program
from edgebuild.models.graph_checks import check_weights
from edgebuild.models.onnx_file import external_names, load_onnx
from edgebuild.models.paths import given
from edgebuild.models.tflite_file import load_tflite
from edgebuild.models.weights import looks_pickled
from edgebuild.store.cache import Cache
from edgebuild.store.files import read_bytes

if TYPE_CHECKING:
    import torch

KINDS = "file.py:callable giving an nn.Module, or a .pt2, .onnx or .tflite file"
_WEIGHTS = (".pt", ".pth", ".th", ".ckpt", ".bin", ".pkl", ".pickle", ".safetensors")
_ENTRY_FIX = "write a model.py whose callable builds the module and loads the weights with edgebuild.read_weights(path)"


def load_model(source: ModelSource, root: Path, cache: Cache) -> TorchModel | ForeignModel:
    """Load and check the model.

    Args:
        source: ``[model]`` of the project.
        root: the project's folder; relative paths start there.
        cache: remembers what a callable reads.

    Raises:
        ConfigError: the source or the declared inputs are wrong, or the file is a pickle.
        BuildError: the callable failed, the model cannot be exported, or its runtime refuses it.
    """
    check_assets(source, root)
    model = _load(with_assets(source, root), root, cache)
    _refuse_batches(model.signature)
    if source.step_seconds is None:
        return model
    lasting = model.signature.model_copy(update={"step_seconds": source.step_seconds})
    return dataclasses.replace(model, signature=lasting)


def _load(source: ModelSource, root: Path, cache: Cache) -> TorchModel | ForeignModel:
    if is_entry(source.source):
        return _load_entry(source, root, cache)
    refuse_parts(source)
    path = given(root, source.source, "[model] source")
    if path.suffix in _WEIGHTS:
        raise ConfigError("[model] source", f"{path.name} holds weights, not a model", expected=KINDS, fix=_ENTRY_FIX)
    if path.suffix not in (".pt2", ".onnx", ".tflite") or path.is_dir():
        raise ConfigError("[model] source", f"{path.name} is no kind of model known here", expected=KINDS)
    data = read_bytes(path)
    if not data:
        raise ConfigError(path.name, "is empty (0 bytes)", expected=f"a {path.suffix} model", fix="copy it again")
    if looks_pickled(data) and not _is_exported(path, data):
        raise ConfigError(
            path.name,
            f"is a pickle, not a {path.suffix} model; pickles are never loaded",
            expected=KINDS,
            fix=_ENTRY_FIX,
        )
    if path.suffix == ".pt2":
        return _load_program(data, path.name, source)
    if path.suffix == ".tflite":
        return load_tflite(path, data, source)
    model = load_onnx(path, data, source)
    cache.remember(_beside_key(digest_bytes(data)), json.dumps(external_names(data, path.name)).encode())
    return model


def refuse_parts(source: ModelSource) -> None:
    """Refuse a model that is made of parts, where one graph is wanted.

    Raises:
        ConfigError: it is.
    """
    if source.source == PARTS:
        raise ConfigError(
            "[parts]", "this command takes a model of one graph, and this one is made of parts",
            expected="edgebuild build, check, inspect, release, run, eval, verify, bench and gate take parts",
        )  # fmt: skip


def _refuse_batches(signature: Signature) -> None:
    """Samples go through one at a time; only a state's first axis may mean something else."""
    for spec in signature.inputs:
        if spec.role is Role.DATA and spec.shape[:1] != (1,):
            raise ConfigError(
                f"[model.inputs.{spec.name}] shape",
                f"is {list(spec.shape)}",
                expected="the batch dimension first, and it is 1",
                fix=f"shape = {[1, *spec.shape[1:]]}",
            )


def model_state(source: ModelSource, root: Path, cache: Cache) -> Digest | None:
    """A digest that changes when the model may have changed, without loading it; None if it must be loaded."""
    declared = with_assets(source, root).model_dump(mode="json")
    if is_entry(source.source):
        state = entry_state(source.source, root, pure=source.pure, input_files=source.input_files, cache=cache)
        return None if state is None else digest_json(["model", state, declared])
    refuse_parts(source)
    path = given(root, source.source, "[model] source")
    own = cache.digests.of(path)
    beside = cache.recall(_beside_key(own)) if path.suffix == ".onnx" else b"[]"
    files = [] if beside is None else [path.parent / name for name in json.loads(beside)]
    if beside is None or not all(file.is_file() for file in files):
        return None
    return digest_json(["model", own, [cache.digests.of(file) for file in files], declared])


def _beside_key(model: Digest) -> Digest:
    """Where the names of the files that hold an ONNX model's external data are remembered."""
    return digest_json(["onnx-external-data", model])


def _load_entry(source: ModelSource, root: Path, cache: Cache) -> TorchModel:
    with open_module(source, root, cache) as module:
        return export_module(module, source.inputs, source.outputs)


@contextlib.contextmanager
def open_module(source: ModelSource, root: Path, cache: Cache) -> Iterator[torch.nn.Module]:
    """The module that a callable gives, for as long as what it imports can be imported.

    Raises:
        ConfigError: there is no such callable.
        BuildError: it failed, or gave something else.
    """
    import torch

    with open_entry(source.source, root, pure=source.pure, input_files=source.input_files, cache=cache) as call:
        module = call()
        if not isinstance(module, torch.nn.Module):
            raise BuildError(
                "load",
                f"{source.source} returned {type(module).__name__}",
                expected="a torch.nn.Module",
                fix="return the model itself, not its class, weights or a list",
            )
        yield module


def _load_program(data: bytes, name: str, source: ModelSource) -> TorchModel:
    program = load_program(data, name)
    arguments = program.graph_signature.user_inputs
    if not all(isinstance(argument, str) and argument in _placeholders(program) for argument in arguments):
        raise BuildError(
            "load", f"{name}: an input is no tensor", expected="tensors only", fix="export it without constants"
        )
    names = [str(argument) for argument in arguments]
    check_weights(dict(program.state_dict))
    matched = match_names(names, tuple(source.inputs), name)
    order = tuple(name or argument for name, argument in zip(matched, names, strict=True))
    return wrap_program(program, order, source.inputs, source.outputs)


def _placeholders(program: object) -> set[str]:
    graph = getattr(program, "graph")  # noqa: B009
    return {node.name for node in graph.nodes if node.op == "placeholder" and hasattr(node.meta.get("val"), "dtype")}


def _is_exported(path: Path, data: bytes) -> bool:
    return path.suffix == ".pt2" and b"models/model.json" in data
