"""Checkpoints of a recovery: safetensors, which hold tensors and text and nothing that runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pydantic import Field, ValidationError

from edgebuild.compress.telling import Say
from edgebuild.core.base import Frozen
from edgebuild.core.digest import Digest
from edgebuild.core.recovery import EpochScore, Precision
from edgebuild.store.files import write_atomic, writing
from edgebuild.store.scratch import remove

if TYPE_CHECKING:
    import torch

Groups: TypeAlias = "dict[str, dict[str, torch.Tensor]]"

NAME = "checkpoint.safetensors"
_FACTS = "edgebuild"


class CheckpointFacts(Frozen):
    """What a checkpoint says of itself.

    Attributes:
        key: of all that decides the result: settings, models and data. A checkpoint of another key is not taken up.
        step: steps done.
        precision: what "auto" was decided to be.
        scores: before the first epoch, and after each one that is finished.
        best_epoch: which of them is kept.
        finished: whether training is over.
        seconds: spent so far.
    """

    key: Digest
    step: int = Field(ge=0)
    precision: Precision
    scores: tuple[EpochScore, ...] = Field(min_length=1)
    best_epoch: int = Field(ge=0)
    finished: bool
    seconds: float = Field(ge=0)


def write_checkpoint(folder: Path, facts: CheckpointFacts, groups: Mapping[str, Mapping[str, torch.Tensor]]) -> None:
    """Replace the folder's checkpoint, all at once.

    Args:
        folder: is made if need be.
        facts: about it.
        groups: tensors by group and name, such as ``model`` and ``stem.weight``.

    Raises:
        BuildError: the disk is full. ConfigError: the folder can't be written to.
    """
    from safetensors.torch import save

    tensors = {
        f"{group}/{name}": tensor.detach().to("cpu").contiguous()
        for group, named in groups.items()
        for name, tensor in named.items()
    }
    data = save(tensors, metadata={_FACTS: facts.canonical_json().decode()})
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / NAME, data)


def read_checkpoint(
    folder: Path, key: Digest, model: Mapping[str, torch.Tensor], say: Say
) -> tuple[CheckpointFacts, Groups] | None:
    """The folder's checkpoint, or None, saying why one that is there is not taken up.

    Args:
        folder: where it is looked for.
        key: what it must be of.
        model: the tensors that its groups ``model`` and ``best`` must have, by name and shape.
        say: told why not.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        found = _read(path, key, model)
    except (ValidationError, OSError, ValueError) as error:
        say(f"{path.name} is damaged ({type(error).__name__}): training starts anew")
        return None
    if found is None:
        say(f"{path.name} is of other settings, another model or other data: training starts anew")
    return found


def _read(path: Path, key: Digest, model: Mapping[str, torch.Tensor]) -> tuple[CheckpointFacts, Groups] | None:
    """None if it is of another key.

    Raises:
        ValueError, OSError: it cannot be read, or not all is there.
    """
    from safetensors import SafetensorError, safe_open

    groups: Groups = {}
    try:
        with safe_open(path, framework="pt") as file:
            facts = CheckpointFacts.model_validate_json((file.metadata() or {}).get(_FACTS, ""))
            if facts.key != key:
                return None
            for name in file.keys():  # noqa: SIM118 - no mapping
                group, _, rest = name.partition("/")
                groups.setdefault(group, {})[rest] = file.get_tensor(name).clone()
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    shapes = {name: tensor.shape for name, tensor in model.items()}
    for group in ("model", "best"):
        if {name: tensor.shape for name, tensor in groups.get(group, {}).items()} != shapes:
            raise ValueError(f"{group} has other tensors")
    return facts, groups


def remove_checkpoint(folder: Path) -> None:
    """Take the folder's checkpoint away, if there is one."""
    remove(folder / NAME)
