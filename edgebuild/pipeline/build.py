"""One target's way from the project to its bundle."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from edgebuild.backends import find_backend
from edgebuild.core.artifact import Artifact, Parity, Quality, Rejected, Speed
from edgebuild.core.errors import BuildError
from edgebuild.core.origin import OriginMap
from edgebuild.core.profile import Quantization
from edgebuild.core.target import Int8Scheme, Target
from edgebuild.pipeline import choose
from edgebuild.pipeline.calibrate_stage import Calibration, Layers, calibrate, settings_for
from edgebuild.pipeline.distill_stage import distilled
from edgebuild.pipeline.float_stages import Converted, check, export, reference_outputs, trace
from edgebuild.pipeline.host import int8_scheme
from edgebuild.pipeline.int8_stages import Candidate, quantize, quantize_foreign, refuse_float
from edgebuild.pipeline.material import Material
from edgebuild.pipeline.mixed import with_float_layers
from edgebuild.pipeline.package import Offer, answers_of, package
from edgebuild.pipeline.scoring import here
from edgebuild.pipeline.sources import DataSet
from edgebuild.store.bundle import Bundle

SETTING_LOST = "another setting did better on the selection set"
KEPT_BOTH = "the slower one, kept because the project says keep_both"
NO_DEVICE = "speed not measured: the target's device is not at hand; bench it there"
ESTIMATED = "speed not measured: nothing can be run on the target; its compiler's estimates are below"


@dataclass
class _Pick:
    """The int8 candidate that the selection set prefers, and why the others went."""

    candidate: Candidate
    quality: Quality
    refusal: str
    rejected: list[Rejected] = field(default_factory=list)


def build_target(shared: Material, target: Target, place: Path, archive: bool = False) -> Bundle:
    """Build one target's bundle at ``place``.

    Raises:
        BuildError: nothing can be offered for this target; says why.
    """
    samples = shared.sets.selection or shared.golden
    _refuse_casts(shared, target)
    if shared.source.kind == "torch":
        _run_torch(shared, target, samples)
    exact = export(shared.road, shared.folded, target.runtime)
    if exact.quantized:
        return _packaged(shared, target, place, _as_is(shared, target, exact), [], archive)
    for wanted in (samples, shared.sets.evaluation):
        if wanted is not None:
            shared.scorer.begin(exact, wanted, here(target))
    origins, agreement = _check(shared, target, exact, samples)
    pick = _pick_int8(shared, target, exact, origins)
    offer_float = _offer_float(shared, target, exact, origins, agreement)
    offers, rejected = _decide(shared, target, exact, offer_float, pick)
    return _packaged(shared, target, place, offers, rejected, archive)


def _refuse_casts(shared: Material, target: Target) -> None:
    """Refuse to fold raw integers into a model for a target that has no floats to make of them."""
    if target.int8 is None or not target.int8.full_integer:
        return
    for spec in shared.folded.signature.inputs:
        if spec.name in shared.folded.signature.folded and spec.dtype != "float32":
            raise BuildError(
                "fold", f"{spec.name} is folded as {spec.dtype}, and {target.name} computes in integers only",
                expected='fold = "float32": int8 at the boundary then stands for the raw values',
                fix=f'write fold = "float32" under [model.inputs.{spec.name}], or build {target.name} from another '
                "project file",
            )  # fmt: skip


def _packaged(
    shared: Material, target: Target, place: Path, offers: list[Offer], rejected: list[Rejected], archive: bool
) -> Bundle:
    """Compile what is offered for the target's accelerator, where it has one, and write the bundle."""
    made = [_compiled(shared, target, offer) for offer in offers] if target.has_accelerator else offers
    return package(shared, target, place, made, rejected, archive)


def _compiled(shared: Material, target: Target, offer: Offer) -> Offer:
    from edgebuild.pipeline.compile_stage import compiled  # for most targets there is nothing to compile

    golden, answers = shared.golden, answers_of(shared, target, offer)
    if shared.source.signature.fed:
        golden = shared.single_steps(golden)
        answers = shared.scorer.outputs(offer.converted, golden, here(target))
    made = compiled(shared.road, offer.converted, target, golden, answers)
    return dataclasses.replace(offer, compiled=made)


