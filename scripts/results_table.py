"""A table of results, from the manifests of the bundles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from edgebuild.core.artifact import Manifest, Quality, Rejected, Speed, Variant
from edgebuild.pipeline.build import SETTING_LOST

HEADER = ("task", "runtime", "model", "quality (95 % interval)", "drop", "agreement", "size", "p50", "float / int8", "")
NOTHING = "–"


class Candidate(NamedTuple):
    """One precision of one bundle: a variant that it offers, or a candidate that was rejected."""

    precision: str
    setting: str
    quality: Quality | None
    size: int | None
    offered: bool
    preferred: bool
    why: str


def render(manifests: Iterable[Manifest]) -> str:
    """A Markdown table with a line for float and one for int8 of every bundle, and a sentence for each choice."""
    manifests = sorted(manifests, key=lambda m: (m.name, m.parts[0].runtime))
    rows = [row for manifest in manifests for row in _rows(manifest)]
    lines = [_line(HEADER), _line(["---"] * len(HEADER)), *(_line(row) for row in rows)]
    return "\n".join([*lines, "", *(_choice(manifest) for manifest in manifests)])


def candidates(manifest: Manifest) -> tuple[Candidate, ...]:
    """Float first, then int8: what the bundle offers of each, else what was scored on the evaluation set."""
    part = manifest.parts[0]
    offered = [_offered(variant, preferred=place == 0) for place, variant in enumerate(part.variants)]
    known = {candidate.precision for candidate in offered}
    offered += [_rejected(one) for one in _finalists(manifest) if one.precision not in known]
    return tuple(sorted(offered, key=lambda candidate: candidate.precision != "float32"))


def speed(manifest: Manifest) -> Speed | None:
    """The measured pair of the bundle: of an offered variant, else of a rejected candidate."""
    offered = [variant.speed for variant in manifest.parts[0].variants]
    return next((found for found in [*offered, *(r.speed for r in manifest.rejected)] if found is not None), None)


def _offered(variant: Variant, *, preferred: bool) -> Candidate:
    size = sum(file.size for file in variant.files)
    return Candidate(variant.precision, variant.setting, variant.quality, size, True, preferred, variant.note)


def _rejected(rejected: Rejected) -> Candidate:
    quality, size = rejected.quality, rejected.size
    return Candidate(rejected.precision, rejected.setting, quality, size, False, False, rejected.reason)


def _finalists(manifest: Manifest) -> list[Rejected]:
    """The rejected candidates that were scored on the evaluation set: settings that lost the selection were not."""
    return [one for one in manifest.rejected if one.reason != SETTING_LOST]


def _rows(manifest: Manifest) -> list[tuple[str, ...]]:
    measured, runtime = speed(manifest), manifest.parts[0].runtime
    found = candidates(manifest)
    return [_row(manifest.name, runtime, candidate, found, measured) for candidate in found]


def _row(
    task: str, runtime: str, candidate: Candidate, found: Sequence[Candidate], measured: Speed | None
) -> tuple[str, ...]:
    is_float = candidate.precision == "float32"
    p50 = ratio = NOTHING
    if measured is not None:
        p50 = f"{(measured.float_p50_ns if is_float else measured.int8_p50_ns) / 1e3:.0f} µs"
        ratio = NOTHING if is_float else _ratio(measured)
    state = "chosen" if candidate.preferred else "offered" if candidate.offered else "rejected"
    quality = _float_quality(found) if is_float else candidate.quality
    name = f"{candidate.precision} {candidate.setting}".strip()
    size = NOTHING if candidate.size is None else f"{candidate.size / 1024:.0f} KiB"
    return (task, runtime, name, _score(quality), *_against_float(quality, is_float), size, p50, ratio, state)


def _float_quality(found: Sequence[Candidate]) -> Quality | None:
    """Float's own score; where only int8 was scored, the float score that came with it."""
    scored = {candidate.precision: candidate.quality for candidate in found if candidate.quality is not None}
    if "float32" in scored:
        return scored["float32"]
    other = next(iter(scored.values()), None)
    if other is None or other.float_value is None:
        return None
    return Quality(metric=other.metric, dataset=other.dataset, samples=other.samples, value=other.float_value)


def _score(quality: Quality | None) -> str:
    if quality is None or quality.value is None:
        return NOTHING
    interval = "" if quality.low is None or quality.high is None else f" ({quality.low:.1f} to {quality.high:.1f})"
    return f"{quality.value:.1f}{interval} {quality.metric}, n = {quality.samples}"


def _against_float(quality: Quality | None, is_float: bool) -> tuple[str, str]:
    if is_float or quality is None or quality.value is None or quality.float_value is None:
        return NOTHING, NOTHING
    agreement = NOTHING if quality.agreement is None else f"{quality.agreement:.1f} %"
    pairs = "" if quality.lost is None or quality.won is None else f" (lost {quality.lost}, won {quality.won})"
    return f"{quality.float_value - quality.value:+.1f} pt{pairs}", agreement


def _ratio(measured: Speed) -> str:
    low, high = (NOTHING if bound is None else f"{bound:.2f}" for bound in (measured.low, measured.high))
    return f"{measured.ratio:.2f} ({low} to {high}), {measured.pairs} pairs"


def _choice(manifest: Manifest) -> str:
    preferred = next(candidate for candidate in candidates(manifest) if candidate.preferred)
    text = f"- {manifest.name}, {manifest.parts[0].runtime}: {preferred.precision} was chosen. {preferred.why}".rstrip()
    reasons = [f"{r.precision} {r.setting}".rstrip() + f": {r.reason}" for r in _finalists(manifest)]
    return "\n".join([text, *(f"  - rejected {reason}" for reason in reasons)])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
