"""Several models one after the other, each in its own runtime, as one session: what one gives, the next ones take."""

# mypy: disable-error-code="import-not-found, no-any-return"
from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from runner.faults import Fault

PREFIX = "chain:"
_KEPT = 64
"""So many answers of a part are kept, the latest used ones."""


class Chain:
    """The runtimes of a chain, as one: a "runtime" is what has a version, something empty, and sessions."""

    def __init__(self, runtimes: dict[str, Any]) -> None:
        self._runtimes = runtimes

    def version(self) -> str:
        """The names and versions of all."""
        return " + ".join(runtime.version() for runtime in self._runtimes.values())

    def empty(self) -> Any:
        """All of them imported, with no model."""
        return [runtime.empty() for runtime in self._runtimes.values()]

    def Session(self, path: str, threads: int, delegate: Any, precision: str) -> ChainSession:  # noqa: N802 (as theirs)
        """All models of the chain that a file tells of, loaded."""
        told, folder = json.loads(Path(path).read_text(encoding="utf-8")), Path(path).parent
        links = []
        for part in told["parts"]:
            runtime = self._runtimes.get(part["runtime"])
            if runtime is None:
                raise Fault("bad_request", "{} runs in {}, which the chain does not name".format(*_two(part)))
            session = runtime.Session(str(_inside(folder, part["model"])), threads, delegate, precision)
            links.append(_Link(part, session))
        return ChainSession(links, told)


def _two(part: dict[str, Any]) -> tuple[str, str]:
    return part["name"], part["runtime"]


def _inside(folder: Path, name: str) -> Path:
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise Fault("bad_request", f"the model of a part is {name!r}; a file beside the chain is expected")
    if not (folder / name).is_file():
        raise Fault("bad_request", f"no file {name}")
    return folder / name


class _Link:
    """One part of a chain: its session, and its tensors by the names that the others have for them."""

    def __init__(self, told: dict[str, Any], session: Any) -> None:
        self.name, self.session = told["name"], session
        self.stands_in: dict[str, Any] = told.get("absent") or {}
        self.outputs = _order(self.name, "output", told["outputs"], session.outputs())
        tensors = session.inputs()
        self.inputs = _order(self.name, "input", told["inputs"], [name for name, _, _ in tensors])
        self.tensors = [(name, *tensor[1:]) for name, tensor in zip(self.inputs, tensors)]  # noqa: B905

    def feed(self, values: dict[str, Any]) -> None:
        """Put in place what it takes."""
        self.session.feed([_fitting(self.name, tensor, values[tensor[0]]) for tensor in self.tensors])

    def read(self) -> dict[str, Any]:
        """What it gave."""
        return dict(zip(self.outputs, self.session.read()))  # noqa: B905


def _order(part: str, side: str, told: list[str], own: list[str]) -> list[str]:
    """The names told in the order of the runtime's own; by place where the runtime has others."""
    if len(told) != len(own):
        raise Fault("bad_request", "{} has {} {}s, not {}".format(part, len(own), side, ", ".join(told)))
    return list(own) if set(own) == set(told) else list(told)


def _fitting(part: str, tensor: tuple[str, Any, tuple[int, ...]], value: Any) -> Any:
    """What another part gave, in the shape that this one's runtime wants; never another type."""
    name, dtype, shape = tensor
    if value.shape == shape and value.dtype == dtype:
        return value
    if value.dtype != np.dtype(dtype) or value.size != int(np.prod(shape)):
        raise Fault("bad_request", f"{part} takes {name} as {dtype} {shape}, and is given {value.dtype} {value.shape}")
    return np.ascontiguousarray(value).reshape(shape)


class ChainSession:
    """A chain that is loaded. All that parts do and hand on to each other is timed as one inference.

    Where answers are wanted and no times, ``keep`` is called first: then a part that is given what it was given before
    does not run again, nor does one whose inputs are missing, if what takes from it declares what then stands in.
    """

    def __init__(self, links: list[_Link], told: dict[str, Any]) -> None:
        self._links, self._outputs = links, list(told["outputs"])
        self._stand_ins: dict[str, float] = told.get("absent") or {}
        given = {name for link in links for name in link.outputs}
        tensors = {t[0]: t for link in links for t in link.tensors if t[0] not in given}
        self._tensors = [tensors[name] for name in told["inputs"]]
        self._first = [link for link in links if not given & set(link.inputs)]
        self._values: dict[str, Any] = {}
        self._kept: dict[str, OrderedDict[bytes, dict[str, Any]]] | None = None
        self.ran = {link.name: 0 for link in links}

    def inputs(self) -> list[tuple[str, Any, tuple[int, ...]]]:
        """Name, dtype and shape of what samples hold."""
        return self._tensors

    def outputs(self) -> list[str]:
        """The names of what the whole gives."""
        return self._outputs

    def keep(self) -> None:
        """From now on keep what parts give."""
        self._kept = {link.name: OrderedDict() for link in self._links}

    def restart(self) -> None:
        """What a runtime remembers of the last inference is forgotten; what is kept is none of it."""
        for link in self._links:
            getattr(link.session, "restart", lambda: None)()

    def feed(self, sample: list[Any]) -> None:
        """Put a sample's arrays in place."""
        self._values = {tensor[0]: array for tensor, array in zip(self._tensors, sample)}  # noqa: B905
        if self._kept is None:
            for link in self._first:
                link.feed(self._values)

    def run(self) -> None:
        """One inference of every part that has to run."""
        if self._kept is None:
            for link in self._links:
                if link not in self._first:
                    link.feed(self._values)
                link.session.run()
                self._values.update(link.read())
            return
        for link in self._links:
            self._values.update(self._answer(link, self._kept[link.name]))

    def read(self) -> list[Any]:
        """The last inference's outputs."""
        return [self._values[name] for name in self._outputs]

    def _answer(self, link: _Link, kept: OrderedDict[bytes, dict[str, Any]]) -> dict[str, Any]:
        """What a part gives: what stands in for it, what it gave before for the same, or what it gives now."""
        if link.stands_in and all(self._is_missing(name) for name in link.inputs):
            return {name: np.full(s["shape"], s["value"], s["dtype"]) for name, s in link.stands_in.items()}
        key = _digest([self._values[name] for name in link.inputs])
        if key in kept:
            kept.move_to_end(key)
            return kept[key]
        link.feed(self._values)
        link.session.run()
        self.ran[link.name] += 1
        kept[key] = {name: np.array(value) for name, value in link.read().items()}
        if len(kept) > _KEPT:
            kept.popitem(last=False)
        return kept[key]

    def _is_missing(self, name: str) -> bool:
        """Whether an input is throughout what stands in for a missing one."""
        return name in self._stand_ins and bool(np.all(self._values[name] == self._stand_ins[name]))


def _digest(arrays: list[Any]) -> bytes:
    hasher = hashlib.sha256()
    for array in arrays:
        hasher.update(f"{array.dtype.str}{array.shape}".encode())
        hasher.update(np.ascontiguousarray(array).tobytes())
    return hasher.digest()
