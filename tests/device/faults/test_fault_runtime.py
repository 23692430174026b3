"""A runner that is ended, a board without memory for the model, and one whose runtime or processor is another."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desk import Desk

from edgebuild.bench import session
from edgebuild.core.artifact import ModelFile
from edgebuild.core.digest import digest_bytes
from edgebuild.store.bundle import open_bundle, write_bundle

pytestmark = [pytest.mark.device, pytest.mark.serial, pytest.mark.long]
OLD = "1.22.1"
"""An onnxruntime that reads ONNX files up to version 10 of their format."""


def changed(desk: Desk, place: Path, change: Callable[[Any], None], **manifest: object) -> Path:
    """The desk's bundle with another model, by a change of its ONNX graph."""
    import onnx

    bundle = open_bundle(desk.bundle)
    (part,), files = bundle.manifest.parts, {file.name: bundle.read(file.name) for file in bundle.manifest.files}
    (variant,) = part.variants
    model = onnx.load_from_string(files[variant.files[0].name])
    change(model)
    files[variant.files[0].name] = model.SerializeToString()
    listed = {name: ModelFile(name=name, sha256=digest_bytes(data), size=len(data)) for name, data in files.items()}
    variants = (variant.model_copy(update={"files": tuple(listed[file.name] for file in variant.files)}),)
    changes = {"parts": (part.model_copy(update={"variants": variants}),), "files": tuple(listed.values()), **manifest}
    return write_bundle(place, files, bundle.manifest.model_copy(update=changes)).path


def fat(mebibytes: int) -> Callable[[Any], None]:
    """Makes the runtime allocate and fill so much more while it loads the model."""

    def change(model: Any) -> None:
        from onnx import TensorProto, helper

        graph = model.graph
        shape = helper.make_tensor("fat_shape", TensorProto.INT64, [1], [mebibytes * 2**18])
        value = helper.make_tensor("fat_value", TensorProto.FLOAT, [1], [0.5])
        output = graph.output[0].name
        for node in graph.node:
            node.output[:] = ["thin" if name == output else name for name in node.output]
        graph.initializer.append(shape)
        graph.node.extend(
            [
                helper.make_node("ConstantOfShape", ["fat_shape"], ["fat"], value=value),
                helper.make_node("ReduceMax", ["fat"], ["fat_top"], keepdims=0),
                helper.make_node("Add", ["thin", "fat_top"], [output]),
            ]
        )

    return change


def test_the_runner_is_killed_by_a_signal(up: Desk) -> None:
    kept = up.evidence()
    said = up.bench(before_runs=up.in_a_run(there="kill -KILL $pid"))
    said.blames_the_device("a run was killed by SIGKILL", "end other programs there", "try again")
    up.takes_up(kept)


@pytest.mark.parametrize(("mebibytes", "words"), [(170, "killed by SIGKILL"), (1024, "out of memory")])
def test_out_of_memory_while_loading(
    up: Desk, tmp_path: Path, mebibytes: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 256 MiB: the kernel ends what takes more than there is, and refuses at once what there can never be.

    A board that runs out of memory is slow before its kernel acts, so a run gets more time here than three minutes.
    """
    monkeypatch.setattr(session, "_STARTING_S", 1500.0)
    desk = dataclasses.replace(up, bundle=changed(up, tmp_path / "large", fat(mebibytes)))
    desk.bench().blames_the_device(words, "a smaller model")
    assert desk.evidence() == b""
    up.goes_on(up.evidence())


def test_the_clock_jumps_back_in_a_run(up: Desk) -> None:
    """No fault: nothing that is measured or waited for goes by the time of day."""
    kept = up.evidence()
    said = up.bench(before_runs=up.in_a_run(there="date -s 2001-01-01 > /dev/null"))
    year = up.shell(f"date +%Y; date -s @{int(time.time())} > /dev/null")
    assert said.code == 0, said.text
    assert year == "2001\n"
    assert up.evidence().startswith(kept)
    assert up.runs() == 2


def test_another_architecture(up: Desk, tmp_path: Path) -> None:
    other = changed(up, tmp_path / "other", lambda model: None, target="intel-n100")
    kept = up.evidence()
    desk = dataclasses.replace(up, bundle=other)
    desk.bench().blames_the_device(
        "wrong architecture: it is 'aarch64'", "x86_64, as intel-n100 is", "devices probe pi"
    )
    assert desk.evidence() == b""
    up.goes_on(kept)


def test_the_runtime_is_missing_or_of_the_wrong_version(spoiled: Desk, tmp_path: Path) -> None:
    up, kept = spoiled, spoiled.evidence()
    packages = up.shell("echo /root/.edgebuild/environments/*/lib/python3.*/site-packages").strip()
    up.shell(f"cd {packages} && mkdir /root/away && mv onnxruntime* /root/away")
    up.bench().blames_the_device(
        "onnxruntime is not installed: No module named 'onnxruntime'", "devices setup pi --runtime onnxruntime"
    )
    up.put(f"{packages}/wheel.zip", old_wheel(tmp_path))
    up.shell(f"cd {packages} && python3 -m zipfile -e wheel.zip . && rm wheel.zip")

    def newer(model: Any) -> None:
        model.ir_version = 12

    desk = dataclasses.replace(up, bundle=changed(up, tmp_path / "newer", newer))
    desk.bench().blames_the_device(
        f"its onnxruntime {OLD} does not run the model, which was made with onnxruntime",
        "edgebuild devices setup pi --runtime onnxruntime==",
    )
    assert desk.evidence() == b""
    up.shell(f"cd {packages} && rm -r onnxruntime* && mv /root/away/* .")
    up.takes_up(kept)


def old_wheel(folder: Path) -> bytes:
    """An older onnxruntime, as its makers publish it for the board's processor."""
    command = [
        sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "-q", "--no-deps",
        "--only-binary=:all:", "--python-version=3.11", "--platform=manylinux_2_27_aarch64",
        "--platform=manylinux_2_28_aarch64", "--dest", str(folder), f"onnxruntime=={OLD}",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    (wheel,) = folder.glob("onnxruntime-*.whl")
    return wheel.read_bytes()
