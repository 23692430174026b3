"""What holds for every test."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from postgres import new_database, place_on, programs, server

from edgebuild.store.history.place import Place

# How long an example takes, or making it, says how busy the machine is; and every run tries the same examples.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share something go to one worker, so that it is made once for all of them."""
    for item in items:
        if isinstance(item, pytest.Function) and (shared := _shared(item)):
            item.add_marker(pytest.mark.xdist_group(shared))


def _shared(item: pytest.Function) -> str:
    """What a test shares: a small model as one runtime's, or what a fixture makes once for its file; "": nothing."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    if {"case", "runtime"} <= params.keys():
        return f"{params['case']}-{params['runtime']}"
    used = item._fixtureinfo.name2fixturedefs.values()
    return item.path.name if any(made[-1].scope == "module" for made in used) else ""


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


@pytest.fixture(scope="session", autouse=True)
def history_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests measure is not taken up in the user's history."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEBUILD_HISTORY", str(tmp_path_factory.mktemp("history") / "history.sqlite"))
        yield


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of the session's own."""
    if programs() is None:
        pytest.skip("there is no PostgreSQL server; scripts/history_packages installs it")
    with server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def history_place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty history of the test's own, on each kind of database."""
    if request.param == "sqlite":
        return Place(tmp_path / "new" / "history.sqlite")
    return place_on(new_database(request.getfixturevalue("postgres_url")))
