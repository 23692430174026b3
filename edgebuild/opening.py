"""Opening the device that some budgets are judged on, booted as they need it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edgebuild.core.device import LOCAL
from edgebuild.core.metric import Budget, Mode
from edgebuild.core.target import Target
from edgebuild.devices.base import Device
from edgebuild.devices.opening import open_device
from edgebuild.devices.transports.local import open_local
from edgebuild.store.devices import find_device


def open_for(
    budgets: Iterable[Budget], target: Target, device: str | None, say: Callable[[str], None] = lambda _: None
) -> Device:
    """Open a device; a virtual board counts instructions if there is a budget on them.

    Where no budget is measured, and no device named, none is needed: it is this machine. Errors as ``open_device``.
    """
    budgets = tuple(budgets)
    measured = any(budget.definition.mode for budget in budgets)
    if device is None and not measured and not target.is_estimated:
        return open_local()
    counted = any(budget.definition.mode is Mode.EXACT for budget in budgets)
    return open_device(target, device, say, exact=counted and is_virtual(device))


def is_virtual(device: str | None) -> bool:
    """Whether a device of that name is a virtual board; this machine and a target's own device are not.

    Raises:
        ConfigError: there is none of that name.
    """
    return device not in (None, LOCAL) and find_device(str(device)).virtual is not None
