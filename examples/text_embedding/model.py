"""MiniLM as a sentence encoder: token numbers to one vector of length 1."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from edgebuild import read_weights


def folder() -> Path:
    """Where prepare.py puts the model's files.

    Raises:
        RuntimeError: TEXT_EMBEDDING is not set.
    """
    if not os.environ.get("TEXT_EMBEDDING"):
        raise RuntimeError("TEXT_EMBEDDING is not set: the folder that prepare.py writes to")
    return Path(os.environ["TEXT_EMBEDDING"])


LENGTH = 128
"""Tokens, at most: edgebuild.toml has 48, and the largest bucket of buckets.toml as many."""

MASKED = torch.finfo(torch.float32).min
"""Added to the score of a token that is padding. No int8 range could hold it beside the other scores: a build keeps
what holds such numbers in float."""


class Embeddings(nn.Module):
    """BERT's, where the places and the kind of text are constants: they are one table."""

    places: Tensor

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        own = bert.embeddings
        self.words, self.norm = own.word_embeddings, own.LayerNorm
        table = own.position_embeddings.weight[:LENGTH] + own.token_type_embeddings.weight[0]
        self.register_buffer("places", table.detach()[None])

    def forward(self, input_ids: Tensor) -> Tensor:
        made: Tensor = self.norm(self.words(input_ids) + self.places[:, : input_ids.shape[1]])
        return made


class Encoder(nn.Module):
    """The mean of the last layer over the tokens of a text, scaled to length 1, as sentence-transformers does."""

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.embeddings, self.layers = Embeddings(bert), bert.encoder

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        kept = attention_mask.to(torch.float32)
        mask = (1 - kept)[:, None, None, :] * MASKED
        tokens = self.layers(self.embeddings(input_ids), attention_mask=mask).last_hidden_state
        mean = (tokens * kept.unsqueeze(-1)).sum(1) / kept.sum(1, keepdim=True)
        return mean / torch.sqrt((mean * mean).sum(1, keepdim=True))


def encoder() -> Encoder:
    """With its weights."""
    settings = json.loads((folder() / "config.json").read_text(encoding="utf-8"))
    bert = BertModel(BertConfig(**settings, attn_implementation="eager"), add_pooling_layer=False)
    weights = read_weights(folder() / "model.safetensors")
    bert.load_state_dict({name: value for name, value in weights.items() if name in bert.state_dict()})
    return Encoder(bert).eval()
