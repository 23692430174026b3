"""Stages and the road they stand on: each result is found again by the digest of all that can change it."""

from __future__ import annotations

import functools
import platform
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgebuild.core.digest import Digest, Json, digest_json
from edgebuild.core.errors import BuildError
from edgebuild.core.profile import Profile
from edgebuild.core.project import Project
from edgebuild.store.cache import Cache
from edgebuild.store.entry import Entry
from edgebuild.store.installed import installed_version
from edgebuild.store.processor import processor_fields

_PACKAGE = Path(__file__).resolve().parent.parent
_OWN = tuple(f"pipeline/{name}.py" for name in ("sources", "float_stages", "calibrate_stage", "int8_stages", "scoring"))


@dataclass(frozen=True)
class Stage:
    """One step of the build.

    Attributes:
        name: as messages name it.
        code: files and folders below the package whose source is part of the key; this package's own always is.
        tools: distributions whose versions are part of the key.
        on_cpu: whether the result can depend on this machine's processor.
    """

    name: str
    code: tuple[str, ...]
    tools: tuple[str, ...] = ()
    on_cpu: bool = False


@dataclass(frozen=True)
class Step:
    """One stage as it went: its key, and whether the result was there already."""

    stage: str
    subject: str
    key: Digest
    cached: bool


Make = Callable[[Path], None]
"""Writes a stage's result into an empty folder."""

Progress = Callable[[str, str], None]
"""Told the stage and its subject whenever work begins."""


def silent(stage: str, subject: str) -> None:
    """No progress shown."""


@dataclass
class Road:
    """What every stage of one build shares: the project, its profile, the cache, and the log of steps."""

    project: Project
    root: Path
    profile: Profile
    cache: Cache
    progress: Progress = silent
    steps: list[Step] = field(default_factory=list)
    _known: dict[Digest, Entry] = field(default_factory=dict)

    def step(
        self,
        stage: Stage,
        subject: str,
        inputs: Mapping[str, Json],
        make: Callable[[Path], None],
        *,
        told: bool = False,
    ) -> Entry:
        """The stage's result for these inputs, made only if the cache has none.

        Args:
            subject: what it is about, such as a runtime or a target; for people.
            told: progress was told already, before the inputs were known.
            inputs: everything beside code, tools and processor that can change the result.

        Raises:
            BuildError: the stage failed; it names the stages done before.
        """
        key = self.key(stage, inputs)
        if key in self._known:
            return self._known[key]
        entry = self.cache.get(key)
        self.steps.append(Step(stage.name, subject, key, cached=entry is not None))
        if entry is None:
            if not told:
                self.progress(stage.name, subject)
            try:
                entry = self.cache.produce(key, stage.name, make)
            except BuildError as error:
                error.done = error.done or tuple(dict.fromkeys(step.stage for step in self.steps[:-1]))
                raise
        self._known[key] = entry
        return entry

    def key(self, stage: Stage, inputs: Mapping[str, Json]) -> Digest:
        """The cache key of a stage's result."""
        return digest_json(
            {
                "stage": stage.name,
                "code": [_code_digest(self.cache, part) for part in (*_OWN, *stage.code)],
                "tools": {tool: installed_version(tool) for tool in stage.tools},
                "python": platform.python_version() if stage.tools else "",
                "cpu": cpu_digest() if stage.on_cpu else "",
                "inputs": dict(inputs),
            }
        )


@functools.cache
def cpu_digest() -> Digest:
    """Of the processor's model and features: the same numbers come out only on the same kind."""
    kept = {value for name, value in processor_fields() if name in ("model name", "flags", "Features")}
    return digest_json([*sorted(kept or {platform.processor()})])


@functools.cache
def _code_digest(cache: Cache, part: str) -> Digest:
    return digest_json([[path.name, cache.digests.of(path)] for path in _sources(_PACKAGE / part)])


def _sources(path: Path) -> Iterator[Path]:
    """Code, and tables that code reads."""
    return iter(sorted((*path.rglob("*.py"), *path.rglob("*.json"))) if path.is_dir() else [path])
