"""Command lines that name what is not there, or ask for what cannot be."""

from __future__ import annotations

import sys

import numpy as np
from corpus_case import BUILD, Cases
from corpus_place import PROJECT, Place

CASES = case = Cases()
GATE = "gate {bundle} --project {project} --budget"


def only(name: str) -> object:
    """A case without any preparation."""

    def prepare(place: Place) -> None:
        assert place.bundle.is_dir()

    prepare.__name__ = name
    return prepare


case(2, "there is no 'biuld'", "did you mean 'build'", "inspect", line="biuld {project}")(only("command_misspelt"))
case(2, "there is no 'xyzzy'", "edgebuild --help", line="xyzzy")(only("command_unknown"))
case(2, "No such option", "--ouput", "build --help", line="build {project} --ouput {out}")(only("option_misspelt"))
case(2, "Missing argument", "inspect --help", line="inspect")(only("argument_missing"))
case(2, "unexpected extra argument", line="build {project} {out}")(only("argument_too_many"))
case(2, "latency_p9", "unknown metric", "latency_p90", line=f"{GATE} 'latency_p9=1 ms'")(only("gate_metric_misspelt"))
case(2, "--budget", "'5 MiB'", "unit 'MiB' is not one of", "ms", line=f"{GATE} 'latency_p90=5 MiB'")(
    only("gate_unit_of_another_kind")
)
case(2, "--budget", "not a quantity", "METRIC=LIMIT", line=f"{GATE} latency_p90")(only("gate_budget_without_limit"))
case(2, "--budget", "the unit is missing", line=f"{GATE} latency_p90=5")(only("gate_budget_without_unit"))
case(2, "there is no device 'shelf'", "local", line=f"{GATE} 'latency_p90=5 ms' --device shelf")(
    only("gate_device_unknown")
)
case(2, "int4", "float32", line="gate {bundle} --project {project} --precision int4")(only("gate_precision_unknown"))
case(2, "there is no profile 'strict'", "release", line="bench {bundle} --project {project} -p strict")(
    only("bench_profile_unknown")
)
case(2, "no such", line="bench {root}/nowhere.bundle")(only("bench_bundle_missing"))
case(2, "signed-by-mum", "golden", line="verify {bundle} --require signed-by-mum")(only("verify_requires_unknown"))
case(2, "x.npz", "no such file", line="run {bundle} --input {root}/x.npz --project {project}")(
    only("run_input_missing")
)
case(2, "no such", line="compare {bundle} {root}/other.bundle")(only("compare_with_nothing"))
case(2, "--confidence", "less than or equal to 0.9999", line="compare {bundle} {bundle} --confidence 2.0")(
    only("compare_too_sure")
)
case(2, "edgebuild.toml", "no such file", line="eval {bundle} --project {root}/nowhere")(only("eval_project_missing"))
case(2, "edgebuild.toml", "no such file", line="release {root}/nowhere -o {out}")(only("release_project_missing"))
case(2, "'host-onxruntime'", "did you mean 'host-onnxruntime'", line="release {project} -o {out} -t host-onxruntime")(
    only("release_target_misspelt")
)
case(2, "no such folder", "create the folder", line=f"{GATE} 'model_size=1 B' --html {{root}}/nowhere/page.html")(
    only("gate_page_in_no_folder")
)
case(2, "no such folder", line="report {bundle} --html {root}/nowhere/page.html")(only("report_page_in_no_folder"))
case(2, "no such", line="report {bundle} {root}/nowhere.bundle")(only("report_bundle_missing"))
case(2, "there is no target 'pi-5'", "raspberry-pi-5", line="targets show pi-5")(only("targets_show_unknown"))
case(2, "there is no profile 'fast'", "quick", line="profiles show fast")(only("profiles_show_unknown"))
case(2, "'host-onx'", "did you mean", line="inspect {bundle} -t host-onx")(only("inspect_target_misspelt"))
case(2, "--max-size", "'5 GiBB'", "GiB", line="cache gc --max-size '5 GiBB'")(only("gc_unit_misspelt"))
case(2, "--max-days", "greater than or equal to 0", line="cache gc --max-days -1")(only("gc_of_the_future"))
case(2, "edgebuild.toml", "exists already", line="init {project}")(only("init_twice"))
case(2, "nowhere", "no such", line="init {root}/nowhere")(only("init_folder_missing"))


@case(2, "no model found", "--model FILE.py:CALLABLE", line="init {out}")
def init_without_a_model(place: Place) -> None:
    place.out.mkdir()


@case(2, "more than one model", "a.onnx, b.onnx", line="init {out}")
def init_with_two_models(place: Place) -> None:
    place.out.mkdir()
    for name in ("a.onnx", "b.onnx"):
        (place.out / name).touch()


@case(2, "has no function 'mke'", "make", line="init {project} --model model.py:mke")
def init_callable_misspelt(place: Place) -> None:
    (place.project / "edgebuild.toml").unlink()


@case(2, "line 1", "Python", line="init {project}")
def init_of_a_broken_file(place: Place) -> None:
    (place.project / "edgebuild.toml").unlink()
    place.write("model.py", "def make(:\n")


@case(2, "x.npz", "has no x", line="run {bundle} --input {root}/x.npz --project {project}")
def run_input_misnamed(place: Place) -> None:
    np.savez(place.root / "x.npz", image=np.zeros((1, 3, 8, 8), np.float32))


@case(
    2,
    "input x has shape (1, 3, 9, 9)",
    "takes (1, 3, 8, 8)",
    line="run {bundle} --input {root}/x.npz --project {project}",
)
def run_input_of_another_shape(place: Place) -> None:
    np.savez(place.root / "x.npz", x=np.zeros((1, 3, 9, 9), np.float32))


@case(2, "x.npz", line="run {bundle} --input {root}/x.npz --project {project}")
def run_input_pickled(place: Place) -> None:
    np.savez(place.root / "x.npz", x=np.array([{}, 1], dtype=object))


@case(2, "no such folder", line="run {bundle} --input {root}/x.npz --project {project} -o {root}/nowhere/y.npz")
def run_output_nowhere(place: Place) -> None:
    np.savez(place.root / "x.npz", x=np.zeros((1, 3, 8, 8), np.float32))


@case(2, "[data.evaluation]", line="eval {bundle} --project {project}")
def eval_without_a_set(place: Place) -> None:
    place.write("edgebuild.toml", PROJECT.replace('evaluation = { source = "data.py:evaluation" }\n', ""))


@case(3, "openvino is not installed", 'pip install "edgebuild[openvino]"', line=f"{BUILD} -t host-openvino")
def runtime_not_installed(place: Place) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "openvino"]:
        place.patch.delitem(sys.modules, name)
    place.patch.setitem(sys.modules, "openvino", None)


@case(3, "torch is not installed", 'pip install "edgebuild[torch]"')
def torch_not_installed(place: Place) -> None:
    place.edit("model.py", "(3, 4, 3, padding=1)", "(3, 4, 3, padding=1 )")
    place.patch.setitem(sys.modules, "torch", None)
