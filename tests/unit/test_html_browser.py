"""The HTML page in a real browser: accessible, quiet, loading nothing, fitting a phone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from edgebuild.core.errors import BuildError
from edgebuild.report.html.render import write_page
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.whole import page_of
from tests.unit.report_samples import LIMITS, full, series_of

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FOUND = next((path for name in NAMES if (path := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(FOUND is None, reason="no Chromium here: scripts/browser_packages installs one")
WORDS = {"latency_p50": "PASS", "peak_memory": "FAIL", "latency_p90": "INCONCLUSIVE"}
UNFOLD = "document.querySelectorAll('details').forEach(each => { each.open = true; })"
PHONE, DESKTOP = (360, 740), (1280, 900)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # As root, in a container, Chromium has no sandbox; the only page it opens is ours.
    alone = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=FOUND, args=alone)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of one bundle, and one of several, among them a target that was not built."""
    folder = tmp_path_factory.mktemp("pages")
    one, other = full(folder, runs=9, samples=60), full(folder, "phone-int8", 1.2, runs=4, samples=40)
    assert one.bundle is not None
    write_page(folder / "one.html", page_of([one], [series_of(one.bundle)]))
    several = [one, other, Reported("watch", error=BuildError("export", "no such operator"))]
    write_page(folder / "several.html", page_of(several, [series_of(one.bundle)]))
    return {name: folder / f"{name}.html" for name in ("one", "several")}


def opened(browser: Browser, path: Path, size: tuple[int, int], scheme: str = "light") -> tuple[Page, list[str]]:
    """A page, and what it loaded or complained of beside itself."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)  # type: ignore[arg-type]
    noise: list[str] = []
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("request", lambda request: noise.append(request.url) if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    return page, noise


@pytest.mark.parametrize(
    ("name", "scheme", "size"),
    [
        ("one", "light", PHONE),
        *(("several", scheme, size) for scheme in ("light", "dark") for size in (PHONE, DESKTOP)),
    ],
)
def test_axe_finds_nothing_and_nothing_is_loaded(
    browser: Browser, pages: dict[str, Path], name: str, scheme: str, size: tuple[int, int]
) -> None:
    page, noise = opened(browser, pages[name], size, scheme)
    if size is PHONE:  # what is folded is looked at once a scheme: axe takes a second for some hundred cells
        page.evaluate(UNFOLD)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert len(found.response["passes"]) > 20
    assert noise == []
    page.close()


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
@pytest.mark.parametrize("name", ["one", "several"])
def test_no_width_scrolls_sideways(browser: Browser, pages: dict[str, Path], name: str, width: int) -> None:
    page, _ = opened(browser, pages[name], (width, 800))
    page.evaluate(UNFOLD)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_the_verdict_and_each_budget_are_found_by_role(browser: Browser, pages: dict[str, Path]) -> None:
    page, _ = opened(browser, pages["one"], DESKTOP)
    assert page.get_by_role("heading", level=1).inner_text() == "sample for host-onnxruntime"
    verdict = page.get_by_role("banner").get_by_role("group", name="Verdict")
    assert verdict.get_by_text("FAIL", exact=True).is_visible()
    assert "Decided by peak_memory" in verdict.inner_text()
    lines = page.get_by_role("region", name="Budgets").get_by_role("listitem")
    assert lines.count() == len(LIMITS)
    for metric in LIMITS:
        line = lines.filter(has=page.get_by_role("heading", name=f"{metric} ≤"))
        assert line.count() == 1
        assert metric in (line.locator("svg[role=img] > title").text_content() or "")
        assert line.get_by_text(WORDS.get(metric, ""), exact=metric in WORDS).first.is_visible()
    for name in ("Latency", "Memory", "Time per layer", "Inputs alone and left out", "History", "Environment"):
        assert page.get_by_role("region", name=name, exact=True).count() == 1
    page.close()


def test_it_is_read_with_the_keyboard_alone(browser: Browser, pages: dict[str, Path]) -> None:
    page, _ = opened(browser, pages["one"], DESKTOP)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    summary = page.get_by_text("Every run in numbers").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("table", name="Runs of this bundle", exact=True).is_visible()
    page.close()


def test_printed_it_shows_what_was_folded(browser: Browser, pages: dict[str, Path]) -> None:
    page, _ = opened(browser, pages["one"], DESKTOP)
    assert not page.get_by_role("navigation").is_hidden()
    page.emulate_media(media="print")
    assert page.get_by_role("navigation").is_hidden()
    assert len(page.pdf()) > 10_000
    page.close()
