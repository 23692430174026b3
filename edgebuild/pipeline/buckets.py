"""A project whose inputs have buckets of shapes, as one project for each: compiled, checked and measured on its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgebuild.core.errors import ConfigError
from edgebuild.core.profile import Profile
from edgebuild.core.project import Project
from edgebuild.core.signature import Shape, Signature


@dataclass(frozen=True)
class Bucket:
    """One of them.

    Attributes:
        label: such as "1x64", by the first input that has buckets; "" where none has.
    """

    label: str
    project: Project


def in_buckets(project: Project, profile: Profile) -> Iterator[Bucket]:
    """The project itself, or one for each bucket, the smallest first.

    Raises:
        ConfigError: the profile changes the model, and each bucket would be given weights of its own.
    """
    bucketed = {name: spec for name, spec in project.model.inputs.items() if spec.buckets}
    if not bucketed:
        yield Bucket("", project)
        return
    if profile.compresses or profile.fit is not None:
        raise ConfigError(
            "[model.inputs] buckets", f"the profile {profile.name} prunes, which would give each its own weights",
            fix="choose a profile without [pruning], [sparsity] and [fit]",
        )  # fmt: skip
    for place in range(len(next(iter(bucketed.values())).sizes)):
        shapes = {name: spec.sizes[place] for name, spec in bucketed.items()}
        inputs = {
            name: spec.model_copy(
                update={"shape": shapes[name], "buckets": tuple(s for s in spec.sizes if s != shapes[name])}
            )
            if name in shapes
            else spec
            for name, spec in project.model.inputs.items()
        }
        label = "x".join(map(str, next(iter(shapes.values()))))
        model = project.model.model_copy(update={"inputs": inputs})
        yield Bucket(label, project.model_copy(update={"name": f"{project.name}-{label}", "model": model}))


def bucket_of(signature: Signature) -> Shape | None:
    """The bucket that a model was compiled for; None where its inputs have none."""
    return next((spec.shape for spec in signature.inputs if spec.buckets), None)
