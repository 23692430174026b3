"""Project files, targets, profiles and locks that are missing, misspelt, or say something impossible."""

from __future__ import annotations

from corpus_case import Cases
from corpus_place import PROJECT, Place

CASES = case = Cases()
CHECK = "targets check {project}/targets/mine.toml"
TARGET = """\
schema = 1
name = "mine"
title = "A board of my own"
family = "host"
runtime = "onnxruntime"
transport = "local"
"""


@case(2, "nowhere", "no such file", "a folder with edgebuild.toml", line="build {root}/nowhere -o {out}")
def folder_missing(place: Place) -> None:
    pass


@case(2, "edgebuild.toml", "no such file", "edgebuild init")
def project_file_missing(place: Place) -> None:
    (place.project / "edgebuild.toml").unlink()


@case(2, "edgebild.toml", "did you mean edgebuild.toml", line="build {project}/edgebild.toml -o {out}")
def project_file_misspelt(place: Place) -> None:
    pass


@case(2, "edgebuild.toml", "is a folder", "expected: a")
def project_file_is_a_folder(place: Place) -> None:
    (place.project / "edgebuild.toml").unlink()
    (place.project / "edgebuild.toml").mkdir()


@case(2, "not valid TOML", "line 2")
def project_file_not_toml(place: Place) -> None:
    place.write("edgebuild.toml", 'schema = 1\nname: "small"\n')


@case(2, "not UTF-8", "0xe9", "line 2")
def project_file_not_utf8(place: Place) -> None:
    place.write("edgebuild.toml", b'schema = 1\nname = "caf\xe9"\n')


@case(2, "too large", "at most")
def project_file_huge(place: Place) -> None:
    place.write("edgebuild.toml", PROJECT + "#" * (2 << 20))


@case(2, "not valid TOML", "nested too deeply")
def project_file_nested(place: Place) -> None:
    place.write("edgebuild.toml", "x = " + "[" * 100_000)


@case(2, "name: is missing", "model: is missing", "build: is missing")
def project_file_empty(place: Place) -> None:
    place.write("edgebuild.toml", "")


@case(2, "model.onnx", "not valid TOML", line="build {project}/model.onnx -o {out}")
def project_file_is_a_model(place: Place) -> None:
    place.write("model.onnx", b"\x08\x07\x12\x07pytorch")


@case(2, "edgebuild.toml:5: model.sorce", "not a known key", "did you mean 'source'", "model.source: is missing")
def key_misspelt(place: Place) -> None:
    place.toml('source = "model.py:make"', 'sorce = "model.py:make"')


@case(2, "budget: is not a known key", "did you mean 'budgets'")
def table_misspelt(place: Place) -> None:
    place.toml("[budgets]", "[budget]")


@case(2, "5 problems", "model.inputs.x.dtype", "data.metric", "build.golden", "budgets.latency_p9", "schema")
def several_fields_wrong(place: Place) -> None:
    place.toml("schema = 1", "schema = 7")
    place.toml('dtype = "float32"', 'dtype = "float"')
    place.toml('metric = "top1"', 'metric = "top5"')
    place.toml('profile = "exact"', 'profile = "exact"\ngolden = "real"')
    place.toml('model_size = "1 MiB"', 'latency_p9 = "1 ms"')


@case(2, "data.metric", "is 'top_1'", "'word_accuracy'", "did you mean 'top1'")
def metric_misspelt(place: Place) -> None:
    place.toml('"top1"', '"top_1"')


@case(2, "[model] post, softmax", "there is no output 'scores'", "expected: output")
def post_of_no_output(place: Place) -> None:
    place.toml('"model.py:make"', '"model.py:make"\npost = [{ op = "softmax", output = "scores" }]')


@case(2, "schema", "is 2", "expected: 1")
def project_of_a_later_version(place: Place) -> None:
    place.toml("schema = 1", "schema = 2")


@case(2, "name", "is 'My Project'")
def project_name_with_spaces(place: Place) -> None:
    place.toml('name = "small"', 'name = "My Project"')


@case(2, "model.inputs.x.dtype", "is 'float31'", "did you mean 'float32'")
def dtype_misspelt(place: Place) -> None:
    place.toml('dtype = "float32"', 'dtype = "float31"')


@case(2, "model.inputs.x.shape[1]", "is -1", "greater than 0")
def shape_negative(place: Place) -> None:
    place.toml("[1, 3, 8, 8]", "[1, -1, 8, 8]")


@case(2, "model.inputs.x", "batch", "[4, 3, 8, 8]", "shape = [1, 3, 8, 8]")
def batch_of_four(place: Place) -> None:
    place.toml("[1, 3, 8, 8]", "[4, 3, 8, 8]")


@case(2, "model.inputs.x", "'NCH' names 3 axes", "the shape has 4")
def layout_too_short(place: Place) -> None:
    place.toml('"NCHW"', '"NCH"')


