"""Foreign models: files that enter the road as they are."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from edgebuild.core.digest import Digest, digest_bytes, digest_json
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import InputSpec, ModelSource
from edgebuild.core.signature import DType, Role, Signature, TensorSpec
from edgebuild.models.calling import output_names
from edgebuild.models.states import check_states

Kind = Literal["onnx", "tflite"]
_DTYPES: tuple[str, ...] = get_args(DType)


@dataclass(frozen=True)
class ForeignModel:
    """A model file of another framework, checked to load in its runtime.

    Attributes:
        data: the whole model, external data folded in.
        signature: names, shapes and dtypes as in the file.
    """

    kind: Kind
    data: bytes
    signature: Signature

    @cached_property
    def digest(self) -> Digest:
        """Of the bytes and the signature."""
        return digest_json([self.kind, digest_bytes(self.data), digest_json(self.signature)])

    def save(self, folder: Path) -> None:
        """Write ``model.onnx`` or ``model.tflite``, and ``info.json``, into an existing folder."""
        info = {"kind": self.kind, "signature": self.signature.model_dump(mode="json"), "digest": self.digest}
        (folder / f"model.{self.kind}").write_bytes(self.data)
        (folder / "info.json").write_text(json.dumps(info, sort_keys=True, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> ForeignModel:
        """Read back what ``save`` wrote."""
        info = json.loads((folder / "info.json").read_text(encoding="utf-8"))
        data = (folder / f"model.{info['kind']}").read_bytes()
        return cls(info["kind"], data, Signature.model_validate(info["signature"]))


def check_declared(names: Sequence[str], specs: Mapping[str, InputSpec], file: str) -> None:
    """Every declared input must be one of the file's.

    Raises:
        ConfigError: naming the unknown one and those there are.
    """
    for name in specs:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            raise ConfigError(
                f"[model.inputs.{name}]",
                f"{file} has no input of that name",
                expected=f"one of: {', '.join(names)}",
                fix=f"did you mean {near[0]}?" if near else "use the name in the file",
            )


def fixed_shape(name: str, dims: Sequence[int | None], spec: InputSpec | None, file: str) -> tuple[int, ...]:
    """The shape of a file's input: its own, or the declared one where its own is open; an open batch axis is 1.

    Raises:
        ConfigError: an open dimension is not declared, or the declaration contradicts the file.
    """
    shown = [dim if dim is not None else "?" for dim in dims]
    if spec is None:
        dims = [1, *dims[1:]] if dims and dims[0] is None else dims
        if None in dims:
            raise ConfigError(
                f"[model.inputs.{name}]",
                f"{file} leaves the shape of this input open: {shown}",
                expected="dynamic shapes to be fixed in the project",
                fix=f"add [model.inputs.{name}] with shape = {[dim or 1 for dim in dims]}",
            )
        return tuple(dim for dim in dims if dim is not None)
    same = len(spec.shape) == len(dims) and all(a is None or a == b for a, b in zip(dims, spec.shape, strict=True))
    if not same:
        raise ConfigError(
            f"[model.inputs.{name}]",
            f"shape {list(spec.shape)} is declared; {file} has {shown}",
            fix="declare the file's",
        )
    return spec.shape


def tensor_spec(name: str, dtype: str, shape: Sequence[int], spec: InputSpec | None, file: str) -> TensorSpec:
    """A file's input or output as a spec, with the declared layout and role.

    Raises:
        ConfigError: the dtype is not one that can be delivered, or not the declared one.
    """
    if dtype not in _DTYPES:
        raise ConfigError(f"{file}, tensor {name!r}", f"is {dtype}", expected=", ".join(_DTYPES))
    if spec is not None and spec.dtype != dtype:
        raise ConfigError(
            f"[model.inputs.{name}]", f"dtype {spec.dtype} is declared; {file} takes {dtype}", fix=f'dtype = "{dtype}"'
        )
    values: dict[str, object] = {"name": name, "dtype": dtype, "shape": tuple(int(dim) for dim in shape)}
    if spec is not None:
        initial = "zeros" if spec.role is Role.STATE else None
        values |= {"layout": spec.layout, "role": spec.role, "initial": initial, "fed_by": spec.fed_by}
        values |= {"buckets": spec.buckets, "pad": spec.pad, "absent": spec.absent}
    return TensorSpec.model_validate(values)


def file_signature(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], source: ModelSource) -> Signature:
    """The signature of a file; outputs carry the project's names where it gives some."""
    names = output_names(len(outputs), source.outputs) if source.outputs else [spec.name for spec in outputs]
    renamed = tuple(spec.model_copy(update={"name": name}) for spec, name in zip(outputs, names, strict=True))
    check_states(inputs, renamed)
    pre = {spec.name: source.inputs[spec.name].pre for spec in inputs if spec.name in source.inputs}
    return Signature(inputs=tuple(inputs), outputs=renamed, pre={name: steps for name, steps in pre.items() if steps})
