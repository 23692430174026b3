"""How parts are put together by the names of what they take and give, and what is wrong with it in one message."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from parts_project import make_project

from edgebuild.core.errors import ConfigErrors
from edgebuild.core.parts import Wiring, refuse_misfits, whole_signature
from edgebuild.core.project import Project
from edgebuild.core.signature import Signature, TensorSpec
from edgebuild.store.toml import load_project

Parts = dict[str, dict[str, object]]


def part(outputs: list[str], **inputs: dict[str, object]) -> dict[str, object]:
    return {"source": "m.py:x", "outputs": outputs, "inputs": {n: {"shape": [1, 2], **i} for n, i in inputs.items()}}


PARTS: Parts = {
    "fuse": part(["scores"], seen={}, heard={}),
    "see": part(["seen"], image={}),
    "hear": part(["heard"], sound={"absent": "zeros"}),
}


def project(parts: Parts, outputs: tuple[str, ...] = ("scores",)) -> Project:
    model = {"source": "parts", "outputs": outputs}
    return Project.model_validate({"name": "p", "model": model, "parts": parts, "build": {"targets": ["t"]}})


def test_they_follow_from_what_they_take_and_not_from_the_files_order() -> None:
    wiring = project(PARTS).wiring
    assert wiring.order == ("see", "hear", "fuse")
    assert [(edge.source, edge.target) for edge in wiring.edges] == [
        ("see.seen", "fuse.seen"), ("hear.heard", "fuse.heard"),
    ]  # fmt: skip
    assert wiring.inputs == {"image": "see", "sound": "hear"}
    assert wiring.givers == {"scores": "fuse"}


def test_a_part_is_skipped_only_where_what_takes_of_it_says_what_stands_in() -> None:
    parts = copy.deepcopy(PARTS)
    assert not project(parts).wiring.skipped("hear", project(parts).parts)
    parts["fuse"] = part(["scores"], seen={}, heard={"absent": "zeros"})
    made = project(parts)
    assert made.wiring.skipped("hear", made.parts)
    assert not made.wiring.skipped("see", made.parts)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"see": part(["seen"], scores={})}, "fuse takes seen of see, see takes scores of fuse"),
        ({"see": part(["heard"], image={})}, "'heard' is given by see too"),
        ({"fuse": part(["scores"], seen={}, herd={})}, "parts.hear: nothing takes heard"),
        ({"fuse": part(["score"], seen={}, heard={})}, "no part gives 'scores'"),
        ({"see": part([], image={})}, "parts.see.outputs: name what it gives"),
        ({"model": part(["other"], image={})}, "parts.model: a bundle's whole has this name"),
        ({"fuse": part(["scores"], seen={"absent": "zeros"}, heard={})}, "see always gives it, since image is never"),
        ({"fuse": part(["scores"], seen={"pre": [{"op": "add_axis"}]}, heard={})}, "seen.pre: see gives it as it is"),
        ({"fuse": part(["scores"], seen={"layout": "NC"}, heard={})}, "seen.layout: see gives it as it is"),
        ({"see": part(["seen"], image={"buckets": [[1, 4]]})}, "neither states nor buckets"),
        ({"hear": part(["heard"], sound={}, image={"absent": 1})}, "parts.hear.inputs.image: declared otherwise"),
        ({"see": {**PARTS["see"], "targets": {"u": "v"}}}, "parts.see.targets.u: not a target of this project"),
        ({"see": {**PARTS["see"], "budgets": {"latency_p90": "1 MiB"}}}, "parts.see.budgets: '1 MiB': unit"),
    ],
)
def test_what_is_wrong_is_said_in_one_message(changed: Parts, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        project({**PARTS, **changed})
    assert len(caught.value.errors()) == 1  # type: ignore[attr-defined]


def test_parts_and_one_graph_do_not_mix() -> None:
    single = {"source": "m.py:x"}
    with pytest.raises(ValueError, match="go together"):
        Project.model_validate({"name": "p", "model": single, "parts": PARTS, "build": {"targets": ["t"]}})
    with pytest.raises(ValueError, match="go together"):
        Project.model_validate({"name": "p", "model": {"source": "parts"}, "build": {"targets": ["t"]}})


def test_layers_that_stay_float_are_named_by_their_part() -> None:
    build = {"targets": ["t"], "keep_float": {"t": ["layers.0"]}}
    model = {"source": "parts", "outputs": ["scores"]}
    with pytest.raises(ValueError, match=r"'layers.0' names a layer of no part; say PART.LAYER"):
        Project.model_validate({"name": "p", "model": model, "parts": PARTS, "build": build})


def test_a_project_file_with_a_circle_is_one_error(tmp_path: Path) -> None:
    file = make_project(tmp_path / "project") / "edgebuild.toml"
    text = file.read_text(encoding="utf-8").replace("[parts.see.inputs.image]\nshape = [1, 6]\npre = ", "[x]\ny = ")
    circle = text.replace('outputs = ["seen"]', 'outputs = ["seen"]\ninputs.scores.shape = [1, 3]').split("[x]")
    file.write_text(circle[0] + circle[1].partition("\n\n")[2], encoding="utf-8")
    with pytest.raises(ConfigErrors, match=r"1 problem(.|\n)*in a circle: fuse takes seen of see, see takes scores"):
        load_project(file)


def signature(inputs: dict[str, tuple[int, ...]], outputs: dict[str, tuple[int, ...]], dtype: str) -> Signature:
    def specs(shapes: dict[str, tuple[int, ...]], kind: str) -> tuple[TensorSpec, ...]:
        return tuple(TensorSpec.model_validate({"name": n, "shape": s, "dtype": kind}) for n, s in shapes.items())

    return Signature(inputs=specs(inputs, "float32"), outputs=specs(outputs, dtype))


@pytest.mark.parametrize(
    ("shape", "dtype", "said"),
    [
        ((1, 3), "float32", r"fuse takes seen as float32 \[1, 2\]; see gives float32 \[1, 3\]"),
        ((1, 2), "int64", r"fuse takes seen as float32 \[1, 2\]; see gives int64 \[1, 2\]"),
    ],
)
def test_what_does_not_fit_is_told_by_both_sides(shape: tuple[int, ...], dtype: str, said: str) -> None:
    wiring: Wiring = project(PARTS).wiring
    signatures = {
        "see": signature({"image": (1, 2)}, {"seen": shape}, dtype),
        "hear": signature({"sound": (1, 2)}, {"heard": (1, 2)}, "float32"),
        "fuse": signature({"seen": (1, 2), "heard": (1, 2)}, {"scores": (1, 3)}, "float32"),
    }
    with pytest.raises(ValueError, match=said):
        refuse_misfits(wiring, signatures)
    whole = whole_signature(wiring, signatures, 0.5)
    assert [spec.name for spec in whole.inputs] == ["image", "sound"]
    assert [(spec.name, spec.shape) for spec in whole.outputs] == [("scores", (1, 3))]
    assert whole.step_seconds == 0.5
