"""Bundles that are truncated, edited, foreign, or made to do harm."""

from __future__ import annotations

import json
import os
import shutil
import stat
import zipfile
from pathlib import Path

import numpy as np
from corpus_case import Cases
from corpus_place import Place

CASES = case = Cases()
INSPECT = "inspect {bundle}"
VERIFY = "verify {bundle}"
RUN = "run {bundle} --input {root}/x.npz"
ARCHIVE = "inspect {root}/small.edgebundle"


def edit(place: Place, name: str, old: bytes, new: bytes) -> None:
    path = place.bundle / name
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def archive(place: Place, extra: dict[str | zipfile.ZipInfo, bytes] | None = None) -> Path:
    """The good bundle as an archive, with further members."""
    path = place.root / "small.edgebundle"
    with zipfile.ZipFile(path, "w") as made:
        for file in sorted(place.bundle.rglob("*")):
            if file.is_file():
                made.write(file, file.relative_to(place.bundle).as_posix())
        for name, data in (extra or {}).items():
            made.writestr(name, data)
    return path


@case(2, "small.bundl", "did you mean small.bundle", line="inspect {root}/small.bundl")
def bundle_misspelt(place: Place) -> None:
    assert place.bundle.is_dir()


@case(2, "has no manifest.json", "edgebuild build", line="verify {project}")
def bundle_that_is_a_project(place: Place) -> None:
    pass


@case(2, "small.bundle", "neither a folder nor a file", line=VERIFY)
def bundle_that_is_a_pipe(place: Place) -> None:
    shutil.rmtree(place.bundle)
    os.mkfifo(place.root / "small.bundle")


@case(2, "manifest.json is not JSON", "build it again", line=INSPECT)
def manifest_truncated(place: Place) -> None:
    path = place.bundle / "manifest.json"
    path.write_bytes(path.read_bytes()[:200])


@case(2, "manifest.json is not UTF-8", line=INSPECT)
def manifest_not_utf8(place: Place) -> None:
    (place.bundle / "manifest.json").write_bytes(b'{"schema": 1, "name": "\xff"}')


@case(2, "manifest.json is nested too deeply", line=INSPECT)
def manifest_nested(place: Place) -> None:
    (place.bundle / "manifest.json").write_bytes(b'{"schema": 1, "x":' + b"[" * 200_000)


@case(2, "manifest.json was edited", line=INSPECT)
def manifest_edited(place: Place) -> None:
    edit(place, "manifest.json", b'"small"', b'"large"')


@case(2, "schema version 2", "install the edgebuild that built it", line=INSPECT)
def manifest_of_a_later_version(place: Place) -> None:
    value = json.loads((place.bundle / "manifest.json").read_text())
    (place.bundle / "manifest.json").write_text(json.dumps(value | {"schema": 2}))


@case(2, "float32/artifact.json", "bytes were changed", line=INSPECT)
def artifact_edited(place: Place) -> None:
    edit(place, "float32/artifact.json", b'"runtime"', b'"RUNTIME"')


@case(1, "digests", "broken", "float32/model.onnx: its bytes were changed", line=VERIFY)
def model_edited(place: Place) -> None:
    path = place.bundle / "float32/model.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@case(1, "float32/model.onnx: 100 bytes, where", line=VERIFY)
def model_truncated(place: Place) -> None:
    path = place.bundle / "float32/model.onnx"
    path.write_bytes(path.read_bytes()[:100])


@case(1, "float32/model.onnx: missing", line=VERIFY)
def model_missing(place: Place) -> None:
    (place.bundle / "float32/model.onnx").unlink()


@case(1, "extra.bin: not listed", line=VERIFY)
def bundle_with_a_stranger(place: Place) -> None:
    (place.bundle / "extra.bin").write_bytes(b"?")


@case(2, "float32/model.onnx", "bytes were changed", line=RUN)
def run_of_an_edited_model(place: Place) -> None:
    np.savez(place.root / "x.npz", x=np.zeros((1, 3, 8, 8), np.float32))
    model_edited(place)


@case(
    2, "float32/model.onnx", "bytes were changed", line="gate {bundle} --budget 'latency_p50=1 s' --project {project}"
)
def gate_of_an_edited_model(place: Place) -> None:
    model_edited(place)


@case(2, "'float32/link.onnx' is a link", "don't use this one", line=VERIFY)
def bundle_with_a_link(place: Place) -> None:
    (place.bundle / "float32/link.onnx").symlink_to("/etc/passwd")


@case(2, "is a link", line=VERIFY)
def model_a_link_to_outside(place: Place) -> None:
    model = place.bundle / "float32/model.onnx"
    model.rename(place.root / "model.onnx")
    model.symlink_to(place.root / "model.onnx")


@case(2, "truncated", "build it again", line=ARCHIVE)
def archive_truncated(place: Place) -> None:
    path = archive(place)
    path.write_bytes(path.read_bytes()[:-40])


@case(2, "truncated, or not an archive", line=ARCHIVE)
def archive_that_is_text(place: Place) -> None:
    archive(place).write_text("not a zip")


@case(2, "../escaped.txt", "lead out of the bundle", "don't use this one", line=ARCHIVE)
def archive_with_a_path_that_climbs(place: Place) -> None:
    archive(place, {"../escaped.txt": b"!"})


@case(2, "/tmp/escaped.txt", "lead out of the bundle", line="verify {root}/small.edgebundle")
def archive_with_an_absolute_path(place: Place) -> None:
    archive(place, {"/tmp/escaped.txt": b"!"})


@case(2, "'link' is a link", line=ARCHIVE)
def archive_with_a_link(place: Place) -> None:
    info = zipfile.ZipInfo("link")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    archive(place, {info: b"/etc/passwd"})


@case(2, "too large at 'bomb3'", line=ARCHIVE)
def archive_that_says_it_is_huge(place: Place) -> None:
    """Five entries of 4 GiB each: more than a bundle may unpack to."""
    path = archive(place, {f"bomb{number}": b"?" for number in range(5)})
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        name = data[at + 46 : at + 46 + int.from_bytes(data[at + 28 : at + 30], "little")]
        if name.startswith(b"bomb"):
            data[at + 24 : at + 28] = (0xFFFFFFF0).to_bytes(4, "little")
        at = data.find(b"PK\x01\x02", at + 4)
    path.write_bytes(data)


@case(2, "no bundle or model", "expected: a bundle", line="inspect {root}/w.pth")
def inspect_of_weights(place: Place) -> None:
    (place.root / "w.pth").write_bytes(b"\x80\x04.")


@case(2, "schema version", line=INSPECT)
def manifest_of_no_version(place: Place) -> None:
    (place.bundle / "manifest.json").write_text("{}")