def _check(shared: Material, target: Target, exact: Converted, samples: DataSet) -> tuple[OriginMap, Parity]:
    """Trace a float artifact's operators and compare its outputs with the source model's."""
    origins = trace(shared.road, shared.folded, exact, shared.single_steps(samples))
    outputs = shared.scorer.outputs(exact, samples, here(target))
    return origins, check(shared.road, exact, origins, outputs, shared.scorer.reference(samples))


def _as_is(shared: Material, target: Target, exact: Converted) -> list[Offer]:
    """A foreign model that was quantized by somebody else is offered as it came."""
    from edgebuild.backends.origins import self_origins

    origins = self_origins(exact.backend.operators(exact.files))
    if target.int8 is not None and target.int8.full_integer:
        refuse_float(exact, exact.backend.float_operators(exact.files), origins)
    artifact = artifact_of(exact, "as-is", origins)
    return [Offer(exact, artifact, _report(shared, target, exact, None), note="already quantized: offered as it came")]


def _offer_float(shared: Material, target: Target, exact: Converted, origins: OriginMap, agreement: Parity) -> Offer:
    quality = _report(shared, target, exact, exact)
    return Offer(exact, artifact_of(exact, "float32", origins), quality, parity=agreement)


def _report(shared: Material, target: Target, converted: Converted, twin: Converted | None) -> Quality | None:
    """Quality on the evaluation set, which is read for what is reported and nothing else.

    Against a float twin; of a compressed model always against the dense one that it came from.
    """
    evaluation = shared.sets.evaluation
    if evaluation is None:
        return None
    own = shared.scorer.outputs(converted, evaluation, here(target))
    other = shared.scorer.outputs(twin, evaluation, here(target)) if twin else None
    if shared.dense is not None:
        other = reference_outputs(shared.road, shared.dense, evaluation)
    return _marked(shared.scorer.quality(own, other, evaluation), converted, target)


def _marked(quality: Quality, converted: Converted, target: Target) -> Quality:
    """With a mark where the outputs were emulated."""
    return quality.model_copy(update={"emulated": here(target).emulates(converted)})


def _pick_int8(shared: Material, target: Target, exact: Converted, origins: OriginMap) -> _Pick | None:
    """Make the candidates of the profile and keep the one that the selection set prefers."""
    sets, scheme = shared.sets, int8_scheme(target)
    if not _wants_int8(shared, target) or scheme is None or sets.calibration is None or sets.selection is None:
        return None
    candidates = _candidates(shared, target, exact, origins, shared.single_steps(sets.calibration), scheme)
    twin = shared.scorer.outputs(exact, sets.selection, here(target))

    def selected(candidate: Candidate, samples: DataSet = sets.selection) -> Quality:
        own = shared.scorer.outputs(candidate.converted, samples, here(target))
        return _marked(shared.scorer.quality(own, twin, samples), candidate.converted, target)

    qualities = [selected(candidate) for candidate in candidates]
    index = choose.best(qualities)
    refusal = choose.refusal(qualities[index], shared.road.profile.quantization)
    others = [
        _refused(candidate, quality, SETTING_LOST)
        for i, (candidate, quality) in enumerate(zip(candidates, qualities, strict=True))
        if i != index
    ]
    pick = _distilled(
        shared, target, origins, _Pick(candidates[index], qualities[index], refusal, others), index, selected
    )
    return _mixed(shared, target, origins, pick, index, selected) if pick.refusal else pick


