"""CSV and JSONL files with a row a sample: texts, numbers, files beside them, labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from file_samples import write_tokenizer, write_wav
from PIL import Image
from pydantic import ValidationError

from edgebuild.core.errors import ConfigError
from edgebuild.core.project import DataSource, InputSpec, ModelSource
from edgebuild.core.reading import ReadAudio, ReadColumns, ReadImage, Resize, Tokenize
from edgebuild.core.signature import Normalize, Step
from edgebuild.models.assets import project_files, with_assets
from edgebuild.models.data import load_samples, source_state
from edgebuild.models.samples import Samples
from edgebuild.store.cache import Cache

IDS = Tokenize(tokenizer="tokenizer.json", length=6)
TEXT = {
    name: InputSpec(shape=(1, 6), dtype="int64", pre=(IDS.model_copy(update={"output": output}),))
    for name, output in (("input_ids", "ids"), ("mask", "attention_mask"), ("types", "token_type_ids"))
}
ONE = {"x": InputSpec(shape=(1, 2), pre=(ReadColumns(names=("height", "width")),))}


def load(root: Path, specs: dict[str, InputSpec], text: str | bytes, name: str = "rows.csv", **more: object) -> Samples:
    (root / name).write_bytes(text.encode() if isinstance(text, str) else text)
    source = DataSource.model_validate({"source": name, **more})
    return load_samples(source, specs, root, Cache(root / "cache"))


def one(*steps: Step, dtype: str = "float32", shape: tuple[int, ...] = (1, 1)) -> dict[str, InputSpec]:
    return {"x": InputSpec.model_validate({"shape": shape, "dtype": dtype, "pre": steps})}


def test_one_text_feeds_every_input_that_is_made_of_it(tmp_path: Path) -> None:
    write_tokenizer(tmp_path / "tokenizer.json")
    rows = [
        {"text": "the cat sat", "label": 1},
        {"text": "the dog sat on the mat", "label": 0},
        {"text": "the bird ran", "label": 1},
    ]
    samples = load(tmp_path, TEXT, "\n".join(map(json.dumps, rows)), "rows.jsonl")
    assert samples.inputs["input_ids"].tolist() == [[2, 4, 5, 6, 3, 0], [2, 4, 9, 6, 7, 3], [2, 4, 1, 10, 3, 0]]
    assert samples.inputs["mask"].tolist() == [[1, 1, 1, 1, 1, 0], [1] * 6, [1, 1, 1, 1, 1, 0]]
    assert not samples.inputs["types"].any()
    assert samples.labels is not None
    assert samples.labels.tolist() == [1, 0, 1]
    assert samples.notes == (
        "1 texts longer than 6 tokens, truncated", "1 texts with unknown tokens", "1 unknown tokens",
    )  # fmt: skip


def test_pairs_padding_on_the_left_and_named_classes(tmp_path: Path) -> None:
    write_tokenizer(tmp_path / "tokenizer.json")
    step = IDS.model_copy(update={"column": "a", "pair": "b", "length": 8, "padding": "left"})
    specs = {
        output: InputSpec(shape=(1, 8), dtype="int64", pre=(step.model_copy(update={"output": output}),))
        for output in ("ids", "token_type_ids")
    }
    text = 'a,b,meaning\n"the cat",sat,yes\nthe dog,"ran on",no\n'
    samples = load(tmp_path, specs, text, label="meaning", classes=["no", "yes"])
    assert samples.inputs["ids"].tolist() == [[0, 0, 2, 4, 5, 3, 6, 3], [0, 2, 4, 9, 3, 10, 7, 3]]
    assert samples.inputs["token_type_ids"].tolist() == [[0, 0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 1, 1, 1]]
    assert samples.labels is not None
    assert samples.labels.tolist() == [1, 0]


def test_texts_from_arrays_are_tokenized_too(tmp_path: Path) -> None:
    write_tokenizer(tmp_path / "tokenizer.json")
    np.savez(tmp_path / "texts.npz", text=np.array(["the cat", "the dog"]), labels=np.array([0, 1]))
    samples = load_samples(DataSource(source="texts.npz"), TEXT, tmp_path, Cache(tmp_path / "cache"))
    assert samples.inputs["input_ids"].tolist() == [[2, 4, 5, 3, 0, 0], [2, 4, 9, 3, 0, 0]]
    np.savez(tmp_path / "texts.npz", text=np.array(["the cat", " "]))
    with pytest.raises(ConfigError, match="text: sample 1 is an empty text"):
        load_samples(DataSource(source="texts.npz"), TEXT, tmp_path, Cache(tmp_path / "cache"))


BAD_TEXT = [
    ('{"text": "the cat"}\n{"text": ""}\n', "rows.jsonl:2: text is empty"),
    ('{"text": "the cat"}\n\n{"text": "the', "rows.jsonl:3: is not JSON"),
    ('{"text": "the cat"}\n[1, 2]\n', "rows.jsonl:2: is list, not an object"),
    ('{"text": "the cat"}\n{"txt": "the cat"}\n', "rows.jsonl:2: has no 'text'; it has txt"),
    ('{"text": "the cat"}\n{"text": 7}\n', "rows.jsonl:2: text is the number 7"),
    ('{"text": "the cat", "label": 1}\n{"text": "the dog"}\n', "rows.jsonl:2: has no 'label'"),
    ('{"text": "the cat", "label": 1}\n{"text": "the dog", "label": "x"}\n', "rows.jsonl:2: label 'x'"),
    (b'{"text": "the cat"}\n{"text": "\xff"}\n', r"rows.jsonl:2: is not UTF-8 text"),
    ('{"text": "the cat"}\n' + "[" * 100_000 + "\n", "rows.jsonl:2: is not JSON"),
]


@pytest.mark.parametrize(("text", "words"), BAD_TEXT)
def test_a_bad_line_is_named_or_left_out_and_counted(text: str, words: str, tmp_path: Path) -> None:
    write_tokenizer(tmp_path / "tokenizer.json")
    with pytest.raises(ConfigError, match=f"^{words}"):
        load(tmp_path, TEXT, text, "rows.jsonl")
    samples = load(tmp_path, TEXT, text, "rows.jsonl", skip_bad=True)
    assert len(samples) == 1
    assert samples.notes[0].startswith("1 of 2 samples left out: rows.jsonl:")


def test_a_set_of_which_nothing_is_left(tmp_path: Path) -> None:
    write_tokenizer(tmp_path / "tokenizer.json")
    with pytest.raises(ConfigError, match=r"all 2 samples are left out; the first, rows\.jsonl:1"):
        load(tmp_path, TEXT, "[]\n[]\n", "rows.jsonl", skip_bad=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x80\x81", "is no tokenizer file"),
        (b'{"version": "1.0"}', "is no tokenizer file"),
        (b"[]", "is no tokenizer file"),
    ],
)
def test_a_file_that_is_no_tokenizer(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(ConfigError, match=rf"\[model.inputs.input_ids\] pre: tokenizer.json {words}"):
        load(tmp_path, TEXT, '{"text": "the cat"}\n', "rows.jsonl")


def test_tokenizer_settings_that_can_not_be(tmp_path: Path) -> None:
    write_tokenizer(tmp_path / "tokenizer.json")
    short = one(IDS.model_copy(update={"length": 2}), dtype="int64", shape=(1, 2))
    with pytest.raises(ConfigError, match=r"length is 2.*\n.*more than the 2 special tokens"):
        load(tmp_path, short, '{"text": "the cat"}\n', "rows.jsonl")
    padded = one(IDS.model_copy(update={"pad_token": "<none>"}), dtype="int64", shape=(1, 6))
    with pytest.raises(ConfigError, match="has no token <none>"):
        load(tmp_path, padded, '{"text": "the cat"}\n', "rows.jsonl")
    with pytest.raises(ValidationError, match="differ in more than output"):
        ModelSource(source="m.py:m", inputs=TEXT | one(IDS.model_copy(update={"length": 7})))


def test_a_tokenizer_goes_by_its_digest(tmp_path: Path) -> None:
    write_tokenizer(tmp_path / "words" / "my own.json")
    step = IDS.model_copy(update={"tokenizer": "words/my own.json"})
    source = ModelSource(source="m.py:m", inputs=one(step, dtype="int64", shape=(1, 6)))
    (known,) = with_assets(source, tmp_path).inputs["x"].pre
    assert isinstance(known, Tokenize)
    assert known.tokenizer == f"preprocess/tokenizer-{known.sha256[:12]}.json"
    assert project_files(source, tmp_path)(known.tokenizer) == (tmp_path / "words" / "my own.json").read_bytes()
    pinned = source.model_copy(update={"inputs": one(step.model_copy(update={"sha256": "0" * 64}))})
    with pytest.raises(ConfigError, match=r"my own.json has the sha256 .*\n  expected: 0000"):
        with_assets(pinned, tmp_path)


def test_numbers_by_the_names_of_their_columns(tmp_path: Path) -> None:
    samples = load(tmp_path, ONE, "width,name,height,label\n1.5,a,2,0\n-3e2,b,4,1\n")
    assert samples.inputs["x"].tolist() == [[2, 1.5], [4, -300]]
    assert samples.inputs["x"].dtype == np.float32
    whole = one(ReadColumns(names=("n",), dtype="int64"), dtype="int64")
    assert load(tmp_path, whole, "n\n3\n4.0\n").inputs["x"].tolist() == [[3], [4]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("width,height\n1,2\n1,x\n", "rows.csv:3: height is 'x'.*\n.*a finite number"),
        ("width,height\n1,2\n1,nan\n", "rows.csv:3: height is 'nan'"),
        ("width,height\n1,2\n1,\n", "rows.csv:3: height is ''"),
        ("width,height\n1,2\n1,1e60\n", r"rows.csv:3: 1e\+60 does not fit float32"),
        ("width,height\n1,2\n1\n", "rows.csv:3: has 1 cells.*\n.*2: width, height"),
        ("width,height,label\n1,2,0\n1,2,cat\n", "rows.csv:3: label 'cat'.*\n.*\n.*classes = "),
    ],
)
def test_a_bad_row_of_numbers(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"^{words}"):
        load(tmp_path, ONE, text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,2\n3,4\n", "rows.csv:1: '1,2'.*\n.*a heading"),
        ("width,width\n3,4\n", "rows.csv:1: 'width,width'"),
        (b"width,height\n1,\xff\n", "rows.csv:2: is not UTF-8"),
        ("width,depth\n1,2\n", "rows.csv:2: has no 'height'; it has width, depth"),
        ("", "rows.csv:1: ''"),
        ("width,height\n", r"\[data.data\]: empty"),
    ],
)
def test_a_table_that_is_none(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"^{words}"):
        load(tmp_path, ONE, text)


def test_an_input_that_no_step_reads(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[model.inputs.x\] pre: declares no step that reads"):
        load(tmp_path, one(), "x\n1\n")


def test_several_inputs_from_one_file_with_groups(tmp_path: Path) -> None:
    write_tokenizer(tmp_path / "tokenizer.json")
    rows = []
    for number in range(4):
        write_wav(tmp_path / "clips" / f"{number}.wav", number)
        pixels = np.random.default_rng(number).integers(0, 255, (20, 30, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
        row = {"image": f"{number}.png", "audio": f"clips/{number}.wav", "text": "the cat", "weight": number}
        rows.append(row | {"label": number % 2, "scene": f"s{number // 2}"})
    specs = TEXT | {
        "photo": InputSpec(shape=(1, 8, 8, 3), dtype="uint8", pre=(Resize(size=(8, 8)),)),
        "sound": InputSpec(shape=(1, 4000), pre=(ReadAudio(sample_rate=8000, length=4000),)),
        "mass": InputSpec(shape=(1, 1), pre=(ReadColumns(names=("weight",)),)),
    }
    samples = load(tmp_path, specs, "\n".join(map(json.dumps, rows)), "rows.jsonl", group="scene")
    assert {name: array.shape for name, array in samples.inputs.items()} == {
        "input_ids": (4, 6), "mask": (4, 6), "types": (4, 6), "photo": (4, 8, 8, 3), "sound": (4, 4000), "mass": (4, 1),
    }  # fmt: skip
    assert samples.groups is not None
    assert samples.groups.tolist() == [0, 0, 1, 1]
    source, cache = DataSource(source="rows.jsonl"), Cache(tmp_path / "cache")
    before = source_state(source, tmp_path, cache, specs=specs)
    write_wav(tmp_path / "clips" / "2.wav", 77)
    assert source_state(source, tmp_path, cache, specs=specs) != before


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a/../../secret.png", "..\\\\secret.png"])
def test_no_file_out_of_the_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    specs = one(ReadImage(), dtype="uint8", shape=(1, 8, 8, 3))
    with pytest.raises(ConfigError, match=r"rows\.jsonl:1, .*: leads out of the folder"):
        load(tmp_path, specs, f'{{"image": "{name}"}}\n', "set/rows.jsonl")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    specs = one(ReadImage(), dtype="uint8", shape=(1, 8, 8, 3))
    with pytest.raises(ConfigError, match=r"rows\.csv:2, a\.png: is not there"):
        load(tmp_path, specs, "image\na.png\n")


def test_colours_and_sizes_of_images(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (6, 9, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    rgb = load(tmp_path, one(ReadImage(), dtype="uint8", shape=(1, 6, 9, 3)), "image\na.png\n").inputs["x"][0]
    np.testing.assert_array_equal(rgb, pixels)
    bgr = load(tmp_path, one(ReadImage(color="bgr"), dtype="uint8", shape=(1, 6, 9, 3)), "image\na.png\n").inputs["x"][
        0
    ]
    np.testing.assert_array_equal(bgr, pixels[..., ::-1])
    gray = load(tmp_path, one(ReadImage(color="gray"), dtype="uint8", shape=(1, 6, 9, 1)), "image\na.png\n").inputs[
        "x"
    ][0]
    np.testing.assert_allclose(gray[..., 0], pixels @ [0.299, 0.587, 0.114], atol=0.51)
    steps = (ReadImage(), Resize(size=(3, 4), resampling="bicubic"))
    small = load(tmp_path, one(*steps, dtype="uint8", shape=(1, 3, 4, 3)), "image\na.png\n").inputs["x"][0]
    np.testing.assert_array_equal(small, Image.fromarray(pixels).resize((4, 3), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ((ReadAudio(sample_rate=8000), ReadImage()), "read in one way"),
        ((Normalize(), ReadAudio(sample_rate=8000)), "audio reads files, so it comes before"),
        ((ReadImage(), ReadImage()), "image is there twice"),
    ],
)
def test_steps_that_can_not_follow_each_other(steps: tuple[Step, ...], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        one(*steps)
    with pytest.raises(ValidationError, match="shorter or size"):
        Resize(shorter=4, size=(4, 4))
