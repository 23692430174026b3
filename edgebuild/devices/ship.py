"""The runner as one zipapp: the same bytes from the same sources."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

from edgebuild.core.digest import Digest, digest_bytes

_PACKAGE = Path(__file__).resolve().parents[1]
RUNNER = _PACKAGE / "runner"
STEPS = (
    *(_PACKAGE / "core" / name for name in ("__init__.py", "array.py", "errors.py")),
    *sorted((_PACKAGE / "steps").glob("*.py")),
)
"""The steps around a model, and what they import: all of edgebuild that goes to a device beside the runner."""
_DATE = (1980, 1, 1, 0, 0, 0)


@cache
def runner_zipapp() -> bytes:
    """``runner.pyz``: ``__main__.py`` at the top, the modules in the packages ``runner`` and ``edgebuild``.

    Stored, sorted, undated.
    """
    members = {f"runner/{path.name}": path.read_bytes() for path in RUNNER.glob("*.py") if path.stem != "__main__"}
    members |= {f"edgebuild/{path.relative_to(_PACKAGE).as_posix()}": path.read_bytes() for path in STEPS}
    members["edgebuild/__init__.py"] = b""
    members["__main__.py"] = (RUNNER / "__main__.py").read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, _DATE)
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, members[name])
    return buffer.getvalue()


def runner_digest() -> Digest:
    """The identity of this version's runner."""
    return digest_bytes(runner_zipapp())
