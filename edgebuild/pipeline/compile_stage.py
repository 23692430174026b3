"""From a runtime's model to one for the target's accelerator, with where its operators run and what it takes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgebuild.backends.base import Files
from edgebuild.compilers import find_compiler
from edgebuild.compilers.base import Compiled
from edgebuild.core.array import np
from edgebuild.core.artifact import Compilation, ModelFile, Placement, Simulated
from edgebuild.core.digest import Json, digest_bytes, digest_json
from edgebuild.core.errors import BuildError
from edgebuild.core.metric import METRICS
from edgebuild.core.target import Target
from edgebuild.core.units import format_quantity
from edgebuild.pipeline.float_stages import Converted, load_outputs
from edgebuild.pipeline.scoring import after
from edgebuild.pipeline.sources import DataSet
from edgebuild.pipeline.stage import Road, Stage
from edgebuild.placement import find_rules
from edgebuild.placing import compile_for
from edgebuild.store.entry import Entry

_TOLD, _TRIED = "compilation.json", "simulated.json"


@dataclass(frozen=True)
class CompiledModel:
    """What is known of a model on the target's accelerator, as the cache holds it.

    Attributes:
        names: the compiled files, the one that the runtime opens first; none where the rules alone say what runs where.
    """

    entry: Entry
    names: tuple[str, ...]
    placement: Placement
    estimates: dict[str, float]
    simulated: Simulated | None = None

    @property
    def files(self) -> Files:
        """Its bytes."""
        return {name: self.entry.read(name) for name in self.names}

    def record(self, folder: str) -> Compilation:
        """What the manifest says of it, its files being in a folder of the bundle."""
        files = tuple(
            ModelFile(name=f"{folder}/{name}", sha256=digest_bytes(data), size=len(data))
            for name, data in self.files.items()
        )
        return Compilation(files=files, placement=self.placement, estimates=self.estimates, simulated=self.simulated)


def _read(entry: Entry) -> CompiledModel:
    told = json.loads(entry.read(_TOLD))
    placement = Placement.model_validate(told["placement"])
    return CompiledModel(entry, tuple(told["files"]), placement, dict(told["estimates"]))


def compiled(
    road: Road, converted: Converted, target: Target, samples: DataSet, answers: Entry
) -> CompiledModel | None:
    """Compile for the target's accelerator, or place by its rules; None where neither is known.

    Args:
        samples: what it is tried on where the compiler has a simulator; ``answers``: what the model gives uncompiled.

    Raises:
        BuildError: the compiler is not installed, or it failed; or the model has no room in the chip's memory.
        ConfigError: the target's file asks for what there is not.
    """
    if target.compiler is None:
        return _by_rules(road, converted, target)
    compiler, options = find_compiler(target.compiler.name), target.compiler.options
    stage = Stage(f"compile with {compiler.TITLE}", ("compilers", *_code(target)), compiler.DISTRIBUTIONS)

    def make(folder: Path) -> None:
        _write(folder, compile_for(target, converted.backend, converted.files))

    asked: dict[str, Json] = {"compiler": compiler.version(), "options": dict(options)}
    inputs = {**_inputs(converted, target), **asked}
    found = _read(road.step(stage, target.name, inputs, make))
    _check_room(stage.name, found.estimates, target)
    if compiler.SIMULATE is None or not found.placement.partitions:
        return found
    return dataclasses.replace(found, simulated=_simulated(road, found, converted, target, samples, answers))


def _check_room(stage: str, estimates: Mapping[str, float], target: Target) -> None:
    """Refuse what a chip has no memory for.

    Raises:
        BuildError: with what it takes, and what there is.
    """
    chip = target.hardware
    for metrics, most in ((("sram", "arena"), chip.sram_kib), (("flash",), chip.flash_kib)):
        if most is None:
            continue
        limit = f"at most {most} KiB, as targets/{target.name}.toml says of the chip"
        metric = next((each for each in metrics if each in estimates), None)
        if metric is None:
            raise BuildError(
                stage, f"it does not tell how much {metrics[0]} the model takes", expected=limit,
                fix="take that limit out of the file, or name a system that has that memory",
            )  # fmt: skip
        if estimates[metric] > 1024 * most:
            taken = format_quantity(estimates[metric], METRICS[metric].unit)
            raise BuildError(
                stage, f"the model takes {taken} of {metric}", expected=limit,
                fix="prune the model, or give it smaller inputs",
            )  # fmt: skip


def _by_rules(road: Road, converted: Converted, target: Target) -> CompiledModel | None:
    rules, backend = target.operators.rules, converted.backend
    if rules is None:
        return None

    def make(folder: Path) -> None:
        _write(folder, Compiled({}, find_rules(rules).place(backend.facts(converted.files)), {}))

    stage = Stage("place by rules", _code(target), backend.DISTRIBUTIONS)
    return _read(road.step(stage, target.name, _inputs(converted, target), make))


def _code(target: Target) -> tuple[str, ...]:
    return "placement", "placing.py", f"backends/{target.runtime}"


def _inputs(converted: Converted, target: Target) -> dict[str, Json]:
    rules = target.operators.rules
    return {"artifact": converted.entry.content, "rules": digest_json(find_rules(rules)) if rules else None}


def _write(folder: Path, made: Compiled) -> None:
    for name, data in made.files.items():
        (folder / name).write_bytes(data)
    placement, estimates = made.placement.model_dump(mode="json"), dict(made.estimates)
    record = {"files": list(made.files), "placement": placement, "estimates": estimates}
    (folder / _TOLD).write_text(json.dumps(record, sort_keys=True, indent=1), encoding="utf-8")


def _simulated(
    road: Road, made: CompiledModel, converted: Converted, target: Target, samples: DataSet, answers: Entry
) -> Simulated:
    """Try a compiled model on the compiler's simulator.

    Raises:
        BuildError: what it gives has little to do with what the model gave before.
    """
    assert target.compiler is not None
    compiler, options = find_compiler(target.compiler.name), target.compiler.options
    code = ("compilers", "quant/numerics.py")
    stage = Stage(f"simulate with {compiler.TITLE}", code, (*compiler.DISTRIBUTIONS, "numpy"))
    inputs: dict[str, Json] = {
        "artifact": made.entry.content, "options": dict(options), "samples": samples.digest,
        "answers": answers.content,
    }  # fmt: skip

    def make(folder: Path) -> None:
        from edgebuild.models.samples import prepare_inputs
        from edgebuild.quant.numerics import sqnr_db

        assert compiler.SIMULATE is not None
        given = prepare_inputs(samples.samples, converted.signature)
        outputs = after(compiler.SIMULATE(made.files, options, given), converted.signature)
        pairs = list(zip(load_outputs(answers), outputs, strict=True))
        told = Simulated(
            samples=len(samples.samples), sqnr_db=round(min(sqnr_db(a, b) for a, b in pairs), 3),
            max_abs=max(float(np.abs(a.astype(np.float64) - b).max()) for a, b in pairs),
        )  # fmt: skip
        (folder / _TRIED).write_text(told.model_dump_json(), encoding="utf-8")

    found = Simulated.model_validate_json(road.step(stage, target.name, inputs, make).read(_TRIED))
    least = road.profile.quantization.min_sqnr_db
    if found.sqnr_db < least:
        raise BuildError(
            stage.name, f"the compiled model's outputs have an SQNR of {found.sqnr_db:.1f} dB against the model's own",
            expected=f"{least:g} dB, as the profile wants",
        )  # fmt: skip
    return found
