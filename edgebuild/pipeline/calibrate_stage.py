"""From the folded model to its ranges and corrected biases: calibrated once for all targets that compute alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from edgebuild.core.array import np
from edgebuild.core.digest import Json, digest_json
from edgebuild.core.plan import QuantPlan, WeightGrid
from edgebuild.core.profile import QuantSetting
from edgebuild.core.target import Int8Scheme
from edgebuild.pipeline.float_stages import prepared
from edgebuild.pipeline.sources import DataSet, Source
from edgebuild.pipeline.stage import Road, Stage
from edgebuild.pipeline.unrolled import MOST
from edgebuild.quant.left_float import all_but_linear
from edgebuild.quant.named_layers import named_nodes
from edgebuild.store.arrays import save_arrays
from edgebuild.store.entry import Entry

if TYPE_CHECKING:
    import torch
    from torch.export import ExportedProgram

    from edgebuild.models.graph import TorchModel

CALIBRATE = Stage("calibrate", ("quant",), ("torch", "numpy"), on_cpu=True)


WEIGHTS, PLAN = "weights.npz", "plan.json"

Layers = tuple[tuple[str, ...], ...]
"""Layers as groups of nodes of the exported graph."""


@dataclass(frozen=True)
class Corrected(Source):
    """A folded program with the weights that calibration changed, which are all that its entry holds of it."""

    folded: Source

    @cached_property
    def torch_model(self) -> TorchModel:
        """The corrected program."""
        import torch

        from edgebuild.quant.program import with_weights

        model = self.folded.torch_model
        with np.load(self.entry.file(WEIGHTS), allow_pickle=False) as stored:
            changes = {name: torch.from_numpy(stored[name]) for name in stored.files}
        return dataclasses.replace(model, program=with_weights(model.program, changes))


@dataclass(frozen=True)
class Calibration:
    """A corrected source model and its plan."""

    source: Corrected
    entry: Entry
    freed: Layers = ()

    @cached_property
    def plan(self) -> QuantPlan:
        """Ranges by source node."""
        return QuantPlan.model_validate_json(self.entry.read(PLAN))


def label_of(setting: QuantSetting, named: int, freed: int, distilled: bool = False) -> str:
    """A candidate's short name."""
    parts = [setting.label]
    parts += ["distilled"] if distilled else []
    parts += [f"{named}-named-float"] if named else []
    parts += [f"{freed}-layer{'s' if freed > 1 else ''}-float"] if freed else []
    return "+".join(parts)


def settings_for(source: Source, settings: Iterable[QuantSetting]) -> tuple[QuantSetting, ...]:
    """The settings that make a difference: a foreign model has no weights that we could equalize or correct."""
    if source.kind == "torch":
        return tuple(dict.fromkeys(settings))
    plain = (setting.model_copy(update={"equalize": False, "correct_bias": False}) for setting in settings)
    return tuple(dict.fromkeys(plain))


def calibrate(
    road: Road, source: Source, samples: DataSet, scheme: Int8Scheme, setting: QuantSetting, grid: WeightGrid,
    freed: Layers = (), named: Sequence[str] = (),
) -> Calibration | None:  # fmt: skip
    """Ranges and corrected biases of a folded torch model; None where the setting changes nothing.

    Targets whose arithmetic differs only in how integers are stored share the result.

    Args:
        freed: layers that stay in float beside those that the setting keeps so.
        named: the layers that the project keeps in float, as it names them: what follows them is not to be calibrated
            on rounded values that it will never see.

    Raises:
        ConfigError: the model has no layer of such a name.
    """
    count = MOST if source.signature.fed else sample_count(road, setting)
    shared = arithmetic(scheme)
    inputs: dict[str, Json] = {
        "model": source.digest,
        "samples": samples.digest,
        "count": count,
        "scheme": shared.model_dump(mode="json"),
        "grid": grid.model_dump(mode="json"),
        "setting": setting.model_dump(mode="json"),
        "exact": [*sorted(chain(*freed))],
    }
    if named:
        inputs["named"] = [*named]
    entry = road.step(
        CALIBRATE, label_of(setting, 0, len(freed)), inputs,
        lambda folder: _calibrate(folder, source, samples, count, shared, setting, grid, _Kept(freed, named)),
    )  # fmt: skip
    if "skipped" in entry.files:
        return None
    return calibration_of(source, entry, freed)


