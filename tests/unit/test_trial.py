"""The loop over real runs of a small model on this machine."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from edgebuild.core.artifact import Golden, Lineage, Manifest, ModelFile, Part, Variant
from edgebuild.core.digest import digest_bytes
from edgebuild.core.errors import ConfigError
from edgebuild.core.evidence import record_of
from edgebuild.core.measurement import Measurement
from edgebuild.core.metric import Budget, Mode
from edgebuild.core.profile import Judging, Profile
from edgebuild.core.signature import Signature, TensorSpec
from edgebuild.core.target import Target
from edgebuild.core.verdict import Outcome
from edgebuild.devices.transports.local import open_local
from edgebuild.deviceside import known_profile, known_target
from edgebuild.store.bundle import Bundle, write_bundle
from edgebuild.store.evidence import append, read_evidence
from edgebuild.trial import run_trial
from edgebuild.verification import exit_code, verify

TARGET = Target(schema=1, name="host", title="here", family="host", runtime="onnxruntime", transport="local")
MEASURING = {"runs": 4, "max_runs": 4, "min_samples": 20, "min_seconds": 0.0, "warmup_seconds": 0.05}
PROFILE = Profile.model_validate({"schema": 1, "name": "p", "measuring": MEASURING, "judging": {"confidence": 0.9}})


def host_project(folder: Path, profile: str = "") -> None:
    """A target and a profile of the names that ``bundle_of`` gives its bundle; ``profile``: the profile's tables."""
    for name in ("targets", "profiles"):
        (folder / name).mkdir()
    target = 'schema = 1\nname = "host"\ntitle = "t"\nfamily = "host"\nruntime = "onnxruntime"\ntransport = "local"\n'
    (folder / "targets" / "host.toml").write_text(target, encoding="utf-8")
    (folder / "profiles" / "p.toml").write_text(f'schema = 1\nname = "p"\n{profile}', encoding="utf-8")


