"""examples/clip_like: its captions are told apart, and its towers are what transformers' CLIP computes."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

EXAMPLE = Path(__file__).parents[2] / "examples" / "clip_like"
MODULES = ("captions", "data", "model")


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ModuleType]]:
    """Its modules, in a copy that has seeded weights and a tokenizer."""
    from safetensors.torch import save_file

    place = tmp_path_factory.mktemp("clip") / "clip_like"
    shutil.copytree(EXAMPLE, place, ignore=shutil.ignore_patterns("*.safetensors", "tokenizer.json", "build"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(place))
        try:
            found = {name: importlib.import_module(name) for name in MODULES}
            found["captions"].write_tokenizer()
            save_file(found["model"].untrained().state_dict(), place / "weights.safetensors")
            yield found
        finally:
            for name in MODULES:
                sys.modules.pop(name, None)


def test_no_caption_is_in_two_sets_and_each_set_has_every_class(example: dict[str, ModuleType]) -> None:
    captions, data = example["captions"], example["data"]
    sets = [getattr(data, f"{name}_captions")() for name in ("training", "calibration", "selection", "evaluation")]
    texts = [set(own["text"].tolist()) for own in sets]
    assert len(set.union(*texts)) == sum(map(len, texts))
    assert not set.union(*texts) & set(captions.CLASSES)
    assert all(set(own["labels"].tolist()) == set(range(10)) for own in sets)


def test_every_word_is_known_and_no_caption_is_cut(example: dict[str, ModuleType]) -> None:
    captions, model = example["captions"], example["model"]
    every = [caption for number in range(10) for caption, _ in captions.part(number)]
    rows = np.array(captions.tokens([*every, *captions.CLASSES]))
    assert captions.SPECIAL.index("[UNK]") not in rows
    assert rows.max() < model.WORDS
    assert ((rows == captions.EOS).sum(axis=1) == 1).all()


def test_the_towers_are_transformers_own(example: dict[str, ModuleType]) -> None:
    captions, model = example["captions"], example["model"]
    whole, ids = model.untrained(), torch.tensor(captions.tokens(list(captions.CLASSES)))
    image = torch.randn(3, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = whole(input_ids=ids, pixel_values=image)
        scores, vector = model.image_tower()(image)
        text = model.text_tower()(ids)
    torch.testing.assert_close(text, wanted.text_embeds, atol=1e-5, rtol=0)
    torch.testing.assert_close(vector, wanted.image_embeds, atol=1e-5, rtol=0)
    torch.testing.assert_close(scores, wanted.logits_per_image, atol=1e-4, rtol=0)
