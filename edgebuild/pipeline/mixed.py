"""Mixed precision: where int8 loses too much, the fewest of its layers that have to stay in float."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from edgebuild.core.digest import Json
from edgebuild.core.plan import WeightGrid
from edgebuild.pipeline.calibrate_stage import Calibration, Layers, sample_count, tensors, uncorrected
from edgebuild.pipeline.choose import count_that_leaves, fewest
from edgebuild.pipeline.float_stages import prepared
from edgebuild.pipeline.int8_stages import Candidate
from edgebuild.pipeline.sources import DataSet
from edgebuild.pipeline.stage import Road, Stage

SENSITIVITY = Stage("sensitivity", ("quant",), ("torch", "numpy"), on_cpu=True)

_SAMPLES = 16
"""Samples that layers are ranked on, at most. What is kept is decided on the selection set, in the runtime."""
_RANKING = "ranking.json"


def with_float_layers(
    road: Road, candidate: Candidate, calibration: Calibration, samples: DataSet, grid: WeightGrid,
    make: Callable[[Layers], Candidate], holds: Callable[[Candidate], bool], share: float,
) -> Candidate | None:  # fmt: skip
    """A candidate with the fewest layers in float that holds, or None if the profile allows none or too few.

    Layers are tried by what rounding each of them alone does to the outputs, most first, and at most half of them.

    Args:
        candidate: all in int8, which does not hold.
        calibration, samples, grid: that it was made from.
        make: a candidate with some layers in float.
        holds: whether a candidate loses no more than it may, by the selection set.
        share: of the noise of all layers, what may be left, as far as can be guessed: where the search begins.
    """
    allowed = road.profile.quantization.max_float_layers
    if not allowed:
        return None
    ranked = _ranked(road, candidate, calibration, samples, grid)
    noises, layers = [noise for noise, _ in ranked], [layer for _, layer in ranked]
    guess = count_that_leaves(share, noises)
    kept = fewest(layers, lambda some: holds(make(some)), min(allowed, len(ranked) // 2), guess)
    return None if kept is None else make(kept)


def _ranked(
    road: Road, candidate: Candidate, calibration: Calibration, samples: DataSet, grid: WeightGrid
) -> list[tuple[float, tuple[str, ...]]]:
    """The layers that the candidate has in int8, each behind its noise, the one first that changes the outputs most."""
    exact = {layer.op for layer in candidate.layers if layer.float_kept}
    rounded = [op.origins for op in candidate.origins.ops if op.compute and op.origins and op.name not in exact]
    calibrated = sample_count(road, calibration.plan.setting)
    inputs: dict[str, Json] = {
        "model": calibration.source.digest,
        "plan": calibration.entry.content,
        "operators": [list(nodes) for nodes in rounded],
        "samples": samples.digest,
        "count": _SAMPLES,
        "calibrated": calibrated,
        "grid": grid.model_dump(mode="json"),
    }
    entry = road.step(
        SENSITIVITY,
        candidate.label,
        inputs,
        lambda folder: _rank(folder, calibration, rounded, samples, grid, calibrated),
    )
    return [(noise, tuple(layer)) for noise, layer in json.loads(entry.read(_RANKING))]


def _rank(
    folder: Path, calibration: Calibration, operators: Sequence[tuple[str, ...]], samples: DataSet, grid: WeightGrid,
    calibrated: int,
) -> None:  # fmt: skip
    from edgebuild.quant.sensitivity import samples_that_fit, sensitivities, units_of

    model = calibration.source.folded.torch_model
    names = [spec.name for spec in model.signature.inputs]
    same = tensors(prepared(samples.samples.inputs, model.signature, calibrated), names)
    program = uncorrected(calibration.source.folded, calibration.plan.setting, same) or model.program
    rows = tensors(prepared(samples.samples.inputs, model.signature, samples_that_fit(program, _SAMPLES)), names)
    units = units_of(program, operators)
    noise = sensitivities(program, rows, names, calibration.plan, grid, units)
    ranked = sorted(zip(noise, units, strict=True), key=lambda one: -one[0])
    (folder / _RANKING).write_text(json.dumps(ranked, indent=1), encoding="utf-8")
