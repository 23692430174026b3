"""Folders of WAV files: what comes out, and what each bad file is called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from file_samples import write_wav
from scipy.io import wavfile

from edgebuild.core.errors import ConfigError
from edgebuild.core.project import DataSource, InputSpec
from edgebuild.core.reading import ReadAudio
from edgebuild.core.sound import Log, Mel, Spectrogram
from edgebuild.models.data import load_samples, source_state
from edgebuild.models.samples import Samples, prepare_inputs
from edgebuild.store.cache import Cache


def spec(**more: object) -> dict[str, InputSpec]:
    step = ReadAudio.model_validate({"sample_rate": 8000, "length": 4000, **more})
    channels = () if step.channels == 1 else (step.channels,)
    return {"x": InputSpec(shape=(1, *channels, step.length or 4000), pre=(step,))}


def load(root: Path, specs: dict[str, InputSpec], **more: object) -> Samples:
    source = DataSource.model_validate({"source": "clips", **more})
    return load_samples(source, specs, root, Cache(root / "cache"))


def test_integers_become_shares_of_full_scale(tmp_path: Path) -> None:
    sounds = [write_wav(tmp_path / "clips" / name, seed) for seed, name in enumerate(("a.wav", "b.WAV"))]
    wavfile.write(tmp_path / "clips" / "c.wav", 8000, (sounds[0] // 256 + 128).astype(np.uint8))
    wavfile.write(tmp_path / "clips" / "d.wav", 8000, sounds[0].astype(np.int32) << 16)
    wavfile.write(tmp_path / "clips" / "e.wav", 8000, sounds[0].astype(np.float32) / 32768)
    (tmp_path / "labels.csv").write_text("file,label\ne.wav,4\na.wav,0\nb.WAV,1\nc.wav,2\nd.wav,3\n", encoding="utf-8")
    samples = load(tmp_path, spec(), labels="labels.csv")
    a, b, c, d, e = samples.inputs["x"]
    np.testing.assert_array_equal(a, sounds[0].astype(np.float32) / 32768)
    np.testing.assert_array_equal(b, sounds[1].astype(np.float32) / 32768)
    np.testing.assert_allclose(c, a, atol=1 / 128)
    np.testing.assert_array_equal(d, a)
    np.testing.assert_array_equal(e, a)
    assert samples.labels is not None
    assert samples.labels.tolist() == [0, 1, 2, 3, 4]
    assert samples.notes == ()


@pytest.mark.parametrize(("place", "start"), [("start", 0), ("center", 500), ("end", 1000)])
def test_longer_and_shorter_files(place: str, start: int, tmp_path: Path) -> None:
    long = write_wav(tmp_path / "clips" / "a.wav", 0, seconds=5 / 8).astype(np.float32) / 32768
    short = write_wav(tmp_path / "clips" / "b.wav", 1, seconds=3 / 8).astype(np.float32) / 32768
    cut, filled = load(tmp_path, spec(place=place)).inputs["x"]
    np.testing.assert_array_equal(cut, long[start : start + 4000])
    np.testing.assert_array_equal(filled[start : start + 3000], short)
    assert not filled[:start].any()
    assert not filled[start + 3000 :].any()


def test_another_rate_is_refused_or_resampled(tmp_path: Path) -> None:
    write_wav(tmp_path / "clips" / "a.wav", 0, seconds=0.5)
    times = np.arange(8000) / 16000
    wavfile.write(tmp_path / "clips" / "b.wav", 16000, (8000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16))
    with pytest.raises(ConfigError, match=r"b\.wav: has a sample rate of 16000 Hz.*\n.*8000 Hz\n.*polyphase"):
        load(tmp_path, spec())
    samples = load(tmp_path, spec(resample="polyphase"))
    wanted = np.sin(2 * np.pi * 440 * np.arange(4000) / 8000) * 8000 / 32768
    np.testing.assert_allclose(samples.inputs["x"][1][100:-100], wanted[100:-100], atol=1e-3)
    assert samples.notes == ("1 sounds resampled from 16000 to 8000 Hz",)


def test_other_channels_are_refused_or_mixed(tmp_path: Path) -> None:
    write_wav(tmp_path / "clips" / "a.wav", 0)
    both = write_wav(tmp_path / "clips" / "b.wav", 1, channels=2).astype(np.float32) / 32768
    with pytest.raises(ConfigError, match=r"b\.wav: has 2 channels.*\n.*1\n.*mix = "):
        load(tmp_path, spec())
    np.testing.assert_allclose(load(tmp_path, spec(mix="mean")).inputs["x"][1], both.mean(axis=1), atol=1e-7)
    np.testing.assert_array_equal(load(tmp_path, spec(mix="first")).inputs["x"][1], both[:, 0])
    with pytest.raises(ConfigError, match=r"a\.wav: has 1 channels.*\n.*2\n"):
        load(tmp_path, spec(channels=2))
    (tmp_path / "clips" / "a.wav").unlink()
    np.testing.assert_array_equal(load(tmp_path, spec(channels=2)).inputs["x"][0], both.T)


BAD = {
    "truncated": (lambda data: data[:5000], "is truncated"),
    "no_header": (lambda data: data[:20], "not a readable WAV file"),
    "empty": (lambda _: b"", "not a readable WAV file"),
    "text": (lambda _: b"this is no sound", "not a readable WAV file"),
    "no_sound": (lambda data: data[:4] + b"\x24\0\0\0" + data[8:40] + b"\0\0\0\0", "holds no sound"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_named_or_left_out_and_counted(kind: str, tmp_path: Path) -> None:
    for seed, name in enumerate(("a", "b", "c")):
        write_wav(tmp_path / "clips" / f"{name}.wav", seed)
    damage, words = BAD[kind]
    bad = tmp_path / "clips" / "b.wav"
    bad.write_bytes(damage(bad.read_bytes()))
    (tmp_path / "labels.csv").write_text("a.wav,7\nb.wav,8\nc.wav,9\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"^b\.wav: {words}") as caught:
        load(tmp_path, spec(), labels="labels.csv")
    assert "skip_bad = true" in str(caught.value)
    samples = load(tmp_path, spec(), labels="labels.csv", skip_bad=True)
    assert samples.labels is not None
    assert samples.labels.tolist() == [7, 9]
    assert samples.notes[0].startswith("1 of 3 samples left out: b.wav: ")


def test_clipped_sounds(tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "clips" / "a.wav", 0).astype(np.int64)
    wavfile.write(tmp_path / "clips" / "b.wav", 8000, np.clip(sound * 8, -32768, 32767).astype(np.int16))
    with pytest.raises(ConfigError, match=r"b\.wav: is clipped: \d+\.\d% of its samples lie at full scale"):
        load(tmp_path, spec())
    assert len(load(tmp_path, spec(), max_clipped=1.0)) == 2


def test_lengths_must_agree_where_none_is_declared(tmp_path: Path) -> None:
    write_wav(tmp_path / "clips" / "a.wav", 0)
    write_wav(tmp_path / "clips" / "b.wav", 1, seconds=0.25)
    with pytest.raises(ConfigError, match=r"b\.wav: 2000 samples; a\.wav has 4000.*\n.*\n.*add length"):
        load(tmp_path, {"x": InputSpec(shape=(1, 4000), pre=(ReadAudio(sample_rate=8000),))})


def test_sub_folders_are_classes(tmp_path: Path) -> None:
    for seed, name in enumerate(("yes/1.wav", "no/1.wav", "no/2.wav")):
        write_wav(tmp_path / "clips" / name, seed)
    samples = load(tmp_path, spec(), labels="folders")
    assert samples.labels is not None
    assert samples.labels.tolist() == [0, 0, 1]
    samples = load(tmp_path, spec(), labels="folders", classes=["yes", "no"])
    assert samples.labels is not None
    assert samples.labels.tolist() == [1, 1, 0]
    with pytest.raises(ConfigError, match=r"yes/: label 'yes'.*\n.*one of: no"):
        load(tmp_path, spec(), labels="folders", classes=["no"])
    source, cache = DataSource(source="clips", labels="folders"), Cache(tmp_path / "cache")
    before = source_state(source, tmp_path, cache)
    write_wav(tmp_path / "clips" / "yes" / "2.wav", 9)
    assert source_state(source, tmp_path, cache) != before


def test_a_folder_without_sounds(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    with pytest.raises(ConfigError, match=r"neither \.npz files nor WAV files"):
        load(tmp_path, spec())


def test_batches_do_not_change_a_sample(tmp_path: Path) -> None:
    for seed in range(5):
        write_wav(tmp_path / "clips" / f"{seed}.wav", seed)
    steps = (
        ReadAudio(sample_rate=8000, length=4000), Spectrogram(window_length=256, hop_length=128, center=True),
        Mel(sample_rate=8000, bands=20), Log(range=6.0),
    )  # fmt: skip
    specs = {"x": InputSpec(shape=(1, 32, 20), pre=steps)}
    samples = load(tmp_path, specs)
    together = prepare_inputs(samples, specs)["x"]
    for number in range(5):
        np.testing.assert_array_equal(prepare_inputs(samples.take([number]), specs)["x"][0], together[number])
