"""The HTML page as text: all that was found is on it, nothing that a device says becomes markup, it stays small."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib
import pytest

from edgebuild.cli.main import main
from edgebuild.core.errors import BuildError, DeviceError
from edgebuild.core.evidence import Payload, record_of
from edgebuild.core.layers import LayerTimes
from edgebuild.core.measurement import Measurement
from edgebuild.core.metric import Mode
from edgebuild.core.target import Target
from edgebuild.core.verdict import Verdict
from edgebuild.pipeline.project import BuildReport, Built
from edgebuild.release import Released, ReleaseReport
from edgebuild.report.html.render import render, write_page
from edgebuild.report.html.reported import Reported, reported_of
from edgebuild.report.html.whole import page_of
from edgebuild.report.release import release_reported
from edgebuild.store.evidence import append
from edgebuild.verification import Check
from tests.unit.report_samples import (
    AT,
    ablations,
    bundle_in,
    full,
    key_of,
    latency_runs,
    layers_of,
    memory_runs,
    pruned,
    series_of,
)
from tests.unit.test_trial import bundle_of, host_project

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "</title></style></svg><script>alert(1)</script><img src=//x.test onerror=alert(2)>\"'\x00\x1b"
_XHTML = "{http://www.w3.org/1999/xhtml}"


def parsed(text: str) -> Element:
    """The page by a strict HTML5 parser: any parse error raises."""
    return html5lib.HTMLParser(strict=True).parse(text)


def headings(text: str) -> list[str]:
    return ["".join(h2.itertext()) for h2 in parsed(text).iter(f"{_XHTML}h2")]


def with_only(told: Reported, kept: Callable[[Payload], bool]) -> Reported:
    """The same with only some of its evidence, none of which a verdict stands on."""
    records = tuple(record for record in told.records if kept(record.payload))
    return dataclasses.replace(told, records=records, verdict=None)


def test_everything_is_on_it(tmp_path: Path) -> None:
    told = full(tmp_path)
    text = render(page_of([told], [series_of(told.bundle)]))  # type: ignore[arg-type]
    assert headings(text) == [
        "Budgets", "Measured", "Latency", "Change from the baseline", "Memory", "Time per layer",
        "Accuracy against latency and size", "Made smaller", "Inputs alone and left out", "Environment",
        "Lineage and how to verify it", "History",
    ]  # fmt: skip
    words = " ".join("".join(parsed(text).itertext()).split())
    for expected in (
        "Decided by peak_memory: 12.0 MiB", "INCONCLUSIVE because the bounds lie on both sides of the limit",
        "peak_memory ≤ 8.00 MiB", "latency_p90 ≤ 1.55 ms", "16 runs · 99 % confidence · basis: device", "11 pairs",
        "weights mapped", "head.fc", "no module: QuantizeLinear", "2026-01-13: 1.00 ms before, 1.10 ms after",
        "Throttled during 2 runs of 40", "hot: 86.0 °C, at most 85 °C (2 runs)", "it loses 3 points",
        "edgebuild verify board-int8 --require digests,verdict", str(told.bundle and told.bundle.digest),
        "onnxruntime 1.32", "xnnpack 14 in 2 partitions, tflite 1", "without x", "60.50 % · 61.00 %", "1.9e-65",
        "40,000 (40.0 %)", "taylor, relative", "70.50 %91.25 %", "32.0 % of 75.0 %", "stem.conv6424",
        "aten.roll in stem.conv",
    ):  # fmt: skip
        assert expected.replace("\u00a0", " ") in words.replace("\u00a0", " "), expected


def test_it_loads_nothing_and_its_policy_lets_it(tmp_path: Path) -> None:
    text = render(page_of([full(tmp_path)]))
    tree = parsed(text)
    tags = {el.tag.rpartition("}")[2] for el in tree.iter()}
    assert tags & {"script", "link", "img", "iframe", "object", "base"} == set()
    names = {name for el in tree.iter() for name in el.attrib}
    assert not [name for name in names if name.startswith("on") or name in ("src", "srcset", "style", "xlink:href")]
    assert all(el.attrib["href"].startswith("#") for el in tree.iter() if "href" in el.attrib)
    style = next(el.text for el in tree.iter(f"{_XHTML}style")) or ""
    assert "url(" not in style
    assert "@import" not in style
    policy = next(el.attrib["content"] for el in tree.iter(f"{_XHTML}meta") if "http-equiv" in el.attrib)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_every_reference_is_to_one_place_on_it(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
    told = [full(tmp_path / "1"), full(tmp_path / "2", "phone", 1.1)]
    tree = parsed(render(page_of(told, [series_of(told[0].bundle)] * 2)))  # type: ignore[arg-type]
    ids = [el.attrib["id"] for el in tree.iter() if "id" in el.attrib]
    assert len(ids) == len(set(ids))
    wanted = [ref for el in tree.iter() for ref in el.attrib.get("aria-labelledby", "").split()]
    wanted += [el.attrib["href"][1:] for el in tree.iter() if "href" in el.attrib]
    assert set(wanted) <= set(ids)


def test_what_is_told_never_becomes_markup(tmp_path: Path) -> None:
    told = full(tmp_path)
    assert told.bundle is not None
    assert told.verdict is not None
    assert told.verdict.key is not None
    named = told.verdict.key.model_copy(
        update={"device": HOSTILE, "toolchain": {HOSTILE: HOSTILE}, "affinity": HOSTILE}
    )
    lines = tuple(line.model_copy(update={"reason": HOSTILE, "basis": HOSTILE}) for line in told.verdict.lines)
    verdict = told.verdict.model_copy(update={"key": named, "lines": lines, "reason": HOSTILE})
    runs = tuple(
        run.model_copy(update={"outside": (HOSTILE,)}) if i % 2 else run for i, run in enumerate(latency_runs())
    )
    payloads: list[Payload] = [
        Measurement(key=named, runs=runs), Measurement(key=named.of_mode(Mode.MEMORY), runs=memory_runs()),
        layers_of(named, "int8", (HOSTILE, "b")), layers_of(named, "float32", (HOSTILE,)),
        *ablations(HOSTILE, HOSTILE),
    ]  # fmt: skip
    records = tuple(record_of(told.bundle.digest, each, AT) for each in payloads)
    manifest = told.bundle.manifest.model_copy(
        update={"name": HOSTILE, "profile": HOSTILE, "compression": pruned(HOSTILE)}
    )
    bundle = dataclasses.replace(told.bundle, manifest=manifest)
    own = dataclasses.replace(
        told, name=HOSTILE, bundle=bundle, records=records, verdict=verdict, judged_at=HOSTILE,
        checks=(Check("digests", "broken", HOSTILE),),
    )  # fmt: skip
    broken = Reported(HOSTILE, error=BuildError(HOSTILE, HOSTILE))
    text = render(page_of([own, broken], [series_of(told.bundle, model=HOSTILE)]))
    tree = parsed(text)
    tags = {el.tag.rpartition("}")[2] for el in tree.iter()}
    assert tags & {"script", "img"} == set()
    assert "".join(tree.itertext()).count("<script>alert(1)</script>") > 20
    assert "onerror" not in {name for el in tree.iter() for name in el.attrib}


def test_the_same_evidence_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.unit.report_samples import full, series_of\n"
        "from edgebuild.report.html.whole import page_of; from edgebuild.report.html.render import write_page\n"
        "here = Path(sys.argv[1]); here.mkdir(); told = full(here)\n"
        "write_page(here / 'page.html', page_of([told], [series_of(told.bundle)]))"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": f"UTC{seed}"}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / seed)], check=True, cwd=ROOT, env=environment)
    first, second = ((tmp_path / seed / "page.html").read_bytes() for seed in ("1", "2"))
    assert first == second


ALWAYS = ["Accuracy against latency and size", "Made smaller", "Lineage and how to verify it"]


@pytest.mark.parametrize(
    ("workload", "there"),
    [
        ("", ALWAYS),
        ("profile", ["Time per layer", *ALWAYS]),
        ("memory", ["Measured", "Memory", *ALWAYS[:2], "Environment", ALWAYS[2]]),
        ("back_to_back", ["Measured", "Latency", *ALWAYS[:2], "Environment", ALWAYS[2]]),
    ],
)
def test_what_is_not_there_is_left_out(tmp_path: Path, workload: str, there: list[str]) -> None:
    def kept(found: Payload) -> bool:
        return isinstance(found, Measurement | LayerTimes) and found.key.workload == workload

    text = render(page_of([with_only(full(tmp_path), kept)]))
    assert headings(text) == there
    assert "NOT JUDGED" in text


def test_a_target_that_was_not_built_is_told_and_decides(tmp_path: Path) -> None:
    error = BuildError("export", "no such operator", fix="take another")
    alone = render(page_of([Reported("phone", error=error)]))
    assert "no such operator" in alone
    assert "<title>ERROR: phone · edgebuild</title>" in alone
    both = render(page_of([full(tmp_path), Reported("phone", error=error)]))
    assert "2 bundles: 1 FAIL, 1 ERROR." in both
    assert "<title>ERROR: sample · edgebuild</title>" in both


def test_bundles_of_one_name_are_told_apart(tmp_path: Path) -> None:
    told = with_only(full(tmp_path), lambda _: False)
    text = render(page_of([told, told]))
    assert told.bundle is not None
    assert headings(text)[-2:] == [f"board-int8 {told.bundle.digest[:12]}"] * 2


def test_a_run_of_a_vendors_program_and_a_single_sample_can_be_drawn(tmp_path: Path) -> None:
    bundle = bundle_in(tmp_path)
    template = latency_runs(count=1, samples=1)[0]
    told_ns = template.model_copy(
        update={"samples_ns": (), "warmup_ns": (), "told_ns": {"p50": 900, "p95": 2000, "avg": 1}}
    )
    for runs in (
        (told_ns,),
        (template,),
        (told_ns, template),
        (template.model_copy(update={"samples_ns": (7,) * 50}),),
    ):
        record = record_of(bundle.digest, Measurement(key=key_of(bundle), runs=runs), AT)
        text = render(page_of([Reported("b", bundle, (record,))]))
        assert "Latency" in headings(text)


def test_other_paces_are_drawn_apart_and_thinned_runs_are_said_to_be(tmp_path: Path) -> None:
    told = full(tmp_path)
    assert told.bundle is not None
    assert told.verdict is not None
    runs = tuple(run.model_copy(update={"every": 40}) for run in latency_runs(mode=Mode.SUSTAINED))
    record = record_of(told.bundle.digest, Measurement(key=key_of(told.bundle).of_mode(Mode.SUSTAINED), runs=runs), AT)
    text = render(page_of([with_only(dataclasses.replace(told, records=(*told.records, record)), lambda _: True)]))
    titles = ["".join(h3.itertext()) for h3 in parsed(text).iter(f"{_XHTML}h3")]
    assert titles[:9] == [
        f"{title}{pace}" for pace in ("", ", in turns with the baseline", ", sustained")
        for title in ("Runs", "Spread of all inferences", "Inferences over time")
    ]  # fmt: skip
    assert "Of up to 40 inferences one was kept." in text
    assert "sustained_slowdown" in text


def test_runs_from_before_a_trial_began_anew_are_not_shown_as_its_own(tmp_path: Path) -> None:
    told = full(tmp_path)
    assert told.verdict is not None
    later = dataclasses.replace(told, verdict=told.verdict.model_copy(update={"since": 1}))
    assert (len(told.runs(Mode.LATENCY)), later.runs(Mode.LATENCY)) == (12, [])


def test_a_million_samples_stay_small_and_it_is_said_that_not_all_are_drawn(tmp_path: Path) -> None:
    bundle = bundle_in(tmp_path)
    template = latency_runs(count=1, samples=4000)[0]
    rising = [template.model_copy(update={"samples_ns": tuple(n + i for n in template.samples_ns)}) for i in range(250)]
    record = record_of(bundle.digest, Measurement(key=key_of(bundle), runs=tuple(rising)), AT)
    text = render(page_of([Reported("big", bundle, (record,))]))
    assert len(text.encode()) < 2_000_000
    assert "80 of 250 runs are drawn, evenly spread." in text
    assert "60 of 250 runs are drawn, evenly spread. A point stands for up to" in text


def test_many_candidates_modules_and_points_stay_small(tmp_path: Path) -> None:
    told = full(tmp_path, runs=300, samples=40)
    assert told.bundle is not None
    layers = layers_of(key_of(told.bundle), "int8", tuple(f"block.{i}.conv" for i in range(20_000)))
    records = (*told.records, record_of(told.bundle.digest, layers, AT))
    page = page_of([dataclasses.replace(told, records=records)], [series_of(told.bundle, 5000)])
    text = render(page)
    assert len(text.encode()) < 2_000_000
    assert "The 20 longest of 20,003 modules are drawn." in text
    assert "600 of 5,000 points are drawn." in text


def place_of_interval(text: str, metric: str) -> tuple[float, float]:
    """From where to where a budget's interval is drawn, in percent of the width."""
    line = next(part for part in text.split('<li class="budget') if f"{metric} <span" in part)
    found = re.search(r'<rect class="interval[^"]*" x="([\d.]+)%" y="[\d.]+" width="([\d.]+)%"', line)
    assert found
    return float(found[1]), float(found[1]) + float(found[2])


