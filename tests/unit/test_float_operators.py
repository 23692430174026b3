"""Which operators of a runtime's model stay float: known by their tensors, whatever an exporter calls them."""

from __future__ import annotations

from edgebuild.core.origin import OriginMap, RuntimeOp
from edgebuild.core.plan import QuantPlan
from edgebuild.core.profile import QuantSetting
from edgebuild.core.target import Int8Scheme
from edgebuild.quant.runtime_plan import float_operators


def conv(name: str) -> RuntimeOp:
    return RuntimeOp(name=name, kind="Conv", compute=True, inputs=("x",), outputs=("conv2d",), origins=("conv2d",))


def test_an_operator_that_was_renamed_is_kept() -> None:
    other = RuntimeOp(name="node_linear", kind="Gemm", compute=True, outputs=("linear",), origins=("linear",))
    plan = QuantPlan(activations={}, scheme=Int8Scheme(), setting=QuantSetting(), keep_float=("conv2d",))
    of_float = OriginMap(ops=(conv("node_Conv_16"), other))
    assert float_operators(plan, of_float, (conv("node_conv2d"), other)) == ("node_conv2d",)
