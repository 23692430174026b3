"""One device, one job: who waits, what is said, and that a dead job holds nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgebuild.core.errors import DeviceError
from edgebuild.devices.lock import hold, is_held, join

HOLDER = "from edgebuild.devices.lock import hold; hold('pi'); print('held', flush=True); input()"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EDGEBUILD_LOCKS", str(tmp_path / "locks"))
    return tmp_path / "locks"


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """Another process, which has the device."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_job_gives_up_after_its_time(other: subprocess.Popen[bytes]) -> None:
    said: list[str] = []
    started = time.monotonic()
    with pytest.raises(DeviceError, match=r"another job has it, still after 0\.5 s") as raised:
        hold("pi", said.append, wait_s=0.5)
    assert raised.value.transient
    assert time.monotonic() - started >= 0.5
    assert said == ["waiting for pi: another job has it"]


def test_a_second_job_goes_on_when_the_first_ends(other: subprocess.Popen[bytes]) -> None:
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        other.communicate(b"\n")

    let_go = hold("pi", say, wait_s=60)
    assert len(said) == 1
    let_go()


def test_a_killed_job_holds_nothing(other: subprocess.Popen[bytes]) -> None:
    assert is_held("pi")
    other.kill()
    other.wait()
    assert not is_held("pi")
    hold("pi", wait_s=0)()


def test_devices_do_not_wait_for_each_other(other: subprocess.Popen[bytes]) -> None:
    hold("jetson", wait_s=0)()


def test_what_was_let_go_is_free_and_a_look_holds_nothing(folder: Path) -> None:
    assert not is_held("pi")
    assert not folder.exists(), "a look creates nothing"
    let_go = hold("pi")
    assert is_held("pi")
    let_go()
    assert not is_held("pi")
    hold("pi", wait_s=0)()


def test_users_share_the_folder_but_not_each_others_files(folder: Path) -> None:
    hold("pi")()
    assert folder.stat().st_mode & 0o7777 == 0o1777, "all may add a lock, none may remove another's"
    assert (folder / "pi").stat().st_mode & 0o777 == 0o644, "all may open it for reading, which a lock needs"


def test_what_was_let_go_is_free_though_a_forked_child_still_has_it() -> None:
    let_go, (read, write) = hold("pi"), os.pipe()
    if (child := os.fork()) == 0:  # as a subprocess is, until it runs its program
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    let_go()
    assert not is_held("pi")
    os.close(write)
    os.waitpid(child, 0)
    os.close(read)


@pytest.fixture
def open_to_all(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder for locks that other users reach: pytest closes its own to them, at any time that another one starts."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setenv("EDGEBUILD_LOCKS", str(Path(folder) / "locks"))
        yield


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.usefixtures("open_to_all")
def test_another_user_waits_too() -> None:
    let_go = hold("pi")
    script = (
        "import os; from edgebuild.devices.lock import hold; os.setgid(65534); os.setuid(65534)\n"
        "try: hold('pi', wait_s=0.3)\n"
        "except Exception as error: print(error.found)\n"
        "hold('theirs', wait_s=0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    let_go()
    assert (done.stdout, done.returncode) == ("another job has it, still after 0.3 s\n", 0), done.stderr
    hold("theirs", wait_s=0)()


def test_a_link_in_the_place_of_a_lock_is_not_followed(folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    (folder / "pi").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DeviceError, match="no place for its lock"):
        hold("pi")
    assert not (tmp_path / "elsewhere").exists()


def test_no_place_for_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("EDGEBUILD_LOCKS", str(tmp_path / "file" / "locks"))
    with pytest.raises(DeviceError, match="no place for its lock") as raised:
        hold("pi")
    assert raised.value.fix == "set EDGEBUILD_LOCKS"


def test_the_last_that_leaves_ends_what_was_shared() -> None:
    ended: list[str] = []
    first, second = join(".shared", lambda: ended.append("first")), join(".shared", lambda: ended.append("second"))
    first()
    assert ended == []
    second()
    assert ended == ["second"]
