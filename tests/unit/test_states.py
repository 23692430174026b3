"""State: what may be declared, what samples must be, and the steps that sequences are taken apart into."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from edgebuild.core.errors import ConfigError
from edgebuild.core.project import InputSpec, Project
from edgebuild.core.signature import Role, Signature, TensorSpec
from edgebuild.models.data import Samples
from edgebuild.models.graph import export_module
from edgebuild.models.sample_checks import check_names, check_samples
from edgebuild.models.samples import in_rows, prepare_inputs, steps_of
from edgebuild.models.sequences import judged, states_in
from edgebuild.pipeline.golden import _synthetic

STATE = InputSpec(shape=(1, 3), role=Role.STATE, fed_by="sum")
SPECS = {"x": InputSpec(shape=(1, 3)), "h": STATE}
STEPS = np.arange(24, dtype=np.float32).reshape(2, 4, 3)


class Sum(nn.Module):
    """Scores of what was given so far, and the sum itself."""

    def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        h = h + x
        return h * 2, h


def summing() -> Signature:
    return export_module(Sum(), SPECS, ("scores", "sum")).signature


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"role": "state"}, "go together"),
        ({"fed_by": "h"}, "go together"),
    ],
)
def test_a_state_is_fed_by_an_output(fields: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        InputSpec.model_validate({"shape": [1, 3], **fields})


@pytest.mark.parametrize(
    ("model", "budgets", "words"),
    [
        (
            {"inputs": {"h": {"shape": [1], "role": "state", "fed_by": "o", "pre": [{"op": "normalize"}]}}},
            {},
            "no steps",
        ),
        ({}, {"real_time_factor": "0.5"}, "step_seconds"),
        ({}, {"host-litert": {"real_time_factor": "0.5"}}, "step_seconds"),
    ],
)
def test_what_a_project_may_not_say(model: dict[str, object], budgets: dict[str, object], words: str) -> None:
    value = {
        "name": "p", "model": {"source": "m.onnx", **model}, "build": {"targets": ["host-litert"]}, "budgets": budgets,
    }  # fmt: skip
    with pytest.raises(ValidationError, match=words):
        Project.model_validate(value)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (InputSpec(shape=(1, 3), role=Role.STATE, fed_by="sums"), "did you mean sum"),
        (InputSpec(shape=(1, 3), role=Role.STATE, fed_by="other"), "scores, sum"),
    ],
)
def test_what_feeds_a_state_is_an_output_of_the_model(state: InputSpec, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        export_module(Sum(), {"x": SPECS["x"], "h": state}, ("scores", "sum"))
    assert words in str(caught.value)


def test_what_feeds_a_state_has_its_shape_and_dtype() -> None:
    x, wide = TensorSpec(name="x", shape=(1, 3)), TensorSpec(name="sum", shape=(1, 4))
    state = TensorSpec(name="h", shape=(1, 3), role=Role.STATE, initial="zeros", fed_by="sum")
    with pytest.raises(ValidationError, match=r"\[1, 3\].*\[1, 4\]"):
        Signature(inputs=(x, state), outputs=(wide,))


def test_answers_are_what_feeds_no_state_unless_all_do() -> None:
    signature = summing()
    assert [fed.place for fed in signature.fed] == [1]
    assert signature.answers == (0,)
    alone = signature.model_copy(update={"outputs": signature.outputs[1:]})
    assert alone.answers == (0,)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"x": STEPS, "h": STEPS[:, 0]}, "leave h out"),
        ({"x": STEPS[:, 0]}, "N, T, 3"),
        ({"x": STEPS[:, :, :2]}, "N, T, 3"),
        ({"x": STEPS[:, :0]}, "N, T, 3"),
        ({"x": np.where(STEPS == 17, np.nan, STEPS)}, "sample 1 holds NaN"),
    ],
)
def test_samples_that_are_no_sequences_are_refused(arrays: dict[str, np.ndarray], words: str) -> None:
    def check() -> None:
        check_names(arrays, SPECS, "[data.x]")
        check_samples(Samples({"x": arrays["x"]}), SPECS, "[data.x]")

    with pytest.raises(ConfigError) as caught:
        check()
    assert words in str(caught.value)


def test_inputs_of_different_lengths_are_refused() -> None:
    specs = {**SPECS, "y": InputSpec(shape=(1, 3))}
    with pytest.raises(ConfigError, match="x: 4, y: 3"):
        check_samples(Samples({"x": STEPS, "y": STEPS[:, :3]}), specs, "[data.x]")


def test_the_model_is_run_step_by_step_and_the_states_are_read_off_its_outputs() -> None:
    model = export_module(Sum(), SPECS, ("scores", "sum"))
    samples = Samples({"x": STEPS})
    rows = prepare_inputs(samples, model.signature)
    assert list(rows) == ["x"]
    assert steps_of(samples, SPECS) == 4
    scores, sums = model.run(rows, 4)
    np.testing.assert_array_equal(sums.reshape(2, 4, 3), np.cumsum(STEPS, axis=1))
    states = states_in([scores, sums], model.signature, 4)
    np.testing.assert_array_equal(states["h"] + rows["x"], sums)
    single = Samples({**rows, **states})
    assert steps_of(single, SPECS) is None
    again = model.run(in_rows(single, SPECS))
    np.testing.assert_array_equal(again[0], scores)


def test_a_label_is_held_against_the_last_step() -> None:
    signature, samples = summing(), Samples({"x": STEPS}, np.zeros(2, np.int64))
    scores = np.arange(24, dtype=np.float32).reshape(8, 3)
    (last,) = judged([scores, scores], signature, samples, "top1", whole=False)
    np.testing.assert_array_equal(last, scores[[3, 7]])
    (whole,) = judged([scores, scores], signature, samples, "auc", whole=True)
    assert whole.shape == (2, 4, 3)
    (noise,) = judged([scores, scores], signature, samples, "none", whole=False)
    assert noise.shape == (8, 3)


def test_numbers_of_boxes_have_no_noise() -> None:
    signature = Signature(inputs=(TensorSpec(name="x", shape=(1, 3)),), outputs=(TensorSpec(name="a", shape=(1,)),))
    floats, integers = np.ones((2, 3), np.float32), np.ones((2, 3), np.int64)
    assert len(judged([floats, integers], signature, Samples({"x": STEPS}), "none", whole=False)) == 1
    assert len(judged([integers], signature, Samples({"x": STEPS}), "none", whole=False)) == 1


def test_golden_vectors_of_a_state_are_sequences() -> None:
    made = _synthetic(summing(), None, 3, 0)
    assert {name: value.shape for name, value in made.items()} == {"x": (3, 16, 3)}


def test_states_whose_first_axis_is_no_batch_stay_apart() -> None:
    class Deep(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(3, 3, num_layers=2)

        def forward(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
            y, h = self.gru(x[None], h)
            return y[0], h

    torch.manual_seed(0)
    specs = {"x": SPECS["x"], "h": InputSpec(shape=(2, 1, 3), role=Role.STATE, fed_by="new")}
    model = export_module(Deep(), specs, ("scores", "new"))
    scores, new = model.run({"x": STEPS.reshape(8, 3)}, 4)
    assert scores.shape == (8, 3)
    assert new.shape == (8, 2, 1, 3)
    assert states_in([scores, new], model.signature, 4)["h"].shape == (8, 2, 1, 3)