def test_an_interval_lies_on_the_side_of_the_limit_that_decides(tmp_path: Path) -> None:
    text = render(page_of([full(tmp_path)]))
    limit = 64.0
    assert place_of_interval(text, "latency_p50")[1] < limit
    assert place_of_interval(text, "peak_memory")[0] > limit
    low, high = place_of_interval(text, "latency_p90")
    assert low < limit < high


def test_the_latest_verdict_beside_a_bundle_is_shown(tmp_path: Path) -> None:
    told = full(tmp_path)
    assert told.bundle is not None
    for record in told.records:
        append(told.bundle, record)
    again = reported_of(told.bundle)
    assert (again.verdict, again.judged_at, again.key) == (told.verdict, AT, told.key)
    assert render(page_of([again])) == render(page_of([told]))
    other = again.verdict.model_copy(update={"rule": 1}) if again.verdict else None
    assert isinstance(other, Verdict)
    assert (reported_of(told.bundle, other).verdict, reported_of(told.bundle, other).judged_at) == (other, "")


def test_gate_and_report_write_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    host_project(tmp_path)
    bundle, page, again = str(bundle_of(tmp_path).path), tmp_path / "page.html", tmp_path / "again.html"
    words = ["gate", bundle, "--budget", "model_size=1 B", "--budget", "accuracy_drop=1 pt", "--project", str(tmp_path)]
    assert main([*words, "--html", str(page)]) == 1
    capsys.readouterr()
    assert main(["report", bundle, "--html", str(again), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["result"]
    assert told["html"] == str(again)
    assert told["bundles"][0]["verdict"]["outcome"] == "FAIL"
    assert page.read_bytes() == again.read_bytes()
    assert "model_size" in page.read_text(encoding="utf-8")
    assert main(["report", bundle]) == 0
    assert "FAIL          model_size ≤ 1.00 B" in capsys.readouterr().out


def test_a_page_that_cant_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    host_project(tmp_path)
    bundle = bundle_of(tmp_path)
    words = ["gate", str(bundle.path), "--budget", "model_size=1 B", "--project", str(tmp_path), "--html"]
    assert main([*words, str(tmp_path / "none" / "page.html")]) == 2
    assert "create the folder first" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert main([*words, str(tmp_path / "page.html")]) == 2
    assert 'pip install "edgebuild[report]"' in capsys.readouterr().err
    assert reported_of(bundle).records == ()


def test_a_release_tells_of_every_target(tmp_path: Path) -> None:
    told = full(tmp_path)
    assert told.bundle is not None
    for record in told.records:
        append(told.bundle, record)
    target = Target(schema=1, name="host", title="t", family="host", runtime="onnxruntime", transport="local")
    checks = (Check("digests", "ok", ""), Check("golden", "not checked", "no device"))
    error = BuildError("export", "no such operator")
    released = (
        Released(Built(target, told.bundle), checks, told.verdict),
        Released(Built(target, told.bundle), checks, None, error=DeviceError("pi", "the link is lost")),
        Released(Built(target.model_copy(update={"name": "phone"}), None, error), error=error),
    )
    found = release_reported(ReleaseReport(BuildReport(None, None, tmp_path, (), ()), released))  # type: ignore[arg-type]
    assert [(each.name, each.verdict, each.error and each.error.exit_code) for each in found] == [
        ("board-int8", told.verdict, None), ("board-int8", told.verdict, 5), ("phone", None, 3),
    ]  # fmt: skip
    text = render(page_of(found))
    assert "3 bundles: 1 FAIL, 2 ERROR." in text
    assert "What was checked of the bundle" in text


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    page = page_of([with_only(full(tmp_path), lambda _: False)])
    (tmp_path / "page.html").write_text("before", encoding="utf-8")
    write_page(tmp_path / "page.html", page)
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == render(page)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".page")] == []


