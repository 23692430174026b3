"""A quantization plan into TFLite, by ai-edge-quantizer with its calibration result made from the plan."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from edgebuild.backends.base import Exported, quiet
from edgebuild.backends.litert.export import FILE, boundary_steps, tensor_names
from edgebuild.backends.litert.flatbuffer import in_one_piece, tensor_ranks
from edgebuild.backends.litert.graph import first
from edgebuild.backends.litert.outputs import outputs_alone
from edgebuild.core.array import np
from edgebuild.core.errors import BuildError
from edgebuild.core.plan import Range, WeightGrid
from edgebuild.core.signature import Dequantize, Quantize, Signature
from edgebuild.core.target import Int8Scheme


def quantize(model: Exported, ranges: Mapping[str, Range], keep_float: Collection[str], scheme: Int8Scheme) -> Exported:
    """Write static int8: symmetric s8 weights, s8 or s16 activations; integers or floats at the boundary by the scheme.

    Raises:
        BuildError: for 7-bit weights or u16 activations, which ai-edge-quantizer does not write; or a state's integers
            mean one thing where it comes out, and another where it goes in.
    """
    _refuse_what_it_has_not(scheme)
    made = _written(model, ranges, keep_float, scheme)
    fixed = ranges_of_feeds(made.signature)
    if not fixed:
        return made
    names, _ = tensor_names(model.files, model.signature)
    again = {**ranges, **{names[state]: limits for state, limits in fixed.items()}}
    made = _written(model, again, keep_float, scheme)
    if unlike := ranges_of_feeds(made.signature):
        raise BuildError(
            "quantize for litert", f"the state {next(iter(unlike))} has another scale than the output that feeds it",
            expected="one scale for both: the integers are passed on as they are",
            fix="keep float inputs and outputs (int8.io), or feed the state from an operator that has no fixed scale",
        )  # fmt: skip
    return made


def ranges_of_feeds(signature: Signature) -> dict[str, Range]:
    """The states of integers that mean something else than the outputs that feed them, with what those can hold.

    Some operators, as TANH, have a scale of their own whatever range is asked of them.
    """
    found = {}
    for fed in signature.fed:
        into = next((step for step in signature.pre.get(fed.state.name, ()) if isinstance(step, Quantize)), None)
        out = next((step for step in signature.post.get(fed.by.name, ()) if isinstance(step, Dequantize)), None)
        if into is None or out is None or (into.scale, into.zero_point) == (out.scale, out.zero_point):
            continue
        limits = np.iinfo(into.dtype)
        least = -limits.max if into.dtype == "int16" else limits.min
        low, high = ((value - out.zero_point) * out.scale for value in (least, limits.max))
        found[fed.state.name] = Range(low=low, high=high)
    return found


def _written(model: Exported, ranges: Mapping[str, Range], keep_float: Collection[str], scheme: Int8Scheme) -> Exported:
    from ai_edge_quantizer import qtyping, quantizer
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    operations, tensor = qtyping.TFLOperationName, qtyping.TensorQuantizationConfig
    granularity = qtyping.QuantGranularity
    per_channel = scheme.weight_granularity == "per_channel"
    config = qtyping.OpQuantizationConfig(
        activation_tensor_config=tensor(
            num_bits=scheme.activation_bits,
            symmetric=scheme.activation_symmetric,
            granularity=granularity.TENSORWISE,
            dtype=qtyping.TensorDataType.INT,
        ),
        weight_tensor_config=tensor(
            num_bits=8,
            symmetric=True,
            granularity=granularity.CHANNELWISE if per_channel else granularity.TENSORWISE,
            dtype=qtyping.TensorDataType.INT,
        ),
        compute_precision=qtyping.ComputePrecision.INTEGER,
        explicit_dequantize=False,
    )
    with quiet("quantize for litert"):
        alone, copies = outputs_alone(first(model.files))
        ranges = {**ranges, **{name: ranges[original] for name, original in copies.items() if original in ranges}}
        writer = quantizer.Quantizer(bytearray(alone))
        writer.update_quantization_recipe(".*", operations.ALL_SUPPORTED, config)
        if scheme.io == "float":
            for boundary in (operations.INPUT, operations.OUTPUT):
                writer.update_quantization_recipe(".*", boundary, algorithm_key=AlgorithmName.NO_QUANTIZE)
        for name in sorted(keep_float):
            pattern = f"^{re.escape(name)};"
            writer.update_quantization_recipe(
                pattern, operations.ALL_SUPPORTED, algorithm_key=AlgorithmName.NO_QUANTIZE
            )
        ranks = tensor_ranks(alone)
        result = writer.quantize(
            {name: _limits(limits, ranks.get(name, 2)) for name, limits in ranges.items()},
            enable_progress_report=False,
            enable_progress_bar=False,
        )
        data = in_one_piece(bytes(result.quantized_model))
    return Exported({FILE: data}, boundary_steps(model.signature, data))


def _refuse_what_it_has_not(scheme: Int8Scheme) -> None:
    if scheme.dot_product == "saturating":
        raise BuildError(
            "quantize for litert",
            'int8.dot_product = "saturating" asks for 7-bit weights',
            expected="8-bit weights: LiteRT multiplies s8 by s8, which does not saturate",
            fix="leave int8.dot_product out of the target",
        )
    if scheme.activation_dtype == "u16":
        raise BuildError(
            "quantize for litert",
            'int8.activation_dtype = "u16": LiteRT has no unsigned activations of 16 bits',
            expected="s8 or s16",
            fix='set activation_dtype = "s16" and activation_symmetric = true in the target',
        )


def weight_grid(_: Int8Scheme) -> WeightGrid:
    """Always 8 bits."""
    return WeightGrid()


def _limits(limits: Range, rank: int) -> dict[str, np.ndarray]:
    """Of the tensor's rank, as its own calibration gives them: a constant in a concatenation is rounded by them."""
    shape = [1] * rank
    return {"min": np.full(shape, limits.low, np.float32), "max": np.full(shape, limits.high, np.float32)}
