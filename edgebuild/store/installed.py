"""What is installed beside edgebuild."""

from __future__ import annotations

import functools
import importlib.metadata
import re

_VERSION = re.compile(r"^Version: *(\S+)", re.MULTILINE)


@functools.cache
def installed_version(distribution: str) -> str:
    """The version of an installed distribution, or "" where it is not installed.

    Its own metadata are searched for that line: read whole, as mail is, those of twenty take 10 ms of every start.
    """
    try:
        found = importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""
    told = _VERSION.search(found.read_text("METADATA") or "")
    return told[1] if told else found.version
