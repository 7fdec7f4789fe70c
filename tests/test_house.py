"""The house: a file imports only from storeys below it, a room not from its neighbours."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "edge_agent"

#: The drawing of the house. A file of a room may import its own room and the storeys below.
STOREYS = [
    ["__init__", "errors", "types", "clock"],
    ["settings", "ports", "geometry", "backoff"],
    ["config", "policy", "wakeup", "tracking", "rules", "contract"],
    ["source", "detect", "deliver", "health", "journal", "position", "scenes", "stage"],
    ["hotloop"],
    ["app"],
    ["commands", "cli", "__main__"],
]
ROOM_STOREY = {room: number for number, rooms in enumerate(STOREYS) for room in rooms}
#: Storey 0 and 1 are plain files that may see each other; the last storey is one doorway.
OPEN_STOREYS = {0, 1, len(STOREYS) - 1}


def room_of(file: Path) -> str:
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(file: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(file.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names]
                if node.module == "edge_agent"
                else [node.module]
            )
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "edge_agent":
                rooms.add(parts[1] if len(parts) > 1 and parts[1] in ROOM_STOREY else "__init__")
    return rooms


@pytest.mark.parametrize("file", sorted(ROOT.rglob("*.py")), ids=lambda f: str(f.relative_to(ROOT)))
def test_a_file_imports_only_from_storeys_below(file: Path) -> None:
    room = room_of(file)
    assert room in ROOM_STOREY, f"{room} has no place in the table of the house"
    storey = ROOM_STOREY[room]
    for other in imported_rooms(file) - {room}:
        below = ROOM_STOREY[other] < storey
        neighbour_allowed = storey in OPEN_STOREYS and ROOM_STOREY[other] == storey
        assert below or neighbour_allowed, f"{file} ({room}) imports {other}"
