"""Build example projects for the host runtimes and keep a table of what came of them in docs/results.md."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from results_file import replace_section
from results_table import render

from edgebuild.core.artifact import Manifest
from edgebuild.core.errors import worst_exit
from edgebuild.core.target import dot_product
from edgebuild.store.bundle import open_bundle
from edgebuild.store.processor import processor_features, processor_name

ROOT = Path(__file__).resolve().parent.parent


def tabulate(section: str, introduction: str, projects: Sequence[str]) -> int:
    """Build, collect, render into one section; the worst exit code of the builds.

    Args:
        projects: folders or project files below examples/.
    """
    parser = argparse.ArgumentParser(description=f"Build {', '.join(projects)} and tabulate what came of them.")
    parser.add_argument("--out", type=Path, help="keep the bundles here (default: a temporary folder)")
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "results.md")
    options = parser.parse_args()
    if not os.environ.get("EDGEBUILD_DATA"):
        print("EDGEBUILD_DATA is not set; set it to the folder that holds the data sets", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as temporary:
        out: Path = options.out or Path(temporary)
        codes = [build(project, out / Path(project).stem) for project in projects]
        manifests = [manifest for project in projects for manifest in read_manifests(out / Path(project).stem)]
    if not manifests:
        print("no bundle was built", file=sys.stderr)
        return worst_exit(codes) or 3
    text = f"{introduction}\n{render(manifests)}\n\n{machine()}"
    print(text)
    replace_section(options.results, section, text)
    return worst_exit(codes)


def build(project: str, out: Path) -> int:
    """Build one project for all its targets into ``out``; progress goes to stderr."""
    return build_for(ROOT / "examples" / project, (), out)[0]


def build_for(project: Path, targets: Sequence[str], out: Path, profile: str = "") -> tuple[int, dict[str, str]]:
    """Build one project into ``out``, for some targets or all its own; progress goes to stderr.

    Returns:
        The exit code, and by the names of the targets that were not built, why.
    """
    command = [str(Path(sys.executable).with_name("edgebuild")), "build", str(project)]
    command += [word for target in targets for word in ("-t", target)]
    command += ["-p", profile] if profile else []
    done = subprocess.run([*command, "-o", str(out), "--json"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        print(f"{project.name}: exit code {done.returncode}: {error_of(done.stdout)}", file=sys.stderr)
    return done.returncode, refusals_of(done.stdout)


def refusals_of(document: str) -> dict[str, str]:
    """Why targets were not built, by their names, from a command's JSON document."""
    try:
        outcomes = json.loads(document).get("outcomes") or []
    except (ValueError, AttributeError):
        return {}
    return {str(each["subject"]): str(each["message"]) for each in outcomes if each["exit_code"]}


def error_of(document: str) -> str:
    """The error that a command's JSON document states, or the document as it is."""
    try:
        return str(json.loads(document).get("error", ""))
    except (ValueError, AttributeError):
        return document.strip()


def machine() -> str:
    """What the times and the ratios hold for: an int8 model's speed hangs on how the processor sums products."""
    how = dot_product(platform.machine(), processor_features())
    return f"On {platform.machine()}, {processor_name()}; its int8 dot product: {how}."


def read_manifests(out: Path) -> list[Manifest]:
    """The manifests of all bundles below a folder."""
    return [open_bundle(path.parent).manifest for path in sorted(out.rglob("manifest.json"))]
