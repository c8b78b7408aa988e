"""Stories that a client keeps on the server: twelve places, each a file.

stories/<number>.json   title, format and the story itself, which nobody reads but the client that wrote it
"""

from pathlib import Path
from typing import Any

import orjson

from domov.errors import BadRequest, Broken
from domov.files import disk_errors, write_atomically

PLACES = 12
MOST_CHARACTERS = 10 << 20


class Stories:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def titles(self) -> list[str]:
        """Of each place; empty where there is no story."""
        return [str((self.load(place) or {}).get("title", "")) for place in range(PLACES)]

    def load(self, place: int) -> dict[str, Any] | None:
        """Raises Broken for a file that is damaged; it is left as it is."""
        path = self._path(place)
        try:
            table = orjson.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, orjson.JSONDecodeError) as error:
            raise Broken(f"can't read {path}: {error}") from error
        return table if isinstance(table, dict) else None

    def save(self, place: int, *, title: str, format: str, story: str) -> None:
        """Keeps a story in the place of what was there; an empty one only takes that away."""
        path = self._path(place)
        if len(story) > MOST_CHARACTERS:
            raise BadRequest(f"data has {len(story)} characters: at most {MOST_CHARACTERS}")
        if story:
            write_atomically(path, orjson.dumps({"title": title or "Untitled", "format": format, "data": story}))
            return
        with disk_errors(path):
            path.unlink(missing_ok=True)

    def _path(self, place: int) -> Path:
        if not 0 <= place < PLACES:
            raise BadRequest(f"no such slot: {place}", hint=f"they go from 0 to {PLACES - 1}")
        return self._folder / f"{place}.json"
