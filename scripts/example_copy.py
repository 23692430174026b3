"""A copy of an example project with a profile of its own, so that a script builds just what it measures."""

from __future__ import annotations

import shutil
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
_NOT_COPIED = shutil.ignore_patterns("build", "*.lock", "__pycache__")


def copy_with_profile(example: str, place: Path, name: str, quantization: str) -> Path:
    """Copy examples/``example`` to ``place``, in place of what was there, with the profile ``name`` beside it.

    Args:
        quantization: the lines of the profile's [quantization].
    """
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(EXAMPLES / example, place, ignore=_NOT_COPIED)
    profile = place / "profiles" / f"{name}.toml"
    profile.parent.mkdir(exist_ok=True)
    profile.write_text(f'schema = 1\nname = "{name}"\n[quantization]\n{quantization}\n', encoding="utf-8")
    return place