def _distilled(
    shared: Material, target: Target, origins: OriginMap, pick: _Pick, index: int,
    selected: Callable[[Candidate], Quality],
) -> _Pick:  # fmt: skip
    """The better one of the picked candidate and what distillation makes of it, where that is asked for and needed.

    A model with state is not trained: its samples are sequences.
    """
    rules, scheme = shared.road.profile.quantization, int8_scheme(target)
    samples = shared.sets.calibration
    if rules.distill is None or shared.source.kind != "torch" or samples is None or scheme is None:
        return pick
    if shared.source.signature.fed or not (pick.refusal or rules.distill.always):
        return pick
    grid = find_backend(target.runtime).weight_grid(scheme)
    trained = distilled(shared.road, shared.folded, shared.sets, _calibrate_all(shared, target)[index], grid)
    candidate = quantize(shared.road, trained, target, scheme, origins, samples)
    quality = selected(candidate)
    if not choose.is_kept(quality, pick.quality):
        return dataclasses.replace(pick, rejected=[*pick.rejected, _refused(candidate, quality, SETTING_LOST)])
    others = [*pick.rejected, _refused(pick.candidate, pick.quality, pick.refusal or SETTING_LOST)]
    return _Pick(candidate, quality, choose.refusal(quality, rules), others)


def _mixed(
    shared: Material, target: Target, origins: OriginMap, pick: _Pick, index: int,
    selected: Callable[[Candidate], Quality],
) -> _Pick:  # fmt: skip
    """The picked candidate with a few layers in float, where that is enough for it to hold; else as it is."""
    calibration, scheme, rules = shared.sets.calibration, int8_scheme(target), shared.road.profile.quantization
    if shared.source.kind != "torch" or calibration is None or scheme is None or scheme.full_integer:
        return pick
    samples = shared.single_steps(calibration)
    whole, grid = _calibrate_all(shared, target)[index], find_backend(target.runtime).weight_grid(scheme)

    def made(freed: Layers) -> Candidate:
        setting = whole.plan.setting
        calibration = calibrate(
            shared.road, shared.folded, samples, scheme, setting, grid, freed, _kept(shared, target)
        )
        assert calibration is not None, "a setting that changed something still does"
        return quantize(shared.road, calibration, target, scheme, origins, samples)

    def holds(candidate: Candidate) -> bool:
        return not choose.refusal(selected(candidate), rules)

    share = choose.noise_that_holds(pick.quality, rules)
    found = with_float_layers(shared.road, pick.candidate, whole, samples, grid, made, holds, share)
    if found is None:
        return pick
    others = [*pick.rejected, _refused(pick.candidate, pick.quality, pick.refusal)]
    return _Pick(found, selected(found), "", others)


def _refused(candidate: Candidate, quality: Quality, reason: str) -> Rejected:
    size = candidate.converted.size
    return Rejected(precision="int8", setting=candidate.label, reason=reason, size=size, quality=quality)


def _wants_int8(shared: Material, target: Target) -> bool:
    wanted = "int8" in shared.road.profile.quantization.precisions and target.int8 is not None
    return wanted and shared.sets.calibration is not None


def _run_torch(shared: Material, target: Target, samples: DataSet) -> None:
    """All that torch has to run, before another library runs: OpenVINO's threads slow torch's down tenfold."""
    _calibrate_all(shared, target)
    shared.scorer.reference(samples)


def _calibrate_all(shared: Material, target: Target) -> list[Calibration]:
    """A torch model's calibrations by the settings that change something."""
    samples, scheme = shared.sets.calibration, int8_scheme(target)
    if not _wants_int8(shared, target) or samples is None or scheme is None:
        return []
    settings = settings_for(shared.source, shared.road.profile.quantization.settings)
    grid, samples = find_backend(target.runtime).weight_grid(scheme), shared.single_steps(samples)
    kept = _kept(shared, target)
    made = [calibrate(shared.road, shared.folded, samples, scheme, setting, grid, named=kept) for setting in settings]
    return [one for one in made if one is not None]


def _kept(shared: Material, target: Target) -> tuple[str, ...]:
    """The layers that the project keeps in float on this target, as it names them."""
    return shared.road.project.build.keep_float.get(target.name, ())


def _candidates(
    shared: Material, target: Target, exact: Converted, origins: OriginMap, samples: DataSet, scheme: Int8Scheme
) -> list[Candidate]:
    if shared.source.kind == "torch":
        calibrations = _calibrate_all(shared, target)
        return [quantize(shared.road, one, target, scheme, origins, samples) for one in calibrations]
    settings = settings_for(shared.source, shared.road.profile.quantization.settings)
    return [quantize_foreign(shared.road, exact, target, scheme, origins, samples, one) for one in settings]


