"""The seam of a backend: export, look inside, write a quantization plan."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import tempfile
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edgebuild.core.array import Tensors, np
from edgebuild.core.errors import BuildError
from edgebuild.core.interrupts import raise_if_interrupted
from edgebuild.core.operator import Operator
from edgebuild.core.origin import RuntimeOp
from edgebuild.core.plan import Range, WeightGrid
from edgebuild.core.signature import Signature
from edgebuild.core.target import Int8Scheme

if TYPE_CHECKING:
    from edgebuild.models.graph import TorchModel

Files = Mapping[str, bytes]
"""A runtime's model: file names to bytes. The first is the one the runtime opens."""


@dataclass(frozen=True)
class Exported:
    """A float model in a runtime's format, and how it is called (its layout may differ from torch's)."""

    files: Files
    signature: Signature


@dataclass(frozen=True)
class Cut:
    """A quantized model taken apart at the integer tensors between its layers.

    Attributes:
        whole: the model, with tensor N as a further output ``Cut.shown(N)``.
        apart: the same outputs, each computed from the integer tensors nearest before it, which are further inputs
            ``Cut.given(N)``: given what ``whole`` computes, it computes the same.
        names: what the tensors are called in the model.
    """

    whole: Files
    apart: Files
    names: tuple[str, ...]

    @staticmethod
    def shown(number: int) -> str:
        """The output that shows a tensor."""
        return f"cut_{number}"

    @staticmethod
    def given(number: int) -> str:
        """The input that stands for a tensor."""
        return f"given_{number}"


class Backend(Protocol):
    """What a runtime's module offers.

    Attributes:
        DISTRIBUTIONS: the packages whose versions can change what this backend writes.
        FOREIGN: the kinds of foreign files ("onnx", "tflite") it can take in.
        CLIPS: whether its sums of u8 x s8 products clip, as edgebuild runs it, on x86 without VNNI.
    """

    DISTRIBUTIONS: tuple[str, ...]
    FOREIGN: tuple[str, ...]
    CLIPS: bool

    def export(self, model: TorchModel) -> Exported:
        """Convert a torch program to the runtime's float format."""
        ...

    def adopt(self, kind: str, data: bytes, signature: Signature) -> Exported:
        """Take in a foreign file of one of the kinds in ``FOREIGN``."""
        ...

    def operators(self, files: Files) -> tuple[RuntimeOp, ...]:
        """The operators in execution order, constants left out. Tensor names are those of `observe`."""
        ...

    def facts(self, files: Files) -> tuple[Operator, ...]:
        """What the rules of accelerators ask of a model's operators, in the order of execution.

        Nothing where no accelerator has rules for them.
        """
        ...

    def observe(self, files: Files, samples: Iterable[Tensors]) -> Iterator[dict[str, np.ndarray]]:
        """Every tensor that the model computes, and its inputs, for each sample in turn.

        Raises:
            OperatorRefused: the runtime has no kernel for an operator with these dtypes.
        """
        ...

    def tensor_names(self, files: Files, signature: Signature) -> tuple[dict[str, str], dict[str, str]]:
        """What `observe` calls the signature's inputs, and its outputs."""
        ...

    def quantize(
        self, model: Exported, ranges: Mapping[str, Range], keep_float: Collection[str], scheme: Int8Scheme
    ) -> Exported:
        """Write int8 with the runtime's own quantizer.

        Args:
            ranges: for every float tensor that `observe` gives.
            keep_float: names of operators that stay float.

        Returns:
            The model and its signature, with the boundary's steps where the scheme wants integers there.
        """
        ...

    def weight_grid(self, scheme: Int8Scheme) -> WeightGrid:
        """The grid that `quantize` rounds weights to."""
        ...

    def is_quantized(self, files: Files) -> bool:
        """Whether a model computes in integers already, at least in part."""
        ...

    def float_operators(self, files: Files) -> tuple[RuntimeOp, ...]:
        """The compute operators of a quantized model that still run in float."""
        ...

    def emulated(self, files: Files) -> Files:
        """An int8 model as devices compute it whose sums do not clip, where ``CLIPS`` says that this one's may."""
        ...

    def cut(self, files: Files) -> Cut | None:
        """A model taken apart at its integer tensors; None where this runtime's files don't tell them."""
        ...


def emulated(files: Files) -> Files:
    """As they are, of a runtime whose sums never clip."""
    return files


def float_boundary(scheme: Int8Scheme, runtime: str) -> None:
    """Refuse integers at the boundary for a runtime that quantizes inside only.

    Raises:
        BuildError: the scheme asks for them.
    """
    if scheme.io != "float" or scheme.full_integer:
        raise BuildError(
            f"quantize for {runtime}", f"{runtime} models keep float inputs and outputs", expected=scheme.io
        )


class OperatorRefused(BuildError):
    """The runtime loads a model and has no kernel for one of its operators, as it is quantized there."""

    def __init__(self, runtime: str, operator: RuntimeOp, reason: str) -> None:
        self.operator = operator
        super().__init__(f"run in {runtime}", f"{runtime} does not compute {operator.kind}: {reason}")


@contextlib.contextmanager
def quiet(stage: str) -> Iterator[None]:
    """Keep a library's chatter off stdout and stderr, C++ lines included; what it printed is kept for its error.

    Raises:
        BuildError: any exception of the library, with its text and the end of what it printed.
    """
    with tempfile.TemporaryFile() as log, contextlib.redirect_stdout(io.StringIO()), _redirected(log.fileno()):
        level = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except (BuildError, KeyboardInterrupt):
            raise
        except Exception as error:
            raise_if_interrupted()
            log.seek(0)
            tail = log.read()[-500:].decode(errors="replace").strip()
            root = _root(error)
            detail = f"{type(root).__name__}: {_first_lines(_COLOURS.sub('', str(root)))}"
            raise BuildError(stage, detail + (f"\n{tail}" if tail else "")) from error
        finally:
            logging.disable(level)


_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def _root(error: BaseException) -> BaseException:
    """What first went wrong: libraries wrap the error that names the operator into ones that do not."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _first_lines(text: str, count: int = 6) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return "\n".join(lines[:count]) + ("\n…" if len(lines) > count else "")


@contextlib.contextmanager
def _redirected(fileno: int) -> Iterator[None]:
    """File descriptors 1 and 2 into a file, for the time being; Python's stderr stays where it was."""
    with contextlib.redirect_stderr(io.StringIO()):
        saved = os.dup(1), os.dup(2)
        try:
            os.dup2(fileno, 1)
            os.dup2(fileno, 2)
            yield
        finally:
            os.dup2(saved[0], 1)
            os.dup2(saved[1], 2)
            os.close(saved[0])
            os.close(saved[1])
