"""The lock: choices that came from measuring, kept so that the next build makes the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgebuild.core.artifact import Speed
from edgebuild.core.base import Frozen
from edgebuild.core.digest import Digest
from edgebuild.core.fit import Setting


class LockedSpeed(Frozen):
    """Int8 against float for two model files on one target, as it was measured once."""

    target: str
    float_model: Digest
    int8_model: Digest
    speed: Speed

    @property
    def subject(self) -> tuple[str, str, str]:
        """What was compared; a lock holds one entry for each."""
        return (self.target, self.float_model, self.int8_model)


class LockedLatency(Frozen):
    """A pruned model's latency or instructions on one device, as a share of the dense one's, as measured once."""

    device: str
    relative: Annotated[float, Field(gt=0)]


class Lock(Frozen):
    """What ``edgebuild.lock`` holds.

    Attributes:
        latencies: by target, and by the digest of everything beside tools and processor that they depend on.
        fits: what searches ended in, by the digest of what they were for: budgets, profile, project and targets.
    """

    schema_version: Literal[1] = Field(alias="schema", default=1)
    speeds: tuple[LockedSpeed, ...] = ()
    latencies: dict[str, dict[Digest, LockedLatency]] = Field(default={})
    fits: dict[Digest, Setting] = Field(default={})

    model_config = Frozen.model_config | {"populate_by_name": True}

    @model_validator(mode="after")
    def _one_entry_each(self) -> Lock:
        seen: set[tuple[str, str, str]] = set()
        for entry in self.speeds:
            if entry.subject in seen:
                raise ValueError(f"two entries for {entry.target}, int8 model {entry.int8_model[:12]}")
            seen.add(entry.subject)
        return self

    def speed_of(self, target: str, float_model: Digest, int8_model: Digest) -> Speed | None:
        """The speed measured for these two files on that target, if it was."""
        subject = (target, float_model, int8_model)
        return next((entry.speed for entry in self.speeds if entry.subject == subject), None)

    def with_speed(self, entry: LockedSpeed) -> Lock:
        """This lock with one entry added or replaced; entries are sorted, so that the order of builds doesn't show."""
        kept = [other for other in self.speeds if other.subject != entry.subject]
        return self.model_copy(update={"speeds": tuple(sorted([*kept, entry], key=lambda each: each.subject))})

    def with_latencies(self, latencies: Mapping[str, Mapping[Digest, LockedLatency]]) -> Lock:
        """This lock with some latencies added or replaced."""
        known = {target: dict(own) for target, own in self.latencies.items()}
        for target, own in latencies.items():
            known[target] = {**known.get(target, {}), **own}
        return self.model_copy(update={"latencies": known})

    def with_fit(self, subject: Digest, setting: Setting) -> Lock:
        """This lock with what a search ended in."""
        return self.model_copy(update={"fits": {**self.fits, subject: setting}})
