"""Where a model exported for any batch fixed it all the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.models.blame import is_library_file

if TYPE_CHECKING:
    import torch


def batch_symbol(node: torch.fx.Node) -> str | None:
    """The symbol that stands for a tensor's first axis, or None where that is a number."""
    sizes = [*getattr(node.meta.get("val"), "shape", ())]
    first = str(sizes[0]) if sizes else ""
    return first if first and not first.isdecimal() else None


def specialized_at(program: torch.export.ExportedProgram) -> str:
    """``file.py:line`` where an open axis became a number, as far as torch has kept it; empty if unknown.

    torch notes the place beside each replaced symbol; a version that does not leaves the message without it.
    """
    for node in program.graph.nodes:
        value = node.meta.get("val")
        environment = getattr(getattr(value, "fake_mode", None), "shape_env", None)
        for place in getattr(environment, "replacements_slocs", {}).values():
            for frame in (getattr(place, "maybe_user_loc", None), getattr(place, "framework_loc", None)):
                file, line = getattr(frame, "filename", ""), getattr(frame, "lineno", None)
                if file and not is_library_file(file):
                    return f"{Path(file).name}:{line}"
    return ""
