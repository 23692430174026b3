"""From raw files to answers: steps are part of the bundle, which needs nothing but itself to take them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from several_inputs_project import make_project

from edgebuild.cli.main import main
from edgebuild.core.errors import BundleError
from edgebuild.models.data import load_samples
from edgebuild.models.samples import Samples, input_specs, prepare_inputs
from edgebuild.pipeline.sources import load_sets, load_source
from edgebuild.pipeline.stage import Road
from edgebuild.store.bundle import open_bundle
from edgebuild.store.cache import Cache
from edgebuild.store.catalog import find_profile
from edgebuild.store.toml import load_project
from edgebuild.vectors import golden_vectors


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The project, built, and what the build said."""
    import contextlib
    import io

    root = make_project(tmp_path_factory.mktemp("several") / "project")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(io.StringIO()) as said:
        patch.setenv("EDGEBUILD_CACHE", str(root.parent / "cache"))
        assert main(["build", str(root), "-o", str(root.parent / "out")]) == 0
    return root, said.getvalue()


def bundle_of(root: Path) -> Path:
    return root.parent / "out" / "host-onnxruntime"


def answers(bundle: Path, source: Path) -> np.ndarray:
    place = source.parent / "answers.npz"
    assert main(["run", str(bundle), "--input", str(source), "-o", str(place)]) == 0
    with np.load(place) as written:
        made: np.ndarray = written["output"]
        return made


def expected(root: Path) -> tuple[Samples, np.ndarray]:
    """The evaluation set, and what torch answers to it."""
    project, folder = load_project(root)
    inputs = project.model.inputs
    assert project.data.evaluation is not None
    samples = load_samples(project.data.evaluation, inputs, folder, Cache(root.parent / "other"))
    space: dict[str, object] = {}
    exec((root / "model.py").read_text(encoding="utf-8"), space)
    model = space["make"]()  # type: ignore[operator]
    with torch.no_grad():
        return samples, model(*(torch.from_numpy(x) for x in prepare_inputs(samples, inputs).values())).numpy()


def test_raw_rows_give_the_models_answers(built: tuple[Path, str], tmp_path: Path) -> None:
    root = built[0]
    bundle = tmp_path / "moved"
    shutil.copytree(bundle_of(root), bundle)
    _, wanted = expected(root)
    rows = shutil.copy(root / "evaluation.jsonl", tmp_path)
    shutil.copytree(root / "clips", tmp_path / "clips")
    np.testing.assert_allclose(answers(bundle, Path(rows)), wanted, atol=2e-5)


def test_the_tokenizer_is_one_of_the_bundles_files(built: tuple[Path, str], tmp_path: Path) -> None:
    root = built[0]
    place = tmp_path / "bundle"
    shutil.copytree(bundle_of(root), place)
    bundle = open_bundle(place)
    names = {step.tokenizer for step in bundle.manifest.parts[0].signature.tokenizers}
    assert len(names) == 1
    (name,) = names
    assert (place / name).read_bytes() == (root / "words" / "tokenizer.json").read_bytes()
    assert main(["verify", str(place), "--require", "digests"]) == 0
    (place / name).write_bytes(b"{}" + (place / name).read_bytes()[2:])
    with pytest.raises(BundleError):
        bundle.read(name)
    assert main(["verify", str(place), "--require", "digests"]) != 0


def test_a_manifest_must_list_the_tokenizer(built: tuple[Path, str]) -> None:
    manifest = open_bundle(bundle_of(built[0])).manifest
    files = [file for file in manifest.files if not file.name.startswith("preprocess/")]
    with pytest.raises(ValueError, match="not listed with the digest that the signature states"):
        type(manifest).model_validate(manifest.model_dump(by_alias=True) | {"files": files})


def test_what_was_left_out_is_said(built: tuple[Path, str]) -> None:
    assert "calibration: 1 of 13 samples left out: calibration.jsonl:13: text is empty" in built[1]


def test_golden_inputs_are_texts_and_sounds(built: tuple[Path, str]) -> None:
    bundle = open_bundle(bundle_of(built[0]))
    vectors = golden_vectors(bundle, bundle.manifest.parts[0])
    mask, spectrum = vectors["input/attention_mask"], vectors["input/spectrum"]
    assert mask[:, 0].all()
    assert (np.diff(mask, axis=1) <= 0).all()
    assert spectrum.shape == (4, 1, 30, 16)
    assert float(spectrum.std()) > 0.1


def test_a_changed_tokenizer_or_sound_is_read_again(built: tuple[Path, str], tmp_path: Path) -> None:
    project, root = load_project(Path(shutil.copytree(built[0], tmp_path / "project")))
    cache = Cache(built[0].parent / "cache")

    def cached() -> dict[str, bool]:
        road = Road(project, root, find_profile("quick", root), cache)
        load_sets(road, load_source(road))
        return {step.subject: step.cached for step in road.steps if step.stage in ("load", "data")}

    assert all(cached().values())
    clip, tokenizer = root / "clips" / "203.wav", root / "words" / "tokenizer.json"
    clip.write_bytes(clip.read_bytes()[:-200] + bytes(200))
    assert cached() == {"model": True, "calibration": True, "selection": True, "evaluation": False}
    tokenizer.write_bytes(tokenizer.read_bytes().replace(b'"cat": 5', b'"cow": 5'))
    assert not any(cached().values())


def test_eval_reads_the_bundles_tokenizer(built: tuple[Path, str], tmp_path: Path) -> None:
    root = built[0]
    project = tmp_path / "project"
    shutil.copytree(root, project)
    (project / "words" / "tokenizer.json").unlink()
    out = tmp_path / "answers.npz"
    bundle = bundle_of(root)
    assert main(["eval", str(bundle), "--project", str(project), "-o", str(out)]) == 0
    with np.load(out) as written:
        np.testing.assert_allclose(written["float32/output"], expected(root)[1], atol=2e-5)


def test_a_bundles_own_signature_reads_as_the_project_does(built: tuple[Path, str]) -> None:
    bundle = open_bundle(bundle_of(built[0]))
    specs = input_specs(bundle.manifest.parts[0].signature)
    project, folder = load_project(built[0])
    assert project.data.evaluation is not None
    samples = load_samples(
        project.data.evaluation, specs, folder, Cache(folder.parent / "other"), read_file=bundle.read
    )
    for name, array in expected(built[0])[0].inputs.items():
        np.testing.assert_array_equal(samples.inputs[name], array)