def schemes() -> dict[str, dict[str, str]]:
    """The style sheet's colours by scheme; the dark ones stand over the light ones."""
    style = (ROOT / "edgebuild/report/html/templates/style.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block)) for block in blocks)
    return {"light": light, "dark": light | dark}


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_are_told_apart(scheme: str) -> None:
    """4.5 for text and 3 for marks (WCAG 2.2 AA): axe leaves texts in drawings undecided."""
    colours = schemes()[scheme]
    grounds = ("paper", "card", "pass-wash", "fail-wash", "open-wash", "beside-wash")
    texts = [(text, ground) for text in ("ink", "soft") for ground in grounds]
    texts += [
        (word, ground) for word in ("pass", "fail", "open", "beside") for ground in ("paper", "card", f"{word}-wash")
    ]
    texts += [("link", "paper"), ("link", "card")]
    marks = [(mark, "card") for mark in ("a", "b", "c", "quiet", "ink", "pass", "fail", "open")]
    marks += [(mark, ground) for mark in ("ink", "pass", "fail", "open") for ground in ("room", "over")]
    marks += [("on", word) for word in ("pass", "fail", "open", "beside")]
    weak = [pair for pair in texts if contrast(colours[pair[0]], colours[pair[1]]) < 4.5]
    weak += [pair for pair in marks if contrast(colours[pair[0]], colours[pair[1]]) < 3]
    assert weak == []
