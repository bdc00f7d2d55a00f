"""Holds the house: who may import whom, who is the sole door to which library, and empty `__init__.py` files.

Every import statement counts: at the top of a module, inside a function, and under TYPE_CHECKING.
"""

import ast
import sys
from pathlib import Path, PurePosixPath

import pytest

pytestmark = pytest.mark.no_cover  # reads the code and runs none of it

PACKAGE = Path(__file__).parents[1] / "kgcv"

# A room is a folder or a single file of the package; it imports rooms of lower rank, and itself.
RANKS = {
    "errors": 0,
    "events": 0,
    "files": 0,
    "launch": 0,
    "archives": 0,
    "config": 1,
    "data": 2,
    "kaggle": 2,
    "scoring": 2,
    "model": 3,
    "submission": 3,
    "engine": 4,
    "recipes": 5,
    "report": 6,
    "cli": 7,
    "__main__": 8,
}

# Rooms or files (from the package's root) that may import a library; all others may not.
DOORS = {
    "pydantic": ("config/",),
    "pydantic_core": ("config/",),
    "annotated_types": ("config/",),
    "yaml": ("config/",),
    "PIL": ("data/images.py",),
    "py7zr": ("archives/seven_zip.py",),
    "kaggle": ("kaggle/",),
    "kagglesdk": ("kaggle/",),
    "requests": ("kaggle/",),
    "urllib3": ("kaggle/",),
    # Splitting is a matter of data; scikit-learn's stratified draws do it.
    "sklearn": ("scoring/", "data/draws.py"),
    "scipy": ("scoring/",),
    "iterstrat": ("data/draws.py",),
    # The engine takes timm's optimizers, moving averages and mixup.
    "timm": ("model/", "engine/"),
    "torchvision": ("model/",),
    "matplotlib": ("report/",),
    "click": ("cli/",),
    "rich": ("cli/",),
    # An optional extra; TensorBoard's is reached through torch.
    "wandb": ("report/wandb_curves.py",),
}

# Loaded only when used: `kgcv --help` stays fast. These rooms may import them inside functions alone.
HEAVY = {
    "torch",
    "timm",
    "pandas",
    "matplotlib",
    "sklearn",
    "kaggle",
    "kagglesdk",
    "requests",
    "urllib3",
    "scipy",
    "wandb",
}
LIGHT_ROOMS = {"errors", "events", "files", "archives", "config", "submission", "report", "cli", "scoring", "kaggle"}

MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def room_of(module):
    """`data/images.py` is in the room `data`, `errors.py` is the room `errors`."""
    return PurePosixPath(module).parts[0].removesuffix(".py")


def imports_of(source, module):
    """Absolute dotted names that `source` imports; `from a import b` counts as a.b, which may be a module."""
    package = ("kgcv", *PurePosixPath(module).parts[:-1])
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            start = ".".join((*base, *([node.module] if node.module else [])))
            yield from (f"{start}.{alias.name}" for alias in node.names)


