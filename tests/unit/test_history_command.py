"""What the commands take up in the history, and what they tell of it."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from history_samples import bundle_line, day, evidence, key_of, latency_run, measured, release
from tiny_project import edit, make_project, write_weights

from edgebuild.cli.main import main
from edgebuild.core.errors import ConfigError
from edgebuild.core.evidence import record_of
from edgebuild.core.history import Point, Series
from edgebuild.core.measurement import Measurement
from edgebuild.core.metric import Mode
from edgebuild.core.verdict import Outcome, Verdict
from edgebuild.indexing import release_of, remember, values
from edgebuild.remembering import all_series, series
from edgebuild.report.plot import HEIGHT, plot
from edgebuild.store.bundle import Bundle
from edgebuild.store.evidence import append, evidence_path, read_evidence
from edgebuild.store.history.database import open_history
from edgebuild.store.history.reading import released as released_in
from edgebuild.store.history.writing import add
from tests.unit.test_pairs import two
from tests.unit.test_trial import host_project

QUICK = """[measuring]
runs = 4
max_runs = 6
min_samples = 20
min_seconds = 0.0
warmup_seconds = 0.05
[judging]
confidence = 0.9
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a target and a profile, and a history of the test's own."""
    host_project(tmp_path, QUICK)
    monkeypatch.setenv("EDGEBUILD_HISTORY", str(tmp_path / "history.sqlite"))
    return tmp_path


def gate(project: Path, bundle: Bundle, *more: str) -> int:
    return main(["gate", str(bundle.path), "--project", str(project), *more])


def verdict_of(bundle: Bundle) -> Verdict:
    found = [r.payload for r in read_evidence(bundle) if isinstance(r.payload, Verdict)]
    return found[-1]


def released(bundle: Bundle, outcome: Outcome = Outcome.PASS) -> None:
    """What ``edgebuild release`` leaves in the history."""
    ended = release_of(bundle, verdict_of(bundle), outcome)
    assert ended is not None
    assert remember([bundle], [ended]) == ""


def test_gate_and_bench_are_taken_up_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    older, newer = two(project)
    assert gate(project, newer, "--baseline", str(older.path), "--budget", "latency_p50_change=900 %") == 0
    found = {each.metric: each for each in all_series("double")}
    points = found["latency_p50"].points
    assert {(point.bundle, point.outcome) for point in points} == {(older.digest, None), (newer.digest, Outcome.PASS)}
    assert {point.runs for point in points} <= {4, 5, 6}  # as many pairs as the change needed
    assert all(point.value > 0 for point in points)
    assert len(found["model_size"].points) == 2
    assert main(["bench", str(newer.path), "--project", str(project)]) == 0
    capsys.readouterr()
    place = project / "history.sqlite"
    wal = place.with_name(place.name + "-wal")
    before = (place.stat().st_mtime_ns, wal.exists() and wal.stat().st_size)
    assert remember([newer, older]) == ""  # nothing is new: nothing is written
    assert (place.stat().st_mtime_ns, wal.exists() and wal.stat().st_size) == before
    assert {each.metric for each in all_series("double")} >= {"peak_memory", "cold_start"}
    memory = series("double", "host", found["latency_p50"].device, "float32", "process_memory")
    assert [point.runs for point in memory.points] == [4]
    assert series("double", "host", "nowhere", "float32", "process_memory").points == ()


