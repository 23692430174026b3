"""The page of some bundles, put together."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild import __version__
from edgebuild.core.history import Series
from edgebuild.report.html.accelerator import accelerator_section
from edgebuild.report.html.banner import banner_of, banner_over
from edgebuild.report.html.budgets import budgets_section
from edgebuild.report.html.chain import parts_section
from edgebuild.report.html.changes import changes_section
from edgebuild.report.html.frontier import frontier_section
from edgebuild.report.html.history import history_section
from edgebuild.report.html.latency import latency_section
from edgebuild.report.html.layers import layers_section
from edgebuild.report.html.lineage import lineage_section
from edgebuild.report.html.measured import measured_section
from edgebuild.report.html.memory import memory_section
from edgebuild.report.html.modalities import modalities_section
from edgebuild.report.html.overview import overview_section, told_apart
from edgebuild.report.html.page import Page, Section, Subject
from edgebuild.report.html.pruned import pruned_section
from edgebuild.report.html.published import published_section
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.surroundings import surroundings_section

_MEASURED = (measured_section, latency_section, changes_section, memory_section, layers_section)


def page_of(told: Sequence[Reported], series: Sequence[Series] = (), beside: Sequence[Reported] = ()) -> Page:
    """One page about some bundles, in their order.

    Args:
        told: one at least.
        series: their models' history.
        beside: further builds, which are compared with them and not judged.
    """
    several = len(told) > 1
    told = told_apart(told)
    compared = several or bool(beside)
    subjects = tuple(_subject(f"b{number}-", each, compared) for number, each in enumerate(told, 1))
    over = [overview_section(told, subjects)] if several else []
    front = [frontier_section("", [*told, *beside])] if compared else []
    shared = [*over, *front, history_section("", series)]
    return Page(
        title=_title(told),
        banner=banner_over(told, subjects) if several else subjects[0].banner,
        subjects=subjects,
        shared=tuple(each for each in shared if each is not None),
        made_by=__version__,
    )


def _title(told: Sequence[Reported]) -> str:
    """The models, and of a single bundle its target."""
    manifests = [each.bundle.manifest for each in told if each.bundle is not None]
    if len(told) == 1 and manifests:
        return f"{manifests[0].name} for {manifests[0].target}"
    named = [manifest.name for manifest in manifests] or [each.name for each in told]
    return ", ".join(dict.fromkeys(named))


def _subject(prefix: str, told: Reported, compared: bool) -> Subject:
    found: list[Section | None] = [
        budgets_section(prefix, told.verdict) if told.verdict and told.verdict.lines else None
    ]
    if told.bundle is not None:
        found += [make(prefix, told) for make in (*_MEASURED, accelerator_section, published_section)]
        found += [] if compared else [frontier_section(prefix, [told])]
        found += [make(prefix, told) for make in (pruned_section, modalities_section, parts_section)]
        found += [surroundings_section(prefix, told), lineage_section(prefix, told)]
    return Subject(prefix.rstrip("-"), told.name, banner_of(told), tuple(each for each in found if each is not None))
