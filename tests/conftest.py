"""What holds for every test."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes, or making it, says how busy the machine is; and every run tries the same examples.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


@pytest.fixture(scope="session", autouse=True)
def children_hear_ctrl_c() -> Iterator[None]:
    """A suite that runs in a shell's background has SIGINT ignored, and its children would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def locks_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Devices are locked across this machine, and tests that run beside each other name theirs alike."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEBUILD_LOCKS", str(tmp_path_factory.mktemp("locks")))
        yield