def calibration_of(source: Source, entry: Entry, freed: Layers = ()) -> Calibration:
    """What an entry holds for a folded model: changed weights, and a plan."""
    digest = digest_json([source.digest, entry.files[WEIGHTS]])
    return Calibration(Corrected(entry, "torch", source.signature, digest, source), entry, freed)


@dataclass(frozen=True)
class _Kept:
    """The layers that stay in float: those that were freed, and those that the project names."""

    freed: Layers
    named: Sequence[str]

    def nodes(self, model: TorchModel) -> set[str]:
        """Nodes of the exported graph."""
        return {*chain(*self.freed), *named_nodes(self.named, model.nodes)}


def arithmetic(scheme: Int8Scheme) -> Int8Scheme:
    """A scheme without how its integers are stored."""
    return Int8Scheme(
        weight_granularity=scheme.weight_granularity,
        weight_symmetric=scheme.weight_symmetric,
        activation_symmetric=scheme.activation_symmetric,
        activation_dtype="u16" if scheme.activation_bits == 16 else "u8",
    )


def _calibrate(
    folder: Path, source: Source, samples: DataSet, count: int, scheme: Int8Scheme, setting: QuantSetting,
    grid: WeightGrid, kept: _Kept,
) -> None:  # fmt: skip
    from edgebuild.quant.calibrate import calibrate as run

    model = source.torch_model
    names = [spec.name for spec in model.signature.inputs]
    rows = tensors(prepared(samples.samples.inputs, model.signature, count), names)
    program = uncorrected(source, setting, rows)
    if program is None:
        (folder / "skipped").touch()
        return
    own = all_but_linear(program) if setting.operators == "linear" else set()
    done = run(program, rows, names, scheme, setting, grid, kept.nodes(model) | own)
    sensitive = tuple(sorted(done.sqnr, key=lambda node: done.sqnr[node])[: setting.keep_float])
    stay = (*sensitive, *chain(*kept.freed), *sorted(own), *done.plan.keep_float)
    plan = done.plan.model_copy(update={"keep_float": tuple(dict.fromkeys(stay))})
    save_calibration(folder, changes(model.program, done.program), plan)


def changes(before: ExportedProgram, after: ExportedProgram) -> dict[str, torch.Tensor]:
    """The weights of a program that another made from it has exchanged."""
    old = before.state_dict
    return {name: value for name, value in after.state_dict.items() if value is not old[name]}


def save_calibration(folder: Path, weights: Mapping[str, torch.Tensor], plan: QuantPlan) -> None:
    """Write an entry that ``calibration_of`` reads: weights that differ from the folded model's, and the plan."""
    save_arrays(folder / WEIGHTS, {name: value.detach().numpy() for name, value in sorted(weights.items())})
    (folder / PLAN).write_text(plan.model_dump_json(indent=1), encoding="utf-8")


def sample_count(road: Road, setting: QuantSetting) -> int:
    """How many calibration samples a setting is calibrated on, at most."""
    rules = road.profile.quantization
    return rules.correction_samples if setting.correct_bias else rules.calibration_samples


def uncorrected(
    source: Source, setting: QuantSetting, rows: Sequence[Sequence[torch.Tensor]]
) -> ExportedProgram | None:
    """The program that a setting calibrates; None where equalizing changes nothing.

    Args:
        rows: the samples that it is calibrated on.
    """
    from edgebuild.quant.equalize import equalize

    return equalize(source.torch_model.program, rows) if setting.equalize else source.torch_model.program


def tensors(rows: Iterable[Mapping[str, np.ndarray]], names: Sequence[str]) -> list[list[torch.Tensor]]:
    """Prepared samples as a program takes them."""
    import torch

    return [[torch.from_numpy(row[name]) for name in names] for row in rows]
