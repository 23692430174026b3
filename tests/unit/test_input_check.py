"""The input check: a planted mistake is named with the line that mends it, and a right project is left alone."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_project import make_project

from edgebuild.core.errors import ConfigError
from edgebuild.core.input_check import InputCheck, InputReport
from edgebuild.core.intervals import binomial_tail
from edgebuild.core.project import InputSpec
from edgebuild.core.signature import Cast, Normalize, ReverseChannels, Step, Transpose
from edgebuild.inputcheck.case import Case
from edgebuild.inputcheck.check import check
from edgebuild.inputcheck.declarations.form import Form
from edgebuild.inputcheck.declarations.signals import remade
from edgebuild.inputcheck.declarations.steps import moved, reversed_at, taken_apart, written
from edgebuild.inputcheck.paired import p_better
from edgebuild.inputcheck.scores import Scores
from edgebuild.models.samples import Samples
from edgebuild.pipeline.input_stage import checked_inputs
from edgebuild.pipeline.sources import DataSet
from edgebuild.store.cache import Cache
from edgebuild.store.entry import Entry

CLASSES = 6
NONE = 130.0
"""Distance from which on an image is of no class: other classes' lie at about 300, noise at about 100."""
TO_FIRST = Transpose(order=(0, 3, 1, 2))
TO_UNIT = Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), scale=1 / 255)
IN_BYTES = Normalize(scale=1 / 255, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
RIGHT: tuple[Step, ...] = (TO_FIRST, TO_UNIT)


def spec(*pre: Step) -> InputSpec:
    return InputSpec(shape=(1, 3, 6, 6), layout="NCHW", pre=pre)


def templates() -> np.ndarray:
    """One image of bytes a class, channels last, whose halves and channels differ."""
    return np.random.default_rng(1).integers(0, 256, (CLASSES, 6, 6, 3)).astype(np.uint8)


def samples(count: int = 90, labels: bool = True) -> Samples:
    random = np.random.default_rng(2)
    classes = random.integers(0, CLASSES, count)
    noisy = templates()[classes] + random.normal(0, 60, (count, 6, 6, 3))
    return Samples({"image": noisy.clip(0, 255).astype(np.uint8)}, classes if labels else None)


def nearest(inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The model: minus the distance to each class's template, and one class more for what is near none of them."""
    from edgebuild.steps.preprocess import apply_steps

    known = apply_steps(templates(), RIGHT).reshape(CLASSES, -1)
    rows = inputs["image"].reshape(len(inputs["image"]), -1)
    near = -np.square(rows[:, None] - known[None]).sum(axis=2)
    return [np.concatenate([near, np.full((len(rows), 1), -NONE)], axis=1)]


def case(*pre: Step, given: Samples | None = None) -> Case:
    return Case({"image": spec(*pre)}, given or samples(), nearest, "top1")


def mended(report: InputReport) -> tuple[Step, ...]:
    """The steps of the one declaration that is proposed."""
    (found,) = report.suspicions
    assert found.declaration.startswith("[model.inputs.image] pre = ")
    steps = tomllib.loads(found.declaration.partition("] ")[2])["pre"]
    return InputSpec.model_validate({"shape": [1, 3, 6, 6], "pre": steps}).pre


def test_a_right_project_is_left_alone() -> None:
    report = check(case(*RIGHT))
    assert report.suspicions == ()
    assert report.labelled == 90
    assert report.tried > 10
    assert report.score is not None
    assert report.score > 90


@pytest.mark.parametrize(
    ("pre", "kind"),
    [
        ((TO_FIRST, TO_UNIT.model_copy(update={"scale": 1.0})), "scale"),
        ((TO_FIRST, IN_BYTES), "scale"),  # statistics of 0..255: the same as not dividing
        ((TO_FIRST, ReverseChannels(axis=1), TO_UNIT), "channel order"),
        ((Transpose(order=(0, 3, 2, 1)), TO_UNIT), "layout"),
    ],
)
def test_a_planted_mistake_is_named_with_the_line_that_mends_it(pre: tuple[Step, ...], kind: str) -> None:
    report = check(case(*pre))
    (found,) = report.suspicions
    assert (found.certainty, found.kinds) == ("named", (kind,))
    assert "labelled samples" in found.evidence
    given = case(*mended(report))
    right = case(*RIGHT)
    np.testing.assert_allclose(
        given.prepared(given.samples)["image"], right.prepared(right.samples)["image"], rtol=1e-3, atol=1e-3
    )


def test_two_slips_in_different_steps_are_named_together() -> None:
    report = check(case(TO_FIRST, ReverseChannels(axis=1), Normalize(scale=1 / 255)))
    (found,) = report.suspicions
    assert "channel order" in found.kinds
    assert report.score is not None
    assert check(case(*mended(report))).score > report.score + 20  # type: ignore[operator]


def test_without_enough_labels_nothing_is_named() -> None:
    wrong = (TO_FIRST, TO_UNIT.model_copy(update={"scale": 1.0}))
    for given in (samples(labels=False), samples(count=49)):
        report = check(case(*wrong, given=given))
        assert report.labelled == 0
        assert {one.certainty for one in report.suspicions} == {"suspected"}
        assert check(case(*RIGHT, given=given)).suspicions == ()


def test_labels_that_count_from_one_are_told() -> None:
    given = samples()
    assert given.labels is not None
    report = check(case(*RIGHT, given=replace(given, labels=np.maximum(given.labels - 1, 0))))
    (found,) = report.suspicions
    assert (found.input, found.kinds, found.declaration) == ("labels", ("labels",), "")
    assert "1 higher" in found.found


def test_samples_that_were_reshaped_are_told_though_no_step_mends_them() -> None:
    given = samples()
    images = given.inputs["image"]
    read = np.ascontiguousarray(images.reshape(len(images), 3, 6, 6).transpose(0, 2, 3, 1))
    (found,) = check(case(*RIGHT, given=replace(given, inputs={"image": read}))).suspicions
    assert (found.kinds, found.declaration) == (("layout",), "")
    assert "reshape" in found.fix


def test_a_dead_channel_is_certain() -> None:
    given = samples()
    dead = given.inputs["image"].copy()
    dead[..., 1] = 0
    found = check(case(*RIGHT, given=replace(given, inputs={"image": dead}))).suspicions
    assert ("constant channel",) in [one.kinds for one in found if one.certainty == "certain"]


def _norm_model() -> Callable[..., object]:
    import torch

    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, bias=False), torch.nn.BatchNorm2d(8), torch.nn.ReLU())
    right = case(*RIGHT)
    inputs = torch.from_numpy(right.prepared(right.samples)["image"])
    module.train()
    module[1].momentum = 1.0
    module(inputs)
    return module.eval()


