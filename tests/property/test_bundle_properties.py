"""Properties of bundles: the container doesn't matter, and no edit goes unseen."""

from __future__ import annotations

import string
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebuild.core.artifact import Golden, Lineage, Manifest, ModelFile, Part, Variant
from edgebuild.core.digest import digest_bytes
from edgebuild.core.errors import BundleError
from edgebuild.core.signature import Signature, TensorSpec
from edgebuild.store.bundle import open_bundle, write_bundle

SIGNATURE = Signature(inputs=(TensorSpec(name="x", shape=(1, 4)),), outputs=(TensorSpec(name="y", shape=(1, 2)),))
parts = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8)
names = st.lists(parts, min_size=2, max_size=3).map(lambda each: "/".join(each) + ".bin")
contents = st.dictionaries(names, st.binary(max_size=300), min_size=1, max_size=4)


def manifest_for(files: dict[str, bytes]) -> Manifest:
    listed = tuple(ModelFile(name=name, sha256=digest_bytes(data), size=len(data)) for name, data in files.items())
    return Manifest(
        name="sample",
        target="host-litert",
        target_digest=digest_bytes(b"t"),
        profile="default",
        profile_digest=digest_bytes(b"p"),
        parts=(
            Part(runtime="litert", signature=SIGNATURE, variants=(Variant(precision="float32", files=listed[:1]),)),
        ),
        golden=Golden(file=listed[-1].name, source="synthetic", samples=1, tolerance={"float32": 1e-4}),
        lineage=Lineage(edgebuild="0.1.0", model=digest_bytes(b"m"), project=digest_bytes(b"j")),
        files=listed,
    )


def problems(place: Path, files: dict[str, bytes], digest: str) -> tuple[str, ...]:
    """What is found wrong with a bundle that should hold these files and have this digest."""
    try:
        bundle = open_bundle(place)
    except BundleError as error:
        return (str(error),)
    found = bundle.check()
    if not found:
        assert bundle.digest == digest
        assert {name: bundle.read(name) for name in files} == files
    return found


@settings(max_examples=60)
@given(contents)
def test_folder_and_archive_are_the_same_bundle(files: dict[str, bytes]) -> None:
    manifest = manifest_for(files)
    with tempfile.TemporaryDirectory() as root:
        folder = write_bundle(Path(root) / "folder", files, manifest)
        archive = write_bundle(Path(root) / "archive", files, manifest, archive=True)
        read = {name: archive.read(name) for name in files}
        again = write_bundle(Path(root) / "again", read, archive.manifest)
        assert folder.digest == archive.digest == again.digest
        assert {name: again.read(name) for name in files} == files
        assert folder.check() == archive.check() == again.check() == ()


@settings(max_examples=150)
@given(contents, st.data())
def test_any_edited_byte_of_a_folder_is_found(files: dict[str, bytes], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as root:
        bundle = write_bundle(Path(root) / "b", files, manifest_for(files))
        places = sorted(path for path in bundle.path.rglob("*") if path.is_file() and path.stat().st_size)
        place = data.draw(st.sampled_from(places))
        edit(place, data)
        assert problems(bundle.path, files, bundle.digest)
        assert bundle.check()


@settings(max_examples=150)
@given(contents, st.data())
def test_an_edited_archive_is_refused_or_reads_the_same(files: dict[str, bytes], data: st.DataObject) -> None:
    """A zip has bytes that say nothing of its contents, such as time stamps; those are found where it is checked."""
    with tempfile.TemporaryDirectory() as root:
        bundle = write_bundle(Path(root) / "b", files, manifest_for(files), archive=True)
        edit(bundle.path, data)
        problems(bundle.path, files, bundle.digest)
        assert bundle.check()


@settings(max_examples=100)
@given(st.binary(max_size=400))
def test_any_bytes_are_refused_in_words(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as root:
        (Path(root) / "a").write_bytes(data)
        with pytest.raises(BundleError, match=r"truncated, or not an archive|has no manifest"):
            open_bundle(Path(root) / "a")


def edit(place: Path, data: st.DataObject) -> None:
    found = bytearray(place.read_bytes())
    offset = data.draw(st.integers(0, len(found) - 1))
    found[offset] ^= data.draw(st.integers(1, 255))
    place.write_bytes(found)
