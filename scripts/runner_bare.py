"""A bare loop around one runtime, as its user would write it: load, warm up, time inferences; the times to stdout.

It shares nothing with edgebuild's runner, which it is held against.

    python runner_bare.py RUNTIME MODEL INPUT.npy WARM_UP SAMPLES
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Sample = NDArray[np.generic]
Feed = Callable[[], object] | None
"""What puts the input in before each inference, outside the clock."""
Inference = tuple[Feed, Callable[[], object], Callable[[], int] | None]
"""One inference, and where the runtime tells it, how many nanoseconds the last one took."""


def onnxruntime(model: str, sample: Sample) -> Inference:
    """One inference on one thread."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    inputs = {session.get_inputs()[0].name: sample}
    return None, (lambda: session.run(None, inputs)), None


def litert(model: str, sample: Sample) -> Inference:
    """One inference on one thread. Its input is copied in before each, as TFLite's benchmark_model does."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=model, num_threads=1)
    interpreter.allocate_tensors()
    index = interpreter.get_input_details()[0]["index"]
    return (lambda: interpreter.set_tensor(index, sample)), interpreter.invoke, None


def openvino(model: str, sample: Sample) -> Inference:
    """One inference on one thread, with the latency hint, in float32; it tells what the call took."""
    import openvino as ov

    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    request = ov.Core().compile_model(model, "CPU", options).create_infer_request()
    request.set_input_tensor(ov.Tensor(sample))
    return None, request.infer, lambda: round(request.latency * 1e6)


LOADERS = {"onnxruntime": onnxruntime, "litert": litert, "openvino": openvino}


def main() -> None:
    """Nanoseconds of each timed inference, as a JSON list."""
    runtime, model, sample, warm_up, samples = sys.argv[1:]
    feed, infer, told = LOADERS[runtime](model, np.load(sample))
    taken = []
    for _ in range(int(warm_up) + int(samples)):
        if feed:
            feed()
        before = time.perf_counter_ns()
        infer()
        taken.append(told() if told else time.perf_counter_ns() - before)
    print(json.dumps(taken[int(warm_up) :]))


if __name__ == "__main__":
    main()
