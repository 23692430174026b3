"""A runner that says what no runner says, or nothing for too long, and a disk that is full."""

from __future__ import annotations

import pytest
from desk import Desk
from waiting import eventually

from edgebuild.bench import session

pytestmark = [pytest.mark.device, pytest.mark.serial, pytest.mark.long]


def test_garbage_for_an_answer(up: Desk) -> None:
    kept = up.evidence()
    with up.entry(python=up.stand_in('head -c 4096 /dev/urandom > "$4"; exit 0')):
        up.bench().blames_the_device("the answer is not one of the runner's", "edgebuild devices setup pi")
    up.goes_on(kept)


def test_endless_output(up: Desk) -> None:
    kept = up.evidence()
    with up.entry(python=up.stand_in("exec yes")):
        up.bench().blames_the_device("said more than 16 MiB", "edgebuild devices setup pi")
    eventually(lambda: up.shell("pgrep -x yes || :") == "", "it was not ended there")
    up.goes_on(kept)


def test_a_run_that_is_slower_than_its_time_limit(up: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner stands still; its limit of three minutes is made half a minute, so that the test need not wait."""
    kept = up.evidence()
    stop, before = up.in_a_run(there="kill -STOP $pid"), session._STARTING_S

    def soon() -> None:
        stop()
        monkeypatch.setattr(session, "_STARTING_S", -90.0)

    up.bench(before_runs=soon).blames_the_device("a run took longer than 30 s", "then try again")
    monkeypatch.setattr(session, "_STARTING_S", before)
    up.goes_on(kept)


@pytest.mark.parametrize("pages", [0, 1])
def test_the_disk_is_full(up: Desk, pages: int) -> None:
    """With no page left a run can't be asked for; with one it is asked for, and its answer can't be written."""
    kept = up.evidence()
    fill = "mount -o remount,size=24M /tmp; cat /dev/zero > /tmp/filler 2>/dev/null; truncate -s -%d /tmp/filler"
    said = up.bench(before_runs=lambda: print(up.shell(fill % (4096 * pages))))
    up.shell("rm /tmp/filler; mount -o remount,size=50% /tmp")
    said.blames_the_device("its disk is full", "free some space there")
    up.takes_up(kept)
