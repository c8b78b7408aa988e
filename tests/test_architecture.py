"""The law of the house: imports point down, and no piece grows too large."""

import ast
import importlib.metadata
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "domov"
# Top first. A room may import from the lines below its own and from itself, never from a neighbour on its line.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("api", "web"),
    ("app",),
    ("jobs",),
    ("route", "documents", "optimize", "tune", "chats", "batches", "access", "connect", "tools", "backup"),
    ("engine", "meter"),
    ("sizing",),
    ("hardware", "store"),
    ("outbound", "database"),
    ("config",),
    ("options",),
    ("files", "migrations"),
    ("types", "errors", "units"),
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
FILES = sorted(SOURCE.rglob("*.py"))
MOST_LINES, MOST_FUNCTION_LINES, MOST_ARGUMENTS = 500, 60, 6


def room_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """Every module of ours that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative imports hide where they point"
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in found if name.startswith("domov.")}


def why_not(room: str, imported: str) -> str | None:
    """A sentence for an import that is not allowed."""
    other = imported.split(".")[1]
    if other == room or LEVEL[other] > LEVEL[room]:
        return None
    return f"{room} may not import {other} ({imported})"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_point_down(path: Path) -> None:
    if path == SOURCE / "__init__.py":
        return
    reasons = [
        why for name in imports_of(path) if name.split(".")[1] in LEVEL and (why := why_not(room_of(path), name))
    ]
    assert not reasons, "; ".join(sorted(reasons))


def test_every_room_has_its_place() -> None:
    rooms = {room_of(p) for p in FILES if p != SOURCE / "__init__.py"}
    assert rooms <= LEVEL.keys(), f"say where these stand: {rooms - LEVEL.keys()}"


def test_the_law_can_be_broken() -> None:
    assert why_not("sizing", "domov.engine.process") == "sizing may not import engine (domov.engine.process)"
    assert why_not("store", "domov.hardware.cpu")
    assert why_not("engine", "domov.store.models") is None


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MOST_FUNCTION_LINES, node.name
            arguments = node.args
            count = len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs)
            count -= sum(a.arg in ("self", "cls") for a in arguments.args[:1])
            assert count <= MOST_ARGUMENTS, node.name


def test_rooms_export_nothing_from_their_door() -> None:
    for path in SOURCE.rglob("__init__.py"):
        assert path.read_text() == "", f"{path} is not empty"


def harmless(node: ast.ImportFrom) -> bool:
    return node.module == "urllib.request" and [a.name for a in node.names] == ["url2pathname"]


def test_nothing_but_outbound_and_the_worker_engine_opens_connections() -> None:
    """The one door: a client library anywhere else would go around the ledger and offline mode."""
    doors = {
        "outbound.py",
        "api/client.py",
        "engine/connection.py",
        "engine/llamacpp.py",
        "engine/paced.py",
        "engine/worker.py",
        "api/listening.py",
        "engine/sandbox.py",
    }
    clients = {"aiohttp", "http.client", "urllib.request", "socket", "httpx", "requests", "ftplib", "smtplib"}
    typing_only = {"store/download.py", "store/huggingface.py"}  # they name the class of an answer
    for path in FILES:
        name = str(path.relative_to(SOURCE))
        tree = ast.parse(path.read_text("utf-8"))
        used = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        used |= {
            f"{n.module}" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module != "urllib.request"
        }
        if name in typing_only:
            assert "ClientSession" not in path.read_text("utf-8")
        elif name not in doors:
            assert not used & clients, f"{name} imports {used & clients}"


def test_site_packages_runs_nothing_at_every_start_of_python() -> None:
    """A `.pth` file with code in it is how a package was backdoored in March 2026."""
    known = {"distutils-precedence.pth"}  # setuptools, where venv still brings it
    for folder in {p for p in sys.path if p.endswith("site-packages")}:
        for path in Path(folder).glob("*.pth"):
            runs = any(line.startswith(("import ", "import\t")) for line in path.read_text("utf-8").splitlines())
            assert not runs or path.name in known, f"{path} runs code"


def test_the_engine_is_pinned_in_one_place_and_installed_so() -> None:
    text = (SOURCE.parent.parent / "pyproject.toml").read_text("utf-8")
    (line,) = [line for line in text.splitlines() if "xllamacpp==" in line]
    assert importlib.metadata.version("xllamacpp") in line
