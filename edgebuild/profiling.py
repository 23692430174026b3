"""``bench --profile``: where a bundle's variants spend their time on a device, by layer, as evidence beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pydantic import ValidationError

from edgebuild.bench.bench import Bench
from edgebuild.bench.layers import profile_run
from edgebuild.core.artifact import Artifact, Part, Precision, Variant
from edgebuild.core.errors import BundleError, ConfigError
from edgebuild.core.layers import LayerTimes
from edgebuild.core.metric import Mode
from edgebuild.core.profile import Profile
from edgebuild.core.target import Target
from edgebuild.devices.opening import open_device
from edgebuild.judge.layer_units import Unit
from edgebuild.judge.layers import Findings, compare_layers
from edgebuild.layer_origins import layer_times
from edgebuild.sampling import Subject, model_files, record
from edgebuild.store.bundle import Bundle
from edgebuild.store.catalog import find_profile, find_target
from edgebuild.trial import choose, subject_of
from edgebuild.vectors import timing_inputs

_RUNS = 3
"""Fresh processes a variant, in turn: one that something else disturbed does not decide."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class ProfiledBundle:
    """The layers of a bundle's variants by precision, and the artifact that each was made from."""

    bundle: Bundle
    target: Target
    times: dict[Precision, LayerTimes]
    artifacts: dict[Precision, Artifact]

    @property
    def findings(self) -> Findings | None:
        """Float and int8 side by side, where both were profiled."""
        exact, rounded = self.times.get("float32"), self.times.get("int8")
        if exact is None or rounded is None:
            return None
        return compare_layers(exact, rounded, self.artifacts["float32"].origins)

    def units_of(self, times: LayerTimes) -> tuple[Unit, ...]:
        """One variant's rows by module, the longest first, each in ``float_ns``; what is unknown has no module."""
        found = compare_layers(times, times, self.artifacts[times.key.precision].origins)
        unknown = (found.unknown,) if found.unknown.float_ns else ()
        return tuple(sorted((*found.units, *unknown), key=lambda unit: -unit.float_ns))

    @property
    def hint(self) -> str:
        """How to see both variants, where the bundle holds one and the build had two; else nothing."""
        left = {one.precision: one.reason for one in self.bundle.manifest.rejected if one.speed or not one.setting}
        missing = next((name for name in ("int8", "float32") if name in left and name not in self.times), None)
        if missing is None or len(self.bundle.manifest.parts[0].variants) > 1:
            return ""
        return (
            f"The bundle holds no {missing} ({left[missing]}). To see both side by side, say keep_both = true "
            "under [build] in edgebuild.toml, and build again."
        )


def profile_bundle(
    bundle: Bundle, device: str | None, profile: str | None, precision: str | None, root: Path, say: Say,
    part_name: str | None = None,
) -> ProfiledBundle:  # fmt: skip
    """Profile one variant, or all of a part, which is the first one unless named; each is kept as evidence.

    Raises:
        ConfigError: there is no such variant, the device's runtime has no profiler, or it is a chain of parts.
        DeviceError, ModelRejected: as ``Bench.execute``.
    """
    target = find_target(bundle.manifest.target, root)
    chosen = find_profile(profile or bundle.manifest.profile, root)
    part, first = choose(bundle, part_name, precision)
    if part.is_chain:
        others = ", ".join(each.name for each in bundle.manifest.parts if not each.is_chain)
        raise ConfigError(
            "bench --profile", f"{bundle.path.name} is made of parts, each with layers of its own",
            expected=f"--part with one of {others}",
        )  # fmt: skip
    variants = part.variants if precision is None else (first,)
    artifacts = {variant.precision: artifact_of(bundle, variant) for variant in variants}
    with Bench(open_device(target, device, say), bundle.manifest.lineage.tools) as bench:
        found: dict[Precision, list[LayerTimes]] = {variant.precision: [] for variant in variants}
        for number in range(_RUNS):
            for variant in variants:
                say(f"profile: run {number + 1} of {_RUNS} of {bundle.path.name}, {variant.precision}")
                artifact = artifacts[variant.precision]
                found[variant.precision].append(_profiled(bench, bundle, part, variant, artifact, target, chosen))
    own = median(overhead(run) for runs in found.values() for run in runs)
    times = {precision: typical(runs).model_copy(update={"overhead_ns": own}) for precision, runs in found.items()}
    for one in times.values():
        record(bundle, one)
    return ProfiledBundle(bundle, target, times, artifacts)


def typical(runs: Sequence[LayerTimes]) -> LayerTimes:
    """The median over runs, operator by operator; runs in which other operators ran than in the first are left out."""
    first = runs[0]
    alike = [run for run in runs if [layer.name for layer in run.layers] == [layer.name for layer in first.layers]]
    layers = tuple(
        same[0].model_copy(update={"ns": round(median(layer.ns for layer in same))})
        for same in zip(*(run.layers for run in alike), strict=True)
    )
    whole, count = round(median(run.whole_ns for run in alike)), sum(run.inferences for run in alike)
    return first.model_copy(update={"layers": layers, "whole_ns": whole, "inferences": count})


def overhead(run: LayerTimes) -> float:
    """What the profiler took for each operator of a run, in nanoseconds: the whole without it was so much shorter."""
    return max(0.0, run.total_ns - run.whole_ns) / len(run.layers)


def artifact_of(bundle: Bundle, variant: Variant) -> Artifact:
    """What a variant's operators are and where they came from, as the build wrote it.

    Raises:
        BundleError: it is not there, or is no such thing.
    """
    name = f"{Path(variant.files[0].name).parent.as_posix()}/artifact.json"
    data = bundle.read(name)
    try:
        return Artifact.model_validate_json(data)
    except ValidationError as error:
        raise BundleError(str(bundle.path), f"{name}: {error.errors()[0]['msg']:.200}", fix="build it again") from error


def _profiled(
    bench: Bench, bundle: Bundle, part: Part, variant: Variant, artifact: Artifact, target: Target, profile: Profile
) -> LayerTimes:
    subject: Subject = subject_of(bundle, part, variant, bench, target)
    inputs = timing_inputs(variant.signature or part.signature)
    found = profile_run(
        bench, part.runtime, model_files(bundle, variant), inputs, target.options_for(variant), profile.measuring
    )
    return LayerTimes(
        key=subject.key.of_mode(Mode.PROFILE), layers=layer_times(found.operators, artifact.origins),
        inferences=found.inferences, whole_ns=found.whole_ns,
    )  # fmt: skip
