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

_GOES_ALONG = ("EDGEBUILD_DATA", "EDGEBUILD_TFLITE_MICRO_PYTHON", "EDGEBUILD_TFLITE_RUNTIME_PYTHON")
"""The variables that a build reads, and no others: keys and passwords are among those."""
_PATIENCE_S = 10.0


def make_on_ray(errands: Mapping[str, Errand], say: Say) -> None:
    """Make errands at once. One that is lost is told of, and what it was to make is left to the search.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster, or none of its machines can build.
    """
    ray = _connected()
    task = ray.remote(max_retries=0, **_share(ray, len(errands)))(_made)
    waiting = {task.remote(errand.model_dump_json()): name for name, errand in errands.items()}
    try:
        while waiting:
            (ended, *_), _ = ray.wait(list(waiting))
            say(f"{waiting.pop(ended)}: {_outcome(ray, ended)}")
    finally:
        for left in waiting:
            ray.cancel(left, force=True)


def _connected() -> Any:
    """Ray, joined to the cluster that RAY_ADDRESS names, or to the one that this machine belongs to."""
    try:
        import ray
    except ModuleNotFoundError as error:
        raise not_installed(error, "[fit] builders") or error from error
    if ray.is_initialized():
        return ray
    ended_by = signal.getsignal(signal.SIGTERM)
    try:
        _refuse_silence(os.environ.get("RAY_ADDRESS", ""))
        variables = {name: os.environ[name] for name in _GOES_ALONG if name in os.environ}
        ray.init(address="auto", log_to_driver=False, logging_level="error", runtime_env={"env_vars": variables})
    except (OSError, OverflowError, RuntimeError, ValueError) as error:
        said, *_ = str(error).split("\n")
        raise ConfigError(
            "[fit] builders", f"is ray, and no cluster answers: {said}",
            fix="run ray start --head on one machine and ray start --address=HEAD:6379 on the others, set "
            'RAY_ADDRESS where this machine is none of them, or choose builders = "processes"',
        ) from error  # fmt: skip
    finally:
        signal.signal(signal.SIGTERM, ended_by)
    return ray


def _refuse_silence(address: str) -> None:
    """Ask for a connection to HOST:PORT, which Ray itself would ask for again and again for many minutes.

    Raises:
        OSError: nothing answers there.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        with socket.create_connection((host.strip("[]"), int(port)), _PATIENCE_S):
            pass


def _share(ray: Any, count: int) -> dict[str, float]:
    """Of the cluster for one errand: a GPU and its machine's processors where there are some, else processors alone.

    Raises:
        ConfigError: there are no processors.
    """
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
    if not machines:
        raise ConfigError(
            "[fit] builders", "no machine of the Ray cluster offers a processor", fix="start one with --num-cpus"
        )
    quick = [machine for machine in machines if machine.get("GPU", 0) >= 1]
    processors = [int(machine["CPU"]) for machine in quick or machines]
    share = min(sum(processors) // count, max(processors))
    return {"num_cpus": max(1, share), "num_gpus": 1 if quick else 0}


def _outcome(ray: Any, ended: Any) -> str:
    try:
        lacking = ray.get(ended)
    except ray.exceptions.RayError as error:
        return f"lost on the cluster ({type(error).__name__}); it is built here"
    return f"not built on the cluster: {lacking}" if lacking else "built on the cluster"


def _made(errand: str) -> str:
    return make(Errand.model_validate_json(errand), lambda _: None)
