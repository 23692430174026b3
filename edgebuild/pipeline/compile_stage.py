"""From a runtime's model to one for the target's accelerator, with where its operators run and what it takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from edgebuild.backends.base import Files
from edgebuild.compilers import find_compiler
from edgebuild.core.artifact import Compilation, ModelFile, Placement
from edgebuild.core.digest import Json
from edgebuild.core.errors import ConfigError
from edgebuild.core.target import Compiling, Target
from edgebuild.pipeline.float_stages import Converted
from edgebuild.pipeline.stage import Road, Stage
from edgebuild.store.entry import Entry

_TOLD = "compilation.json"


@dataclass(frozen=True)
class CompiledModel:
    """A compiled model as the cache holds it."""

    entry: Entry

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

    def record(self, folder: str) -> Compilation:
        """What the manifest says of it, its files being in a folder of the bundle."""
        files = tuple(
            ModelFile(name=f"{folder}/{name}", sha256=self.entry.files[name], size=len(data))
            for name, data in self.files.items()
        )
        placement = Placement.model_validate(self._told["placement"])
        return Compilation.model_validate(
            {"files": files, "placement": placement, "estimates": self._told["estimates"]}
        )


def compiled(road: Road, converted: Converted, target: Target) -> CompiledModel | None:
    """Compile for the target's accelerator; None where it has none, or no compiler that can be had.

    Raises:
        BuildError: the compiler is not installed, or it failed.
        ConfigError: the target's file asks for what there is not.
    """
    wanted = target.compiler
    if wanted is None:
        return None
    compiler = find_compiler(wanted.name)
    _check(wanted, target)
    code = (f"compilers/{wanted.name}.py", "compilers/base.py", "compilers/contained.py", f"backends/{target.runtime}")
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

    return CompiledModel(road.step(stage, target.name, inputs, make))


def _check(wanted: Compiling, target: Target) -> None:
    compiler = find_compiler(wanted.name)
    where = f"targets/{target.name}.toml"
    if target.runtime not in compiler.RUNTIMES:
        expected = " or ".join(compiler.RUNTIMES)
        raise ConfigError(where, f"{compiler.TITLE} takes no {target.runtime} models", expected=f"runtime {expected}")
    if missing := [name for name in compiler.OPTIONS if name not in wanted.options]:
        raise ConfigError(where, f"[compiler.options] lacks {', '.join(missing)}", expected=", ".join(compiler.OPTIONS))
