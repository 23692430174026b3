"""Name the devices that are measured on: which target each is, and how it is reached."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebuild.cli.console import Json, emit, progress
from edgebuild.core.errors import ConfigError

if TYPE_CHECKING:
    from edgebuild.core.device import DeviceEntry, Virtual
    from edgebuild.core.target import Target

app = typer.Typer(add_completion=False, no_args_is_help=True)
Root = Annotated[Path, typer.Option("--project", help="The project's folder, whose own targets come first.")]


@app.command("list")
def list_(json: Json = False) -> int:
    """List every device that was added: name, target, how it is reached, and whether a job has it. None is contacted.

    A device whose file is broken is listed with what is wrong; the exit code is 2 then.
    """
    from edgebuild.store.devices import device_names

    outcomes = [_outcome(name) for name in device_names()]
    rows = [row for row, _ in outcomes if row]
    broken = [wrong for _, wrong in outcomes if wrong]
    text = "\n".join([_table(rows) if rows else "no device is there yet", *(str(each["message"]) for each in broken)])
    return emit("devices list", {"devices": rows}, text, json=json, exit_code=2 if broken else 0, outcomes=broken)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What you call it.")],
    ssh: Annotated[
        str | None, typer.Option(help="Reached over ssh: an alias of ~/.ssh/config, user@host, or user@host:port.")
    ] = None,
    adb: Annotated[str | None, typer.Option(help="Reached over adb: its serial.")] = None,
    virtual: Annotated[
        str | None,
        typer.Option(help='A virtual board with this processor; "auto": the one that stands for the target.'),
    ] = None,
    memory: Annotated[str, typer.Option(help="A virtual board's memory.")] = "512MiB",
    transport: Annotated[str, typer.Option(help="How a virtual board is reached: ssh or adb.")] = "ssh",
    target: Annotated[str | None, typer.Option("--target", "-t", help="The target it is.")] = None,
    python: Annotated[str | None, typer.Option(help="The Python interpreter there.")] = None,
    folder: Annotated[str | None, typer.Option(help="Where edgebuild may write there.")] = None,
    native: Annotated[
        str | None, typer.Option(help="On a phone without Python: the path there of the vendor's benchmark program.")
    ] = None,
    project: Root = Path(),
    json: Json = False,
) -> int:
    """Add a device. It is not contacted."""
    from edgebuild.store.catalog import find_target
    from edgebuild.store.devices import new_device, save_device

    found = find_target(target, project) if target is not None else None
    values: dict[str, object] = {"name": name, "target": target, "python": python, "folder": folder, "native": native}
    if virtual is not None:
        values |= _virtual(virtual, memory, transport, found, real=ssh or adb)
    else:
        values["transport"], values["address"] = _reached(ssh, adb)
    entry = new_device(values)
    file = save_device(entry)
    result = {"file": str(file), "device": entry.model_dump(mode="json", by_alias=True, exclude_none=True)}
    return emit("devices add", result, f"added {entry.name}: {file}", json=json)


@app.command()
def up(
    name: str,
    exact: Annotated[bool, typer.Option(help="Its clock counts executed instructions.")] = False,
    json: Json = False,
) -> int:
    """Boot a virtual board that stays up until devices down; what is written to its disk is forgotten then."""
    from edgebuild.devices.board.up import bring_up, described
    from edgebuild.store.devices import find_device

    with progress() as say:
        running, booted = bring_up(find_device(name), say, exact=exact)
    board = {"ssh_config": str(running.ssh_config), "ports": running.ports.model_dump(exclude_none=True)}
    result = {"name": name, "booted": booted, "versions": running.versions, **board}
    text = f"{name} is up{'' if booted else ' already'}: {described(running.spec)}"
    return emit("devices up", result, f"{text}\nssh -F {running.ssh_config} board", json=json)


@app.command()
def down(name: str, json: Json = False) -> int:
    """End a virtual board that stays up, once no job has it."""
    from edgebuild.devices.board.up import spec_of, take_down
    from edgebuild.store.devices import find_device

    spec_of(find_device(name))
    with progress() as say:
        ended = take_down(name, say)
    text = f"{name} is down" if ended else f"{name} was not up"
    return emit("devices down", {"name": name, "ended": ended}, text, json=json)


@app.command()
def setup(
    name: str,
    runtime: Annotated[
        list[str] | None, typer.Option(help="NAME or NAME==VERSION; repeatable. Default: that of its target.")
    ] = None,
    bundle: Annotated[
        list[Path] | None,
        typer.Option(help="A bundle to be run there, each of whose parts brings its runtime; repeatable."),
    ] = None,
    python: Annotated[str | None, typer.Option(help="The interpreter there that the environment is made from.")] = None,
    upgrade: Annotated[bool, typer.Option(help="Resolve wheels again, instead of those pinned last time.")] = False,
    project: Root = Path(),
    json: Json = False,
) -> int:
    """Put the runtimes on a device, which needs no network: wheels are resolved here, pinned, pushed and tested there.

    A second time it finds them and changes nothing.
    """
    from edgebuild.provisioning import runtimes_for, set_up
    from edgebuild.store.bundle import open_bundle

    wanted = runtimes_for([open_bundle(path) for path in bundle or ()], runtime or ())
    with progress() as say:
        done = set_up(name, wanted, python=python, anew=upgrade, root=project, say=say)
    what = "set up" if done.changed else "is set up already, nothing was changed"
    packages = ", ".join(f"{wheel.name} {wheel.version}" for wheel in done.lock.wheels)
    return emit("devices setup", done.as_json(), f"{name} {what}: {packages}\n{done.python}", json=json)


@app.command()
def probe(
    name: Annotated[str, typer.Argument(help="A device that was added, or local: this machine.")],
    write: Annotated[bool, typer.Option("--write", help="Write a target file for it, in the project.")] = False,
    project: Root = Path(),
    json: Json = False,
) -> int:
    """Find out what a device is: its hardware, its floors, which target fits, and what to mend before measuring."""
    from edgebuild.probing import probe as look
    from edgebuild.probing import write_target
    from edgebuild.report.probe import probe_text

    with progress() as say:
        found = look(name, project, say)
    file = write_target(found, project) if write else None
    text = probe_text(found) + (f"\nwrote     {file}" if file else "")
    return emit("devices probe", found.as_json() | {"file": str(file) if file else None}, text, json=json)


@app.command()
def remove(
    name: str,
    forget: Annotated[bool, typer.Option(help="Leave what is on the device, which may be gone.")] = False,
    json: Json = False,
) -> int:
    """Forget a device, and remove from it what setup put there."""
    from edgebuild.provisioning import take_away

    with progress() as say:
        cleared = take_away(name, forget=forget, say=say)
    text = f"removed {name}{', and what was set up on it' if cleared else ''}"
    return emit("devices remove", {"name": name, "cleared": cleared}, text, json=json)


def _virtual(cpu: str, memory: str, transport: str, target: Target | None, *, real: str | None) -> dict[str, object]:
    """What a virtual board's file states of the board."""
    from edgebuild.core.units import Unit, parse_quantity
    from edgebuild.devices.board.cpus import cpu_for

    if real is not None:
        raise ConfigError("devices add", "a virtual board has no address", fix="leave out --ssh and --adb")
    if transport not in ("ssh", "adb"):
        raise ConfigError("--transport", f"is {transport!r}", expected="ssh or adb")
    try:
        mebibytes = parse_quantity(memory, Unit.BYTE) / 2**20
    except ValueError as error:
        raise ConfigError("--memory", str(error), expected='a size such as "512MiB"') from error
    if not mebibytes.is_integer():
        raise ConfigError("--memory", f"is {memory}", expected='whole mebibytes, such as "512MiB"')
    return {"transport": transport, "virtual": {"cpu": cpu_for(cpu, target), "memory_mib": int(mebibytes)}}


