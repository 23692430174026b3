"""Devices as their user named them: which target each is, and how it is reached."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgebuild.core.base import Frozen
from edgebuild.core.target import Name

LOCAL = "local"
"""The name of this machine, which needs no entry."""


class Virtual(Frozen):
    """A virtual ARM64 board: the processor that QEMU imitates, and its memory."""

    cpu: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    memory_mib: Annotated[int, Field(ge=128, le=16384)] = 512

    @property
    def identity(self) -> str:
        """What is measured on any such board is filed under it."""
        return f"virtual/{self.cpu}/{self.memory_mib}MiB"


class DeviceEntry(Frozen):
    """One device, as its TOML file states it.

    Attributes:
        target: the target it is; None: any target that it can run.
        transport: the module that reaches it.
        address: for ssh, a host as ``ssh`` takes it (an alias of ~/.ssh/config, or user@host, or user@host:port);
            for adb, the serial. A virtual board has none: it is given one when it boots.
        python: the interpreter there; set by ``devices setup``.
        base: the interpreter there that ``devices setup`` made ``python`` from.
        folder: where edgebuild may write on the device; default the transport's own choice.
        native: on a phone without Python, the path there of the vendor's own benchmark program.
        virtual: the board that is booted for it, where there is no hardware.
    """

    schema_version: Literal[1] = Field(alias="schema", default=1)
    name: Name
    target: Name | None = None
    transport: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    address: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@%\[\]-]*$")] | None = None
    python: Annotated[str, Field(min_length=1)] | None = None
    base: Annotated[str, Field(pattern=r"^/[^\x00-\x1f]*$")] | None = None
    folder: Annotated[str, Field(pattern=r"^/[^\x00-\x1f]*$")] | None = None
    native: Annotated[str, Field(pattern=r"^/[^\x00-\x1f]*$")] | None = None
    virtual: Virtual | None = None

    model_config = Frozen.model_config | {"populate_by_name": True}

    @model_validator(mode="after")
    def _reachable(self) -> DeviceEntry:
        if self.name == LOCAL:
            raise ValueError(f"{LOCAL!r} is this machine; choose another name")
        if self.virtual is None and self.address is None and self.transport != LOCAL:
            raise ValueError("it has no address and is not virtual, so it can't be reached")
        if self.virtual is not None and self.address is not None:
            raise ValueError("a virtual board gets its address when it boots; leave it out")
        return self
