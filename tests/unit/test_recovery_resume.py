"""A recovery that is killed and called again gives what an uninterrupted one gives, to the bit."""

from __future__ import annotations

import functools
import os
import signal
from pathlib import Path

import pytest
import torch
import warm
from recovery_samples import LESSONS, SETTINGS, recover_aside, same_state
from safetensors import safe_open
from safetensors.torch import load_file
from waiting import eventually

from edgebuild.compress.checkpoints import NAME, CheckpointFacts
from edgebuild.compress.recovery import recover


def start(lesson: str, settings: str, folder: Path, out: Path) -> warm.Command:
    """A recovery in a process of its own."""
    return warm.call(functools.partial(recover_aside, lesson, settings, str(folder), str(out)), os.environ, out.parent)


def steps_done(folder: Path) -> int:
    """The step of the folder's checkpoint; -1 if there is none."""
    if not (folder / NAME).exists():
        return -1
    with safe_open(folder / NAME, framework="pt") as file:
        return CheckpointFacts.model_validate_json(file.metadata()["edgebuild"]).step


@pytest.mark.parametrize(
    ("lesson", "settings", "moments"), [("images", "adamw", (8, 31)), ("tokens", "sgd", (20,))]
)  # of 72 steps, 6 an epoch: in the middle of epochs
def test_killed_it_gives_the_same_to_the_bit(
    lesson: str, settings: str, moments: tuple[int, ...], tmp_path: Path
) -> None:
    wanted = recover(LESSONS[lesson](), SETTINGS[settings], tmp_path / "whole").state
    folder, out = tmp_path / "killed", tmp_path / "out.safetensors"
    for moment in moments:
        process = start(lesson, settings, folder, out)
        eventually(lambda at=moment: steps_done(folder) >= at, f"step {moment}")
        process.kill()
        assert process.code()[0] == -signal.SIGKILL
        assert moment <= steps_done(folder) < 72
    process = start(lesson, settings, folder, out)
    code, told = process.code()
    assert code == 0, told
    assert told.startswith("resumed after ")
    assert same_state(load_file(out), wanted)
    assert [path.name for path in folder.iterdir()] == [NAME]  # what a killed write left is swept


class Stop(Exception):
    pass


def test_stopped_between_an_epoch_and_its_score_it_gives_the_same(tmp_path: Path) -> None:
    lesson, settings = LESSONS["images"](), SETTINGS["adamw"].model_copy(update={"epochs": 3})
    wanted = recover(lesson, settings, tmp_path / "whole")

    def stop(text: str) -> None:
        if text.startswith("epoch 2 of 3: top-1"):
            raise Stop

    with pytest.raises(Stop):
        recover(lesson, settings, tmp_path / "stopped", stop)
    assert steps_done(tmp_path / "stopped") == 11
    done = recover(lesson, settings, tmp_path / "stopped")
    assert (done.resumed, done.scores) == (True, wanted.scores)
    assert same_state(done.state, wanted.state)


def test_the_threads_are_left_as_they_are(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    recover(LESSONS["images"](), SETTINGS["adamw"].model_copy(update={"epochs": 1}), tmp_path)
    assert torch.get_num_threads() == before
