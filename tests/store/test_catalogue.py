import re

from domov.store.catalogue import Catalogue, Entry, load
from domov.store.names import HubName, LocalName, PackageName, parse


def entry(name: str) -> Entry:
    return Entry(name, "hf.co/user/repo", 1, 1, 1, "mit", "chat", "a test")


CATALOGUE = Catalogue((entry("tiny:1b"), entry("tiny:3b"), entry("search:latest")))


def test_a_name_without_a_tag_means_the_first_of_that_name() -> None:
    assert CATALOGUE.find(LocalName("tiny")) == CATALOGUE.entries[0]
    assert CATALOGUE.find(LocalName("search")) == CATALOGUE.entries[2]


def test_a_tag_means_that_entry_alone() -> None:
    assert CATALOGUE.find(LocalName("tiny", "3b")) == CATALOGUE.entries[1]
    assert CATALOGUE.find(LocalName("tiny", "7b")) is None
    assert CATALOGUE.find(LocalName("tin")) is None


def test_near_names_are_found_once_each() -> None:
    assert CATALOGUE.nearest("tinny:1b", ["tiny:1b", "tiny:1b", "search:latest"]) == ["tiny:1b"]
    assert CATALOGUE.nearest("quite different", ["tiny:1b"]) == []


def test_the_starter_is_pinned_and_first() -> None:
    starter = load().starter
    assert starter.name == "smollm2:135m"
    assert starter.sha256


def test_every_entry_can_be_pulled_by_its_name() -> None:
    for found in load().entries:
        name = parse(found.name)
        assert isinstance(name, LocalName)
        assert str(name) == found.name
        assert load().find(name) == found
        assert isinstance(parse(found.source), HubName | PackageName)


def test_every_entrys_figures_can_be_true() -> None:
    for found in load().entries:
        assert 1e8 < found.parameters < 1e12
        assert 0.3 < found.download_bytes / found.parameters < 2.2, found.name  # bytes a parameter
        assert found.context_tokens >= (512 if found.task == "embedding" else 2048)
        assert found.task in ("chat", "code", "base", "embedding", "rerank")
        assert found.licence
        assert found.purpose
        assert found.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", found.sha256)


def test_names_are_unique() -> None:
    names = [found.name for found in load().entries]
    assert len(set(names)) == len(names)
