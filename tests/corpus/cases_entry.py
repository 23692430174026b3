"""Entry points that are missing, misspelt, or do something else than return what they should."""

from __future__ import annotations

from corpus_case import Cases
from corpus_place import MODEL, Place

CASES = case = Cases()


def source(place: Place, spec: str) -> None:
    place.toml("model.py:make", spec)


def model(place: Place, body: str, top: str = "") -> None:
    place.write("model.py", MODEL.partition("def make")[0] + top + f"\ndef make():\n    {body}\n")


@case(2, "modle.py:make", "modle.py does not exist", "did you mean model.py")
def entry_file_misspelt(place: Place) -> None:
    source(place, "modle.py:make")


@case(2, "nets/model.py:make", "nets does not exist")
def entry_folder_missing(place: Place) -> None:
    source(place, "nets/model.py:make")


@case(2, "model.py:mke", "there is no 'mke'", "did you mean make")
def entry_callable_misspelt(place: Place) -> None:
    source(place, "model.py:mke")


@case(2, "model.py", "not an entry point", "model.py:make")
def entry_without_callable(place: Place) -> None:
    source(place, "model.py")


@case(2, "model.py:Net.make()", "not an entry point", "name the callable")
def entry_an_expression(place: Place) -> None:
    source(place, "model.py:Net.make()")


@case(2, "model.py:torch", "is module, not callable", "make")
def entry_not_callable(place: Place) -> None:
    source(place, "model.py:torch")


@case(2, "../model.py:make", "leads out of the project's folder")
def entry_outside_the_project(place: Place) -> None:
    (place.root / "model.py").write_text(MODEL)
    source(place, "../model.py:make")


@case(2, "link.py:make", "leads out of the project's folder")
def entry_a_link_to_outside(place: Place) -> None:
    (place.root / "model.py").write_text(MODEL)
    (place.project / "link.py").symlink_to(place.root / "model.py")
    source(place, "link.py:make")


@case(2, "folder.py:make", "is a folder")
def entry_file_is_a_folder(place: Place) -> None:
    (place.project / "folder.py").mkdir()
    source(place, "folder.py:make")


@case(2, "model.py:3", "not valid Python", "SyntaxError")
def entry_not_python(place: Place) -> None:
    place.write("model.py", "import torch\n\ndef make(:\n")


@case(2, "model.py", "not valid Python", "null bytes")
def entry_of_null_bytes(place: Place) -> None:
    place.write("model.py", b"\0\0\0\0")


@case(3, "load", "model.py:make raised at model.py:20", "RuntimeError: no such checkpoint")
def entry_raises(place: Place) -> None:
    model(place, 'raise RuntimeError("no such checkpoint")', "\n")


@case(3, "model.py:make could not be imported at model.py:1", "ZeroDivisionError")
def entry_raises_when_imported(place: Place) -> None:
    place.write("model.py", "1 / 0\n" + MODEL)


@case(3, "model.py:make called sys.exit(1)", "return the result")
def entry_exits(place: Place) -> None:
    model(place, "import sys; sys.exit(1)")


@case(3, "model.py:make called sys.exit(0)", "model.py:1")
def entry_exits_when_imported(place: Place) -> None:
    place.write("model.py", "raise SystemExit(0)\n" + MODEL)


@case(3, "No module named 'torchvison'", "install the package")
def entry_import_missing(place: Place) -> None:
    place.write("model.py", "import torchvison\n" + MODEL)


@case(2, "model.py:make", "takes (width)", "without arguments", "defaults")
def entry_wants_an_argument(place: Place) -> None:
    place.edit("model.py", "def make():", "def make(width):")


@case(3, "model.py:make raised", "RecursionError")
def entry_without_end(place: Place) -> None:
    model(place, "return make()")


@case(3, "model.py:make raised", "Unspeakable")
def entry_raises_what_cannot_be_shown(place: Place) -> None:
    shy = "class Unspeakable(Exception):\n    def __str__(self):\n        raise ValueError('no words')\n\n"
    model(place, "raise Unspeakable", shy)


@case(3, "model.py:make raised", "FileNotFoundError", "weights.pth")
def entry_reads_a_missing_file(place: Place) -> None:
    model(place, 'return torch.load("weights.pth")')


@case(3, "model.py:make returned OrderedDict", "torch.nn.Module", "return the model itself")
def entry_returns_weights(place: Place) -> None:
    model(place, "return Net().state_dict()")


@case(3, "model.py:make returned type", "return the model itself")
def entry_returns_the_class(place: Place) -> None:
    model(place, "return Net")


@case(3, "model.py:make returned NoneType", "torch.nn.Module")
def entry_forgets_to_return(place: Place) -> None:
    model(place, "Net()")


@case(130, "interrupted", "run it again")
def entry_is_interrupted(place: Place) -> None:
    model(place, "raise KeyboardInterrupt")
