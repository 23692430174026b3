"""How wide each group becomes: what is least important for what it costs goes first, until the rest is cheap enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import accumulate
from math import inf

from edgebuild.compress.costs import Cost
from edgebuild.core.errors import BuildError

_JUMPS = (1, 2, 3, 4, 6, 8, 12, 16)
"""How many steps narrower a group is tried at once: cost is a staircase, and the next stair may be some steps down."""

_ROUNDING = 1e-9
"""As a share of a cost, what the order of its sums may change in it."""


@dataclass(frozen=True)
class Choice:
    """The widths to choose from.

    Attributes:
        importance: by group, of each of its channels; comparable between groups.
        cost: of a program at any widths.
        round_to: widths that the target's kernels run at full speed are multiples of it.
        least: of no group stays less than this share.
        unit: what cost is counted in, for people.
    """

    importance: Mapping[str, Sequence[float]]
    cost: Cost
    round_to: int = 1
    least: float = 0.05
    unit: str = ""
    _losses: dict[str, list[float]] = field(default_factory=dict)

    def loss(self, group: str, width: int) -> float:
        """The importance that goes when a group becomes so wide: of its least important channels."""
        if group not in self._losses:
            self._losses[group] = [0.0, *accumulate(sorted(self.importance[group]))]
        return self._losses[group][len(self.importance[group]) - width]

    def widths(self, group: str) -> list[int]:
        """What a group can be, widest first."""
        return possible_widths(len(self.importance[group]), self.round_to, self.least)


def possible_widths(full: int, round_to: int, least: float) -> list[int]:
    """What a group of some width can become, widest first; the arguments as of ``Choice``."""
    floor = max(1, round(full * least))
    aligned = range(full // round_to * round_to, 0, -round_to)
    chosen = [width for width in aligned if floor <= width < full]
    return [full, *(chosen or ([floor] if floor < full <= round_to else []))]


def allocate(choice: Choice, limit: float) -> dict[str, int]:
    """Widths that cost at most ``limit`` and lose as little importance as can be found.

    Raises:
        BuildError: none do.
    """
    steps = _steps(choice)
    at = _narrow(choice, steps, limit)
    least = choice.cost(_widths(steps, at))
    if least > limit:
        told = f"{least:.4g} {choice.unit}".strip()
        raise BuildError(
            "prune",
            f"even at its cheapest widths the model costs {told}, and {limit:.4g} are allowed",
            expected=f"a limit of at least {told}",
            fix="allow more, or give a smaller model",
        )
    _widen(choice, steps, at, limit)
    return _widths(steps, at)


def cheapest(choice: Choice) -> dict[str, int]:
    """The widths that cost least: not always the narrowest, as kernels for few channels can be slower."""
    steps = _steps(choice)
    return _widths(steps, _narrow(choice, steps, limit=0.0))


def least_important(importance: Mapping[str, Sequence[float]], widths: Mapping[str, int]) -> dict[str, list[int]]:
    """By group, the numbers of the channels that go: the least important ones."""
    gone = {}
    for group, values in importance.items():
        order = sorted(range(len(values)), key=lambda number, known=values: (known[number], number))  # type: ignore[misc]
        if len(values) > widths[group]:
            gone[group] = sorted(order[: len(values) - widths[group]])
    return gone


def _steps(choice: Choice) -> dict[str, list[int]]:
    return {group: choice.widths(group) for group in choice.importance}


def _widths(steps: Mapping[str, Sequence[int]], at: Mapping[str, int]) -> dict[str, int]:
    return {group: steps[group][place] for group, place in at.items()}


def _narrow(choice: Choice, steps: dict[str, list[int]], limit: float) -> dict[str, int]:
    """Take the step that loses least for what it saves, until the limit is met, or no step is left.

    What a step saves shrinks as others are taken, so one that was looked at before is looked at again only when it is
    the next to be taken. A group of which no step is worth anything is looked at again when there are no others.

    Returns:
        By group, how many of its steps were taken.
    """
    at = dict.fromkeys(steps, 0)
    now = choice.cost(_widths(steps, at))
    waiting = [(0.0, group, 0) for group in sorted(steps)]
    useless: list[tuple[float, str, int]] = []
    taken = False
    while now > limit and (waiting or (taken and useless)):
        if not waiting:
            waiting, useless, taken = useless, [], False
        _, group, _ = heappop(waiting)
        found = _best(choice, steps, at, group, now, limit)
        if found is None:
            useless.append((0.0, group, 0))
            continue
        if waiting and found[0] > waiting[0][0]:
            heappush(waiting, found)
            continue
        at[group], taken = found[2], True
        now = choice.cost(_widths(steps, at))
        heappush(waiting, (0.0, group, 0))
    return at


def _best(
    choice: Choice, steps: dict[str, list[int]], at: dict[str, int], group: str, now: float, limit: float
) -> tuple[float, str, int] | None:
    """A group's own best step; what it saves beyond the limit does not count, and where it saves nothing it is last.

    One that makes the model dearer is none.
    """
    widths, best = _widths(steps, at), None
    for jump in _JUMPS:
        place = at[group] + jump
        if place >= len(steps[group]):
            break
        width = steps[group][place]
        saved = min(now - choice.cost({**widths, group: width}), now - limit)
        if saved < -_ROUNDING * now:
            continue
        lost = choice.loss(group, width) - choice.loss(group, widths[group])
        ratio = lost / saved if saved > 0 else inf
        if best is None or ratio < best[0]:
            best = ratio, group, place
    return best


def _widen(choice: Choice, steps: dict[str, list[int]], at: dict[str, int], limit: float) -> None:
    """Give back what there is still room for, the most important for its cost first."""
    while True:
        widths, now = _widths(steps, at), choice.cost(_widths(steps, at))
        best: tuple[float, str] | None = None
        for group, place in at.items():
            if place == 0:
                continue
            wider = steps[group][place - 1]
            cost = choice.cost({**widths, group: wider})
            won = choice.loss(group, widths[group]) - choice.loss(group, wider)
            gain = won / max(cost - now, 1e-12)
            if cost <= limit and (best is None or gain > best[0]):
                best = gain, group
        if best is None:
            return
        at[best[1]] -= 1
