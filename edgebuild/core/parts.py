"""Parts of a model: what each takes and gives, by name, and in which order they follow from that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from edgebuild.core.artifact import WHOLE, Edge
from edgebuild.core.base import Frozen
from edgebuild.core.signature import Signature, TensorSpec, stand_in_for

if TYPE_CHECKING:
    from edgebuild.core.project import InputSpec, PartSource

    Parts = Mapping[str, PartSource]


class Wiring(Frozen):
    """How parts are put together.

    Attributes:
        order: the parts' names, each after those that it takes something from.
        edges: what one gives and another takes, as "PART.OUTPUT" and "PART.INPUT".
        inputs: the names of what samples hold, each with the first part that takes it.
        givers: by output of the whole, the part that gives it.
    """

    order: tuple[str, ...]
    edges: tuple[Edge, ...]
    inputs: dict[str, str]
    givers: dict[str, str]

    def taken(self, part: str) -> dict[str, str]:
        """What a part takes of others: the giver by name of the tensor."""
        pairs = ((edge.source.rpartition("."), edge.target.rpartition(".")) for edge in self.edges)
        return {name: giver for (giver, _, name), (taker, _, _) in pairs if taker == part}

    def skipped(self, part: str, parts: Parts) -> bool:
        """Whether a part need not run where its inputs are missing: all that take of it declare what then stands in."""
        pairs = ((taker, name) for taker in self.order for name, giver in self.taken(taker).items() if giver == part)
        takers = [parts[taker].inputs[name] for taker, name in pairs]
        ends = part in self.givers.values()
        return bool(takers) and not ends and all(spec.absent is not None for spec in takers)


def wired(parts: Parts, outputs: Sequence[str]) -> Wiring:
    """Parts put together by the names of what they take and give.

    Args:
        outputs: which of the parts' outputs are the whole's.

    Raises:
        ValueError: two parts give the same, a part is used by nothing, or they go round in a circle; and so on.
    """
    givers = _givers(parts)
    for name in outputs:
        if name not in givers:
            raise ValueError(f"model.outputs: no part gives {name!r}; they give {', '.join(givers)}")
    if not outputs:
        raise ValueError(f"model.outputs: say which of the parts' outputs are the model's: {', '.join(givers)}")
    for name, part in parts.items():
        _refuse_unfit(name, part, givers)
    edges = {
        name: {tensor: givers[tensor] for tensor in part.inputs if tensor in givers} for name, part in parts.items()
    }
    order = tuple(_in_order(edges))
    _refuse_unused(parts, edges, {givers[name] for name in outputs}, givers)
    inputs = _inputs(parts, order, givers)
    pairs = ((giver, tensor, name) for name in order for tensor, giver in edges[name].items())
    made = tuple(Edge(source=f"{giver}.{tensor}", target=f"{name}.{tensor}") for giver, tensor, name in pairs)
    found = Wiring(order=order, edges=made, inputs=inputs, givers={name: givers[name] for name in outputs})
    _refuse_half_absent(parts, found)
    return found


def _givers(parts: Parts) -> dict[str, str]:
    givers: dict[str, str] = {}
    for name, part in parts.items():
        if name == WHOLE:
            raise ValueError(f"parts.{name}: a bundle's whole has this name; choose another")
        if not part.outputs:
            raise ValueError(f"parts.{name}.outputs: name what it gives, for others to take it by")
        for output in part.outputs:
            if output in givers:
                raise ValueError(f"parts.{name}.outputs: {output!r} is given by {givers[output]} too")
            givers[output] = name
    return givers


def _refuse_unfit(name: str, part: PartSource, givers: Mapping[str, str]) -> None:
    for tensor, spec in part.inputs.items():
        place = f"parts.{name}.inputs.{tensor}"
        if spec.is_state or spec.buckets:
            raise ValueError(f"{place}: a part has neither states nor buckets; build such a model as one graph")
        if tensor in givers and spec.pre:
            raise ValueError(f"{place}.pre: {givers[tensor]} gives it as it is; pre steps are for what samples hold")
        if tensor in givers and spec.layout:
            raise ValueError(f"{place}.layout: {givers[tensor]} gives it as it is; a layout is for what samples hold")


def _in_order(edges: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """The parts, each after those that it takes from, as declared where that leaves a choice."""
    left = dict(edges)
    while left:
        ready = next((name for name, taken in left.items() if not set(taken.values()) & left.keys()), None)
        if ready is None:
            raise ValueError(f"parts: they wait for each other in a circle: {_circle(left)}")
        del left[ready]
        yield ready


def _circle(edges: Mapping[str, Mapping[str, str]]) -> str:
    """A circle among parts that each wait for another one: "fusion takes a of image, image takes b of fusion"."""
    seen = [next(iter(edges))]
    while seen[-1] not in seen[:-1]:
        seen.append(next(giver for giver in edges[seen[-1]].values() if giver in edges))
    steps = seen[seen.index(seen[-1]) :]
    told = []
    for taker, giver in pairwise(steps):
        tensor = next(tensor for tensor, by in edges[taker].items() if by == giver)
        told.append(f"{taker} takes {tensor} of {giver}")
    return ", ".join(told)


def _refuse_unused(
    parts: Parts, edges: Mapping[str, Mapping[str, str]], ends: set[str], givers: Mapping[str, str]
) -> None:
    used, open_ = set(ends), list(ends)
    while open_:
        fresh = set(edges[open_.pop()].values()) - used
        used, open_ = used | fresh, [*open_, *fresh]
    for name, part in parts.items():
        if name in used:
            continue
        ungiven = sorted({tensor for one in used for tensor in parts[one].inputs if tensor not in givers})
        raise ValueError(
            f"parts.{name}: nothing takes {' or '.join(part.outputs)}, nor is it an output of the model; "
            f"the others take {', '.join(ungiven) or 'nothing'} that no part gives"
        )


def _inputs(parts: Parts, order: Sequence[str], givers: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in order:
        for tensor, spec in parts[name].inputs.items():
            if tensor in givers:
                continue
            first = found.setdefault(tensor, name)
            if parts[first].inputs[tensor] != spec:
                raise ValueError(
                    f"parts.{name}.inputs.{tensor}: declared otherwise than in {first}, which takes it too"
                )
    if not found:
        raise ValueError("parts: no part takes anything that samples hold; say [parts.NAME.inputs]")
    return found


def _refuse_half_absent(parts: Parts, wiring: Wiring) -> None:
    """What is declared to be missing in a part must be missing in the samples first, and in all that take it alike."""
    declared: dict[str, object] = {}
    for taker in wiring.order:
        for tensor, giver in wiring.taken(taker).items():
            absent = parts[taker].inputs[tensor].absent
            if declared.setdefault(tensor, absent) != absent:
                raise ValueError(f"parts.{taker}.inputs.{tensor}.absent: declared otherwise than in another part")
            if absent is None:
                continue
            certain = [name for name, spec in parts[giver].inputs.items() if spec.absent is None]
            if certain or wiring.taken(giver):
                why = certain[0] if certain else "what it takes of other parts"
                raise ValueError(
                    f"parts.{taker}.inputs.{tensor}.absent: {giver} always gives it, since {why} is never absent"
                )


def refuse_misdeclared(wiring: Wiring, parts: Parts, taker: str, signatures: Mapping[str, Signature]) -> None:
    """Refuse a part that declares what it takes of others as another shape or dtype than they give.

    Args:
        signatures: of those that it takes from, at least.

    Raises:
        ValueError: names both.
    """
    for tensor, giver in wiring.taken(taker).items():
        _refuse_unlike(tensor, taker, parts[taker].inputs[tensor], giver, signatures[giver])


def refuse_misfits(wiring: Wiring, signatures: Mapping[str, Signature]) -> None:
    """Refuse parts that take something of another shape or dtype than is given.

    Raises:
        ValueError: names both.
    """
    for taker in wiring.order:
        for tensor, giver in wiring.taken(taker).items():
            _refuse_unlike(tensor, taker, _tensor(signatures[taker].inputs, tensor), giver, signatures[giver])


def _refuse_unlike(tensor: str, taker: str, taken: InputSpec | TensorSpec, giver: str, gives: Signature) -> None:
    given = _tensor(gives.outputs, tensor)
    if (taken.shape, taken.dtype) != (given.shape, given.dtype):
        raise ValueError(
            f"{taker} takes {tensor} as {taken.dtype} {list(taken.shape)}; "
            f"{giver} gives {given.dtype} {list(given.shape)}"
        )


def whole_signature(wiring: Wiring, signatures: Mapping[str, Signature], step_seconds: float | None) -> Signature:
    """How parts are called as a whole: by what samples hold.

    Raises:
        ValueError: parts take the same of the samples in different ways, or hand something on that has further steps.
    """
    for name, signature in signatures.items():
        taken, own = wiring.taken(name), {spec.name: spec for spec in signature.inputs}
        for tensor in own.keys() - taken.keys():
            first = signatures[wiring.inputs[tensor]]
            if (own[tensor], signature.pre.get(tensor)) != (_tensor(first.inputs, tensor), first.pre.get(tensor)):
                raise ValueError(
                    f"{name} and {wiring.inputs[tensor]} take {tensor} in different ways in their runtimes"
                )
        handed = {spec.name for spec in signature.outputs} - wiring.givers.keys()
        if odd := sorted((taken.keys() & signature.pre.keys()) | (handed & signature.post.keys())):
            raise ValueError(f"{name} has integers at its boundary: {', '.join(odd)}")
    inputs = {name: _tensor(signatures[part].inputs, name) for name, part in wiring.inputs.items()}
    steps = {name: signatures[part].pre[name] for name, part in wiring.inputs.items() if name in signatures[part].pre}
    outputs = [(name, signatures[part]) for name, part in wiring.givers.items()]
    return Signature(
        inputs=tuple(inputs.values()),
        outputs=tuple(_tensor(signature.outputs, name) for name, signature in outputs),
        pre=steps,
        post={name: signature.post[name] for name, signature in outputs if name in signature.post},
        step_seconds=step_seconds,
    )


def declared_inputs(wiring: Wiring, parts: Parts) -> dict[str, InputSpec]:
    """What samples hold, as the parts declare it."""
    return {name: parts[part].inputs[name] for name, part in wiring.inputs.items()}


def stand_ins_of(part: str, wiring: Wiring, declared: Parts) -> dict[str, float]:
    """By output of a part that need not run where its inputs are missing: what then stands in for it."""
    found: dict[str, float] = {}
    for taker in wiring.order:
        for name, giver in wiring.taken(taker).items():
            if giver == part:
                found[name] = stand_in_for(declared[taker].inputs[name].absent)
    return {name: found.get(name, 0.0) for name in declared[part].outputs}


def _tensor(specs: Sequence[TensorSpec], name: str) -> TensorSpec:
    return next(spec for spec in specs if spec.name == name)
