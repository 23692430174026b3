"""Errands on a Ray cluster, all of whose machines see the project, its data and the cache at the same places."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Mapping
from typing import Any

from edgebuild.core.errors import ConfigError
from edgebuild.core.extras import not_installed
from edgebuild.search.errands import Errand, Say, make

_NAMED = "EDGEBUILD_"
"""What variables begin with that the cluster's machines are given."""
_PATIENCE_S = 10.0


def make_on_ray(errands: Mapping[str, Errand], say: Say) -> None:
    """Make errands at once. One that is lost is told of, and what it was to make is left to the search.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster.
    """
    ray = _connected()
    task = ray.remote(**_share(ray, len(errands)))(_made)
    waiting = {task.remote(errand.text): name for name, errand in errands.items()}
    try:
        while waiting:
            (ended, *_), _ = ray.wait(list(waiting))
            name = waiting.pop(ended)
            say(f"{name}: {_outcome(ray, ended)}")
    finally:
        for left in waiting:
            ray.cancel(left, force=True)


def _connected() -> Any:
    """Ray, joined to the cluster that RAY_ADDRESS names, or to the one that this machine belongs to."""
    try:
        import ray
    except ModuleNotFoundError as error:
        raise not_installed(error, "[fit] builders") or error from error
    if not ray.is_initialized():
        ended_by = signal.getsignal(signal.SIGTERM)
        try:
            _refuse_silence(os.environ.get("RAY_ADDRESS", ""))
            variables = {name: value for name, value in os.environ.items() if name.startswith(_NAMED)}
            ray.init(address="auto", log_to_driver=False, logging_level="error", runtime_env={"env_vars": variables})
        except (OSError, RuntimeError, ValueError) as error:
            raise ConfigError(
                "[fit] builders", f"is ray, and no cluster answers: {str(error).splitlines()[0]}",
                fix="run ray start --head on one machine and ray start --address=HEAD:6379 on the others, set "
                'RAY_ADDRESS where this machine is none of them, or choose builders = "processes"',
            ) from error  # fmt: skip
        signal.signal(signal.SIGTERM, ended_by)
    return ray


def _refuse_silence(address: str) -> None:
    """Ask for a connection to HOST:PORT, which Ray itself would ask for again and again for many minutes.

    Raises:
        OSError: nothing answers there.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        with socket.create_connection((host, int(port)), _PATIENCE_S):
            pass


def _share(ray: Any, count: int) -> dict[str, float]:
    """Of the cluster for one errand: as many processors as there are for each, on one machine; a GPU if there are."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    processors = [int(machine.get("CPU", 0)) for machine in machines]
    share = {"num_cpus": max(1, min(sum(processors) // count, max(processors, default=1)))}
    return {**share, "num_gpus": 1} if any(machine.get("GPU", 0) >= 1 for machine in machines) else {**share}


def _outcome(ray: Any, ended: Any) -> str:
    try:
        ray.get(ended)
    except ray.exceptions.RayError as error:
        return f"lost on the cluster ({type(error).__name__}); it is built here again"
    return "built on the cluster"


def _made(errand: str) -> None:
    make(Errand.model_validate_json(errand), lambda _: None)
