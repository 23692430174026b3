"""Places that cannot be written to: taken, read-only, full, or not there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from corpus_case import BUILD, Cases
from corpus_place import Place

CASES = case = Cases()


def mount(place: Place, folder: Path, options: str) -> None:
    """A small memory file system on a folder, undone at the case's end."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
    place.at_end.append(lambda: subprocess.run(["umount", "-l", folder], check=True))


@case(2, "out", "something else is in the way")
def output_a_file(place: Place) -> None:
    place.out.write_text("mine")


@case(2, "host-onnxruntime", "is there and is not a folder", "-o")
def output_name_taken_by_a_file(place: Place) -> None:
    place.out.mkdir()
    (place.out / "host-onnxruntime").write_text("mine")


@case(2, "holds files of someone else's: notes.txt", "-o")
def output_name_taken_by_a_folder(place: Place) -> None:
    (place.out / "host-onnxruntime").mkdir(parents=True)
    (place.out / "host-onnxruntime/notes.txt").write_text("mine")


@case(2, "is there and is not a bundle archive", line=f"{BUILD} --archive")
def output_archive_taken(place: Place) -> None:
    place.out.mkdir()
    (place.out / "host-onnxruntime.edgebundle").write_text("mine")


@case(2, "out", "read-only")
def output_read_only(place: Place) -> None:
    mount(place, place.out, "ro,size=64k")


@case(3, "no space left", "free some space")
def output_full(place: Place) -> None:
    mount(place, place.out, "size=8k")


@case(3, "no space left", "free some space", line=f"{BUILD} --archive")
def output_full_for_an_archive(place: Place) -> None:
    mount(place, place.out, "size=8k")


@case(3, "no space left")
def cache_full(place: Place) -> None:
    cache = place.root / "cache"
    mount(place, cache, "size=48k")
    place.patch.setenv("EDGEBUILD_CACHE", str(cache))


@case(2, "cache", "read-only")
def cache_read_only(place: Place) -> None:
    cache = place.root / "cache"
    mount(place, cache, "ro,size=64k")
    place.patch.setenv("EDGEBUILD_CACHE", str(cache))


@case(2, "cache", "something else is in the way")
def cache_a_file(place: Place) -> None:
    (place.root / "cache").write_text("mine")
    place.patch.setenv("EDGEBUILD_CACHE", str(place.root / "cache"))


@case(3, "no space left", "free some space")
def temporary_folder_full(place: Place) -> None:
    place.edit("data.py", "return samples(1)", "return samples(11)")
    mount(place, place.root / "scratch", "size=4k,nr_inodes=1")


@case(2, "edgebuild.lock", "is a folder")
def lock_a_folder(place: Place) -> None:
    (place.project / "edgebuild.lock").mkdir()
