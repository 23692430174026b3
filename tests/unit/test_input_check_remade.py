"""Samples that were made wrongly: one of the ways that are tried brings back what was lost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edgebuild.core.input_check import InputCheck
from edgebuild.core.project import InputSpec
from edgebuild.core.reading import ReadAudio
from edgebuild.core.signature import AddAxis, Log, Normalize, Spectrogram, Transpose
from edgebuild.inputcheck.declarations.alternatives import alternatives
from edgebuild.inputcheck.declarations.form import Form, form_of
from edgebuild.inputcheck.evidence import saturated
from edgebuild.inputcheck.labels import of_other_samples, relabelled
from edgebuild.inputcheck.scores import Scores
from edgebuild.models.samples import prepare_input

Plant = Callable[[np.ndarray], np.ndarray]
SIDE = 24
COLOURS = InputSpec(
    shape=(1, 3, SIDE, SIDE), layout="NCHW",
    pre=(Transpose(order=(0, 3, 1, 2)), Normalize(scale=1 / 255, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))),
)  # fmt: skip
SOUND = InputSpec(shape=(1, 2000), pre=(Normalize(std=(0.5,)),))


def pictures() -> np.ndarray:
    """Smooth ones, unlike at the top and bottom, (20, 24, 24, 3) bytes."""
    random = np.random.default_rng(3)
    rows, columns = np.mgrid[0:1:24j, 0:1:24j]
    made = [
        128 + 60 * np.sin(3 * a * rows + b) + 50 * np.cos(4 * c * columns + d) + 10 * rows
        for a, b, c, d in random.uniform(0.5, 1.5, (60, 4))
    ]
    return np.stack(made).reshape(20, 3, SIDE, SIDE).transpose(0, 2, 3, 1).clip(0, 255).astype(np.uint8)


def sounds() -> np.ndarray:
    """Tones that fade, then nothing, (20, 2000) floats."""
    random = np.random.default_rng(4)
    times = np.arange(2000)
    return np.stack(
        [
            0.9 * np.sin(times * pitch) * np.exp(-times / 600) * (times < length)
            for pitch, length in zip(random.uniform(0.02, 0.08, 20), random.integers(900, 1600, 20), strict=True)
        ]
    ).astype(np.float32)


def with_padded_rows(raw: np.ndarray) -> np.ndarray:
    padded = np.pad(raw, ((0, 0), (0, 0), (0, 5), (0, 0))).reshape(len(raw), -1)
    return padded[:, : raw[0].size].reshape(raw.shape)


def barred(raw: np.ndarray) -> np.ndarray:
    squeezed = raw[:, np.arange(18) * SIDE // 18]
    return np.pad(squeezed, ((0, 0), (3, 3), (0, 0), (0, 0)), constant_values=114)


def turned(raw: np.ndarray) -> np.ndarray:
    starts = np.random.default_rng(5).integers(1, SIDE, len(raw))
    return np.stack([np.roll(one, at, 0) for one, at in zip(raw, starts, strict=True)])


def in_light(raw: np.ndarray) -> np.ndarray:
    return np.round(255 * (raw / 255) ** 2.2).astype(np.uint8)


def of_luma(raw: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(raw.astype(np.float64), -1, 0)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    parts = luma, 128 + (blue - luma) / 1.772, 128 + (red - luma) / 1.402
    return np.stack(parts, -1).round().clip(0, 255).astype(np.uint8)


def swapped_bytes(raw: np.ndarray) -> np.ndarray:
    return ((raw * 32768).astype(np.int16).byteswap() / 32768).astype(np.float32)


PLANTED: tuple[tuple[str, InputSpec, Plant], ...] = (
    ("inverted", COLOURS, lambda x: 255 - x),
    ("as signed", COLOURS, lambda x: x.view(np.int8)),
    ("from the middle", COLOURS, lambda x: (x.astype(np.int16) - 128).astype(np.int8)),
    ("video range", COLOURS, lambda x: (16 + x * (219 / 255)).round().astype(np.uint8)),
    ("twelve bits", COLOURS, lambda x: x.astype(np.uint16) * 16),
    ("linear light", COLOURS, in_light),
    ("luma and chromas", COLOURS, of_luma),
    ("green first", COLOURS, lambda x: x[..., [1, 0, 2]]),
    ("on its side", COLOURS, lambda x: np.rot90(x, axes=(1, 2)).copy()),
    ("half round", COLOURS, lambda x: x[:, ::-1, ::-1].copy()),
    ("another stride", COLOURS, with_padded_rows),
    ("ring buffer", COLOURS, turned),
    ("bars", COLOURS, barred),
    ("the middle cut out", COLOURS, lambda x: x[:, :, 3 + np.arange(SIDE) * 18 // SIDE]),
    ("whole numbers", SOUND, lambda x: x * 32768),
    ("a bias", SOUND, lambda x: x + np.float32(0.3)),
    ("bytes exchanged", SOUND, swapped_bytes),
    ("as unsigned", SOUND, lambda x: np.where(x < 0, x + 1, x - 1).astype(np.float32)),
    ("at the end", SOUND, lambda x: np.stack([np.roll(one, 2000 - np.flatnonzero(one)[-1] - 1) for one in x])),
    ("three times the rate", SOUND, lambda x: np.repeat(x, 3, axis=1)[:, :2000]),
)


@pytest.mark.parametrize(("spec", "plant"), [one[1:] for one in PLANTED], ids=[one[0] for one in PLANTED])
def test_one_way_brings_back_what_the_model_took(spec: InputSpec, plant: Plant) -> None:
    right = pictures() if spec is COLOURS else sounds()
    wrong = plant(right)
    wanted = prepare_input("x", right, spec)

    def lost(raw: np.ndarray, declared: InputSpec) -> float:
        return float(np.abs(prepare_input("x", raw, declared) - wanted).mean())

    before, tried = lost(wrong, spec), []
    for other in alternatives(spec, wrong):
        raw = other.change(wrong) if other.change else wrong
        tried.append(lost(raw, spec.model_copy(update={"pre": other.steps})))
    assert before > 0.05
    assert min(tried) < 0.6 * before


def test_right_pictures_are_not_thought_to_have_another_stride_or_bars() -> None:
    said = {other.words for other in alternatives(COLOURS, pictures())}
    assert not any("apart in memory" in words or "without bars" in words for words in said)


def test_what_samples_are_is_seen_through_the_steps() -> None:
    assert form_of(COLOURS, pictures()) == Form("picture", 1, 2, 3)
    assert form_of(SOUND, sounds()).sort == "waveform"
    spectral = InputSpec(
        shape=(1, 1, 10, 33), layout="NCHW",
        pre=(Spectrogram(window_length=64, hop_length=64, fft_length=64), Log(), AddAxis(axis=1)),
    )  # fmt: skip
    assert form_of(spectral, np.zeros((2, 640), np.float32)).sort == "numbers"
    grey = InputSpec(shape=(1, 1, 8, 8), layout="NCHW", pre=(AddAxis(axis=1),))
    assert form_of(grey, np.zeros((2, 8, 8), np.uint8)) == Form("picture", 1, 2, None)
    assert form_of(InputSpec(shape=(1, 9), dtype="int64"), np.zeros((2, 9), np.int64)).sort == "ids"


def test_what_is_put_in_front_stands_behind_what_reads() -> None:
    read = ReadAudio(sample_rate=8000, length=2000)
    spec = InputSpec(shape=(1, 2000), pre=(read,))
    others = [other.steps for other in alternatives(spec, sounds())]
    assert any(len(steps) == 2 for steps in others)
    assert all(steps[0] == read for steps in others)


def answers(count: int = 200) -> Scores:
    """A model that is right nine times in ten about five classes."""
    random = np.random.default_rng(6)
    labels = random.integers(0, 5, count)
    classes = np.where(random.random(count) < 0.9, labels, random.integers(0, 5, count))
    return Scores(labels, classes=classes)


def test_an_order_of_classes_is_found_on_one_half_and_judged_on_the_other() -> None:
    right = answers()
    order = np.array([3, 0, 4, 2, 1])
    assert right.classes is not None
    found = relabelled(Scores(order[right.labels], classes=right.classes), InputCheck(), best=0.0)
    assert found is not None
    assert found.certainty == "named"
    assert "another order" in found.found
    assert relabelled(right, InputCheck(), best=0.0) is None


def test_labels_of_other_samples_are_told_from_inputs_that_nobody_can_read() -> None:
    right = answers()
    mixed = Scores(np.random.default_rng(7).permutation(right.labels), classes=right.classes)
    found = of_other_samples(mixed)
    assert found is not None
    assert (found.kinds, found.certainty) == (("labels",), "suspected")
    assert of_other_samples(right) is None
    unreadable = Scores(right.labels, classes=np.full_like(right.labels, 2))
    assert of_other_samples(unreadable) is None


def test_numbers_that_pile_up_at_their_largest_are_saturated() -> None:
    loud = np.random.default_rng(8).normal(size=(20, 2000)).astype(np.float32)
    assert not list(saturated("x", loud))
    (found,) = saturated("x", loud.clip(-1, 1))
    assert found.kinds == ("saturated",)
    assert not list(saturated("x", np.sign(loud)))  # numbers of two sorts only are a code, no signal
