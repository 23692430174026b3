"""Android's services, on text in the form that AOSP's ThermalManagerService dumps; made, not recorded on a phone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from edgebuild.core.errors import DeviceError
from edgebuild.core.measurement import Environment
from edgebuild.devices.android import hold_performance, parse_thermal, read_thermal, with_thermal
from edgebuild.devices.base import Completed
from edgebuild.devices.transports.fake import FakeTransport, Step

DUMP = """IsStatusOverride: false
ThermalEventListeners:
\tcallbacks: 2
Thermal Status: {status}
Cached temperatures:
\tTemperature{{mValue=99.9, mType=0, mName=CPU0, mStatus=0}}
HAL Ready: true
HAL connection:
\tThermalHAL 2.0 connected: yes
Current temperatures from HAL:
\tTemperature{{mValue=41.5, mType=0, mName=CPU0, mStatus=0}}
\tTemperature{{mValue=36.25, mType=3, mName=skin, mStatus=0}}
\tTemperature{{mValue=100.0, mType=8, mName=bcl, mStatus=0}}
Current cooling devices from HAL:
\tCoolingDevice{{mValue=0, mType=2, mName=cpu}}
Temperature static thresholds from HAL:
"""


def says(code: int, text: str = "") -> Step:
    def step(files: dict[str, bytes], argv: Sequence[str]) -> Completed:
        return Completed(code, text)

    return step


@pytest.mark.parametrize(("status", "throttled"), [(0, False), (1, True), (3, True)])
def test_the_current_temperatures_and_the_status_are_read(status: int, throttled: bool) -> None:
    found = parse_thermal(DUMP.format(status=status))
    assert found == Environment(temperature_mc=(41_500, 36_250), throttled=throttled)


def test_without_a_hal_the_cached_ones_are_read_and_nonsense_is_nothing() -> None:
    assert parse_thermal(DUMP.format(status=0).partition("HAL Ready")[0]).temperature_mc == (99_900,)
    assert parse_thermal("Can't find service: thermalservice") == Environment()
    assert parse_thermal("Temperature{mValue=1e9, mType=0, mName=x, mStatus=0}" * 1000) == Environment()


def test_a_device_without_these_services_is_measured_without() -> None:
    transport = FakeTransport([says(127), says(127)])
    assert read_thermal(transport) == Environment()
    hold_performance(transport)()
    assert len(transport.calls) == 2, "what was not turned on is not turned off"


def test_fixed_performance_is_turned_off_again() -> None:
    transport = FakeTransport([says(0), says(0)])
    off = hold_performance(transport)
    off()
    assert [call[-1] for call in transport.calls] == ["true", "false"]


def test_a_lost_link_is_no_missing_service() -> None:
    def lost(files: dict[str, bytes], argv: Sequence[str]) -> Completed:
        raise DeviceError("d", "the link was lost", transient=True)

    with pytest.raises(DeviceError, match="lost"):
        read_thermal(FakeTransport([lost]))


def test_two_readings_are_joined() -> None:
    own = Environment(load_1min=0.5, throttled=False)
    joined = with_thermal(own, Environment(temperature_mc=(1000,), throttled=True))
    assert joined == Environment(load_1min=0.5, throttled=True, temperature_mc=(1000,))
