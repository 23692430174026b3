"""Say what is installed, which targets can be built and measured here, and where the cache is.

Exits 0 when at least one target can be built or measured here, 4 when none can.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebuild.cli.console import Json, emit
from edgebuild.core.errors import EXIT_INCONCLUSIVE, EXIT_PASS


def command(
    project: Annotated[Path, typer.Argument(help="A project, for its own targets.")] = Path(),
    json: Json = False,
) -> int:
    from edgebuild.checkup import check_up, checkup_text

    checkup = check_up(project if project.is_dir() else project.parent)
    able = any(target.builds or target.measures for target in checkup.targets)
    code = EXIT_PASS if able else EXIT_INCONCLUSIVE
    return emit("doctor", checkup.as_json(), lambda: checkup_text(checkup), json=json, exit_code=code)
