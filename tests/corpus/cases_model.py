"""PyTorch models that cannot be exported or converted, and declarations that do not fit them."""

from __future__ import annotations

from corpus_case import BUILD, Cases
from corpus_place import Place

CASES = case = Cases()
LAST = "        return self.head(x.flatten(1))"
OPERATOR = """\
import torch

if not hasattr(torch.ops.corpus, "swirl"):

    @torch.library.custom_op("corpus::swirl", mutates_args=())
    def swirl(x: torch.Tensor) -> torch.Tensor:
        return x.flip(-1)

    @swirl.register_fake
    def _(x):
        return torch.empty_like(x)

"""
OPAQUE = OPERATOR.partition("    @swirl.register_fake")[0].replace("swirl", "twirl")


def forward(place: Place, *lines: str) -> None:
    place.edit("model.py", LAST, "\n".join(" " * 8 + line for line in lines))


@case(3, "NaN or infinite values in second.weight (1 of 288)")
def weights_nan(place: Place) -> None:
    place.edit(
        "model.py",
        "    return Net()",
        "    net = Net()\n    net.second.weight.data[0, 0, 0, 0] = float('nan')\n    return net",
    )


@case(3, "NaN or infinite values in head.bias (3 of 3)")
def weights_infinite(place: Place) -> None:
    place.edit(
        "model.py", "    return Net()", "    net = Net()\n    net.head.bias.data[:] = float('inf')\n    return net"
    )


@case(3, "model.py:14", "declared shapes")
def shape_that_the_model_does_not_take(place: Place) -> None:
    place.toml("[1, 3, 8, 8]", "[1, 3, 10, 10]")


@case(3, "model.py:12", "expected input[1, 1, 8, 8] to have 3 channels")
def channels_that_the_model_does_not_take(place: Place) -> None:
    place.toml("[1, 3, 8, 8]", "[1, 1, 8, 8]")


@case(3, "model.py:12", "declared shapes and dtypes")
def dtype_that_the_model_does_not_take(place: Place) -> None:
    place.toml('"float32"', '"int64"')


@case(2, "[model.inputs]", "no input is declared")
def inputs_not_declared(place: Place) -> None:
    place.toml('[model.inputs.x]\nshape = [1, 3, 8, 8]\ndtype = "float32"\nlayout = "NCHW"\n', "")


@case(2, "[model.inputs]", "2 inputs are declared (x, y)", "forward() takes x")
def inputs_too_many(place: Place) -> None:
    place.toml("[data]", "[model.inputs.y]\nshape = [1, 2]\n\n[data]")


@case(2, "[model.inputs]", "nothing is declared for the argument 'mask'", "[model.inputs.mask]")
def inputs_too_few(place: Place) -> None:
    place.edit("model.py", "def forward(self, x):", "def forward(self, x, mask):")


@case(2, "[model] outputs", "2 different names for 1 output")
def outputs_too_many(place: Place) -> None:
    place.toml('"model.py:make"', '"model.py:make"\noutputs = ["scores", "boxes"]')


@case(2, "[model] outputs", "1 different names for 2 outputs")
def outputs_named_alike(place: Place) -> None:
    forward(place, "y = self.head(x.flatten(1))", "return y, y + 1")
    place.toml('"model.py:make"', '"model.py:make"\noutputs = ["y", "y"]')


@case(3, "output 1 of the model is the constant", "return tensors only")
def output_a_number(place: Place) -> None:
    forward(place, "return self.head(x.flatten(1)), 0.5")


@case(3, "output 'output' is float64", "made at", "model.py:14", ".to(torch.float32)")
def output_in_float64(place: Place) -> None:
    forward(place, "return self.head(x.flatten(1)).double()")


@case(3, "data-dependent control flow at model.py:14", "torch.where")
def branch_on_values(place: Place) -> None:
    forward(place, "if x.mean() > 0:", "    x = -x", "return self.head(x.flatten(1))")


@case(3, "not fixed", "nonzero", "model.py:14", "fixed shapes")
def shape_that_depends_on_values(place: Place) -> None:
    forward(place, "return x.nonzero()")


@case(3, "buffer", "in place", "one call would change the next")
def state_written_in_forward(place: Place) -> None:
    place.edit(
        "model.py",
        "        self.first =",
        '        self.register_buffer("count", torch.zeros(1))\n        self.first =',
    )
    forward(place, "self.count += 1", "return self.head(x.flatten(1)) + self.count")


@case(3, "unsupported operator corpus::twirl", "at model.py:", "register a fake")
def operator_that_cannot_be_traced(place: Place) -> None:
    place.edit("model.py", "import torch\n", OPAQUE)
    forward(place, "return self.head(torch.ops.corpus.twirl(x.flatten(1)))")


def _operator(place: Place) -> None:
    """An operator that torch can trace and no runtime knows, in a module called "mixer"."""
    module = "class Mixer(torch.nn.Module):\n    def forward(self, x):\n        return torch.ops.corpus.swirl(x)\n\n\n"
    place.edit("model.py", "import torch\n", OPERATOR + module)
    place.edit("model.py", "        self.first =", "        self.mixer = Mixer()\n        self.first =")
    forward(place, "return self.head(self.mixer(x.flatten(1)))")


@case(3, "export to onnxruntime", "corpus.swirl", "mixer")
def operator_unknown_to_onnxruntime(place: Place) -> None:
    _operator(place)


@case(3, "export to litert", "corpus.swirl", "mixer", line=f"{BUILD} -t host-litert")
def operator_unknown_to_litert(place: Place) -> None:
    _operator(place)


@case(3, "export to openvino", "corpus.swirl", "mixer", line=f"{BUILD} -t host-openvino")
def operator_unknown_to_openvino(place: Place) -> None:
    _operator(place)


@case(3, "check onnxruntime", "float outputs differ", "expected: at most")
def dropout_left_on(place: Place) -> None:
    forward(place, "x = torch.nn.functional.dropout(x, 0.5, training=True)", "return self.head(x.flatten(1))")
