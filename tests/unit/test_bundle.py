"""Bundles: written atomically, opened warily."""

from __future__ import annotations

import json
import os
import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from store_samples import FILES, manifest_for

from edgebuild.core.artifact import Manifest
from edgebuild.core.digest import digest_bytes, digest_json
from edgebuild.core.errors import BuildError, BundleError, ConfigError
from edgebuild.store.archive import Limits
from edgebuild.store.bundle import Bundle, find_bundle, open_bundle, write_bundle
from edgebuild.store.manifest import manifest_bytes
from edgebuild.store.scratch import claim


def digest_of(manifest: Manifest) -> str:
    return digest_bytes(manifest_bytes(manifest))


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def folder_bundle(tmp_path: Path) -> Bundle:
    return write_bundle(tmp_path / "b", FILES, manifest_for(FILES))


def zipped(place: Path, members: list[tuple[zipfile.ZipInfo | str, bytes]], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(place, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, data in members:
            archive.writestr(name, data)
    return place


def whole() -> list[tuple[zipfile.ZipInfo | str, bytes]]:
    return [("manifest.json", manifest_bytes(manifest_for(FILES))), *FILES.items()]


def resealed(manifest: Manifest, **changes: object) -> bytes:
    """A manifest edited by someone who also made a new seal."""
    value = json.loads(manifest_bytes(manifest)) | changes
    del value["seal"]
    text = json.dumps(value | {"seal": digest_json(value)}, sort_keys=True, indent=1)
    return text.encode() + b"\n"


@pytest.mark.parametrize("archive", [False, True])
def test_what_is_written_opens(tmp_path: Path, archive: bool) -> None:
    written = write_bundle(tmp_path / "out" / "b", FILES, manifest_for(FILES), archive=archive)
    bundle = open_bundle(tmp_path / "out" / "b")
    assert bundle.digest == written.digest == digest_bytes(bundle.source.read("manifest.json"))
    assert bundle.manifest == manifest_for(FILES)
    assert {name: bundle.read(name) for name in FILES} == FILES
    assert bundle.check() == ()
    assert names_in(tmp_path / "out") == ["b"]
    with pytest.raises(BundleError, match=r"has no file 'manifest.json'"):
        bundle.read("manifest.json")


def test_archives_have_the_same_bytes_everywhere(tmp_path: Path) -> None:
    os.umask(os.umask(0o077))
    write_bundle(tmp_path / "1.edgebundle", FILES, manifest_for(FILES), archive=True)
    backwards = dict(reversed(FILES.items()))
    write_bundle(tmp_path / "2.edgebundle", backwards, manifest_for(FILES), archive=True)
    first, second = (tmp_path / f"{n}.edgebundle" for n in (1, 2))
    assert first.read_bytes() == second.read_bytes()
    assert folder_bundle(tmp_path).digest == open_bundle(first).digest


def test_schema_is_written_by_its_alias(tmp_path: Path) -> None:
    value = json.loads((folder_bundle(tmp_path).path / "manifest.json").read_bytes())
    assert value["schema"] == 1
    assert "schema_version" not in value


@pytest.mark.parametrize("archive", [False, True])
def test_identical_bundle_is_left_untouched(tmp_path: Path, archive: bool) -> None:
    place = tmp_path / "b"
    write_bundle(place, FILES, manifest_for(FILES), archive=archive)
    before = (place.stat().st_ino, place.stat().st_mtime_ns)
    write_bundle(place, FILES, manifest_for(FILES), archive=archive)
    assert (place.stat().st_ino, place.stat().st_mtime_ns) == before
    assert find_bundle(place, digest_of(manifest_for(FILES)), archive) is not None
    assert find_bundle(place, digest_of(manifest_for(FILES, name="other")), archive) is None


@pytest.mark.parametrize("archive", [False, True])
def test_other_or_damaged_bundle_is_replaced_and_evidence_stays(tmp_path: Path, archive: bool) -> None:
    place = tmp_path / "b"
    write_bundle(place, FILES, manifest_for(FILES), archive=archive)
    (tmp_path / "b.evidence.jsonl").write_text("kept")
    other = {"model.onnx": b"new", "golden.npz": b"golden"}
    assert write_bundle(place, other, manifest_for(other), archive=archive).check() == ()
    damaged = place if archive else place / "model.onnx"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    assert write_bundle(place, other, manifest_for(other), archive=archive).check() == ()
    assert (tmp_path / "b.evidence.jsonl").read_text() == "kept"
    assert (names_in(tmp_path)) == ["b", "b.evidence.jsonl"]


def test_bundle_of_a_later_schema_is_replaced(tmp_path: Path) -> None:
    bundle = folder_bundle(tmp_path)
    (bundle.path / "manifest.json").write_bytes(resealed(bundle.manifest, schema=2))
    assert folder_bundle(tmp_path).check() == ()


def test_nothing_of_anyone_elses_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years")
    (tmp_path / "file").write_text("years")
    folder_bundle(tmp_path)
    (tmp_path / "b" / "notes.txt").write_text("years")
    other = manifest_for(FILES, name="other")
    for place, archive in (("home", False), ("file", False), ("file", True), ("home", True), ("b", False)):
        with pytest.raises(ConfigError, match="to fix: choose another place with -o"):
            write_bundle(tmp_path / place, FILES, other, archive=archive)
    assert (tmp_path / "home" / "thesis.tex").exists()
    assert (tmp_path / "b" / "notes.txt").exists()
    assert (tmp_path / "file").read_text() == "years"


def test_empty_folder_and_empty_file_are_filled(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "a").touch()
    assert folder_bundle(tmp_path).check() == ()
    assert write_bundle(tmp_path / "a", FILES, manifest_for(FILES), archive=True).check() == ()


def test_files_must_be_the_manifests(tmp_path: Path) -> None:
    for files in ({**FILES, "extra": b""}, {"golden.npz": b"golden vectors"}, {**FILES, "model.onnx": b"other"}):
        with pytest.raises(BuildError, match="not the files that the manifest lists"):
            write_bundle(tmp_path / "b", files, manifest_for(FILES))
    assert not (tmp_path / "b").exists()


def test_litter_of_a_killed_writer_is_swept(tmp_path: Path) -> None:
    dead = claim(tmp_path, ".b.", folder=True)
    (dead.path / "half").write_bytes(b"x")
    dead.let_go()
    folder_bundle(tmp_path)
    assert names_in(tmp_path) == ["b"]


def test_every_problem_is_listed(tmp_path: Path) -> None:
    bundle = folder_bundle(tmp_path)
    (bundle.path / "golden.npz").unlink()
    (bundle.path / "model.onnx").write_bytes(b"Weights " * 100)
    (bundle.path / "int8" / "model.onnx").write_bytes(b"short")
    (bundle.path / "int8" / "more").write_bytes(b"")
    assert open_bundle(bundle.path).check() == (
        "model.onnx: its bytes were changed",
        "golden.npz: missing",
        "int8/model.onnx: 5 bytes, where 50 were packed",
        "int8/more: not listed in manifest.json",
    )
    for name, words in (("golden.npz", "missing"), ("model.onnx", "changed"), ("int8/model.onnx", "5 bytes, where 50")):
        with pytest.raises(BundleError, match=f"{words}.*\n  to fix: get the bundle again"):
            open_bundle(bundle.path).read(name)


def test_swapped_bundle_is_noticed(tmp_path: Path) -> None:
    bundle = folder_bundle(tmp_path)
    write_bundle(bundle.path, FILES, manifest_for(FILES, name="other"))
    assert "another bundle is in its place" in bundle.check()[0]


def test_missing_bundle_names_its_neighbours(tmp_path: Path) -> None:
    folder_bundle(tmp_path)
    with pytest.raises(BundleError, match="no such file\n  to fix: did you mean b"):
        open_bundle(tmp_path / "bb")
    with pytest.raises(BundleError, match="neither a folder nor a file"):
        open_bundle(Path("/dev/zero"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match=r"has no manifest.json\n  expected: a bundle made by"):
        open_bundle(tmp_path / "empty")


MANIFESTS: list[tuple[str, Callable[[Manifest], bytes], str]] = [
    ("newer", lambda m: resealed(m, schema=99), "schema version 99\n  expected: schema version 1, .*edgebuild 0"),
    ("odd schema", lambda m: resealed(m, schema=True), "schema version True"),
    ("text schema", lambda m: resealed(m, schema="1"), "schema version '1'"),
    ("no schema", lambda m: b"{}", "schema version None"),
    ("edited", lambda m: manifest_bytes(m).replace(b'"sample"', b'"simple"'), "edited after the bundle was built"),
    ("indented", lambda m: manifest_bytes(m) + b" ", "edited after"),
    ("doubled key", lambda m: manifest_bytes(m).replace(b"{", b'{\n "name": "sample",', 1), "edited after"),
    ("surrogate", lambda m: manifest_bytes(m).replace(b'"sample"', b'"\\ud800"'), "edited after"),
    ("not utf-8", lambda m: b"{\xff}", r"not UTF-8 text \(byte 1\)"),
    ("not json", lambda m: manifest_bytes(m)[:-9], "is not JSON"),
    ("nan", lambda m: b'{"schema": NaN}', "NaN is no number"),
    ("long number", lambda m: b'{"schema": ' + b"9" * 9999 + b"}", "is not JSON"),
    ("deep", lambda m: b"[" * 60_000, "nested too deeply"),
    ("list", lambda m: b"[]", "not a JSON object"),
    ("unknown field", lambda m: resealed(m, more=1), "more: Extra inputs"),
    ("climbing name", lambda m: resealed(m, files=[{"name": "../x", "sha256": "0" * 64, "size": 1}]), "files.0.name"),
    ("unlisted", lambda m: resealed(m, files=[]), "files not listed with a digest: golden.npz"),
    ("huge", lambda m: b" " * 70_000, "manifest.json has 70000 bytes\n  expected: at most 65536"),
]


@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize(("make", "words"), [case[1:] for case in MANIFESTS], ids=[case[0] for case in MANIFESTS])
def test_bad_manifest_is_refused(tmp_path: Path, make: Callable[[Manifest], bytes], words: str, archive: bool) -> None:
    data = make(manifest_for(FILES))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "manifest.json").write_bytes(data)
    place = zipped(tmp_path / "a", [("manifest.json", data)]) if archive else tmp_path / "b"
    with pytest.raises(BundleError, match=words) as caught:
        open_bundle(place, Limits(manifest_bytes=65_536))
    assert caught.value.exit_code == 2
    assert caught.value.fix


def member(name: str, mode: int = stat.S_IFREG) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("placeholder")
    info.filename = info.orig_filename = name
    info.external_attr = (mode | 0o644) << 16
    return info


CLIMBING = [
    "../x",
    "/etc/passwd",
    "a/../../x",
    "a\\..\\x",
    "C:x",
    ".",
    "a//b",
    "a/",
    ".hidden",
    "a\nb",
    "ä",
    "a/./b",
    "-x",
]


@pytest.mark.parametrize("name", CLIMBING)
def test_climbing_names_are_refused(tmp_path: Path, name: str) -> None:
    place = zipped(tmp_path / "a", [*whole(), (member(name), b"x")])
    with pytest.raises(BundleError, match=r"lead out of the bundle\n  to fix: don't use this one"):
        open_bundle(place)


def test_doubled_linked_and_strangely_packed_members_are_refused(tmp_path: Path) -> None:
    cases = [
        ([*whole(), ("model.onnx", b"other")], "two files are named 'model.onnx'"),
        ([*whole(), (member("link", stat.S_IFLNK), b"/etc/passwd")], "is a link or a device"),
        ([*whole(), (member("pipe", stat.S_IFIFO), b"")], "is a link or a device"),
    ]
    for members, words in cases:
        with pytest.raises(BundleError, match=words):
            open_bundle(zipped(tmp_path / "a", members))
    with pytest.raises(BundleError, match="compression method 12"):
        open_bundle(zipped(tmp_path / "a", whole(), zipfile.ZIP_BZIP2))


def test_links_in_a_folder_are_refused(tmp_path: Path) -> None:
    bundle = folder_bundle(tmp_path)
    for number, target in enumerate(("/etc/passwd", "model.onnx", "/etc")):
        (bundle.path / f"link{number}").symlink_to(target)
        with pytest.raises(BundleError, match=f"'link{number}' is a link or a device"):
            open_bundle(bundle.path)
        (bundle.path / f"link{number}").unlink()
    (bundle.path / "model.onnx").unlink()
    os.mkfifo(bundle.path / "model.onnx")
    with pytest.raises(BundleError, match="link or a device"):
        open_bundle(bundle.path)
    assert bundle.check() == ("'model.onnx' is a link or a device, not a file",)


def test_bombs_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    limits = Limits(files=10, file_bytes=1 << 20, total_bytes=3 << 20)
    big = [("bomb", b"\0" * (2 << 20))]
    many = [(f"f{number}", b"") for number in range(20)]
    sum_of = [(f"f{number}", b"\0" * (1 << 20)) for number in range(4)]
    for members in (big, many, sum_of):
        place = zipped(tmp_path / "a", [*whole(), *members], zipfile.ZIP_DEFLATED)
        with pytest.raises(BundleError, match=r"too large at .*\n  expected: at most 10 files of 1048576 bytes"):
            open_bundle(place, limits)


def test_archive_that_lies_about_a_size_gives_no_more_than_it_said(tmp_path: Path) -> None:
    files = {**FILES, "model.onnx": b"\0" * 100_000}
    content: list[tuple[zipfile.ZipInfo | str, bytes]] = [("manifest.json", manifest_bytes(manifest_for(files)))]
    place = zipped(tmp_path / "a", [*content, *files.items()], zipfile.ZIP_DEFLATED)
    data = place.read_bytes()
    assert data.count((100_000).to_bytes(4, "little")) == 2
    place.write_bytes(data.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    bundle = open_bundle(place)
    assert bundle.check() == ("model.onnx: 10 bytes, where 100000 were packed",)
    with pytest.raises(BundleError):
        bundle.source.read("model.onnx")


def test_truncated_archive_is_refused_at_any_length(tmp_path: Path) -> None:
    place = zipped(tmp_path / "a", whole())
    data = place.read_bytes()
    for length in (0, 1, 30, 1000, len(data) // 2, len(data) - 1):
        place.write_bytes(data[:length])
        with pytest.raises(BundleError, match=r"truncated, or not an archive.*\n  expected: a .edgebundle"):
            open_bundle(place)


def test_archive_packed_again_with_compression_is_the_same_bundle(tmp_path: Path) -> None:
    again = open_bundle(zipped(tmp_path / "a", whole(), zipfile.ZIP_DEFLATED))
    assert again.digest == folder_bundle(tmp_path).digest
    assert again.read("model.onnx") == FILES["model.onnx"]
    assert "or it was packed again" in again.check()[0], "which can't be told from an edited byte of the archive itself"
