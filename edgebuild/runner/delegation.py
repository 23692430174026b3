"""Delegates: what a request demands, what was really delegated, and the refusal of a run that the CPU did instead."""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from runner.faults import Fault

CPU, NONE = "cpu", "none"
"""The runtime's default, and TFLite's own kernels with no delegate at all: neither is an accelerator."""
XNNPACK, KERNELS = "xnnpack", "tflite"
"""What takes what a demanded delegate leaves, and what is left with the rest."""
_NAMED = 20
"""So many of the operators left on the CPU are named in a message."""


class Delegate(NamedTuple):
    """What a request demands: nothing on "cpu", where the runtime's own delegate may take what it likes, or on "none".

    ``library`` is an external delegate's on the device; "" asks for the runtime's own way to an accelerator.
    ``least`` is how many operators it has to take.
    """

    name: str = "cpu"
    library: str = ""
    options: Mapping[str, str] = MappingProxyType({})
    least: int = 1


class Share(NamedTuple):
    """The operators that a delegate took, or that the runtime's own kernels were left with, named by kind and place.

    ``partitions`` is None where it is not told, or there is no such thing.
    """

    by: str
    operators: list[str]
    partitions: int | None


def demanded(request: dict[str, Any]) -> Delegate:
    """The delegate of a request."""
    name, library = request["delegate"], request.get("delegate_library") or ""
    return Delegate(name, library, request.get("delegate_options") or {}, request.get("least_delegated") or 1)


def told(session: Any, delegate: Delegate) -> dict[str, Any]:
    """The response's word on who computes what; nothing, of a runtime that does not tell.

    Raises:
        Fault: the delegate took less than is demanded, so that the CPU would have done its work.
    """
    if not hasattr(session, "shares"):
        return {}
    shares = session.shares()
    if delegate.name not in (CPU, NONE):
        _refuse_cpu(shares, delegate)
    return {"shares": [_as_told(share) for share in shares]}


def load(package: Any, delegate: Delegate) -> Any:
    """An external delegate, by TensorFlow Lite's own interface to them.

    Raises:
        Fault: its library is not there, is no delegate, or refuses.
    """
    library = delegate.library
    try:
        return package.load_delegate(library, dict(delegate.options))
    except OSError as error:
        raise Fault("delegate_failed", f"the {delegate.name}'s library can't be loaded: {error}") from error
    except AttributeError as error:
        raise Fault("bad_request", f"{library} is no delegate: it has no tflite_plugin_create_delegate") from error
    except ValueError as error:
        asked = ", ".join(f"{key}={value}" for key, value in delegate.options.items()) or "no options"
        raise Fault("delegate_failed", f"the {delegate.name}'s delegate refuses, with {asked}: {error}") from error


def shares(operators: list[dict[str, Any]], applied: int, name: str) -> list[Share]:
    """Who computes the operators of a graph in LiteRT's interpreter; who computes none is left out.

    Delegates leave a graph's operators in place and add one for each partition that they took. The interpreter does not
    tell what is in it, but its inputs and outputs: what makes those outputs of those inputs is inside.

    Args:
        operators: as the interpreter tells them, in its order.
        applied: how many there were when only the delegate ``name`` was applied; later partitions are XNNPACK's.
    """
    model = {op["index"]: op for op in operators if op["op_name"] != "DELEGATE"}
    makes = {int(tensor): index for index, op in model.items() for tensor in op["outputs"]}
    taken: dict[str, list[int]] = {name: [], XNNPACK: []}
    partitions: Counter[str] = Counter()
    for partition in (op for op in operators if op["op_name"] == "DELEGATE"):
        by = name if partition["index"] < applied else XNNPACK
        taken[by] += _inside(partition, model, makes)
        partitions[by] += 1
    rest = sorted(model.keys() - {index for indices in taken.values() for index in indices})
    found = [Share(by, _names(model, sorted(indices)), partitions[by]) for by, indices in taken.items()]
    return [share for share in [*found, Share(KERNELS, _names(model, rest), None)] if share.operators]


def _inside(partition: dict[str, Any], model: dict[int, Any], makes: dict[int, int]) -> set[int]:
    """The operators between a partition's inputs and its outputs."""
    given, found = {int(tensor) for tensor in partition["inputs"]}, set[int]()
    open_ = [int(tensor) for tensor in partition["outputs"]]
    while open_:
        tensor = open_.pop()
        index = makes.get(tensor)
        if index is None or index in found or tensor in given:
            continue
        found.add(index)
        open_ += [int(each) for each in model[index]["inputs"]]
    return found


def _names(model: dict[int, Any], indices: list[int]) -> list[str]:
    return ["{} {}".format(model[index]["op_name"], index) for index in indices]


def _as_told(share: Share) -> dict[str, Any]:
    kinds = Counter(name.rpartition(" ")[0] for name in share.operators)
    return {"by": share.by, "operators": dict(kinds), "partitions": share.partitions}


def _refuse_cpu(found: list[Share], delegate: Delegate) -> None:
    count = sum(len(share.operators) for share in found if share.by == delegate.name)
    if count >= delegate.least:
        return
    left = [name for share in found if share.by != delegate.name for name in share.operators]
    more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    through = f" through {delegate.library}" if delegate.library else ""
    raise Fault(
        "not_delegated",
        f"the {delegate.name}{through} took {count} of the model's {count + len(left)} operators, where at least "
        f"{delegate.least} are demanded; left on the CPU: {', '.join(left[:_NAMED])}{more}",
    )
