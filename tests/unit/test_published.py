"""What others published stands beside a bundle's own results, under its source, and is never taken for them."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from edgebuild.cli.main import main
from edgebuild.core.artifact import Manifest
from edgebuild.core.target import Published, Target
from edgebuild.published import published_rows
from edgebuild.report.html.published import published_section
from edgebuild.report.html.reported import reported_of
from edgebuild.store.bundle import Bundle, write_bundle
from edgebuild.store.catalog import find_target, target_files
from edgebuild.store.toml import load_target
from edgebuild.store.variables import filled_in, unset
from tests.unit.store_samples import FILES, manifest_for

TABLE = "net,board,ms\nMobileNet-v2,A,1.5\nmobilenet_v2,A,1.6\nmobilenet_v2,B,9\nother,A,7\n"


def target_with(table: Path | str, **changes: object) -> Target:
    published = Published.model_validate(
        {"table": str(table), "model": "net", "where": {"board": ("A",)}, "columns": ("net", "ms"), "source": "They"}
        | changes
    )
    return find_target("host-onnxruntime").model_copy(update={"published": (published,)})


def of(name: str, *known_as: str) -> Manifest:
    return manifest_for(FILES, name=name, known_as=known_as)


@pytest.mark.parametrize("packed", [False, True])
def test_rows_of_the_model_and_the_device_whatever_the_writing(tmp_path: Path, packed: bool) -> None:
    file = tmp_path / ("table.csv.gz" if packed else "table.csv")
    file.write_bytes(gzip.compress(TABLE.encode(), mtime=0) if packed else TABLE.encode())
    rows = published_rows(target_with(file), of("mobilenet-v2", "unknown"))
    assert [dict(row.cells) for row in rows] == [
        {"net": "MobileNet-v2", "ms": "1.5"}, {"net": "mobilenet_v2", "ms": "1.6"},
    ]  # fmt: skip
    assert {row.source for row in rows} == {"They"}
    assert published_rows(target_with(file), of("resnet")) == ()


def test_a_table_elsewhere_is_found_by_its_variable_or_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "table.csv").write_text(TABLE)
    target = target_with("${SOME_TABLES}/table.csv")
    monkeypatch.delenv("SOME_TABLES", raising=False)
    assert published_rows(target, of("other")) == ()
    monkeypatch.setenv("SOME_TABLES", str(tmp_path / "empty"))
    assert published_rows(target, of("other")) == ()
    monkeypatch.setenv("SOME_TABLES", str(tmp_path))
    assert len(published_rows(target, of("other"))) == 1


@pytest.mark.parametrize(
    ("data", "changes", "said"),
    [
        (TABLE.encode(), {"columns": ("net", "watts")}, "no column watts"),
        (b"", {}, "no column board, ms, net"),
        (b"net,board,ms\n\xff\xfe,A,1", {}, "can't decode"),
        (gzip.compress(TABLE.encode(), mtime=0)[:-9], {"name": "table.csv.gz"}, "can't be read as a table"),
        (b"no gzip", {"name": "table.csv.gz"}, "can't be read as a table"),
    ],
)
def test_of_a_table_that_is_none_it_is_said_why(
    tmp_path: Path, data: bytes, changes: dict[str, str], said: str
) -> None:
    file = tmp_path / changes.pop("name", "table.csv")
    file.write_bytes(data)
    (row,) = published_rows(target_with(file, **changes), of("other"))
    assert [name for name, _ in row.cells] == ["not shown"]
    assert said in row.cells[0][1]
    assert str(file) in row.cells[0][1]


def bundle_of(folder: Path) -> Bundle:
    """A bundle for a target of the folder, of a model that is known elsewhere by another name."""
    return write_bundle(
        folder / "b", FILES, manifest_for(FILES, target="board", name="ours", known_as=("mobilenet_v2",))
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "table.csv").write_text(TABLE)
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "board.toml").write_text(
        'schema = 1\nname = "board"\ntitle = "Board"\nfamily = "host"\nruntime = "onnxruntime"\ntransport = "local"\n'
        f'[[published]]\ntable = "{tmp_path}/table.csv"\nmodel = "net"\nwhere = {{ board = ["A"] }}\n'
        'columns = ["net", "board", "ms"]\nsource = "Their paper"\n'
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_report_shows_them_under_their_source(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = bundle_of(project)
    assert main(["report", str(bundle.path)]) == 0
    said = capsys.readouterr().out
    assert "published by others, not measured here (Their paper):\n    net MobileNet-v2, board A, ms 1.5" in said
    assert main(["report", str(bundle.path), "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["result"]["bundles"]
    assert told["published"][1] == {"source": "Their paper", "row": {"net": "mobilenet_v2", "board": "A", "ms": "1.6"}}
    section = published_section("b1-", reported_of(bundle).beside_published(project))
    assert section is not None
    assert "nothing here was measured by edgebuild" in section.lead
    assert section.blocks[0].rows[0] == ("MobileNet-v2", "A", "1.5")  # type: ignore[union-attr]


def test_no_target_no_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = reported_of(bundle_of(tmp_path)).beside_published(tmp_path)
    assert told.published == ()
    assert published_section("b1-", told) is None


@pytest.mark.skipif(not os.environ.get("EDGEBUILD_DATA"), reason="EDGEBUILD_DATA is not set")
def test_shipped_targets_name_tables_whose_columns_are_there() -> None:
    named = [target for target in map(load_target, target_files().values()) if target.published]
    assert len(named) >= 6
    models = {"stm32mp2-npu": "MobileNet v2 1.0", "stm32n6-npu": "MobileNet v2 1.0", "cortex-m7": "kws"}
    for target in named:
        assert published_rows(target, of(models.get(target.name, "mobilenet_v2"))), target.name


@pytest.mark.parametrize(
    ("environment", "text", "missing"),
    [({"A": "x"}, "x/b", ()), ({}, None, ("A",)), ({"A": ""}, None, ("A",))],
)
def test_variables(environment: Mapping[str, str], text: str | None, missing: tuple[str, ...]) -> None:
    assert filled_in("${A}/b", environment) == text
    assert unset("${A}/b", environment) == missing
