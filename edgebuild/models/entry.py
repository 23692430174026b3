"""Entry points: the user's own Python, ``file.py:callable``, run in isolation and watched."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
import linecache
import random
import re
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

from edgebuild.core.array import np
from edgebuild.core.digest import Digest
from edgebuild.core.errors import BuildError, ConfigError, EdgebuildError
from edgebuild.models import entry_key
from edgebuild.models.blame import is_library_file, prints_to_stderr, short_text, user_location
from edgebuild.models.paths import existing, inside
from edgebuild.models.watch import watching
from edgebuild.store.cache import Cache

_ENTRY = re.compile(r"^(?P<file>[^:]+\.py)(?::(?P<name>.*))?$")
_FORM = "file.py:callable, such as model.py:make"


def is_entry(source: str) -> bool:
    """Whether a source names a Python file, so is meant as an entry point."""
    return _ENTRY.match(source) is not None


def call_entry(
    spec: str,
    root: Path,
    *,
    pure: bool,
    input_files: tuple[str, ...],
    cache: Cache,
    arguments: tuple[object, ...] = (),
) -> object:
    """What the entry point returns; it is always run.

    Args:
        spec: ``file.py:callable`` inside ``root``.
        root: the project's folder.
        pure: if not, nothing is remembered, so ``entry_state`` stays None.
        input_files: further files it depends on.
        cache: remembers what it read.
        arguments: what it is called with.

    Raises:
        ConfigError: the file or the callable does not exist, or the file is not Python.
        BuildError: it raised; with the user's own file and line.
    """
    with open_entry(spec, root, pure=pure, input_files=input_files, cache=cache) as call:
        return call(*arguments)


def entry_state(spec: str, root: Path, *, pure: bool, input_files: tuple[str, ...], cache: Cache) -> Digest | None:
    """The key of an entry point from what it read when it last ran, without running it; None if it must be run."""
    return entry_key.recall(spec, root, input_files, cache) if pure else None


@contextlib.contextmanager
def open_entry(
    spec: str, root: Path, *, pure: bool, input_files: tuple[str, ...], cache: Cache
) -> Iterator[Callable[..., object]]:
    """The entry point as a callable, for as long as its modules can be imported; what it reads is remembered.

    Raises:
        ConfigError, BuildError: as ``call_entry``.
    """
    path, name = _locate(spec, root)
    for declared in input_files:
        existing(root / declared, "input_files")
    with watching() as watch, _own_imports(path.parent) as loaded, prints_to_stderr():
        function = _function(_import(path, spec), name, spec)

        def call(*arguments: object) -> object:
            _check_call(function, arguments, spec)
            with _failures(spec, "raised"):
                return function(*arguments)

        yield call
        read = {path, *watch.files(), *loaded()}
    if pure:
        entry_key.remember(spec, root, read, watch.folders(), input_files, cache)


def _locate(spec: str, root: Path) -> tuple[Path, str]:
    match = _ENTRY.match(spec)
    if match is None or not match["name"] or not match["name"].isidentifier():
        raise ConfigError(spec, "not an entry point", expected=_FORM, fix="name the callable after a colon")
    path = inside(root, match["file"], spec)
    if path.is_dir():
        raise ConfigError(spec, f"{match['file']} is a folder", expected=_FORM, fix="name a file in it")
    return path, match["name"]


def _import(path: Path, spec: str) -> types.ModuleType:
    """Run the file as a module under a private name that is the same in every folder."""
    module = types.ModuleType(f"edgebuild_entry_{re.sub(r'[^0-9A-Za-z_]', '_', path.stem)}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    with _failures(spec, "could not be imported"):
        try:
            code = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            raise ConfigError(
                f"{path.name}:{line}", f"not valid Python: {short_text(error)}", fix="correct it"
            ) from error
        exec(code, module.__dict__)  # noqa: S102 - running the user's own file is the purpose
    return module


def _function(module: types.ModuleType, name: str, spec: str) -> Callable[..., object]:
    function = getattr(module, name, None)
    if callable(function):
        return function  # type: ignore[no-any-return]
    own = [n for n, v in vars(module).items() if callable(v) and getattr(v, "__module__", "") == module.__name__]
    near = difflib.get_close_matches(name, own, 1)
    found = (
        f"{name!r} is {type(function).__name__}, not callable"
        if hasattr(module, name)
        else f"there is no {name!r} in it"
    )
    raise ConfigError(
        spec,
        found,
        expected=f"one of: {', '.join(own)}" if own else "a function in that file",
        fix=f"did you mean {near[0]}?" if near else "correct the name after the colon",
    )


def _check_call(function: Callable[..., object], arguments: tuple[object, ...], spec: str) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # a callable without one
        return
    try:
        signature.bind(*arguments)
    except TypeError as error:
        how = f"with {len(arguments)} arguments" if arguments else "without arguments"
        raise ConfigError(
            spec, f"takes {signature}: {error}", expected=f"a callable that is called {how}",
            fix="give its other arguments defaults",
        ) from error  # fmt: skip


@contextlib.contextmanager
def _failures(spec: str, what: str) -> Iterator[None]:
    """Map whatever the user's code does wrong; edgebuild's own errors and Ctrl-C pass."""
    try:
        yield
    except EdgebuildError:
        raise
    except SystemExit as error:
        raise _failed(
            spec, f"called sys.exit({error.code!r})", error, "return the result instead of exiting"
        ) from error
    except ImportError as error:
        raise _failed(spec, what, error, "install the package, or correct the import") from error
    except Exception as error:
        raise _failed(spec, what, error, "correct it; run it alone with python to see its whole traceback") from error


def _failed(spec: str, what: str, error: BaseException, fix: str) -> BuildError:
    place = user_location(error)
    words = "" if isinstance(error, SystemExit) else f": {short_text(error)}"
    return BuildError("load", f"{spec} {what}{f' at {place}' if place else ''}{words}", fix=fix)


@contextlib.contextmanager
def _own_imports(folder: Path) -> Iterator[Callable[[], list[Path]]]:
    """Let the file's neighbours be imported, and forget them afterwards: two projects must not mix.

    Gives a function that lists the user's modules imported so far.
    """
    before = dict(sys.modules)
    hidden = _strangers(folder)
    for name in hidden:
        del sys.modules[name]
    path, bytecode = list(sys.path), sys.dont_write_bytecode
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    importlib.invalidate_caches()
    linecache.checkcache()
    _seed()
    try:
        yield lambda: [file for file in _user_modules(before).values() if file is not None]
    finally:
        for name in _user_modules(before):
            sys.modules.pop(name, None)
            if name in before:
                sys.modules[name] = before[name]
        sys.modules.update(hidden)
        sys.path[:] = path
        sys.dont_write_bytecode = bytecode


def _strangers(folder: Path) -> dict[str, types.ModuleType]:
    """Modules that somebody imported from elsewhere, under the names of the file's neighbours here.

    The folder is not listed for it: that would be watched.
    """
    tops = {name.partition(".")[0] for name in sys.modules}
    neighbours = {top for top in tops if (folder / f"{top}.py").is_file() or (folder / top).is_dir()}
    named = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in neighbours}
    return {name: module for name, module in named.items() if _is_elsewhere(module, folder)}


def _is_elsewhere(module: types.ModuleType, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return bool(file) and not is_library_file(str(file)) and not Path(str(file)).is_relative_to(folder)


def _user_modules(before: dict[str, types.ModuleType]) -> dict[str, Path | None]:
    """The user's modules that are new, each with its file; None for a folder without ``__init__.py``."""
    found: dict[str, Path | None] = {}
    for name, module in list(sys.modules.items()):
        if before.get(name) is module:
            continue
        file = getattr(module, "__file__", None)
        places = [file] if file else list(getattr(module, "__path__", ()))
        if places and not is_library_file(str(places[0])):
            found[name] = Path(file) if file else None
    return found


def _seed() -> None:
    """Start the global random numbers at one place, so that two builds of one project agree."""
    random.seed(0)
    np.random.seed(0)  # the global one is what users' code draws from
    if "torch" in sys.modules:
        import torch

        torch.manual_seed(0)
