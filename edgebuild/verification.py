"""What can be checked again of a bundle: each part *ok*, *broken* or *not checked*, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgebuild.bench.bench import Bench
from edgebuild.checks import Check
from edgebuild.core.errors import (
    EXIT_FAIL,
    EXIT_INCONCLUSIVE,
    BundleError,
    ConfigError,
    DeviceError,
    ModelRejected,
    NotMeasured,
    worst_exit,
)
from edgebuild.core.profile import Profile
from edgebuild.core.target import Target
from edgebuild.devices.opening import open_device
from edgebuild.devices.transports.local import open_local
from edgebuild.golden import compare
from edgebuild.rejudging import rejudge, verdict_check
from edgebuild.signatures import signature_check
from edgebuild.store.bundle import Bundle
from edgebuild.store.evidence import open_evidence
from edgebuild.store.keys import PublicKey

__all__ = ["CHECKS", "Check", "exit_code", "verify"]


def verify(
    bundle: Bundle, target: Target | None, profile: Profile | None = None, device: str | None = None,
    keys: Sequence[PublicKey] = (),
) -> list[Check]:  # fmt: skip
    """Every check, in order.

    Args:
        target: None: it is not known here, and what needs it is not checked.
        profile: the one of the bundle's name that is known here, if any. A verdict names its own confidence; it is
            only said if another profile than this one stated it.
        keys: those that are trusted. With a signature by one of them, only what it covers is read as the verdict.
    """
    problems = bundle.check()
    digests = Check("digests", "broken" if problems else "ok", "; ".join(problems))
    if problems:
        rest = [Check(name, "not checked", "the bundle is broken") for name in CHECKS[1:]]
        return [digests, *rest]
    return [digests, _golden(bundle, target, device), *_of_evidence(bundle, profile, keys)]


CHECKS = ("digests", "golden", "signature", "verdict")


def exit_code(checks: Iterable[Check], required: Sequence[str]) -> int:
    """0, 1 if a check is broken, 4 if a required one was not made.

    Raises:
        ConfigError: a required check that does not exist.
    """
    unknown = [name for name in required if name not in CHECKS]
    if unknown:
        raise ConfigError("--require", f"there is no check {unknown[0]!r}", expected=", ".join(CHECKS))
    codes = [0]
    for check in checks:
        codes += [EXIT_FAIL] if check.state == "broken" else []
        codes += [EXIT_INCONCLUSIVE] if check.state == "not checked" and check.name in required else []
    return worst_exit(codes)


def _golden(bundle: Bundle, target: Target | None, name: str | None) -> Check:
    if target is None:
        return Check("golden", "not checked", f"target {bundle.manifest.target} is not known here")
    unreachable = target.is_estimated and name is None
    try:
        opened = open_local() if unreachable else open_device(target, name)
        with Bench(opened, bundle.manifest.lineage.tools) as bench:
            found = [
                compare(bundle, part, variant, bench, target)
                for part in bundle.manifest.parts
                for variant in part.variants
            ]
    except (DeviceError, NotMeasured) as error:
        return Check("golden", "not checked", error.message)
    except (ModelRejected, BundleError) as error:
        return Check("golden", "broken", error.message)
    broken = any(not right for right, _ in found)
    told = [why for right, why in found if right is not broken]
    told += ["on this machine, as it was before it was compiled"] if unreachable else []
    return Check("golden", "broken" if broken else "ok", "; ".join(filter(None, told)))


def _of_evidence(bundle: Bundle, profile: Profile | None, keys: Sequence[PublicKey]) -> tuple[Check, Check]:
    """The checks of the signature and of the verdicts."""
    try:
        evidence = open_evidence(bundle)
    except BundleError as error:
        return Check("signature", "broken", error.found), Check("verdict", "broken", error.found)
    signature = signature_check(bundle, evidence, keys)
    return signature, verdict_check(rejudge(bundle, evidence.records, profile), signature.signed)
