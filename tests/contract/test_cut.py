"""A model taken apart at its integer tensors computes what it computes whole."""

from __future__ import annotations

import numpy as np
import pytest
from road_by_hand import plan_of, walk_case, write_int8

from edgebuild.backends import backend_names, find_backend
from edgebuild.backends.base import Cut, Exported
from edgebuild.bench.bench import Bench
from edgebuild.core.array import Array
from edgebuild.core.signature import Signature
from edgebuild.core.target import Int8Scheme, RuntimeOptions
from edgebuild.devices.transports.local import open_local
from edgebuild.models.samples import Samples, prepare_inputs

OPTIONS = RuntimeOptions()
SCHEMES = {
    "onnxruntime": Int8Scheme(activation_dtype="u8"),
    "litert": Int8Scheme(activation_dtype="s8"),
}


def int8_case(case: str, runtime: str) -> tuple[Exported, dict[str, Array]]:
    """A case's int8 model and samples as it takes them."""
    walked = walk_case(case, runtime)
    model, plan = plan_of(case, SCHEMES[runtime])
    made, _ = write_int8(walked, model, plan, SCHEMES[runtime])
    return made, dict(prepare_inputs(Samples(walked.samples), made.signature))


def names(signature: Signature, cut: Cut | None = None) -> list[str]:
    shown = [Cut.shown(number) for number in range(len(cut.names))] if cut else []
    return [*(spec.name for spec in signature.outputs), *shown]


@pytest.mark.parametrize("runtime", sorted(SCHEMES))
@pytest.mark.parametrize("case", ["residual", "two_by_two", "squeeze", "attention"])
def test_a_cut_model_computes_what_it_did_and_from_what_it_is_given(case: str, runtime: str) -> None:
    made, inputs = int8_case(case, runtime)
    cut = find_backend(runtime).cut(made.files)
    assert cut is not None
    assert cut.names
    with Bench(open_local()) as bench:
        plain = bench.infer(runtime, made.files, inputs, OPTIONS, names(made.signature))
        whole = bench.infer(runtime, cut.whole, inputs, OPTIONS, names(made.signature, cut))
        given = {Cut.given(number): value for number, value in enumerate(whole[len(plain) :])}
        apart = bench.infer(runtime, cut.apart, {**inputs, **given}, OPTIONS, names(made.signature, cut))
        turned = {name: np.roll(value, 1, axis=0) for name, value in given.items()}
        rolled = bench.infer(runtime, cut.apart, {**inputs, **turned}, OPTIONS, names(made.signature, cut))
    assert all(value.dtype.kind in "iu" and value.dtype.itemsize == 1 for value in given.values())
    for once, again in zip([*plain, *whole], [*whole[: len(plain)], *apart], strict=True):
        np.testing.assert_array_equal(once, again)
    for once, again in zip(plain, rolled, strict=False):
        assert len(np.unique(once, axis=0)) > 1
        np.testing.assert_array_equal(np.roll(once, 1, axis=0), again)


def test_the_other_runtimes_say_that_they_cannot() -> None:
    for name in set(backend_names()) - set(SCHEMES):
        assert find_backend(name).cut({}) is None
