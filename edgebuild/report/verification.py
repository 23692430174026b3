"""What came of checking and of signing bundles, as values and as text."""

from __future__ import annotations

from collections.abc import Sequence

from edgebuild.checks import Check
from edgebuild.core.digest import Json
from edgebuild.signing import Signing


def checks_result(checks: Sequence[Check]) -> dict[str, Json]:
    """The ``result`` of ``edgebuild verify --json``: the checks, and each verdict that was judged again.

    ``sha256`` is of the canonical JSON of what the evidence gives now: sorted keys, no spaces, UTF-8.
    """
    signed = next((check.signed for check in checks if check.signed is not None), None)
    verdicts: list[Json] = [
        {
            "number": each.number, "at": each.at, "outcome": each.recorded.outcome.value, "rule": each.recorded.rule,
            "state": each.state, "why": each.why, "sha256": each.digest,
            "signed": signed is not None and each.position < signed,
        }
        for check in checks
        for each in check.verdicts
    ]  # fmt: skip
    rows: list[Json] = [{"check": check.name, "state": check.state, "why": check.why} for check in checks]
    return {"checks": rows, "verdicts": verdicts}


def checks_text(checks: Sequence[Check]) -> str:
    """One line a check."""
    return "\n".join(f"{check.name:<10} {check.state:<12} {check.why}".rstrip() for check in checks)


def signed_row(each: Signing) -> dict[str, Json]:
    """One bundle of ``edgebuild sign --json``; ``already``: it was signed so before."""
    return {
        "bundle": str(each.bundle.path), "digest": each.bundle.digest, "key": each.key.id, "records": each.records,
        "already": each.already,
    }  # fmt: skip


def signed_text(found: Sequence[Signing]) -> str:
    """One line a bundle."""
    return "\n".join(
        f"{each.bundle.path.name}: {'was signed already' if each.already else 'signed'} by key {each.key.id[:16]}, "
        f"with {each.records} records of evidence"
        for each in found
    )
