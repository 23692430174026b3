"""From the bundles of parts and what the whole of them was found to be, to one bundle."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.core.artifact import (
    WHOLE,
    Golden,
    Lineage,
    Manifest,
    Parity,
    Part,
    Precision,
    Quality,
    Rejected,
    Speed,
    Variant,
)
from edgebuild.core.digest import digest_json
from edgebuild.core.target import Target
from edgebuild.pipeline.chain import FOLDER, Choice, Links
from edgebuild.pipeline.float_stages import Converted, load_outputs
from edgebuild.pipeline.golden import FLOAT_TOLERANCE, before_steps, golden_file
from edgebuild.pipeline.package import lineage_of, listed
from edgebuild.store.bundle import Bundle, write_bundle
from edgebuild.store.entry import Entry

if TYPE_CHECKING:
    from edgebuild.pipeline.whole import Whole


@dataclass(frozen=True)
class Made:
    """A variant of the whole: which precision each part has in it, and what it was found to be.

    Attributes:
        answers: to the golden inputs: in float the source's own, in int8 this machine's.
    """

    converted: Converted
    precision: str
    choice: Choice
    answers: Entry
    quality: Quality | None
    speed: Speed | None
    note: str
    parity: Parity | None

    def because(self, note: str) -> Made:
        """The same with the reason it is offered."""
        return dataclasses.replace(self, note=note)

    def rejected(self, reason: str) -> Rejected:
        """The same, not offered."""
        return Rejected.model_validate(
            {
                "precision": self.precision, "setting": "", "reason": reason, "size": self.converted.size,
                "quality": self.quality, "speed": self.speed,
            }
        )  # fmt: skip


def pack(
    whole: Whole, links: Links, target: Target, place: Path, made: Sequence[Made], rejected: Sequence[Rejected],
    alone: Mapping[str, Quality], archive: bool,
) -> Bundle:  # fmt: skip
    """Write the bundle: the whole as its first part, and then each part with the variants that the whole is made of."""
    files: dict[str, bytes] = {}
    parts: list[Part] = []
    for name in links.wiring.order:
        used = {links.variant(name, each.choice[name]).precision for each in made}
        part, own = _part(whole, links, name, used, alone.get(name))
        files, parts = files | own, [*parts, part]
    for each in made:
        files[each.converted.names[0]] = each.converted.files[each.converted.names[0]]
    golden_bytes, golden = _golden(whole, links, made)
    files[golden.file] = golden_bytes
    signature = made[0].converted.signature.model_copy(update={"answer": whole.project.model.post})
    variants = tuple(_variant(each, links, files) for each in made)
    first = Part(name=WHOLE, runtime=links.runtime, signature=signature, variants=variants)
    manifest = Manifest(
        name=whole.project.name,
        known_as=whole.project.known_as,
        target=target.name,
        target_digest=digest_json(target),
        profile=whole.road.profile.name,
        profile_digest=digest_json(whole.road.profile),
        parts=(first, *parts),
        edges=links.wiring.edges,
        golden=golden,
        lineage=_lineage(whole, links),
        compression=whole.record,
        budgets={budget.metric: budget.limit for budget in whole.project.budgets_for(target.name)},
        rejected=tuple(rejected),
        suspicions=whole.inputs.suspicions if whole.inputs else (),
        files=tuple(listed(name, files[name]) for name in sorted(files)),
    )
    return write_bundle(place, files, manifest, archive)


def _variant(made: Made, links: Links, files: Mapping[str, bytes]) -> Variant:
    value = {
        "precision": made.precision, "files": tuple(listed(name, files[name]) for name in made.converted.names),
        "setting": links.label(made.choice) if made.precision == "int8" else "", "parity": made.parity,
        "quality": made.quality, "speed": made.speed, "note": made.note,
    }  # fmt: skip
    return Variant.model_validate(value)


def _part(
    whole: Whole, links: Links, name: str, used: set[Precision], alone: Quality | None
) -> tuple[Part, dict[str, bytes]]:
    """A part as it is told in the bundle of all, with its files; a tokenizer's is where every bundle has it."""
    bundle, part = links.bundles[name], links.part(name)
    variants = [variant for variant in part.variants if variant.precision in used]
    folders = {Path(variant.files[0].name).parent.as_posix() for variant in variants}
    files = {}
    for file in bundle.manifest.files:
        folder = Path(file.name).parent.as_posix()
        if folder in folders or file.name == bundle.manifest.golden.file:
            files[f"{FOLDER}/{name}/{file.name}"] = bundle.read(file.name)
        elif folder not in {Path(variant.files[0].name).parent.as_posix() for variant in part.variants}:
            files[file.name] = bundle.read(file.name)
    golden = bundle.manifest.golden
    told = Part(
        name=name,
        runtime=part.runtime,
        signature=part.signature,
        variants=tuple(_moved(variant, name) for variant in variants),
        golden=golden.model_copy(update={"file": f"{FOLDER}/{name}/{golden.file}"}),
        budgets={budget.metric: budget.limit for budget in whole.project.parts[name].parsed_budgets},
        rejected=bundle.manifest.rejected,
        alone=alone,
    )
    return told, files


def _moved(variant: Variant, name: str) -> Variant:
    files = tuple(file.model_copy(update={"name": f"{FOLDER}/{name}/{file.name}"}) for file in variant.files)
    return variant.model_copy(update={"files": files})


def _golden(whole: Whole, links: Links, made: Sequence[Made]) -> tuple[bytes, Golden]:
    """The vectors of the whole.

    In int8 an answer may be off by one step of each part's grid: what one part rounds the next ones hand on.
    """
    from edgebuild.models.samples import prepare_inputs

    signature = made[0].converted.signature
    inputs = prepare_inputs(whole.golden.samples, signature)
    answers = {each.precision: load_outputs(each.answers) for each in made}
    data = golden_file(inputs, answers, signature, before_steps(whole.golden, whole.sets, signature))
    tolerances = {}
    for each in made:
        steps = [
            links.bundles[name].manifest.golden.tolerance.get(precision, FLOAT_TOLERANCE)
            for name, precision in each.choice.items()
        ]
        tolerances[each.precision] = FLOAT_TOLERANCE if each.precision == "float32" else min(sum(steps), 1.0)
    settings = whole.project.build
    return data, Golden(source=settings.golden, samples=len(whole.golden.samples), tolerance=tolerances)


def _lineage(whole: Whole, links: Links) -> Lineage:
    tools = {k: v for name in links.wiring.order for k, v in links.bundles[name].manifest.lineage.tools.items()}
    return lineage_of(whole.source.digest, whole.project, whole.sets, dict(sorted(tools.items())))