def _remembering(*pre: Step) -> Case:
    from edgebuild.inputcheck.norm import first_norm
    from edgebuild.inputcheck.running import torch_run
    from edgebuild.models.graph import export_module

    model = export_module(_norm_model(), {"image": spec(*pre)})  # type: ignore[arg-type]
    return Case({"image": spec(*pre)}, samples(labels=False), torch_run(model), "none", norm=first_norm(model))


def test_without_labels_the_models_own_statistics_are_a_suspicion_only() -> None:
    assert check(_remembering(*RIGHT)).suspicions == ()
    (found,) = check(_remembering(TO_FIRST, TO_UNIT.model_copy(update={"scale": 1.0}))).suspicions
    assert found.certainty == "suspected"
    assert found.kinds[0] in ("scale", "mean and deviation")
    assert "batch normalization" in found.evidence


def test_a_scale_that_is_in_no_catalogue_is_fitted() -> None:
    odd = Normalize(scale=1 / 255, mean=(1.7, 1.7, 1.7), std=(0.01,))
    found = _remembering(TO_FIRST, Normalize(scale=37.0, mean=(5.0,)))
    (suspicion,) = check(found).suspicions
    assert suspicion.certainty == "suspected"
    assert "declared" not in suspicion.declaration
    assert found.norm is not None
    near = _remembering(*mended(check(_remembering(TO_FIRST, odd))))
    assert near.norm is not None
    assert near.norm.distance(near.prepared(near.few)) < 0.2


def test_many_samples_at_once_are_what_one_by_one_gives() -> None:
    from edgebuild.inputcheck.running import torch_run
    from edgebuild.models.graph import export_module

    model = export_module(_norm_model(), {"image": spec(*RIGHT)})  # type: ignore[arg-type]
    inputs = case(*RIGHT).prepared(samples(count=5))
    np.testing.assert_allclose(torch_run(model)(inputs)[0], model.run(inputs)[0], atol=1e-5)


