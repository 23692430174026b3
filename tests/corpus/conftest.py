"""One cache and one good bundle for the whole corpus: cases differ from the good project in one thing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from corpus_place import Place

from edgebuild.cli.main import main


@pytest.fixture(scope="session")
def corpus_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cache that cases share unless they set EDGEBUILD_CACHE themselves."""
    folder = tmp_path_factory.mktemp("corpus-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEBUILD_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def good_bundle(corpus_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The good project's bundle: that it builds is what makes every case's failure the case's own."""
    place = Place(tmp_path_factory.mktemp("good"))
    assert main(["build", str(place.project), "-o", str(place.out)]) == 0
    return place.out / "host-onnxruntime"


@pytest.fixture
def place(tmp_path: Path, corpus_cache: Path, good_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A good project in a folder of its own; what a case changed in the process or mounted is undone at the end."""
    monkeypatch.setenv("EDGEBUILD_CACHE", str(corpus_cache))
    made = Place(tmp_path, good_bundle, monkeypatch)
    yield made
    made.undo()