@case(2, "model.inputs.x.pre[0].op", "is 'normalise'", "did you mean 'normalize'")
def step_misspelt(place: Place) -> None:
    place.toml('layout = "NCHW"', 'layout = "NCHW"\npre = [{ op = "normalise", scale = 2.0 }]')


@case(2, "data.selection_fraction", "is 1.5", "less than 1")
def fraction_above_one(place: Place) -> None:
    place.toml('metric = "top1"', 'metric = "top1"\nselection_fraction = 1.5')


@case(2, "data.calibration.limit", "is 0", "greater than 0")
def limit_of_nothing(place: Place) -> None:
    place.toml('source = "data.py:calibration"', 'source = "data.py:calibration", limit = 0')


@case(2, "build.targets", "at least 1")
def no_target(place: Place) -> None:
    place.toml('["host-onnxruntime"]', "[]")


@case(2, "budgets.latency_p9", "not a known metric", "did you mean 'latency_p9", "peak_memory")
def budget_misspelt(place: Place) -> None:
    place.toml('model_size = "1 MiB"', 'latency_p9 = "12 ms"')


@case(2, "1 problem", "edgebuild.toml:22: budgets.model_size", "'12 ms'", "unit 'ms' is not one of", "MiB")
def budget_in_another_unit(place: Place) -> None:
    place.toml('"1 MiB"', '"12 ms"')


@case(2, "budgets.model_size", "'12'", "the unit is missing", "MiB")
def budget_without_unit(place: Place) -> None:
    place.toml('"1 MiB"', '"12"')


@case(2, "budgets.model_size", "'-1 MiB' is not a quantity")
def budget_negative(place: Place) -> None:
    place.toml('"1 MiB"', '"-1 MiB"')


@case(2, "budgets.model_size", "is 12", "string")
def budget_a_number(place: Place) -> None:
    place.toml('"1 MiB"', "12")


@case(2, "budgets.host-litert", "not a target of this project", "host-onnxruntime")
def budget_of_a_stranger(place: Place) -> None:
    place.toml('model_size = "1 MiB"', '[budgets.host-litert]\nmodel_size = "1 MiB"')


@case(2, "there is no target 'host-onnxruntim'", "did you mean 'host-onnxruntime'")
def target_misspelt(place: Place) -> None:
    place.toml('"host-onnxruntime"', '"host-onnxruntim"')


@case(
    2, "there is no target 'commodore64'", "raspberry-pi-5", "targets/", line="build {project} -o {out} -t commodore64"
)
def target_unknown(place: Place) -> None:
    pass


@case(2, "mine.toml", "hardware.cpu", "no source for", line="build {project} -o {out} -t mine")
def target_fact_without_source(place: Place) -> None:
    place.write("targets/mine.toml", TARGET + '\n[hardware]\ncpu = "Cortex-A76"\n')


@case(
    2,
    "mine: runtime: unknown runtime 'tensorrt'",
    "litert, onnxruntime, openvino",
    line="build {project} -o {out} -t mine",
)
def target_of_an_unknown_runtime(place: Place) -> None:
    place.write("targets/mine.toml", TARGET.replace("onnxruntime", "tensorrt"))


@case(2, "mine.toml", "name", "is 'yours'", "'mine'", line="build {project} -o {out} -t mine")
def target_named_unlike_its_file(place: Place) -> None:
    place.write("targets/mine.toml", TARGET.replace('"mine"', '"yours"'))


@case(2, "mine.toml", "transport", "is 'usb'", "'local', 'ssh', 'adb' or 'none'", line=CHECK)
def target_reached_by_nothing(place: Place) -> None:
    place.write("targets/mine.toml", TARGET.replace('"local"', '"usb"'))


@case(2, "yours.toml", "no such file", line="targets check {project}/targets/yours.toml")
def target_file_missing(place: Place) -> None:
    place.write("targets/mine.toml", TARGET)


@case(2, "there is no profile 'releas'", "did you mean 'release'", line="build {project} -o {out} -p releas")
def profile_misspelt(place: Place) -> None:
    pass


@case(2, "exact.toml:6: quantization.precisions[0]", "is 'int4'", "'float32' or 'int8'")
def profile_of_an_unknown_precision(place: Place) -> None:
    place.edit("profiles/exact.toml", '["float32"]', '["int4"]')


@case(2, "exact.toml", "judging.confidence", "is 1.0", "less than 1")
def profile_too_sure(place: Place) -> None:
    place.edit("profiles/exact.toml", "[measuring]", "[judging]\nconfidence = 1.0\n\n[measuring]")


@case(2, "edgebuild.lock", "is damaged", "delete it")
def lock_truncated(place: Place) -> None:
    place.write("edgebuild.lock", '{"schema": 1, "speeds": [')


@case(2, "edgebuild.lock", "schema version 9", "version 1")
def lock_of_a_later_version(place: Place) -> None:
    place.write("edgebuild.lock", '{"schema": 9}')
