"""Models exported for batches, and those that have none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from recovery_samples import IMAGE, TOKENS, Transformer, conv_net
from torch import nn

from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.project import InputSpec, ModelSource
from edgebuild.models.batched import export_batched, load_batched
from edgebuild.models.copying import put_state
from edgebuild.models.graph import export_module
from edgebuild.store.cache import Cache

X = {"x": InputSpec(shape=(1, 4))}


class Pair(nn.Module):
    """Two inputs, two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.l = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor, k: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"a": self.l(x) + k[:, :1], "b": k + 1}


def test_any_batch_gives_what_single_samples_give() -> None:
    module = Pair()
    specs = X | {"k": InputSpec(shape=(1, 2), dtype="int64")}
    batched, single = export_batched(module, specs, ("a", "b")), export_module(module, specs, ("a", "b"))
    assert batched.signature == single.signature
    assert [*batched.program.state_dict] == [*single.program.state_dict]
    inputs = {"x": np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32), "k": np.arange(10).reshape(5, 2)}
    wanted = single.run(inputs)
    run = batched.program.module(check_guards=False)
    for count in (1, 2, 5):
        given = run(*(torch.from_numpy(array[:count]) for array in inputs.values()))
        for own, other in zip(given.values(), wanted, strict=True):
            np.testing.assert_allclose(own.detach().numpy(), other[:count], rtol=1e-5, atol=1e-6)


def test_the_digest_sees_weights() -> None:
    one, same, other = (export_batched(conv_net(4, 28, seed), IMAGE).digest for seed in (0, 0, 1))
    assert one == same != other


class Loops(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([x[i] * 2 for i in range(x.shape[0])])


class Flattens(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.view(1, -1) * 2


class Appends(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, torch.zeros(1, 4)], 1)


class Mixes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean()


@pytest.mark.parametrize(
    ("module", "words"),
    [
        (Loops(), ["fixes its batch at test_batched.py:", "any batch", "x.shape[0]"]),
        (Flattens(), ["output 0 has shape [1,", "an output for each sample"]),
        (Appends(), ["with a batch of 3", "test_batched.py:", "without recovery"]),
        (Mixes(), ["output 0 of a sample depends on the other samples"]),
    ],
)
def test_a_model_that_takes_no_batch_is_refused(module: nn.Module, words: list[str]) -> None:
    export_module(module, X)  # by itself it is fine
    with pytest.raises(BuildError) as caught:
        export_batched(module, X)
    for word in words:
        assert word in caught.value.message


def test_the_line_that_fixes_the_batch_is_named() -> None:
    with pytest.raises(BuildError) as caught:
        export_batched(Loops(), X)
    line = int(caught.value.message.split("test_batched.py:")[1].split(":")[0])
    assert "for i in range" in Path(__file__).read_text(encoding="utf-8").splitlines()[line - 1]


def test_a_callable_is_loaded_for_batches_and_a_file_refused(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("from torch import nn\n\ndef make():\n    return nn.Linear(4, 2)\n")
    cache = Cache(tmp_path / "cache")
    model = load_batched(ModelSource(source="model.py:make", inputs=X), tmp_path, cache)
    assert model.program.module(check_guards=False)(torch.zeros(7, 4)).shape == (7, 2)
    with pytest.raises(ConfigError, match=r"m\.pt2 was exported for one batch size") as caught:
        load_batched(ModelSource(source="m.pt2", inputs=X), tmp_path, cache)
    assert "file.py:callable" in caught.value.message


def test_a_state_goes_into_another_program_of_the_same_names() -> None:
    batched, single = export_batched(Transformer(seed=1), TOKENS), export_module(Transformer(seed=0), TOKENS)
    tokens = {"tokens": np.arange(12).reshape(2, 6) % 7}
    before = single.run(tokens)[0]
    changed = put_state(single.program, batched.program.state_dict)
    with torch.no_grad():
        given = changed.module(check_guards=False)(torch.from_numpy(tokens["tokens"][:1])).numpy()
    wanted = export_module(Transformer(seed=1), TOKENS).run(tokens)[0][:1]
    np.testing.assert_allclose(given, wanted, atol=1e-6)
    np.testing.assert_array_equal(single.run(tokens)[0], before)
    assert [n.name for n in changed.graph.nodes] == [n.name for n in single.program.graph.nodes]


@pytest.mark.parametrize(
    ("state", "words"),
    [({"0.weight": torch.zeros(2, 3)}, "has [2, 4]"), ({"9.weight": torch.zeros(2, 4)}, "has none of that name")],
)
def test_a_state_that_does_not_fit_is_refused(state: dict[str, torch.Tensor], words: str) -> None:
    program = export_module(nn.Sequential(nn.Linear(4, 2)), X).program
    with pytest.raises(BuildError) as caught:
        put_state(program, state)
    assert words in caught.value.message
