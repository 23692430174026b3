"""Recorded verdicts judged again: every one, from what it stood on, and nothing else comes out as the same."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

from edgebuild.checks import Check
from edgebuild.core.digest import digest_json
from edgebuild.core.evidence import record_of
from edgebuild.core.measurement import Measurement, Run
from edgebuild.core.profile import Judging, Profile
from edgebuild.core.verdict import Line, Outcome, Verdict
from edgebuild.judge.verdict import RULES
from edgebuild.rejudging import rejudge, verdict_check
from edgebuild.signing import sign
from edgebuild.store.bundle import Bundle, open_bundle, write_bundle
from edgebuild.store.evidence import append, evidence_path, open_evidence, read_evidence
from edgebuild.store.keys import new_signing_key
from edgebuild.verification import exit_code, verify

SCRIPTS = Path(__file__).parents[2] / "scripts"
AT = "2026-01-02T03:04:05+00:00"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", [str(SCRIPTS), *sys.path])
    return importlib.import_module("recorded_verdicts")


@pytest.fixture
def bundle(scripts: ModuleType, tmp_path: Path) -> Bundle:
    """A bundle of two variants and no evidence."""
    loader = SourceFileLoader("pin_verdicts", str(SCRIPTS / "pin_verdicts"))
    spec = spec_from_loader("pin_verdicts", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    made = module.plain_bundle(tmp_path / "b")
    assert isinstance(made, Bundle)
    return made


@pytest.fixture
def traced(scripts: ModuleType, bundle: Bundle) -> Bundle:
    """The bundle, with verdicts of every rule on a made trace."""
    scripts.of_traces(bundle, "float32", "independent", runs=9, percent=50)
    return bundle


def verdicts(bundle: Bundle) -> list[Verdict]:
    return [record.payload for record in read_evidence(bundle) if isinstance(record.payload, Verdict)]


def last(bundle: Bundle) -> Check:
    return verdict_check(rejudge(bundle, read_evidence(bundle)))


def add(bundle: Bundle, verdict: Verdict) -> None:
    append(bundle, record_of(bundle.digest, verdict, AT))


def test_every_kind_and_rule_comes_out_the_same(scripts: ModuleType, traced: Bundle) -> None:
    scripts.of_traces(traced, "int8", "stepped", runs=9, percent=50)
    scripts.of_counts(traced, "int8")
    scripts.of_workloads(traced, "float32")
    scripts.of_quality(traced, "int8")
    found = rejudge(traced, read_evidence(traced))
    assert len(found) >= 80
    assert {each.state for each in found} == {"ok"}
    assert {each.recorded.outcome for each in found} == {*Outcome}
    assert {each.recorded.rule for each in found} == {*RULES}
    assert [each.digest for each in found] == [digest_json(verdict) for verdict in verdicts(traced)]
    assert f"{len(found) - 1} earlier verdicts came out the same" in last(traced).why


def with_line(verdict: Verdict, **changes: object) -> Verdict:
    return verdict.model_copy(update={"lines": (verdict.lines[0].model_copy(update=changes), *verdict.lines[1:])})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v.model_copy(update={"outcome": Outcome.PASS}), "FAIL is recorded|evidence gives"),
        (lambda v: v.model_copy(update={"deciding": "model_size"}), "another deciding"),
        (lambda v: v.model_copy(update={"reason": "no reason"}), "another reason"),
        (lambda v: with_line(v, high=1.0), "another high of latency_p50"),
        (lambda v: with_line(v, estimate=None), "another estimate of latency_p50"),
        (lambda v: with_line(v, reason="because"), "another reason of latency_p50"),
        (lambda v: with_line(v, decides=False), "another decides"),
        (lambda v: v.model_copy(update={"records": -1}), "stands on -1 records"),
        (lambda v: v.model_copy(update={"since": 1}), "evidence gives"),
        (lambda v: v.model_copy(update={"part": "other"}), "another bundle's variant"),
        (lambda v: v.model_copy(update={"precision": "int8"}), "another model"),
        (lambda v: v.model_copy(update={"key": v.key.model_copy(update={"device": "x"})}), "evidence gives"),
        (lambda v: v.model_copy(update={"judging": Judging(confidence=0.99)}), "evidence gives"),
    ],
)
def test_an_edited_verdict_is_broken_and_named(
    traced: Bundle, change: Callable[[Verdict], Verdict], words: str
) -> None:
    edited = change(verdicts(traced)[4])
    add(traced, edited)
    check = last(traced)
    assert (check.state, [each.state for each in check.verdicts].count("broken")) == ("broken", 1)
    count = len(verdicts(traced))
    assert f"verdict {count} of {count} ({AT})" in check.why
    assert any(word in check.why for word in words.split("|")), check.why


def test_an_edited_run_of_a_baseline_is_found(traced: Bundle) -> None:
    held = next(verdict for verdict in verdicts(traced) if verdict.baseline is not None)
    assert held.baseline is not None
    slow = tuple(
        run.model_copy(update={"samples_ns": tuple(2 * ns for ns in run.samples_ns)}) for run in held.baseline.runs
    )
    add(traced, held.model_copy(update={"baseline": held.baseline.model_copy(update={"runs": slow})}))
    assert last(traced).state == "broken"


def test_an_earlier_verdict_is_judged_too(traced: Bundle) -> None:
    path = evidence_path(traced)
    lines = path.read_text().splitlines()
    place = next(i for i, line in enumerate(lines) if '"kind":"verdict"' in line)
    record = json.loads(lines[place])
    record["payload"]["lines"][0]["estimate"] += 1
    path.write_text("\n".join([*lines[:place], json.dumps(record), *lines[place + 1 :], ""]))
    check = last(traced)
    assert check.state == "broken"
    assert check.why.startswith(f"verdict 1 of {len(verdicts(traced))} (")
    assert [each.state for each in check.verdicts].count("broken") == 1


def test_a_rule_of_a_later_version_is_not_checked(traced: Bundle) -> None:
    add(traced, verdicts(traced)[0].model_copy(update={"rule": 99}))
    check = last(traced)
    assert (check.state, "rule 99 is not known here, only 1, 2, 3" in check.why) == ("not checked", True)
    assert exit_code([check], ["verdict"]) == 4


def test_a_verdict_without_what_it_takes_is_not_checked_but_the_later_one_is(traced: Bundle) -> None:
    add(traced, verdicts(traced)[0].model_copy(update={"judging": None}))
    assert last(traced).state == "not checked"
    add(traced, verdicts(traced)[0])
    assert (last(traced).state, "1 earlier verdict can't be judged again" in last(traced).why) == ("ok", True)
    assert "records right before it were left out" in last(traced).why


@pytest.mark.parametrize(
    "run",
    [
        {"samples_ns": (10**400,) * 20},
        {"samples_ns": (-(10**400),) * 20},
        {"samples_ns": (0,) * 20},
        {"told_ns": {"p50": 10**400}},
        {"samples_ns": (), "load_ns": 10**400},
    ],
)
def test_samples_that_no_device_gives_are_no_internal_error(traced: Bundle, run: dict[str, object]) -> None:
    made = verdicts(traced)[-1]
    assert made.key is not None
    strange = Run.model_validate({"mode": "latency", "pair": "0-0", "side": "b", **run})
    append(traced, record_of(traced.digest, Measurement(key=made.key, runs=(strange,) * 9), AT))
    add(traced, made.model_copy(update={"records": len(read_evidence(traced))}))
    assert last(traced).state == "broken"


@pytest.mark.parametrize("lost", [-5, 2000])
def test_a_quality_that_counts_wrong_is_no_internal_error(scripts: ModuleType, bundle: Bundle, lost: int) -> None:
    scripts.of_quality(bundle, "int8")
    text = evidence_path(bundle).read_text()
    evidence_path(bundle).write_text(text.replace('"lost":5,', f'"lost":{lost},'))
    assert last(bundle).state == "broken"


@pytest.mark.parametrize(
    ("metric", "share", "state"), [("accuracy_drop", 1e-15, "ok"), ("accuracy_drop", 1e-9, "broken")]
)
def test_bounds_of_accuracy_may_differ_by_a_c_library(
    scripts: ModuleType, bundle: Bundle, metric: str, share: float, state: str
) -> None:
    scripts.of_quality(bundle, "int8")
    made = next(verdict for verdict in verdicts(bundle) if verdict.lines[0].high is not None)
    assert made.lines[0].budget.metric == metric
    assert made.lines[0].high is not None
    other = with_line(made, high=made.lines[0].high * (1 + share))
    assert other != made
    add(bundle, other)
    assert last(bundle).state == state
    assert state == "broken" or "another machine's" in last(bundle).why


def test_only_what_is_signed_speaks(traced: Bundle, tmp_path: Path) -> None:
    key, _ = new_signing_key(tmp_path / "key")
    sign([traced], key)
    signed = verdicts(traced)[-1]
    laxer = next(each for each in verdicts(traced) if each.outcome is not signed.outcome)
    add(traced, laxer)
    by_key = verify(traced, None, keys=[key.public])[-1]
    assert by_key.why.startswith(signed.outcome.value)
    assert "1 later verdict not signed" in by_key.why
    assert verify(traced, None)[-1].why.startswith(laxer.outcome.value)


def test_a_signature_over_no_verdict_makes_later_ones_no_claim(
    scripts: ModuleType, bundle: Bundle, tmp_path: Path
) -> None:
    key, _ = new_signing_key(tmp_path / "key")
    sign([bundle], key)
    scripts.of_quality(bundle, "int8")
    check = verify(bundle, None, keys=[key.public])[-1]
    assert (check.state, check.why.endswith("verdicts is signed")) == ("not checked", True)


def test_budgets_that_the_bundle_states_and_a_profile_that_says_otherwise_are_told(traced: Bundle) -> None:
    first = verdicts(traced)[0]
    manifest = traced.manifest.model_copy(update={"budgets": {"latency_p50": 1000.0, "model_size": 5.0}})
    files = {file.name: traced.read(file.name) for file in manifest.files}
    stated = write_bundle(traced.path.with_name("stated"), files, manifest)
    key = first.key.model_copy(update={"bundle": stated.digest}) if first.key else None
    measured = next(r.payload for r in read_evidence(traced) if isinstance(r.payload, Measurement))
    append(stated, record_of(stated.digest, measured.model_copy(update={"key": key}), AT))
    add(stated, first.model_copy(update={"bundle": stated.digest, "key": key}))
    check = last(stated)
    assert check.state == "ok"
    assert "it judges latency_p50 ≤ 700 us, where the bundle's own is latency_p50 ≤ 1.00 us" in check.why
    assert "does not judge the bundle's own budget on model_size" in check.why
    other = Profile.model_validate({"schema": 1, "name": "fast", "judging": {"confidence": 0.99}})
    named = first.model_copy(update={"bundle": stated.digest, "key": key, "profile": digest_json(other)})
    add(stated, named)
    assert "not that of fast" in verdict_check(rejudge(stated, read_evidence(stated), other)).why


BARE = """
import sys
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "onnx", "onnxruntime", "openvino", "ai_edge_litert", "cryptography"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Gone())
from edgebuild.cli.main import main
sys.exit(main(["verify", *sys.argv[1:]]))
"""


@pytest.mark.parametrize("archive", [False, True], ids=["folder", "archive"])
def test_elsewhere_without_runtimes_and_without_the_target(traced: Bundle, tmp_path: Path, archive: bool) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    files = {file.name: traced.read(file.name) for file in traced.manifest.files}
    moved = write_bundle(place / "moved.edgebundle", files, traced.manifest, archive=archive)
    shutil.copy(evidence_path(traced), evidence_path(moved))
    line = [sys.executable, "-c", BARE, str(moved.path), "--json", "--require", "digests,verdict"]
    done = subprocess.run(line, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)["result"]
    states = {check["check"]: (check["state"], check["why"]) for check in result["checks"]}
    assert states["golden"] == ("not checked", "target host is not known here")
    assert states["signature"] == ("not checked", "it is not signed")
    assert states["verdict"][0] == "ok"
    assert [each["sha256"] for each in result["verdicts"]] == [digest_json(verdict) for verdict in verdicts(traced)]
    required = subprocess.run([*line[:-1], "golden"], cwd=place, capture_output=True, text=True, check=False)
    assert required.returncode == 4


def test_edits_of_single_bytes_are_counted_by_what_caught_them(
    traced: Bundle, scripts: ModuleType, tmp_path: Path
) -> None:
    edits = importlib.import_module("byte_edits")
    key, _ = new_signing_key(tmp_path / "key")
    sign([traced], key)

    def code(place: Path) -> int:
        from edgebuild.core.errors import EdgebuildError

        try:
            return exit_code(verify(open_bundle(place), None, keys=[key.public]), ["signature"])
        except EdgebuildError as error:
            return error.exit_code

    before = open_evidence(traced).data
    made = list(edits.make_edits([traced.path], 40, 3, code))
    assert all(edit.caught for edit in made)
    assert {edit.place.what for edit in made} == {
        "manifest", "other file of a folder", "evidence: measurement", "evidence: verdict", "evidence: signature",
    }  # fmt: skip
    assert open_evidence(traced).data == before
    assert not edits.Edit(made[0].place, 0, 0, 1, 70).caught
    assert not edits.Edit(made[0].place, 0, 0, 1, 0).caught


def test_a_verdict_with_no_lines_is_judged_again_too(traced: Bundle) -> None:
    empty = verdicts(traced)[0].model_copy(update={"lines": (), "outcome": Outcome.PASS})
    add(traced, empty)
    assert "the evidence gives INCONCLUSIVE" in last(traced).why
    assert Line.model_fields.keys() >= {"reason", "decides"}
