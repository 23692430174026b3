"""Whose fault it is that a run gave nothing: what is said here is never the model's."""

from __future__ import annotations

from collections.abc import Mapping

from edgebuild.bench.runners.base import Crash
from edgebuild.core.artifact import runtimes_of
from edgebuild.core.device import LOCAL
from edgebuild.core.errors import ConfigError, DeviceError, NotMeasured
from edgebuild.core.wire import Failure, Response
from edgebuild.devices.wheels import PINNED

_NO_NUMPY = "No module named 'numpy'"
"""How Python ends what it says on a device where nothing was set up."""


def refuse(device: str, runtime: str, answer: Response | Crash) -> None:
    """Raise for what trying again at once does not mend, and for what says nothing about the model.

    Raises:
        DeviceError: the device or its runtime is at fault. ConfigError: the inputs do not fit the model.
        NotMeasured: the CPU would have done what an accelerator is demanded for.
    """
    if isinstance(answer, Crash):
        _refuse_crash(device, answer)
    elif answer.failure is not None:
        _refuse_failure(device, runtime, answer.failure)


def refuse_other_version(device: str, runtime: str, there: str, made_with: Mapping[str, str]) -> None:
    """Raise if a model fails in another version of the runtime than the one it was made and checked with.

    Args:
        runtime: of a chain too, any of whose runtimes may be why.
        there: the runtime's package and version on the device; of a chain, each one's, with " + " between.
        made_with: versions by package; empty: not known.
    """
    packages = {each: _package(each) for each in runtimes_of(runtime)}
    wanted = {each: made_with[package] for each, package in packages.items() if package in made_with}
    made = {each: f"{packages[each]} {version}" for each, version in wanted.items()}
    if set(made.values()) <= set(there.split(" + ")):
        return
    raise DeviceError(
        device, f"its {there} does not run the model, which was made with {' + '.join(made.values())}",
        expected=" + ".join(made.values()), fix=_installing(device, runtime, wanted),
    )  # fmt: skip


def _package(runtime: str) -> str:
    return PINNED[runtime][0].partition("==")[0] if runtime in PINNED else runtime


def _refuse_failure(device: str, runtime: str, failure: Failure) -> None:
    if failure.kind == "runtime_missing":
        raise DeviceError(device, f"{runtime} is not installed: {failure.message}", fix=_installing(device, runtime))
    if failure.kind == "bad_request":
        raise ConfigError(f"run {runtime}", failure.message)
    if failure.kind == "out_of_memory":
        raise DeviceError(
            device, f"out of memory: {failure.message}",
            fix="end other programs there, or use a smaller model or a device with more memory",
        )  # fmt: skip

    if failure.kind == "delegate_failed":
        raise DeviceError(
            device, failure.message,
            fix="see that the accelerator and its library are there, and that the target's [runtime_options] are right",
        )  # fmt: skip
    if failure.kind == "not_delegated":
        raise NotMeasured(
            device, failure.message, expected="a run on the accelerator: a time on the CPU would not be its own",
            fix="compile or change the model so that the accelerator takes it, say least_delegated in the target's "
            "[runtime_options] if fewer will do, or take a target whose delegate is cpu",
        )  # fmt: skip


def _refuse_crash(device: str, crash: Crash) -> None:
    if crash.how.rstrip().endswith(_NO_NUMPY):
        raise DeviceError(
            device, "numpy is not installed, and the runner can't start without it",
            fix=f"edgebuild devices setup {device}, or install numpy there",
        )  # fmt: skip
    if crash.full:
        raise DeviceError(
            device, f"its disk is full: {crash.how}", fix="free some space there, or give it another folder"
        )
    if crash.killed:
        raise DeviceError(
            device, f"a run was {crash.how}", expected="a run that ends by itself",
            fix="if nobody ended it, the device lacks memory: end other programs there or use a smaller model. "
            "Then try again", transient=True,
        )  # fmt: skip


def _installing(device: str, runtime: str, versions: Mapping[str, str] | None = None) -> str:
    """How to have a runtime, or all of a chain's, since ``devices setup`` puts there what it is told and no more."""
    names = runtimes_of(runtime)
    if device == LOCAL:
        return f'pip install "edgebuild[{",".join(names)}]"'
    wanted = {name: f"{name}=={versions[name]}" for name in names if name in versions} if versions else {}
    return f"edgebuild devices setup {device} {' '.join(f'--runtime {wanted.get(name, name)}' for name in names)}"
