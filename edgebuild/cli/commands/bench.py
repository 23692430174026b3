"""Measure a bundle on a device: latency and memory, instructions, or time per layer; as evidence beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebuild.cli.console import Json, emit, note_missed, progress

if TYPE_CHECKING:
    from edgebuild.report.table import Page
    from edgebuild.store.bundle import Bundle


def command(
    bundles: Annotated[list[Path], typer.Argument(help="Bundles: folders or .edgebundle files.")],
    device: Annotated[str | None, typer.Option(help="Where to measure; default the target's own device.")] = None,
    release_profile: Annotated[
        str | None, typer.Option("-p", "--release-profile", help="How to measure; default the bundle's own profile.")
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Time per layer by the runtime's own profiler, float against int8.")
    ] = False,
    precision: Annotated[str | None, typer.Option(help="The variant; default the preferred one.")] = None,
    part: Annotated[str | None, typer.Option(help="One part of a bundle that has several; default all.")] = None,
    exact: Annotated[bool, typer.Option("--exact", help="Count instructions, on a virtual board.")] = False,
    against: Annotated[Path | None, typer.Option(help="Another bundle, measured beside, to tell the change.")] = None,
    project: Annotated[Path, typer.Option(help="The project's folder, whose own targets come first.")] = Path(),
    json: Json = False,
) -> int:
    from edgebuild.store.bundle import open_bundle

    if profile:
        _refuse_beside_profile(exact=exact, against=against)
        return _profile(
            [open_bundle(path) for path in bundles], device, release_profile, precision, part, project, json
        )
    from edgebuild.deviceside import measure
    from edgebuild.indexing import remember

    opened, other = [open_bundle(path) for path in bundles], open_bundle(against) if against else None
    with progress() as say:
        rows = [
            row
            for bundle in opened
            for row in measure(
                bundle, device, release_profile, precision, project, say, exact=exact, against=other, part=part
            )
        ]
    note_missed(remember([*opened, other]))
    text = "\n".join("  ".join(str(value) for value in row.values()) for row in rows)
    return emit("bench", {"measured": rows}, text, json=json)


def _profile(
    bundles: list[Bundle], device: str | None, release_profile: str | None, precision: str | None,
    part: str | None, project: Path, json: bool,
) -> int:  # fmt: skip
    from edgebuild.indexing import remember
    from edgebuild.profiling import profile_bundle
    from edgebuild.report.layers import layers_result, layers_text

    with progress() as say:
        found = [profile_bundle(one, device, release_profile, precision, project, say, part) for one in bundles]
    note_missed(remember(bundles))

    def text() -> Page:
        from edgebuild.report.table import Page

        return Page([layers_text(one) for one in found])

    return emit("bench", {"profiled": [layers_result(one) for one in found]}, text, json=json)


def _refuse_beside_profile(*, exact: bool, against: Path | None) -> None:
    from edgebuild.core.errors import ConfigError

    for given, name in ((exact, "--exact"), (against is not None, "--against")):
        if given:
            raise ConfigError("bench", f"--profile and {name} are two different runs", fix="give one of them")
