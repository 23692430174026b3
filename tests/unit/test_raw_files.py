"""What ``edgebuild run --input`` reads from one file of the kind that a model takes, and what it says of others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from file_samples import write_tokenizer, write_wav
from PIL import Image

from edgebuild.core.errors import ConfigError
from edgebuild.core.project import InputSpec
from edgebuild.core.reading import ReadAudio, ReadColumns, ReadImage, Tokenize
from edgebuild.models.gather import Raw
from edgebuild.models.raw_files import is_raw, read_raw
from edgebuild.report.answers import answers_result, answers_text

SOUND = {"x": InputSpec(shape=(1, 4000), pre=(ReadAudio(sample_rate=8000, length=4000),))}
IMAGE = {"x": InputSpec(shape=(1, 4, 5, 3), dtype="uint8", pre=(ReadImage(),))}
BARE = {"x": InputSpec(shape=(1, 4, 5, 3), dtype="uint8")}
TEXT = {
    name: InputSpec(
        shape=(1, 6),
        dtype="int64",
        pre=(Tokenize.model_validate({"tokenizer": "t.json", "length": 6, "output": output}),),
    )
    for name, output in (("a", "ids"), ("b", "attention_mask"))
}
TABLE = {"x": InputSpec(shape=(1, 2), pre=(ReadColumns(names=("p", "q")),))}


def raw(path: Path, specs: dict[str, InputSpec]) -> Raw:
    assert is_raw(path)
    return read_raw(path, specs, lambda name: (path.parent / name).read_bytes())


def test_one_sound_or_a_folder_of_them(tmp_path: Path) -> None:
    sounds = [write_wav(tmp_path / "clips" / f"{seed}.wav", seed).astype(np.float32) / 32768 for seed in (0, 1)]
    np.testing.assert_array_equal(raw(tmp_path / "clips" / "0.wav", SOUND).arrays["x"], sounds[:1])
    np.testing.assert_array_equal(raw(tmp_path / "clips", SOUND).arrays["x"], sounds)


@pytest.mark.parametrize("specs", [IMAGE, BARE])
def test_one_image(specs: dict[str, InputSpec], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (4, 5, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.PNG")
    np.testing.assert_array_equal(raw(tmp_path / "a.PNG", specs).arrays["x"], pixels[None])


def test_a_text_a_line(tmp_path: Path) -> None:
    write_tokenizer(tmp_path / "t.json")
    (tmp_path / "a.txt").write_text("the cat\n\nthe dog sat on the mat\n", encoding="utf-8")
    found = raw(tmp_path / "a.txt", TEXT)
    assert found.arrays["a"].tolist() == [[2, 4, 5, 3, 0, 0], [2, 4, 9, 6, 7, 3]]
    assert found.arrays["b"].tolist() == [[1, 1, 1, 1, 0, 0], [1] * 6]
    assert found.notes == ("1 texts longer than 6 tokens, truncated",)


def test_rows_of_a_table_whose_labels_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("p,q,label\n1,2,what\n", encoding="utf-8")
    assert raw(tmp_path / "a.csv", TABLE).arrays["x"].tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("name", "specs", "words"),
    [
        ("a.wav", IMAGE, r"a\.wav: the model takes image files"),
        ("a.png", SOUND, r"a\.png: the model takes audio files"),
        ("a.png", TEXT, r"a\.png: input 'a' is a text, not a file"),
        ("a.txt", SOUND, r"a\.txt: is text, and the model's inputs are not all made of one text"),
        ("a.wav", SOUND | {"y": IMAGE["x"]}, r"a\.wav: one file a sample feeds one input; the model has 2 \(x, y\)"),
        ("empty", SOUND, r"empty: holds no audio files"),
        ("b.wav", SOUND, r"b\.wav: is truncated[^,]*$"),
        ("a.csv", SOUND, r"a\.csv:2: has no 'audio'; it has p"),
    ],
)
def test_a_file_of_another_kind(name: str, specs: dict[str, InputSpec], words: str, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", 0)
    (tmp_path / "empty").mkdir()
    (tmp_path / "b.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:999])
    write_tokenizer(tmp_path / "t.json")
    Image.new("RGB", (5, 4)).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("the cat\n", encoding="utf-8")
    (tmp_path / "a.csv").write_text("p\n1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=f"^{words}"):
        raw(tmp_path / name, specs)


def test_few_numbers_are_shown() -> None:
    outputs = {"score": np.array([[0.25, 1.5, np.nan]]), "map": np.zeros((1, 10, 10))}
    assert answers_text(outputs) == "score: [1, 3]\n  0: 0.25 1.5 nan  (highest: 1)\nmap: [1, 10, 10]"
    assert answers_result(outputs) == {
        "outputs": {"score": [1, 3], "map": [1, 10, 10]}, "values": {"score": [[0.25, 1.5, None]]},
    }  # fmt: skip
