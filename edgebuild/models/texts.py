"""Texts as token numbers, by a tokenizer's file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from edgebuild.core.array import Array, Integers, np
from edgebuild.core.digest import digest_bytes
from edgebuild.core.errors import ConfigError
from edgebuild.core.project import InputSpec
from edgebuild.core.reading import Tokenize
from edgebuild.models.notes import Notes

ReadFile = Callable[[str], bytes]
"""Gives the bytes of a file that a step names."""

_PADS = ("[PAD]", "<pad>", "<PAD>", "<|pad|>")
_FIX = "give the tokenizer.json that came with the model, as Hugging Face's tokenizers write it"


@dataclass(frozen=True, eq=False)
class Encoded:
    """One text: three arrays of shape (length,), int64, and what happened to it."""

    outputs: dict[str, Integers]
    truncated: bool
    unknown: int
    tokens: int


class Encoder:
    """One tokenizer with one length. The last text is remembered: several inputs are made of the same one."""

    def __init__(self, step: Tokenize, data: bytes, subject: str) -> None:
        from tokenizers import Tokenizer

        self.step = step
        if step.sha256 and digest_bytes(data) != step.sha256:
            raise ConfigError(
                subject, f"{step.tokenizer} is another file", expected=f"sha256 {step.sha256}", fix="restore it"
            )
        try:
            settings = json.loads(data)
            self._tokenizer = Tokenizer.from_str(data.decode())
        except Exception as error:  # the library raises Exception itself
            reason = f"{error!s:.100}"
            raise ConfigError(subject, f"{step.tokenizer} is no tokenizer file ({reason})", fix=_FIX) from error
        self._pad = self._pad_number(settings, subject)
        self._unknown = _unknown_number(settings, self._tokenizer.token_to_id)
        self._last: tuple[tuple[str, str], Encoded] | None = None
        self._limit(subject)

    @property
    def fill(self) -> int:
        """What the step's output has where there is no token."""
        return self._pad if self.step.output == "ids" else 0

    def encode(self, text: str, pair: str = "") -> Encoded:
        """A text, and where a model takes two, its pair."""
        if self._last is None or self._last[0] != (text, pair):
            self._last = (text, pair), self._encoded(text, pair)
        return self._last[1]

    def _encoded(self, text: str, pair: str) -> Encoded:
        made = self._tokenizer.encode(text, pair or None, add_special_tokens=self.step.special_tokens)
        numbers = np.asarray(made.ids, np.int64)
        columns = {"ids": (numbers, self._pad), "attention_mask": (np.ones_like(numbers), 0)}
        columns["token_type_ids"] = (np.asarray(made.type_ids, np.int64), 0)
        outputs = {name: self._padded(values, fill) for name, (values, fill) in columns.items()}
        unknown = 0 if self._unknown is None else int((numbers == self._unknown).sum())
        return Encoded(outputs, bool(made.overflowing), unknown, len(numbers))

    def _padded(self, values: Integers, fill: int) -> Integers:
        missing = self.step.length - len(values)
        around = (missing, 0) if self.step.padding == "left" else (0, missing)
        return np.pad(values, around, constant_values=fill)

    def _limit(self, subject: str) -> None:
        self._tokenizer.no_padding()
        added = self._tokenizer.num_special_tokens_to_add(bool(self.step.pair)) if self.step.special_tokens else 0
        if self.step.length <= added:
            raise ConfigError(
                subject, f"length is {self.step.length}", expected=f"more than the {added} special tokens of each text"
            )
        self._tokenizer.enable_truncation(self.step.length)

    def _pad_number(self, settings: dict[str, object], subject: str) -> int:
        padding = settings.get("padding")
        own = str(padding.get("pad_token", "")) if isinstance(padding, dict) else ""
        names = (self.step.pad_token,) if self.step.pad_token else tuple(filter(None, (own, *_PADS)))
        found = [number for name in names if (number := self._tokenizer.token_to_id(name)) is not None]
        if not found:
            raise ConfigError(
                subject,
                f"{self.step.tokenizer} has no token {' or '.join(names)}",
                expected="a token that fills up short texts",
                fix='name one: pad_token = "…"',
            )
        return int(found[0])


@dataclass(frozen=True)
class Encoders:
    """Makes encoders; inputs of the same text share one."""

    read_file: ReadFile
    made: dict[str, Encoder] = field(default_factory=dict)

    def __call__(self, step: Tokenize, subject: str) -> Encoder:
        key = step.model_copy(update={"output": "ids"}).model_dump_json()
        if key not in self.made:
            self.made[key] = Encoder(step, self.read_file(step.tokenizer), subject)
        return self.made[key]


def _unknown_number(settings: dict[str, object], number_of: Callable[[str], int | None]) -> int | None:
    model = settings.get("model")
    if not isinstance(model, dict):
        return None
    token, number = model.get("unk_token"), model.get("unk_id")
    if isinstance(token, str):
        return number_of(token)
    return number if isinstance(number, int) else None


def count(encoded: Encoded, step: Tokenize, notes: Notes, where: str) -> None:
    """Note what happened to one text.

    Raises:
        ConfigError: it is too long, and not to be truncated.
    """
    if encoded.truncated and step.longer == "refuse":
        raise ConfigError(
            where, f"a text of more than {step.length} tokens", expected=f"at most {step.length}",
            fix='shorten it, or truncate such texts: longer = "truncate"',
        )  # fmt: skip
    notes.counts[f"texts longer than {step.length} tokens, truncated"] += encoded.truncated
    notes.counts["unknown tokens"] += encoded.unknown
    notes.counts["texts with unknown tokens"] += encoded.unknown > 0


def with_tokens(
    arrays: Mapping[str, Array], specs: Mapping[str, InputSpec], read_file: ReadFile, notes: Notes, subject: str
) -> dict[str, Array]:
    """Arrays by input, those of text, (N,), tokenized. One text, by the name of its column, may feed several inputs.

    Raises:
        ConfigError: texts are of another shape, or one is blank.
    """
    made, encoders, used = dict(arrays), Encoders(read_file), set()
    for name, spec in specs.items():
        step = next((step for step in spec.pre if isinstance(step, Tokenize)), None)
        found = name if name in arrays else step.column if step else ""
        if step is None or found not in arrays or arrays[found].dtype.kind != "U":
            continue
        used.add(found)
        pairs = arrays.get(step.pair) if step.pair else None
        used |= {step.pair} if pairs is not None else set()
        encoder = encoders(step, f"[model.inputs.{name}] pre")
        made[name] = _encoded(arrays[found], pairs, step, encoder, notes, f"{subject} {found}")
    return {name: array for name, array in made.items() if name in specs or name not in used}


def _encoded(texts: Array, pairs: Array | None, step: Tokenize, encoder: Encoder, notes: Notes, subject: str) -> Array:
    if texts.ndim != 1 or (pairs is not None and pairs.shape != texts.shape):
        raise ConfigError(subject, f"texts of shape {list(texts.shape)}", expected="shape [N]: one text a sample")
    rows = []
    for number, (text, pair) in enumerate(
        zip(map(str, texts), map(str, texts if pairs is None else pairs), strict=True)
    ):
        if not text.strip():
            raise ConfigError(subject, f"sample {number} is an empty text", fix="take it out")
        encoded = encoder.encode(text, "" if pairs is None else pair)
        if step.output == "ids":
            count(encoded, step, notes, f"{subject}, sample {number}")
        rows.append(encoded.outputs[step.output])
    return np.stack(rows) if rows else np.zeros((0, step.length), np.int64)
