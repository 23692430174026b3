"""From a runtime's model to one for the target's accelerator, with where its operators run and what it takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edgebuild.backends.base import Files
from edgebuild.compilers import find_compiler
from edgebuild.core.artifact import Compilation, ModelFile, Placement, Simulated
from edgebuild.core.digest import Json
from edgebuild.core.errors import BuildError, ConfigError
from edgebuild.core.target import Compiling, Target
from edgebuild.pipeline.float_stages import Converted, load_outputs
from edgebuild.pipeline.scoring import after
from edgebuild.pipeline.sources import DataSet
from edgebuild.pipeline.stage import Road, Stage
from edgebuild.store.entry import Entry

_TOLD, _TRIED = "compilation.json", "simulated.json"


@dataclass(frozen=True)
class CompiledModel:
    """A compiled model as the cache holds it, and what it gave on a simulator."""

    entry: Entry
    simulated: Simulated | None = None

    @cached_property
    def _told(self) -> dict[str, Json]:
        told = json.loads(self.entry.read(_TOLD))
        assert isinstance(told, dict)
        return told

    @property
    def files(self) -> Files:
        """Its bytes, the file that the runtime opens first."""
        names = self._told["files"]
        assert isinstance(names, list)
        return {str(name): self.entry.read(str(name)) for name in names}

    @property
    def partitions(self) -> int:
        """How many runs of operators the accelerator gets."""
        return Placement.model_validate(self._told["placement"]).partitions

    def record(self, folder: str) -> Compilation:
        """What the manifest says of it, its files being in a folder of the bundle."""
        files = tuple(
            ModelFile(name=f"{folder}/{name}", sha256=self.entry.files[name], size=len(data))
            for name, data in self.files.items()
        )
        placement = Placement.model_validate(self._told["placement"])
        return Compilation.model_validate(
            {
                "files": files, "placement": placement, "estimates": self._told["estimates"],
                "simulated": self.simulated,
            }
        )  # fmt: skip


def compiled(
    road: Road, converted: Converted, target: Target, samples: DataSet, answers: Entry
) -> CompiledModel | None:
    """Compile for the target's accelerator; None where it has none, or no compiler that can be had.

    Args:
        samples: what it is tried on where the compiler has a simulator; ``answers``: what the model gives uncompiled.

    Raises:
        BuildError: the compiler is not installed, or it failed.
        ConfigError: the target's file asks for what there is not.
    """
    wanted = target.compiler
    if wanted is None:
        return None
    compiler = find_compiler(wanted.name)
    _check(wanted, target)
    code = ("compilers", f"backends/{target.runtime}")
    stage = Stage(f"compile with {compiler.TITLE}", code, compiler.DISTRIBUTIONS)
    inputs: dict[str, Json] = {"artifact": converted.entry.content, "options": dict(wanted.options)}

    def make(folder: Path) -> None:
        made = compiler.compile(converted.files, wanted.options)
        for name, data in made.files.items():
            (folder / name).write_bytes(data)
        told = {
            "files": list(made.files), "placement": made.placement.model_dump(mode="json"),
            "estimates": dict(made.estimates),
        }  # fmt: skip
        (folder / _TOLD).write_text(json.dumps(told, sort_keys=True, indent=1), encoding="utf-8")

    entry = road.step(stage, target.name, inputs, make)
    if compiler.SIMULATE is None or not CompiledModel(entry).partitions:
        return CompiledModel(entry)
    return CompiledModel(entry, _simulated(road, entry, converted, target, samples, answers))


def _simulated(
    road: Road, made: Entry, converted: Converted, target: Target, samples: DataSet, answers: Entry
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
        "artifact": made.content, "options": dict(options), "samples": samples.digest,
        "answers": answers.content,
    }  # fmt: skip

    def make(folder: Path) -> None:
        from edgebuild.models.samples import prepare_inputs
        from edgebuild.quant.numerics import sqnr_db

        assert compiler.SIMULATE is not None
        given = prepare_inputs(samples.samples, converted.signature)
        outputs = after(compiler.SIMULATE(CompiledModel(made).files, options, given), converted.signature)
        pairs = zip(load_outputs(answers), outputs, strict=True)
        told = Simulated(samples=len(samples.samples), sqnr_db=round(min(sqnr_db(a, b) for a, b in pairs), 3))
        (folder / _TRIED).write_text(told.model_dump_json(), encoding="utf-8")

    found = Simulated.model_validate_json(road.step(stage, target.name, inputs, make).read(_TRIED))
    least = road.profile.quantization.min_sqnr_db
    if found.sqnr_db < least:
        raise BuildError(
            stage.name, f"the compiled model's outputs have an SQNR of {found.sqnr_db:.1f} dB against the model's own",
            expected=f"{least:g} dB, as the profile wants",
        )  # fmt: skip
    return found


def _check(wanted: Compiling, target: Target) -> None:
    compiler = find_compiler(wanted.name)
    where = f"targets/{target.name}.toml"
    if target.runtime not in compiler.RUNTIMES:
        expected = " or ".join(compiler.RUNTIMES)
        raise ConfigError(where, f"{compiler.TITLE} takes no {target.runtime} models", expected=f"runtime {expected}")
    if missing := [name for name in compiler.OPTIONS if name not in wanted.options]:
        raise ConfigError(where, f"[compiler.options] lacks {', '.join(missing)}", expected=", ".join(compiler.OPTIONS))