def _reached(ssh: str | None, adb: str | None) -> tuple[str, str]:
    """The one transport that was given, and the address."""
    given = [(transport, address) for transport, address in (("ssh", ssh), ("adb", adb)) if address is not None]
    if len(given) != 1:
        found = "it is not said how it is reached" if not given else "it is reached in more than one way"
        raise ConfigError("devices add", found, expected="one of --ssh HOST, --adb SERIAL, --virtual CPU")
    return given[0]


def _outcome(name: str) -> tuple[dict[str, object], dict[str, object]]:
    """A device's row, or what is wrong with its file."""
    from edgebuild.store.devices import find_device

    try:
        return _row(find_device(name)), {}
    except ConfigError as error:
        return {}, {"subject": name, "exit_code": error.exit_code, "message": error.message}


def _row(entry: DeviceEntry) -> dict[str, object]:
    from edgebuild.devices.lock import is_held

    row: dict[str, object] = {
        "name": entry.name, "target": entry.target, "transport": entry.transport, "address": entry.address or "",
        "busy": is_held(entry.name),
    }  # fmt: skip
    return row if entry.virtual is None else row | _board(entry.name, entry.virtual)


def _board(name: str, virtual: Virtual) -> dict[str, object]:
    """What a virtual board's row has instead of an address."""
    from edgebuild.devices.board.up import board_up

    is_up = board_up(name) is not None
    where = f"virtual {virtual.cpu}, {virtual.memory_mib} MiB{', up' if is_up else ''}"
    return {"address": where, "up": is_up}


def _table(rows: list[dict[str, object]]) -> str:
    shown = [
        {
            "name": row["name"],
            "target": row["target"] or "any target",
            "transport": row["transport"],
            "address": row["address"],
            "busy": "busy" if row["busy"] else "free",
        }
        for row in rows
    ]
    widths = {key: max(len(str(row[key])) for row in shown) for key in shown[0]}
    return "\n".join("  ".join(f"{row[key]!s:<{widths[key]}}" for key in row).rstrip() for row in shown)