def test_token_ids_outside_the_vocabulary_are_certain_and_nothing_is_run() -> None:
    import torch

    from edgebuild.inputcheck.vocabulary import torch_vocabulary
    from edgebuild.models.graph import export_module

    module = torch.nn.Sequential(torch.nn.Embedding(10, 4), torch.nn.Flatten(), torch.nn.Linear(12, 2))
    ids = {"ids": InputSpec(shape=(1, 3), dtype="int64")}
    sizes = torch_vocabulary(export_module(module, ids))
    assert sizes == {"ids": 10}

    def never(_: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        raise AssertionError("ids without a row must not reach the model")

    given = Samples({"ids": np.array([[1, 2, 3], [4, 5, 10]])}, np.array([0, 1]))
    (found,) = check(Case(ids, given, never, "top1", vocabulary=sizes)).suspicions
    assert (found.certainty, found.kinds) == ("certain", ("vocabulary",))
    assert "0 to 9" in found.found


def test_padding_and_rate_are_made_otherwise() -> None:
    ids = np.array([[5, 6, 0, 0], [7, 8, 9, 4], [3, 0, 0, 0]])
    (front,) = [one for one in remade(ids, Form("ids")) if one.kind == "padding"]
    assert front.change(ids).tolist() == [[0, 0, 5, 6], [7, 8, 9, 4], [0, 0, 0, 3]]
    wave = np.sin(np.arange(2000) / 10)[None].repeat(2, axis=0)
    twice, half = [one.change(wave) for one in remade(wave, Form("waveform")) if one.kind == "sample rate"][:2]
    assert half.shape == twice.shape == wave.shape
    np.testing.assert_allclose(half[0, :900], wave[0, :1800:2], atol=1e-9)
    np.testing.assert_allclose(twice[0, ::2][:900], wave[0, :900], atol=1e-9)


def test_steps_are_written_as_they_are_read() -> None:
    steps = (TO_FIRST, ReverseChannels(axis=1), TO_UNIT, Cast(dtype="float32"))
    read = tomllib.loads(written("image", steps).partition("] ")[2])["pre"]
    again = InputSpec.model_validate({"shape": [1, 3, 6, 6], "pre": read}).pre
    assert again[2] == TO_UNIT.model_copy(update={"scale": pytest.approx(1 / 255)})
    assert (again[0], again[1], again[3]) == (steps[0], steps[1], steps[3])


def test_edits_undo_themselves() -> None:
    assert reversed_at(reversed_at(RIGHT, 1), 1) == RIGHT
    assert moved(moved((TO_FIRST,), (0, 1, 3, 2)), (0, 1, 3, 2)) == (TO_FIRST,)
    assert taken_apart(RIGHT).steps == RIGHT
    assert taken_apart((TO_FIRST,)).numbers == ()


def test_the_paired_tests() -> None:
    assert binomial_tail(10, 10) == 1 / 1024
    labels = np.zeros(20, np.int64)
    own = Scores(labels, classes=np.r_[np.ones(12, np.int64), np.zeros(8, np.int64)])
    assert p_better(own, Scores(labels, classes=labels)) == 1 / 2**12
    assert p_better(own, own) == 1
    ranked = np.arange(60) % 2
    blind, seeing = np.random.default_rng(0).random(60), ranked + 0.1
    assert p_better(Scores(ranked, values=blind), Scores(ranked, values=seeing)) < 0.001
    assert p_better(Scores(ranked, values=seeing), Scores(ranked, values=blind)) > 0.9


def test_a_profile_that_says_fail_ends_the_build_and_the_evaluation_set_is_not_asked(tmp_path: Path) -> None:
    from edgebuild.pipeline.project import plan_build
    from edgebuild.pipeline.sources import Sets, load_sets, load_source
    from edgebuild.pipeline.stage import Road

    root = make_project(tmp_path / "project")
    plan = plan_build(root, cache=Cache(tmp_path / "cache"))
    road = Road(plan.project, plan.root, plan.profile, plan.cache)
    source = load_source(road)
    sets = load_sets(road, source)
    dead = DataSet("calibration", _dead(road, tmp_path))
    told = checked_inputs(road, source, Sets(dead, None, sets.evaluation))
    again = checked_inputs(road, source, Sets(dead, None, None))
    assert told == again
    assert [step.cached for step in road.steps if step.stage == "check inputs"] == [False]
    strict = plan.profile.model_copy(update={"input_check": InputCheck(on_suspicion="fail")})
    off = plan.profile.model_copy(update={"input_check": InputCheck(on_suspicion="off")})
    assert checked_inputs(replace(road, profile=off), source, Sets(dead, None, None)) is None
    assert told is not None
    assert told.suspicions
    with pytest.raises(ConfigError, match=r"\[model.inputs.image\]"):
        checked_inputs(replace(road, profile=strict), source, Sets(dead, None, None))


def _dead(road: object, folder: Path) -> Entry:
    """Samples in another scale than the tiny model's batch normalization remembers."""
    image = np.random.default_rng(0).random((60, 1, 8, 8), np.float32) * 1e6
    cache: Cache = road.cache  # type: ignore[attr-defined]
    return cache.produce("0" * 64, "data", lambda place: Samples({"image": image}).save(place))


DOCS = Path(__file__).parents[2] / "docs" / "input_check.md"


def test_what_the_documentation_says_is_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands of docs/input_check.md, on the example that it names; the rules are the default ones."""
    from edgebuild.cli.main import main

    text = DOCS.read_text(encoding="utf-8")
    rules = tomllib.loads(text.partition("```toml\n")[2].partition("```")[0])["input_check"]
    assert InputCheck.model_validate(rules) == InputCheck()
    (command,) = [line.split("#")[0].split() for line in text.splitlines() if line.startswith("edgebuild ")]
    root = make_project(tmp_path / "project")
    code = main([*command[1:], str(root), "--json"])
    document = json.loads(capsys.readouterr().out)
    assert (document["command"], document["exit_code"]) == ("check", code)
    assert code in (0, 2, 4)
    assert document["result"]["samples"] == 80
    quoted = text.partition("```text\n")[2].partition("```")[0].splitlines()
    assert [line.split(":")[0] for line in quoted[1:]] == [
        "[model.inputs.image] named", "  evidence", "  would mend it"
    ]  # fmt: skip
