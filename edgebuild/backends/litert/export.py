"""Torch programs to TFLite bytes. Inputs declared as NCHW become NHWC at the boundary, as mobile runtimes want."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgebuild.backends.base import Exported, Files, quiet
from edgebuild.backends.litert.flatbuffer import rename_tensors
from edgebuild.backends.litert.graph import first
from edgebuild.backends.litert.layout import without_turns
from edgebuild.core.errors import BuildError
from edgebuild.core.signature import Dequantize, Quantize, Role, Signature, TensorSpec, Transpose

if TYPE_CHECKING:
    from edgebuild.models.graph import TorchModel

FILE = "model.tflite"
_TO_NHWC = (0, 2, 3, 1)
_TO_NCHW = (0, 3, 1, 2)


def export(model: TorchModel) -> Exported:
    """Convert with litert-torch.

    Raises:
        BuildError: with the converter's reason, for an operator it cannot convert.
    """
    import torch

    from edgebuild.backends.litert.boundary import Boundary

    signature = _channels_last(model.signature)
    dtypes = {spec.name: getattr(torch, spec.dtype) for spec in signature.inputs}
    sample = {spec.name: torch.zeros(spec.shape, dtype=dtypes[spec.name]) for spec in signature.inputs}
    with quiet("export to litert"):
        import litert_torch  # it and what it imports have much to say

        wrapped = Boundary(
            model.program.module(),
            {spec.name: _TO_NCHW if _turns(spec) else None for spec in model.signature.inputs},
            tuple(spec.name for spec in signature.outputs),
        )
        converted = litert_torch.convert(wrapped, sample_kwargs=sample)
        data = rename_tensors(without_turns(bytes(converted.model_content())))
    return Exported({FILE: data}, boundary_steps(signature, data))


def adopt(kind: str, data: bytes, signature: Signature) -> Exported:  # noqa: ARG001 - the seam's shape
    """A foreign TFLite file, byte for byte."""
    return Exported({FILE: data}, signature)


def _turns(spec: TensorSpec) -> bool:
    return spec.layout == "NCHW" and spec.role is Role.DATA


def _channels_last(signature: Signature) -> Signature:
    """The signature with NCHW inputs turned, and the step that turns the data appended to ``pre``."""
    inputs, pre = [], dict(signature.pre)
    for spec in signature.inputs:
        if _turns(spec):
            n, c, h, w = spec.shape
            inputs.append(spec.model_copy(update={"shape": (n, h, w, c), "layout": "NHWC"}))
            pre[spec.name] = (*pre.get(spec.name, ()), Transpose(order=_TO_NHWC))
        else:
            inputs.append(spec)
    return signature.model_copy(update={"inputs": tuple(inputs), "pre": pre})


def boundary_steps(signature: Signature, data: bytes) -> Signature:
    """The signature as a file really has it: dtypes, and steps to and from integers where the boundary has them.

    The converter turns int64 into int32; a full-integer model takes and gives int8.

    Raises:
        BuildError: the runtime cannot load the file, or an input is not used.
    """
    from ai_edge_litert.interpreter import Interpreter

    with quiet("export to litert"):
        took, gave = _ports(Interpreter(model_content=data), signature)
    unused = [spec.name for spec in signature.inputs if spec.name not in took]
    if unused:
        raise BuildError("export to litert", f"inputs {', '.join(unused)} are not used by the model's outputs")
    pre, post = dict(signature.pre), dict(signature.post)
    for spec in signature.inputs:
        if spec.dtype == "float32" and took[spec.name]["dtype"].__name__ != "float32":
            pre[spec.name] = (*pre.get(spec.name, ()), _quantize(took[spec.name]))
    for spec in signature.outputs:
        if spec.dtype == "float32" and gave[spec.name]["dtype"].__name__ != "float32":
            scale, zero_point = gave[spec.name]["quantization"]
            post[spec.name] = (Dequantize(scale=scale, zero_point=zero_point), *post.get(spec.name, ()))
    return signature.model_copy(
        update={
            "inputs": tuple(_as(spec, took[spec.name]) for spec in signature.inputs),
            "outputs": tuple(_as(spec, gave[spec.name]) for spec in signature.outputs),
            "pre": pre,
            "post": post,
        }
    )


def tensor_names(files: Files, signature: Signature) -> tuple[dict[str, str], dict[str, str]]:
    """What the tensors behind the signature's inputs and outputs are called."""
    from ai_edge_litert.interpreter import Interpreter

    with quiet("export to litert"):
        took, gave = _ports(Interpreter(model_content=first(files)), signature)
    inputs, outputs = ({name: str(detail["name"]) for name, detail in side.items()} for side in (took, gave))
    return inputs, outputs


def _ports(interpreter: Any, signature: Signature) -> tuple[dict[str, Any], dict[str, Any]]:
    """Details of the inputs and outputs by name; a foreign file may have none, or other names: then by order."""
    names = [spec.name for spec in signature.inputs], [spec.name for spec in signature.outputs]
    if signature.name in interpreter.get_signature_list():
        runner = interpreter.get_signature_runner(signature.name)
        took, gave = runner.get_input_details(), runner.get_output_details()
        if len(took) < len(names[0]) or set(took) == set(names[0]):
            return took, gave if set(gave) == set(names[1]) else _by_order(names[1], interpreter.get_output_details())
    given = interpreter.get_input_details(), interpreter.get_output_details()
    return _by_order(names[0], given[0]), _by_order(names[1], given[1])


def _by_order(names: list[str], details: list[dict[str, Any]]) -> dict[str, Any]:
    return dict(zip(names, details, strict=True))


def _quantize(detail: dict[str, Any]) -> Quantize:
    scale, zero_point = detail["quantization"]
    return Quantize(scale=scale, zero_point=zero_point, dtype=detail["dtype"].__name__)


def _as(spec: TensorSpec, detail: dict[str, Any]) -> TensorSpec:
    zero_point = int(detail["quantization"][1]) if spec.fed_by is not None else 0
    return spec.model_copy(update={"dtype": detail["dtype"].__name__, "zero_point": zero_point})
