"""NNCF's accuracy control on a bundle's float model; prints what came of it as JSON. Run by scripts/mixed_precision."""

from __future__ import annotations

import importlib.util
import json
import logging
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nncf
import numpy as np
import openvino
from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix

from edgebuild.core.profile import Quantization
from edgebuild.models.samples import Samples, prepare_inputs
from edgebuild.store.bundle import Bundle, open_bundle

CALIBRATED = Quantization().calibration_samples
"""Images at most, as many as edgebuild takes ranges from by default."""
FIXES = {"by default": None, "overflow fix": AdvancedQuantizationParameters(overflow_fix=OverflowFix.ENABLE)}
"""What its advanced parameters are; none are its own choice."""
Rows = list[tuple[np.ndarray, int]]


def main(project: Path, exact: Path, allowed: float) -> None:
    """Quantize by each of FIXES as the one set allows, and score on another."""
    bundle, data = open_bundle(exact), module(project / "data.py")
    model = openvino.Core().read_model(exact / "float32" / "model.xml")
    calibration, selection, evaluation = (
        rows(bundle, load()) for load in (data.calibration, data.selection, data.evaluation)
    )
    labels = np.array([label for _, label in evaluation])
    before = answers(compiled_exactly(model), evaluation)
    logging.getLogger("nncf").addHandler(heard := Heard())
    found = {}
    for fix, parameters in FIXES.items():
        heard.reverted = 0
        started = time.monotonic()
        made = nncf.quantize_with_accuracy_control(
            model,
            nncf.Dataset(calibration[:CALIBRATED], lambda row: row[0]),
            nncf.Dataset(selection),
            validated,
            max_drop=allowed / 100,
            subset_size=CALIBRATED,
            advanced_quantization_parameters=parameters,
        )
        seconds = time.monotonic() - started
        after = answers(compiled_exactly(made), evaluation)
        found[fix] = {
            "layers": heard.reverted,
            "drop": 100 * float((before == labels).mean() - (after == labels).mean()),
            "agreement": 100 * float((before == after).mean()),
            "samples": len(labels),
            "seconds": seconds,
        }
    print(json.dumps(found))


class Heard(logging.Handler):
    """Counts the operations that NNCF says it gave back to float."""

    reverted = 0

    def emit(self, record: logging.LogRecord) -> None:
        found = re.search(r"(\d+) out of (\d+) were reverted", record.getMessage())
        self.reverted = int(found[1]) if found else self.reverted


def module(path: Path) -> Any:
    """A project's data module."""
    spec = importlib.util.spec_from_file_location("data", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def rows(bundle: Bundle, samples: dict[str, np.ndarray]) -> Rows:
    """Samples as the model takes them, one by one, with their labels."""
    (name,) = (key for key in samples if key != "labels")
    inputs = prepare_inputs(Samples({name: samples[name]}), bundle.manifest.parts[0].signature)[name]
    return [(inputs[i : i + 1], int(label)) for i, label in enumerate(samples["labels"])]


def compiled_exactly(model: Any) -> Any:
    """With float operators in float32, as NNCF and edgebuild have them; OpenVINO's own choice may be bfloat16."""
    return openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def answers(compiled: Any, samples: Iterable[tuple[np.ndarray, int]]) -> np.ndarray:
    """The class that the model gives each sample."""
    return np.array([int(np.argmax(compiled(image)[0])) for image, _ in samples])


def validated(compiled: Any, samples: Iterable[tuple[np.ndarray, int]]) -> tuple[float, list[float]]:
    """Accuracy, and whether each sample was right."""
    known = list(samples)
    right = (answers(compiled, known) == np.array([label for _, label in known])).astype(float)
    return float(right.mean()), list(right)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
