"""Parts in their runtimes' formats as one model: a chain, which runs, is scored and is timed as any other."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgebuild.backends import find_backend
from edgebuild.backends.base import Exported
from edgebuild.core.artifact import CHAIN, Part, Variant
from edgebuild.core.digest import Digest, Json, digest_bytes, digest_json
from edgebuild.core.errors import BuildError
from edgebuild.core.parts import Wiring, refuse_misfits, stand_ins_of, whole_signature
from edgebuild.core.project import PartSource
from edgebuild.core.signature import Signature, stand_in_for
from edgebuild.pipeline.float_stages import Converted, save_exported
from edgebuild.pipeline.stage import Road, Stage
from edgebuild.store.bundle import Bundle

FORGE = Stage("chain", ("pipeline/chain.py", "pipeline/handing.py", "core/parts.py"))
FOLDER = "parts"
Choice = Mapping[str, str]
"""The precision of each part."""


@dataclass(frozen=True)
class Link:
    """A part as a chain runs it: its files by their names beside the chain, the one that its runtime opens first."""

    name: str
    runtime: str
    files: Mapping[str, Digest]
    signature: Signature
    stand_ins: Mapping[str, float] = field(default_factory=dict)

    def told(self) -> dict[str, object]:
        """What the runner is told of it."""
        return {
            "name": self.name,
            "runtime": self.runtime,
            "model": next(iter(self.files)),
            "files": {name.removeprefix(f"{FOLDER}/{self.name}/"): digest for name, digest in self.files.items()},
            "inputs": [spec.name for spec in self.signature.inputs],
            "outputs": [spec.name for spec in self.signature.outputs],
            "absent": {
                spec.name: {"value": self.stand_ins[spec.name], "shape": list(spec.shape), "dtype": spec.dtype}
                for spec in self.signature.outputs
                if spec.name in self.stand_ins
            },
        }


def chain_file(links: Sequence[Link], signature: Signature) -> bytes:
    """What the runner is told of a chain that is called by a signature (runner/chain.py)."""
    told = {
        "schema": 1,
        "inputs": [spec.name for spec in signature.inputs],
        "outputs": [spec.name for spec in signature.outputs],
        "absent": {spec.name: stand_in_for(spec.absent) for spec in signature.inputs if spec.absent is not None},
        "parts": [link.told() for link in links],
    }
    return json.dumps(told, sort_keys=True, indent=1).encode()


def chain_runtime(runtimes: Iterable[str]) -> str:
    """The name of what runs a chain of parts."""
    return CHAIN + "+".join(dict.fromkeys(runtimes))


@dataclass(frozen=True)
class Links:
    """The parts of one target, each built as a bundle of its own."""

    road: Road
    wiring: Wiring
    declared: Mapping[str, PartSource]
    bundles: Mapping[str, Bundle]

    def part(self, name: str) -> Part:
        """What a part's bundle says of it."""
        return self.bundles[name].manifest.parts[0]

    def variant(self, name: str, precision: str) -> Variant:
        """A part's variant of a precision; of a foreign model that came as integers, the only one."""
        variants = self.part(name).variants
        return next((one for one in variants if one.precision == precision), variants[0])

    @property
    def runtime(self) -> str:
        """Of the chain."""
        return chain_runtime(self.part(name).runtime for name in self.wiring.order)

    def label(self, choice: Choice) -> str:
        """A choice in words."""
        return ", ".join(f"{name} {self.variant(name, choice[name]).precision}" for name in self.wiring.order)

    def signature(self, choice: Choice, step_seconds: float | None) -> Signature:
        """How the chain is called.

        Raises:
            BuildError: what one gives is not what the next one takes, in their runtimes.
        """
        own = {n: self.variant(n, choice[n]).signature or self.part(n).signature for n in self.wiring.order}
        try:
            refuse_misfits(self.wiring, own)
            return whole_signature(self.wiring, own, step_seconds)
        except ValueError as error:
            raise BuildError("chain", str(error), fix="build these parts as one graph") from error

    def files(self, choice: Choice) -> dict[str, bytes]:
        """The models of the parts, by their names in the bundle of all."""
        return {
            f"{FOLDER}/{name}/{file.name}": self.bundles[name].read(file.name)
            for name in self.wiring.order
            for file in self.variant(name, choice[name]).files
        }

    def converted(self, precision: str, choice: Choice, step_seconds: float | None, *, emulated: bool) -> Converted:
        """A chain as the cache holds it.

        Args:
            precision: what its own file is named by.
            emulated: integers are computed in float between the rounding, as where this machine's sums could clip.
        """
        signature, files = self.signature(choice, step_seconds), self.files(choice)
        if emulated:
            files = self._emulated(files, choice)
        told = f"chain-{precision}.json"
        files = {told: self._told(signature, choice), **files}
        inputs: dict[str, Json] = {
            "files": {name: digest_bytes(data) for name, data in files.items()},
            "signature": signature.model_dump(mode="json"),
        }

        def make(folder: Path) -> None:
            save_exported(Exported(files, signature), folder, quantized=False)

        return Converted(self.runtime, self.road.step(FORGE, self.label(choice), inputs, make), digest_json(inputs))

    def _emulated(self, files: dict[str, bytes], choice: Choice) -> dict[str, bytes]:
        made = dict(files)
        for name in self.wiring.order:
            backend = find_backend(self.part(name).runtime)
            if not backend.CLIPS or self.variant(name, choice[name]).precision == "float32":
                continue
            folder = f"{FOLDER}/{name}/{Path(self.variant(name, choice[name]).files[0].name).parent.as_posix()}"
            own = {file.removeprefix(f"{folder}/"): data for file, data in files.items() if file.startswith(folder)}
            made |= {f"{folder}/{file}": data for file, data in backend.emulated(own).items()}
        return made

    def _told(self, signature: Signature, choice: Choice) -> bytes:
        return chain_file([self._link(name, choice) for name in self.wiring.order], signature)

    def _link(self, name: str, choice: Choice) -> Link:
        part, variant = self.part(name), self.variant(name, choice[name])
        skipped = self.wiring.skipped(name, self.declared)
        return Link(
            name, part.runtime, {f"{FOLDER}/{name}/{file.name}": file.sha256 for file in variant.files},
            variant.signature or part.signature,
            stand_ins_of(name, self.wiring, self.declared) if skipped else {},
        )  # fmt: skip
