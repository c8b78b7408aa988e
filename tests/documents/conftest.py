"""Documents of a test's own, with a fake engine: what is told of meaning is arbitrary, all else is real."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from domov.documents.embedding import Embedder
from domov.documents.library import Documents
from domov.engine.fake import FakeEngine


@dataclass
class Models:
    """What makes vectors, as a test wants it."""

    engine: FakeEngine = field(default_factory=FakeEngine)
    names: list[str] = field(default_factory=lambda: ["fake-e5"])
    here: bool = True

    def embedder(self, name: str | None) -> Embedder | None:
        name = name or self.names[-1]
        return Embedder(self.engine, name, f"sha256:{name}") if self.here and name in self.names else None


@pytest.fixture
def embedding_models() -> Models:
    return Models()


@pytest.fixture
def documents(tmp_path: Path, embedding_models: Models) -> Iterator[Documents]:
    opened = open_documents(tmp_path, embedding_models)
    yield opened
    opened.close()


def open_documents(tmp_path: Path, models: Models) -> Documents:
    return Documents(tmp_path / "documents", embedder=models.embedder, now=lambda: "2026-11-24T00:00:00Z")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two small files."""
    path = tmp_path / "folder"
    path.mkdir()
    (path / "house.md").write_text("# Dům\n\n## Topení\nÚdržbu topení provádí pan Novák, telefon 777 123 456.\n")
    (path / "water.txt").write_text("The main valve is in the cellar.\n")
    return path
