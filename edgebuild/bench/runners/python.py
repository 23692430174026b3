"""Our own runner, a zipapp for the Python that is on the device."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from edgebuild.bench.runners.base import Crash, answer_name, crash
from edgebuild.core.errors import DeviceError
from edgebuild.core.wire import Request, Response
from edgebuild.devices.base import FULL, Completed, Device
from edgebuild.devices.ship import runner_digest, runner_zipapp


@dataclass(frozen=True)
class PythonRunner:
    """``python runner.pyz REQUEST RESPONSE``."""

    device: Device

    def files(self, request: Request, stem: str) -> Mapping[str, bytes]:
        return {_zipapp(): runner_zipapp(), _asked(stem): request.model_dump_json(by_alias=True).encode()}

    def command(self, request: Request, stem: str) -> list[str]:  # noqa: ARG002
        return [*self.device.python, _zipapp(), _asked(stem), answer_name(stem)]

    def by_turns(self, stems: tuple[str, str], seed: str) -> list[str] | None:
        files = [name for stem in stems for name in (_asked(stem), answer_name(stem))]
        return [*self.device.python, _zipapp(), "--turns", seed, *files]

    def parse(self, done: Completed, answer: bytes | None) -> Response | Crash:
        if done.code != 0 or answer is None:
            return dataclasses.replace(crash(done), full=done.code == FULL)
        return parse_response(self.device.name, answer)


def parse_response(device: str, data: bytes) -> Response:
    """A device's answer, validated.

    Raises:
        DeviceError: it is no answer.
    """
    try:
        response = Response.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][:4])
        raise DeviceError(
            device, f"the answer is not one of the runner's: {where or 'JSON'}: {first['msg']:.200}",
            fix=f"try again; if it stays so, see that its Python is the one of edgebuild devices setup {device}",
        ) from error  # fmt: skip
    if response.ok == (response.failure is not None):
        raise DeviceError(
            device, "the answer contradicts itself: it says both that it worked and that it failed, or neither"
        )
    if response.told_ns:
        raise DeviceError(device, "the answer tells percentiles; this runner gives the samples themselves")
    return response


def _zipapp() -> str:
    return f"runner-{runner_digest()[:16]}.pyz"


def _asked(stem: str) -> str:
    return f"{stem}.request.json"