def test_what_was_missed_is_taken_up_another_day_and_the_verdict_stays(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, bundle = two(project)
    monkeypatch.setenv("EDGEBUILD_HISTORY", str(project / "targets" / "host.toml" / "history.sqlite"))
    assert gate(project, bundle, "--budget", "latency_p50=1 s") == 0
    said = capsys.readouterr()
    assert said.err.count("not taken up in the history: ") == 1
    assert "PASS" in said.out
    monkeypatch.setenv("EDGEBUILD_HISTORY", str(project / "history.sqlite"))
    assert gate(project, bundle, "--budget", "latency_p50=1 s") == 0
    assert [point.runs for point in all_series("double")[0].points] in ([4], [0])
    assert "not taken up" not in capsys.readouterr().err


def test_without_sqlalchemy_all_but_the_history_works(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    older, bundle = two(project)
    for name in [name for name in sys.modules if name.startswith("edgebuild.store.history.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    assert gate(project, bundle, "--budget", "latency_p50=1 s") == 0
    told = [line for line in capsys.readouterr().err.splitlines() if "history" in line]
    why = 'sqlalchemy is not installed; pip install "edgebuild[history]"'
    assert told == [f"edgebuild: not taken up in the history: {why}; the evidence beside the bundle is complete"]
    for line in (["history"], ["gate", str(older.path), "--project", str(project), "--baseline", "last-release"]):
        assert main(line) == 2
        assert 'pip install "edgebuild[history]"' in capsys.readouterr().err


def test_lines_that_are_no_evidence_do_not_keep_the_others_out(project: Path) -> None:
    _, bundle = two(project)
    run = latency_run(range(1000, 1030), day(0))
    append(bundle, record_of(bundle.digest, Measurement(key=key_of(bundle.digest), runs=(run,)), day(0)))
    other = key_of("0" * 64)
    stranger = record_of("0" * 64, Measurement(key=other, runs=(run,)), day(0))
    path = evidence_path(bundle)
    path.write_bytes(
        b"nonsense\n" + stranger.model_dump_json(by_alias=True).encode() + b"\n" + path.read_bytes() + b'{"torn'
    )
    assert remember([bundle, None]) == ""
    assert [p.runs for each in all_series("double") if each.metric == "latency_p50" for p in each.points] == [1]


def test_the_last_release_is_the_baseline(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    older, newer = two(project, detour=400)
    assert gate(project, newer, "--baseline", "last-release") == 2
    assert "knows of no earlier release of double for host that passed" in capsys.readouterr().err
    assert gate(project, older, "--budget", "latency_p50=1 s") == 0
    released(older)
    assert gate(project, newer, "--budget", "latency_p50=1 s") == 0
    released(newer)  # itself is no baseline
    assert gate(project, newer, "--baseline", "last-release") == 1
    assert f"baseline: {older.path}, released last" in capsys.readouterr().err
    baseline = verdict_of(newer).baseline
    assert baseline is not None
    assert baseline.key.bundle == older.digest
    assert gate(project, newer, "--baseline", "last-release", "--precision", "int8") == 2
    assert "released were only float32 on local/" in capsys.readouterr().err


def test_a_release_that_failed_is_no_baseline(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    older, newer = two(project)
    gate(project, older, "--budget", "latency_p50=1 s")
    released(older, Outcome.INCONCLUSIVE)
    assert gate(project, newer, "--baseline", "last-release") == 2
    assert "no earlier release" in capsys.readouterr().err


def test_a_released_bundle_that_is_elsewhere_now_is_found_or_missed_aloud(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    older, newer = two(project)
    gate(project, older, "--budget", "latency_p50=1 s")
    released(older)
    kept = project / "kept"
    shutil.copytree(older.path, kept)
    shutil.rmtree(older.path)
    shutil.copytree(newer.path, older.path)  # as the next build into the same folder does
    assert gate(project, newer, "--baseline", "last-release") == 2
    said = capsys.readouterr().err
    assert f"{older.path} is another bundle now" in said
    assert "give every release a folder of its own" in said
    assert main(["bench", str(kept), "--project", str(project)]) == 0  # so it is seen there
    assert gate(project, newer, "--baseline", "last-release", "--budget", "latency_p50_change=900 %") == 0
    assert f"baseline: {kept}, released last" in capsys.readouterr().err


def test_a_release_on_another_device_or_of_another_precision_is_no_baseline(project: Path) -> None:
    from edgebuild.baseline import last_release

    _, newer = two(project)
    with pytest.raises(ConfigError, match="released were only float32 on local/x86_64/Some Processor 9000"):
        last_release(newer, [release("0" * 64, day(0))], "elsewhere", None)


def test_a_creep_is_told_beside_the_verdict(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, bundle = two(project)
    assert gate(project, bundle, "--budget", "latency_p50=1 s") == 0
    assert "CREEP" not in capsys.readouterr().out
    key = next(r.payload.key for r in read_evidence(bundle) if isinstance(r.payload, Measurement))
    own = next(each for each in all_series("double") if each.metric == "latency_p50").points[0].value
    with open_history() as database:
        for number in range(24):
            line = bundle_line(number, name="double", target="host")
            ns = int(own * (0.8 if number < 12 else 1.0)) + number
            runs = [latency_run([ns] * 30, f"2020-01-{number + 1:02}T00:00:00+00:00")]
            filed = key.model_copy(update={"bundle": line.digest})
            add(database, [line, *measured(line.digest, runs, day(0), filed)], values)
    for more, shown in (
        ([], True),
        (["--budget", "latency_p50_change=40 %", "--baseline", str(project / "old" / "b")], False),
    ):
        assert gate(project, bundle, "--budget", "latency_p50=1 s", "--json", *more) in (0, 4)
        result = json.loads(capsys.readouterr().out)["result"]
        told = [line for line in result["creeps"] if line.startswith("latency_p50 crept: ")]
        assert bool(told) is shown
        if told:
            assert "% above its level when its history began (2020-01-01)" in told[0]
            assert "It rose on 2020-01-13 from" in told[0]
            assert "a gate lets 2 % pass at once" in told[0]
    Verdict.model_validate({k: v for k, v in result.items() if k != "creeps"})
    assert main(["report", str(bundle.path), "--html", str(project / "page.html")]) == 0
    page = (project / "page.html").read_text()
    assert "latency_p50: double, float32 for host" in page
    assert "2020-01-13" in page


@pytest.fixture
def known(project: Path) -> str:
    """A model whose level rose in its 15th week; every fourth bundle was released."""
    with open_history() as database:
        for number in range(24):
            line, at = bundle_line(number), day(7 * number)
            level = (2_000_000 if number < 14 else 2_100_000) + number * 40 % 77
            runs = [latency_run(range(level, level + 100), at, seed=seed) for seed in range(3)]
            verdict = Verdict(
                outcome=Outcome.PASS, lines=(), bundle=line.digest, rule=1, part="model", precision="float32",
                key=key_of(line.digest),
            )  # fmt: skip
            ended = [release(line.digest, at)] if number % 4 == 0 else []
            add(database, [line, *measured(line.digest, runs, at), evidence(line.digest, verdict, at), *ended], values)
    return "digits"


def test_history_lists_shows_and_plots(known: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history"]) == 0
    listed = capsys.readouterr().out
    assert all(word in listed for word in ("digits", "host-onnxruntime", "24", "6", "2026-06-15 09:00"))
    assert main(["history", known]) == 0
    shown = capsys.readouterr().out
    assert "2026-04-13: latency_p50 rose by 5.0 %, 2.00 ms to 2.10 ms" in shown
    assert shown.count("●") == 24
    assert shown.count("▲") == 1
    assert "the latest 20 of 24 bundles" in shown
    assert re.search(r"2026-05-25 .* PASS +PASS\n", shown)
    assert re.search(r"2026-06-01 .* PASS *\n", shown)
    assert max(map(len, shown.splitlines())) <= 80
    assert main(["history", known, "--metric", "latency_p90", "--device", "local", "-t", "host-onnxruntime"]) == 0
    assert "latency_p90: 24 bundles" in capsys.readouterr().out
    assert main(["history", known, "--metric", "model_size"]) == 0
    assert "model_size: 24 bundles" in capsys.readouterr().out


def test_history_as_json(known: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"]["models"][0]["bundles"] == 24
    assert main(["history", known, "--metric", "latency_p50", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["result"]["series"]
    assert len(one["points"]) == 24
    assert [(change["index"], change["at"][:10]) for change in one["changes"]] == [(14, "2026-04-13")]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["digit"], "did you mean 'digits'?"),
        (["digits", "--metric", "speed"], "there is no 'speed'"),
        (["digits", "--device", "pi"], "nothing is known of that of digits"),
        (["--export", "a", "--import", "b"], "at once"),
        (["--import", "none.jsonl"], "no such file"),
    ],
)
def test_history_says_what_there_is(
    known: str, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(["history", *words]) == 2
    assert said in capsys.readouterr().err


def test_an_empty_history(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history"]) == 0
    assert "nothing is remembered yet" in capsys.readouterr().out


def test_history_goes_out_and_comes_in(
    known: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "all.jsonl"
    assert main(["history", known, "--export", str(file)]) == 0
    before = all_series(known)
    monkeypatch.setenv("EDGEBUILD_HISTORY", str(tmp_path / "another.sqlite"))
    assert main(["history", "--import", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.partition("\n")[2])["result"]["added"] == 96
    assert all_series(known) == before


def test_a_bundle_under_other_conditions_or_with_a_new_toolchain(project: Path) -> None:
    with open_history() as database:
        for number, changes in enumerate(({"threads": 4}, {}, {"toolchain": {"runtime": "1.3"}})):
            line, at = bundle_line(number), day(number)
            runs = [latency_run([1000 + number] * 30, at)]
            add(database, [line, *measured(line.digest, runs, at, key_of(line.digest, **changes))], values)
        again = key_of(line.digest, toolchain={"runtime": "1.4"})
        add(database, list(measured(line.digest, [latency_run([2000] * 30, day(9))], day(9), again)), values)
        found = series("digits", "host-onnxruntime", again.device, "float32", "latency_p50", database)
    assert [point.value for point in found.points] == [1001, 2000]


def test_parts_have_series_of_their_own(project: Path) -> None:
    line = bundle_line(0)
    with open_history() as database:
        for part in ("model", "tail"):
            key = key_of(line.digest, part=part)
            add(database, [line, *measured(line.digest, [latency_run([len(part)] * 30, day(0))], day(0), key)], values)
        assert {each.model for each in all_series("digits", database)} == {"digits", "digits/tail"}
        assert {each.model for each in all_series("digits/tail", database)} == {"digits/tail"}
        tail = series("digits/tail", "host-onnxruntime", key.device, "float32", "latency_p50", database)
        assert [point.value for point in tail.points] == [4]


@pytest.mark.slow
def test_a_release_is_kept_and_the_next_build_is_held_to_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_project(project / "tiny")
    edit(root / "edgebuild.toml", '["board"]', '["host-onnxruntime"]')
    edit(root / "profiles" / "tiny.toml", "runs = 1\nmin_samples = 5\n", "runs = 4\nmax_runs = 4\nmin_samples = 30\n")
    edit(root / "profiles" / "tiny.toml", "accuracy_confidence", "confidence = 0.9\naccuracy_confidence")
    words = ["release", str(root), "--budget", "latency_p50=10 s", "--json"]
    assert main([*words, "-o", str(root / "1.0")]) == 0
    first = json.loads(capsys.readouterr().out)["result"]
    assert first["creeps"] == []
    write_weights(root, 7)
    assert main(["build", str(root), "-o", str(root / "1.1")]) == 0
    capsys.readouterr()
    bundle = root / "1.1" / "host-onnxruntime"
    assert main(["gate", str(bundle), "--project", str(root), "--baseline", "last-release"]) in (0, 1, 4)
    assert f"baseline: {root / '1.0' / 'host-onnxruntime'}, released last" in capsys.readouterr().err
    assert main(["history", "--json"]) == 0
    (known,) = json.loads(capsys.readouterr().out)["result"]["models"]
    assert (known["model"], known["bundles"], known["releases"]) == ("tiny", 2, 1)
    with open_history() as database:
        (kept,) = released_in(database, "tiny")
    assert (kept.bundle, kept.outcome) == (first["targets"][0]["digest"], Outcome.PASS)


@pytest.mark.parametrize("values", [[5.0], [0.0, 0.0], [3e11, 2.0], [float(n % 7) for n in range(400)]])
def test_any_series_can_be_drawn(values: list[float]) -> None:
    points = tuple(Point(at=day(n), bundle="0" * 64, value=value, runs=1) for n, value in enumerate(values))
    one = Series(model="m", target="t", device="d", precision="int8", metric="unknown", points=points)
    drawn = plot(one, 60)
    assert len(drawn) == HEIGHT + 2
    assert max(map(len, drawn)) <= 60
    assert "●" in "".join(drawn)


def test_runs_alone_and_in_pairs_are_not_pooled(project: Path) -> None:
    with open_history() as database:
        for number in range(4):
            line, at = bundle_line(number), day(number)
            key = key_of(line.digest)
            alone, paired = (
                latency_run([1000] * 30, at),
                latency_run([2000] * 30, at, mode=Mode.TURNS, pair=f"{number}-0"),
            )
            add(database, [line, *measured(line.digest, [alone] if number < 2 else [paired], at, key)], values)
        add(database, list(measured(line.digest, [alone], at, key)), values)
        found = {each.metric: each for each in all_series("digits", database)}
    assert [point.value for point in found["latency_p50"].points] == [1000, 1000, 1000]
    assert len(found["cold_start"].points) == 3  # one in a pair tells nothing of it