def bundle_of(folder: Path, wrong: float = 0.0, detour: int = 0) -> Bundle:
    """A bundle whose model doubles its input, after so many sines that change nothing but the time it takes."""
    from onnx import TensorProto, helper

    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in "xy"]
    nodes = [helper.make_node("Sin", [f"s{i}" if i else "x"], [f"s{i + 1}"]) for i in range(detour)]
    nodes += [helper.make_node("Sub", [f"s{detour}"] * 2, ["zero"])] if detour else []
    nodes += [helper.make_node("Add", ["x", "x"], ["twice"]), helper.make_node("Add", ["twice", "zero"], ["y"])]
    nodes = nodes if detour else [helper.make_node("Add", ["x", "x"], ["y"])]
    graph = helper.make_graph(nodes, "double", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    golden = io.BytesIO()
    np.savez(golden, **{"input/x": x, "expected/float32/y": x + x + np.float32(wrong)})
    files = {"float32/model.onnx": model, "golden.npz": golden.getvalue()}
    listed = {name: ModelFile(name=name, sha256=digest_bytes(data), size=len(data)) for name, data in files.items()}
    signature = Signature(inputs=(TensorSpec(name="x", shape=(1, 4)),), outputs=(TensorSpec(name="y", shape=(1, 4)),))
    variant = Variant(precision="float32", files=(listed["float32/model.onnx"],))
    manifest = Manifest(
        name="double", target="host", target_digest="0" * 64, profile="p", profile_digest="0" * 64,
        parts=(Part(runtime="onnxruntime", signature=signature, variants=(variant,)),),
        golden=Golden(source="synthetic", samples=2, tolerance={"float32": 1e-3}),
        lineage=Lineage(edgebuild="0", model="0" * 64, project="0" * 64), files=tuple(listed.values()),
    )  # fmt: skip
    return write_bundle(folder / "b", files, manifest)


def test_a_trial_keeps_every_run_resumes_and_can_be_judged_again(tmp_path: Path) -> None:
    bundle, device = bundle_of(tmp_path), open_local()
    said: list[str] = []
    limits = {"latency_p50": 1e9, "process_memory": 2.0**34, "model_size": 10_000.0}
    budgets = [Budget(metric=name, limit=limit) for name, limit in limits.items()]
    verdict = run_trial(bundle, device, budgets, PROFILE, TARGET, progress=said.append)
    assert verdict.outcome == "PASS"
    kept = [r for r in read_evidence(bundle) if isinstance(r.payload, Measurement)]
    assert len(kept) == 8
    said.clear()
    again = run_trial(bundle, device, budgets, PROFILE, TARGET, progress=said.append)
    assert again.model_copy(update={"records": verdict.records}) == verdict
    assert said == []
    strict = [Budget(metric="latency_p50", limit=1.0)]
    assert run_trial(bundle, device, strict, PROFILE, TARGET).outcome == "FAIL"
    names = bundle.manifest.parts[0]
    assert (verdict.part, verdict.precision, verdict.judging) == (names.name, "float32", PROFILE.judging)
    assert verdict.key == kept[0].payload.key.of_mode(Mode.LATENCY)
    append(bundle, kept[0])  # what comes later does not count
    device.close()
    states = {check.name: check.state for check in verify(bundle, TARGET)}
    assert states == {"digests": "ok", "golden": "ok", "signature": "not checked", "verdict": "ok"}


def test_verify_says_how_far_right_answers_are(tmp_path: Path) -> None:
    golden = next(c for c in verify(bundle_of(tmp_path, wrong=0.007), TARGET) if c.name == "golden")
    assert golden.state == "ok"
    assert golden.why == "float32 differs by 0.0005 of its range at most, 0.001 is allowed"


def test_verify_finds_wrong_answers_and_edits(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path, wrong=1.0)
    checks = verify(bundle, TARGET)
    golden = next(c for c in checks if c.name == "golden")
    assert golden.state == "broken"
    assert "vector 0 by 0.071, vector 1 by 0.071 of its range" in golden.why
    assert exit_code(checks, []) == 1
    (bundle.path / "golden.npz").write_bytes(b"edited")
    assert verify(bundle, TARGET)[0].state == "broken"


@pytest.mark.parametrize(("required", "code"), [([], 0), (["verdict"], 4)])
def test_a_required_check_that_was_not_made_exits_4(tmp_path: Path, required: list[str], code: int) -> None:
    assert exit_code(verify(bundle_of(tmp_path), TARGET), required) == code


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"outcome": Outcome.FAIL}, "the evidence gives PASS"),
        ({"precision": "int8"}, "another bundle's variant"),
        ({"records": 99}, "stands on 99 records"),
        ({"records": 0}, "the evidence gives INCONCLUSIVE"),
        ({"judging": Judging(confidence=0.999)}, "the evidence gives INCONCLUSIVE"),
    ],
)
def test_a_verdict_that_its_evidence_does_not_give_is_broken(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    bundle, device = bundle_of(tmp_path), open_local()
    verdict = run_trial(bundle, device, [Budget(metric="latency_p50", limit=1e9)], PROFILE, TARGET)
    device.close()
    append(bundle, record_of(bundle.digest, verdict.model_copy(update=change), "2026-01-01T00:00:00+00:00"))
    check = verify(bundle, TARGET)[-1]
    assert (check.state, words in check.why) == ("broken", True), check.why


def test_a_verdict_of_another_profile_is_judged_at_its_own_confidence_and_that_is_said(tmp_path: Path) -> None:
    bundle, device = bundle_of(tmp_path), open_local()
    run_trial(bundle, device, [Budget(metric="latency_p50", limit=1e9)], PROFILE, TARGET)
    device.close()
    other = PROFILE.model_copy(update={"judging": Judging(confidence=0.999)})
    check = verify(bundle, TARGET, other)[-1]
    assert (check.state, "not p as known here" in check.why) == ("ok", True), check.why
    assert "not p as" not in verify(bundle, TARGET, PROFILE)[-1].why


def test_only_an_unknown_name_reads_as_not_known_here(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path)
    assert known_target(bundle, tmp_path) is None
    assert known_profile(bundle, tmp_path) is None
    for kind, name in (("targets", "host"), ("profiles", "p")):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / f"{name}.toml").write_text("schema = ", encoding="utf-8")
    with pytest.raises(ConfigError):
        known_target(bundle, tmp_path)
    with pytest.raises(ConfigError):
        known_profile(bundle, tmp_path)


def test_a_trial_that_begins_anew_passes_over_older_runs(tmp_path: Path) -> None:
    bundle, budgets = bundle_of(tmp_path), [Budget(metric="latency_p50", limit=1e9)]
    first = run_trial(bundle, open_local(), budgets, PROFILE, TARGET)
    again = run_trial(bundle, open_local(), budgets, PROFILE, TARGET, fresh=True)
    assert (first.lines[0].count, again.lines[0].count, again.since) == (4, 4, 5)
    made = [r for r in read_evidence(bundle) if isinstance(r.payload, Measurement)]
    assert len(made) == 8
    assert verify(bundle, TARGET)[-1].state == "ok"
    resumed = run_trial(bundle, open_local(), budgets, PROFILE, TARGET)
    assert resumed.lines[0].count == 8