def _decide(
    shared: Material, target: Target, exact: Converted, offer_float: Offer, pick: _Pick | None
) -> tuple[list[Offer], list[Rejected]]:
    """What the bundle offers, the preferred variant first, and what it does not, with the reason."""
    if pick is None:
        return _float_only(shared, target, offer_float), []
    candidate, rejected = pick.candidate, list(pick.rejected)
    shared.scorer.begin(candidate.converted, shared.golden, here(target))
    quality = _report(shared, target, candidate.converted, exact)
    shared.scorer.outputs(candidate.converted, shared.golden, here(target))  # what was begun is kept, offered or not
    speed: Speed | None = None
    reason = pick.refusal
    if not reason and target.is_host:
        speed, shared.lock = shared.scorer.speed(target, exact, candidate.converted, _timed(shared), shared.lock)
        reason = choose.slowness(speed)
    if reason and target.int8 is not None and target.int8.full_integer:
        raise BuildError(
            "choose", reason, expected=f"an int8 model: {target.name} runs nothing else",
            fix=_fix(shared.road.profile.quantization),
        )  # fmt: skip
    artifact = artifact_of(candidate.converted, "int8", candidate.origins, candidate)
    offer_int8 = Offer(candidate.converted, artifact, quality, speed, candidate.label)
    if speed is not None:
        return _by_speed(shared, offer_int8, offer_float, speed, rejected)
    if reason:
        rejected.append(_rejected(offer_int8, reason))
        return [offer_float.because(reason, None)], rejected
    why = ESTIMATED if target.is_estimated else NO_DEVICE
    offer_int8 = offer_int8.because(why, None)
    if target.int8 is not None and target.int8.full_integer:
        return [offer_int8], rejected
    return [offer_int8, offer_float.because(why, None)], rejected


def _fix(rules: Quantization) -> str:
    return "" if rules.distill is not None else "add [quantization.distill] to the profile"


def _by_speed(
    shared: Material, offer_int8: Offer, offer_float: Offer, speed: Speed, rejected: list[Rejected]
) -> tuple[list[Offer], list[Rejected]]:
    """The faster variant, and behind it the other one if the project wants both."""
    slowness = choose.slowness(speed)
    first, other = (offer_float, offer_int8) if slowness else (offer_int8, offer_float)
    reason = slowness or "int8 is faster here and within the allowed loss"
    if shared.road.project.build.keep_both:
        return [first.because(reason, speed), other.because(KEPT_BOTH, speed)], rejected
    return [first.because(reason, speed)], [*rejected, _rejected(other, reason)]


def _float_only(shared: Material, target: Target, offer_float: Offer) -> list[Offer]:
    """Why there is no int8 candidate, or an error where the target runs nothing else."""
    if "int8" not in shared.road.profile.quantization.precisions:
        reason = f"profile {shared.road.profile.name} asks for float only"
    elif target.int8 is None:
        reason = f"target {target.name} states no int8 scheme"
    else:
        reason = "no calibration data: give [data.calibration] to get an int8 model"
    if target.int8 is not None and target.int8.full_integer:
        raise BuildError("choose", reason, expected=f"an int8 model: {target.name} runs nothing else")
    return [offer_float.because(reason, None)]


def _timed(shared: Material) -> DataSet:
    return shared.sets.selection or shared.golden


def _rejected(offer: Offer, reason: str) -> Rejected:
    return Rejected(
        precision=offer.artifact.precision,
        setting=offer.setting,
        reason=reason,
        size=offer.converted.size,
        quality=offer.quality,
        speed=offer.speed,
    )


def artifact_of(
    converted: Converted, precision: str, origins: OriginMap, candidate: Candidate | None = None
) -> Artifact:
    """What is known of a runtime's model as the cache holds it, and of the errors of its layers if it was quantized."""
    files = [
        {"name": name, "sha256": converted.entry.files[name], "size": converted.entry.file(name).stat().st_size}
        for name in converted.names
    ]
    value = {"runtime": converted.runtime, "precision": precision, "files": files, "signature": converted.signature}
    made = Artifact.model_validate(value)
    return made.model_copy(update={"origins": origins, "layers": candidate.layers if candidate else ()})
