"""What a bundle was made from, what it was judged by, and how to check both again."""

from __future__ import annotations

import shlex

from edgebuild.core.artifact import Manifest
from edgebuild.core.units import Unit
from edgebuild.core.verdict import Verdict
from edgebuild.report.html.page import Block, Column, Fact, Facts, Note, Section, Table
from edgebuild.report.html.reported import Reported
from edgebuild.report.html.words import DASH, percent, plural, short_digest, shown


def lineage_section(prefix: str, told: Reported) -> Section | None:
    """None where there is no bundle."""
    if told.bundle is None:
        return None
    manifest = told.bundle.manifest
    blocks: list[Block] = [
        Facts((Fact("bundle", told.bundle.digest, code=True), *_made_from(manifest))),
        *([_checks(told)] if told.checks else []),
        Note("Check the bundle and judge its evidence again, anywhere, without the device's runtime for the verdict:"),
        Note(f"edgebuild verify {shlex.quote(told.bundle.path.name)} --require digests,verdict", code=True),
        *_suspicions(manifest), _files(manifest), _tools(manifest),
    ]  # fmt: skip
    lead = "A bundle never changes: its digest names every byte of it. Evidence stands beside it, and is only added to."
    return Section(f"{prefix}lineage", "Lineage and how to verify it", lead, tuple(blocks))


def judged_by(verdict: Verdict, manifest: Manifest) -> tuple[Fact, ...]:
    """The rule, the confidence and the profile."""
    facts = [Fact("rule", f"version {verdict.rule}")]
    if verdict.judging is not None:
        own, accuracy = percent(verdict.judging.confidence), percent(verdict.judging.accuracy_confidence)
        facts.append(Fact("confidence", own if own == accuracy else f"{own}, of accuracy {accuracy}"))
        if verdict.judging.beside:
            beside = plural(verdict.judging.beside, "budget on other devices", "budgets on other devices")
            facts.append(Fact("judged beside", beside))
    if verdict.profile is not None:
        same = verdict.profile == manifest.profile_digest
        facts.append(Fact("profile", manifest.profile if same else short_digest(verdict.profile), code=not same))
    return tuple(facts)


def _made_from(manifest: Manifest) -> tuple[Fact, ...]:
    made = manifest.lineage
    data = {"calibration data": made.calibration, "selection data": made.selection, "evaluation data": made.evaluation}
    return (
        Fact("model's weights", made.model, code=True), Fact("project", made.project, code=True),
        Fact("target", f"{manifest.target}  {short_digest(manifest.target_digest)}", code=True),
        Fact("built with profile", f"{manifest.profile}  {short_digest(manifest.profile_digest)}", code=True),
        *(Fact(name, digest, code=True) for name, digest in data.items() if digest),
        *((Fact("CPU features", made.cpu_features, code=True),) if made.cpu_features else ()),
    )  # fmt: skip


def _checks(told: Reported) -> Table:
    columns = (Column("check"), Column("state"), Column("why", "prose"))
    rows = tuple((check.name, check.state, check.why) for check in told.checks)
    return Table("What was checked of the bundle", columns, rows)


def _suspicions(manifest: Manifest) -> list[Block]:
    """Why the samples might not have fitted the model, where the build saw a reason."""
    columns = (Column("input"), Column("how sure"), Column("what", "prose"), Column("evidence", "prose"))
    rows = tuple((one.input, one.certainty, one.found, one.evidence) for one in manifest.suspicions)
    return [Table("What speaks against the samples", columns, rows)] if rows else []


def _files(manifest: Manifest) -> Table:
    columns = (Column("file", "code"), Column("size", "number"), Column("sha256", "code"))
    rows = tuple((file.name, shown(file.size, Unit.BYTE), file.sha256) for file in manifest.files)
    return Table("Files of the bundle", columns, rows, "Every file and its digest")


def _tools(manifest: Manifest) -> Table:
    found = {"edgebuild": manifest.lineage.edgebuild, **manifest.lineage.tools}
    rows = tuple((name, version or DASH) for name, version in sorted(found.items()))
    return Table("Tools that built it", (Column("tool"), Column("version", "code")), rows, "Every tool's version")
