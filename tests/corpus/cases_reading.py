"""Sounds, texts and tables that can't be read as the steps declare."""

from __future__ import annotations

import io

import numpy as np
from corpus_case import Cases
from corpus_place import Place
from scipy.io import wavfile

CASES = case = Cases()
CALIBRATION = '{ source = "data.py:calibration" }'
AUDIO = '{ op = "audio", sample_rate = 8000, length = 192 }'
TOKENIZE = '{ op = "tokenize", tokenizer = "tokenizer.json", length = 192 }'


def wav(rate: int = 8000) -> bytes:
    """A short noise."""
    buffer = io.BytesIO()
    wavfile.write(buffer, rate, np.random.default_rng(0).integers(-9000, 9000, 192).astype(np.int16))
    return buffer.getvalue()


def read_by(place: Place, step: str, source: str) -> None:
    """The project's input read by a step from a source."""
    place.toml('layout = "NCHW"', f"pre = [{step}]")
    place.toml(CALIBRATION, f'{{ source = "{source}" }}')


@case(2, "b.wav", "is truncated", "skip_bad = true")
def sound_truncated(place: Place) -> None:
    place.write("clips/a.wav", wav())
    place.write("clips/b.wav", wav()[:300])
    read_by(place, AUDIO, "clips")


@case(2, "b.wav", "has a sample rate of 44100 Hz", "polyphase")
def sound_of_another_rate(place: Place) -> None:
    place.write("clips/a.wav", wav())
    place.write("clips/b.wav", wav(44100))
    read_by(place, AUDIO, "clips")


@case(2, "rows.jsonl:2", "is not JSON")
def line_broken(place: Place) -> None:
    place.write("rows.jsonl", b'{"audio": "a.wav"}\n{"audio": "a.w\n')
    place.write("a.wav", wav())
    read_by(place, AUDIO, "rows.jsonl")


@case(2, "rows.jsonl:1", "leads out of the folder")
def file_out_of_the_folder(place: Place) -> None:
    place.write("rows.jsonl", b'{"audio": "../../etc/passwd"}\n')
    read_by(place, AUDIO, "rows.jsonl")


@case(2, "[model.inputs.x] pre: tokenizer.json is no tokenizer file", "came with the model")
def tokenizer_is_none(place: Place) -> None:
    place.write("tokenizer.json", b'{"vocab": {}}')
    place.write("rows.jsonl", b'{"text": "a"}\n')
    read_by(place, TOKENIZE, "rows.jsonl")


@case(2, "[model.inputs.x] pre", "tokenizer.json does not exist")
def tokenizer_missing(place: Place) -> None:
    place.write("rows.jsonl", b'{"text": "a"}\n')
    read_by(place, TOKENIZE, "rows.jsonl")


@case(2, "model.inputs.x", "audio reads files, so it comes before")
def reading_after_an_array_step(place: Place) -> None:
    read_by(place, f'{{ op = "normalize" }}, {AUDIO}', "clips")


@case(2, "rows.csv:2", "wide is 'x'", "a finite number")
def cell_that_is_no_number(place: Place) -> None:
    place.write("rows.csv", b"wide\nx\n")
    read_by(place, '{ op = "columns", names = ["wide"] }', "rows.csv")
