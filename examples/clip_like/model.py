"""A small CLIP (Radford et al. 2021, arXiv:2103.00020) from transformers' config, and its towers as deployed."""

from __future__ import annotations

from pathlib import Path

import torch
from captions import BOS, CLASSES, EOS, LENGTH, PAD, tokens
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPModel

from edgebuild import read_weights

WEIGHTS = Path(__file__).parent / "weights.safetensors"
WORDS = 64
"""Rows of the table of words; train.py says if there are more words."""
HIDDEN = -20.0
"""Added to the score of a token that comes later: e^-20 of its weight is left. The usual -3e38 would leave an int8
range no step for the scores of all others."""


def clip() -> CLIPModel:
    """Both encoders, with seeded weights: they know nothing, and take as long."""
    shared = {"num_attention_heads": 4, "hidden_act": "gelu", "projection_dim": 64}
    text = {"vocab_size": WORDS, "max_position_embeddings": LENGTH, "hidden_size": 64, "intermediate_size": 128}
    text |= {"num_hidden_layers": 2, "bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": PAD}
    vision = {"image_size": 28, "patch_size": 7, "num_channels": 1, "hidden_size": 96, "intermediate_size": 192}
    config = CLIPConfig(
        text_config=text | shared, vision_config=vision | {"num_hidden_layers": 3} | shared, projection_dim=64,
        attn_implementation="eager",
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return CLIPModel(config).eval()


def unit(vectors: Tensor) -> Tensor:
    """Of length 1."""
    return vectors / torch.sqrt((vectors * vectors).sum(1, keepdim=True))


class TextTower(nn.Module):
    """Token numbers (N, 12) → vectors of length 1, (N, 64)."""

    later: Tensor

    def __init__(self, whole: CLIPModel) -> None:
        super().__init__()
        own = whole.text_model
        self.embeddings, self.encoder, self.norm = own.embeddings, own.encoder, own.final_layer_norm
        self.projection = whole.text_projection
        self.register_buffer("later", torch.full((LENGTH, LENGTH), HIDDEN).triu(1)[None, None])

    def forward(self, input_ids: Tensor) -> Tensor:
        """What the last token, [EOS], has gathered."""
        gathered = self.encoder(self.embeddings(input_ids), attention_mask=self.later).last_hidden_state
        last = (input_ids == EOS).to(gathered.dtype)
        return unit(self.projection(self.norm((gathered * last[..., None]).sum(1))))


class ImageTower(nn.Module):
    """Images (N, 1, 28, 28) of mean 0 and deviation 1 → scores of the captions (N, classes), and vectors (N, 64)."""

    classes: Tensor

    def __init__(self, whole: CLIPModel, classes: Tensor) -> None:
        super().__init__()
        own = whole.vision_model
        self.embeddings, self.encoder = own.embeddings, own.encoder
        self.before, self.after = own.pre_layrnorm, own.post_layernorm
        self.projection = whole.visual_projection
        self.register_buffer("classes", classes * whole.logit_scale.detach().exp())

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """How like the image is to each caption, times CLIP's scale."""
        tokens = self.encoder(self.before(self.embeddings(image))).last_hidden_state
        vector = unit(self.projection(self.after(tokens[:, 0])))
        return nn.functional.linear(vector, self.classes), vector


def _trained() -> CLIPModel:
    if not WEIGHTS.is_file():
        raise RuntimeError(f"{WEIGHTS.name} is not there; run train.py first (see README.md)")
    whole = clip()
    whole.load_state_dict(read_weights(WEIGHTS))
    return whole


def text_tower() -> TextTower:
    """With the weights that ``train.py`` wrote."""
    return TextTower(_trained()).eval()


def image_tower() -> ImageTower:
    """With them too; the vectors of the captions in ``CLASSES`` are constants of it."""
    whole = _trained()
    return ImageTower(whole, class_vectors(TextTower(whole).eval(), CLASSES)).eval()


def class_vectors(tower: TextTower, captions: tuple[str, ...]) -> Tensor:
    """One vector a caption."""
    with torch.no_grad():
        return tower(torch.tensor(tokens(list(captions))))


def untrained() -> CLIPModel:
    """What ``train.py`` begins with."""
    return clip()
