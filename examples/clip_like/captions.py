"""Captions: what the ten classes are called, in sentences of several kinds; and the tokenizer of their words."""

from __future__ import annotations

from itertools import product
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

TOKENIZER = Path(__file__).parent / "tokenizer.json"
LENGTH = 12
"""Tokens of a caption, as text.toml has them: the longest has 11."""
SPECIAL = PADDING, UNKNOWN, BEGINNING, END = ("[PAD]", "[UNK]", "[BOS]", "[EOS]")
PAD, _, BOS, EOS = range(len(SPECIAL))

NAMES = (
    ("t-shirt", "tee", "top with short sleeves"),
    ("pair of trousers", "pair of pants", "pair of slacks"),
    ("pullover", "sweater", "jumper"),
    ("dress", "gown", "frock"),
    ("coat", "jacket", "overcoat"),
    ("sandal", "open shoe", "shoe with straps"),
    ("shirt", "blouse", "button-up shirt"),
    ("sneaker", "trainer", "sports shoe"),
    ("bag", "handbag", "purse"),
    ("boot", "ankle boot", "bootie"),
)
"""Fashion-MNIST's classes, in its order, each by three names."""

SHAPES = (
    "{what} {name}", "{article} {name}", "{what} {article} {name}", "{what} {article} {kind} {name}",
    "{article} {kind} {name}", "{article} {name} {place}", "{article} {kind} {name} {place}",
)  # fmt: skip
WORDS = {
    "what": ("a photo of", "a picture of", "an image of", "this is"),
    "article": ("a", "the", "one"),
    "kind": ("grey", "plain", "new", "small"),
    "place": ("on black", "for sale", "from a shop"),
}


def sentences() -> list[str]:
    """What captions are made of: every way to fill every shape, with the name left open."""
    made = []
    for shape in SHAPES:
        slots = [slot for slot in WORDS if f"{{{slot}}}" in shape]
        ways = product(*(WORDS[slot] for slot in slots))
        made += [shape.format(name="{name}", **dict(zip(slots, words, strict=True))) for words in ways]
    return made


CLASSES = tuple(f"a photo of a {names[0]}" for names in NAMES)
"""What the image tower looks for: change these, and build again."""


def part(number: int) -> list[tuple[str, int]]:
    """Captions with their classes, of the sentences in one of ten parts: no sentence is in two of them."""
    own = [sentence for place, sentence in enumerate(sentences()) if place % 10 == number]
    return [
        (sentence.format(name=name), label)
        for sentence in own
        for label, names in enumerate(NAMES)
        for name in names
        if sentence.format(name=name) not in CLASSES
    ]


def write_tokenizer() -> None:
    """Each word is a token; a caption begins with [BOS] and ends with [EOS]."""
    words = {word for number in range(10) for caption, _ in part(number) for word in caption.split()}
    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *sorted(words)))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    ends = [(name, vocabulary[name]) for name in (BEGINNING, END)]
    tokenizer.post_processor = processors.TemplateProcessing(single="[BOS] $A [EOS]", special_tokens=ends)
    tokenizer.save(str(TOKENIZER))


def tokens(captions: list[str]) -> list[list[int]]:
    """Token numbers of captions, ``LENGTH`` each, filled up with [PAD]."""
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    tokenizer.enable_truncation(LENGTH)
    tokenizer.enable_padding(length=LENGTH, pad_id=PAD, pad_token=PADDING)
    return [one.ids for one in tokenizer.encode_batch(captions)]