def top_level_imports_of(source, module):
    """The imports that run when the module is loaded, whatever block they stand in outside functions."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        ):
            node.body = [ast.Pass()]
    yield from imports_of(ast.unparse(ast.fix_missing_locations(tree)), module)


def broken_ranks(source, module):
    """Imports of `source` that do not go downward, as text."""
    room = room_of(module)
    for name in imports_of(source, module):
        parts = name.split(".")
        # The version stands in the package itself, which imports nothing.
        if parts[0] != "kgcv" or name == "kgcv.__version__":
            continue
        target, rank = parts[1], RANKS.get(parts[1], sys.maxsize)
        if not (target == room or rank < RANKS[room] or rank == RANKS[room] == 0):
            yield f"{module} (rank {RANKS[room]}) imports {name}"


def broken_doors(source, module):
    """Imports of libraries that have a sole door elsewhere, as text."""
    for name in imports_of(source, module):
        doors = DOORS.get(name.split(".")[0])
        if doors is not None and not module.startswith(doors):
            yield f"{module} imports {name}, whose door is {' or '.join(doors) or 'nowhere'}"


def read(module):
    return (PACKAGE / module).read_text(encoding="utf-8")


def test_the_package_was_found():
    assert {"errors.py", "cli/main.py", "data/images.py", "config/schema.py"} <= set(MODULES)


def test_every_module_is_in_a_known_room():
    assert {room_of(module) for module in MODULES if module != "__init__.py"} <= RANKS.keys()


@pytest.mark.parametrize("module", [module for module in MODULES if module != "__init__.py"])
def test_imports_go_downward(module):
    assert list(broken_ranks(read(module), module)) == []


@pytest.mark.parametrize("module", MODULES)
def test_libraries_have_one_door(module):
    assert list(broken_doors(read(module), module)) == []


@pytest.mark.parametrize("module", [module for module in MODULES if room_of(module) in LIGHT_ROOMS])
def test_light_rooms_import_heavy_libraries_only_inside_functions(module):
    heavy = [name for name in top_level_imports_of(read(module), module) if name.split(".")[0] in HEAVY]
    assert heavy == []


def test_init_files_are_empty():
    filled = [module for module in MODULES if module.endswith("/__init__.py") and read(module)]
    assert filled == []
    assert list(imports_of(read("__init__.py"), "__init__.py")) == []


def test_no_drawers():
    names = {PurePosixPath(module).stem for module in MODULES}
    assert not {name for name in names if "utils" in name or "helpers" in name or name.startswith("base")}


@pytest.mark.parametrize(
    "module, source",
    [
        ("data/images.py", "from kgcv.model.vision import build_model"),
        ("data/images.py", "def f():\n    from kgcv import engine"),
        ("data/images.py", "from kgcv.scoring import metrics"),
        ("data/images.py", "from ..engine import trainer"),
        ("files.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import kgcv.config.schema"),
        ("model/vision.py", "from kgcv.submission import read_table"),
    ],
)
def test_an_upward_or_sideways_import_is_seen(module, source):
    assert len(list(broken_ranks(source, module))) == 1


@pytest.mark.parametrize(
    "module, source",
    [
        ("cli/train.py", "from kgcv.recipes.train import train"),
        ("data/images.py", "from kgcv.data import samples\nfrom . import labels\nimport numpy"),
        ("files.py", "from kgcv.errors import DataError"),
        ("cli/main.py", "from kgcv import __version__"),
    ],
)
def test_a_downward_import_is_allowed(module, source):
    assert list(broken_ranks(source, module)) == []


@pytest.mark.parametrize(
    "module, source",
    [
        ("data/resize.py", "from PIL import Image"),
        ("recipes/train.py", "def f():\n    import click"),
        ("data/splits.py", "import torchvision"),
        ("engine/trainer.py", "import matplotlib.pyplot as plt"),
    ],
)
def test_a_library_behind_the_wrong_door_is_seen(module, source):
    assert len(list(broken_doors(source, module))) == 1


def test_lazy_imports_are_told_from_those_at_load():
    source = (
        "import torch\n"
        "try:\n    import pandas\nexcept ImportError:\n    raise\n"
        "def f():\n    import timm\n"
        "if TYPE_CHECKING:\n    import matplotlib\n"
    )
    assert set(top_level_imports_of(source, "cli/main.py")) == {"torch", "pandas"}


def test_every_third_party_import_is_declared_somewhere():
    """A library that is imported is a dependency of pyproject.toml, not one that happens to be installed."""
    import tomllib

    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # What an extra installs may be imported too, behind a door; the tools of development may not.
    extras = {name: lines for name, lines in project["optional-dependencies"].items() if name != "dev"}
    lines = [*project["dependencies"], *(line for extra in extras.values() for line in extra)]
    declared = {line.split(">")[0].lower() for line in lines}
    names = {
        "PIL": "pillow",
        "annotated_types": "annotated-types",
        "pydantic_core": "pydantic",  # one project in two packages, of which the other depends on this
        "yaml": "pyyaml",
        "sklearn": "scikit-learn",
        "iterstrat": "iterative-stratification",
        "kagglesdk": "kaggle",  # the lower half of the client, in a package of its own
        "urllib3": "requests",  # names the causes inside its errors
    }
    imported = {name.split(".")[0] for module in MODULES for name in imports_of(read(module), module)}
    third_party = imported - sys.stdlib_module_names - {"kgcv"}
    assert {names.get(name, name) for name in third_party} <= declared
