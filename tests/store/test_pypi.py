import io
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as settings_
from hypothesis import strategies as st
from packaging.version import Version

from domov.errors import AccessDenied, BadModelFile, DownloadFailed, NoSuchModel
from domov.outbound import Outbound
from domov.store.names import PackageName
from domov.store.pip_settings import PipSettings
from domov.store.pypi import copy_member, find, find_source, look_inside, path_of, read_page
from tests.hub import Fault, Hub, tiny_gguf, wheel, wheel_name


def settings(*indexes: str, folders: tuple[str, ...] = ()) -> PipSettings:
    return PipSettings(indexes, folders, None)


@pytest.fixture
def package(hub: Hub) -> Hub:
    for version in ("1.0", "1.9", "1.10", "2.0rc1"):
        hub.add_package("tiny-model", {wheel_name("tiny-model", version): wheel("tiny-model", {}, version=version)})
    return hub


@pytest.mark.parametrize("as_index", [False, True])
async def test_a_source_archive_is_found_in_a_folder_beside_wheels(
    tmp_path: Path, outbound: Outbound, as_index: bool
) -> None:
    folder = tmp_path / "tiny-model"
    folder.mkdir()
    for file in (wheel_name("tiny-model", "1.0"), "tiny_model-1.0.tar.gz", "tiny_model-1.1.tar.gz", "notes.txt"):
        (folder / file).touch()
    where = settings(tmp_path.as_uri()) if as_index else settings(folders=(str(folder),))
    found = await find_source(outbound, PackageName("tiny-model", "1.0"), where)
    assert path_of(found) == folder / "tiny_model-1.0.tar.gz"


@pytest.mark.parametrize("html", [False, True])
async def test_the_newest_release_is_found(package: Hub, outbound: Outbound, html: bool) -> None:
    package.html = html
    found = await find(outbound, PackageName("Tiny_Model"), settings(package.index))
    assert found.version == Version("1.10")
    assert found.sha256 and found.url.startswith(package.url)


async def test_the_version_named_is_found_even_a_prerelease(package: Hub, outbound: Outbound) -> None:
    found = await find(outbound, PackageName("tiny-model", "2.0rc1"), settings(package.index))
    assert str(found.version) == "2.0rc1"


async def test_a_version_that_is_not_there_is_answered_with_those_that_are(package: Hub, outbound: Outbound) -> None:
    with pytest.raises(NoSuchModel) as caught:
        await find(outbound, PackageName("tiny-model", "3.0"), settings(package.index))
    assert "1.10" in caught.value.hint


async def test_a_package_that_no_index_has_is_no_such_model(hub: Hub, outbound: Outbound) -> None:
    with pytest.raises(NoSuchModel, match="nothing"):
        await find(outbound, PackageName("nothing"), settings(hub.index))


async def test_all_indexes_and_folders_are_asked(package: Hub, outbound: Outbound, tmp_path: Path) -> None:
    (tmp_path / wheel_name("tiny-model", "5.0")).write_bytes(b"")
    found = await find(outbound, PackageName("tiny-model"), settings(package.index, folders=(str(tmp_path),)))
    assert (str(found.version), found.url) == ("5.0", (tmp_path / wheel_name("tiny-model", "5.0")).as_uri())


async def test_an_index_on_this_machine_is_read(outbound: Outbound, tmp_path: Path) -> None:
    folder = tmp_path / "simple" / "tiny-model"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(f'<a href="../../{wheel_name("tiny-model")}#sha256={"a" * 64}">x</a>')
    found = await find(outbound, PackageName("tiny-model"), settings((tmp_path / "simple").as_uri()))
    assert (found.url, found.sha256) == ((tmp_path / wheel_name("tiny-model")).as_uri(), "a" * 64)


async def test_a_broken_index_hinders_only_if_no_other_has_it(package: Hub, outbound: Outbound) -> None:
    package.fail("/simple/", Fault(500))
    assert await find(outbound, PackageName("tiny-model"), settings(package.index, package.index))
    package.fail("/simple/", Fault(500))
    with pytest.raises(DownloadFailed, match="500"):
        await find(outbound, PackageName("tiny-model"), settings(package.index))


def test_yanked_releases_and_other_files_are_passed_over() -> None:
    page = '<a href="a-1.0-py3-none-any.whl">a</a><a data-yanked="bad" href="a-2.0-py3-none-any.whl">a</a>'
    page += '<a href="a-3.0.tar.gz">a</a>'
    assert [w.filename for w in read_page(page.encode(), content_type="text/html", url="http://x/")] == [
        "a-1.0-py3-none-any.whl"
    ]


def test_odd_links_are_passed_over() -> None:
    good = "a-1.0-py3-none-any.whl"
    links = ["http://[/", "http://x:99999/", "file:///etc/", "ftp://x/", "mailto:x", "//[", "", "?", "#", "\x1b"]
    page = "".join(f'<a href="{link}{good}">x</a>' for link in [*links[:6], "ok/"]) + "<a href>x</a><a>x</a>"
    found = read_page(page.encode(), content_type="text/html", url="http://x/simple/a/")
    assert [w.url for w in found] == [f"http://x/simple/a/ok/{good}"]


@given(st.text(alphabet='<>!/a="#?-[]&;:. \n', max_size=60))
@example("<![x")
@example("<!DOCTYPE[")
def test_any_page_is_read_or_refused_and_nothing_else(text: str) -> None:
    page = f'<a href="{text}-1.0-py3-none-any.whl">{text}'.encode()
    with suppress(DownloadFailed):
        read_page(page, content_type="text/html", url="http://x/")


@pytest.mark.parametrize(
    "row",
    [
        {"hashes": {"sha256": 5}, "size": "12"},
        {"hashes": {"sha256": "x"}, "size": -1},
        {"hashes": {}, "size": True},
        {"size": 1.5},
    ],
)
def test_promises_that_are_none_are_not_believed(row: dict[str, Any]) -> None:
    file = {"filename": "a-1.0-py3-none-any.whl", "url": "a.whl"} | row
    (found,) = read_page(orjson.dumps({"files": [file]}), content_type="application/json", url="http://x/a/")
    assert (found.url, found.sha256, found.size_bytes) == ("http://x/a/a.whl", None, None)


def test_a_digest_may_be_written_in_capitals() -> None:
    page = f'<a href="a-1.0-py3-none-any.whl#sha256={"AB" * 32}">x</a>'
    (found,) = read_page(page.encode(), content_type="text/html", url="http://x/")
    assert found.sha256 == "ab" * 32


async def test_an_index_behind_a_password_gives_its_files_behind_it_too(hub: Hub, outbound: Outbound) -> None:
    hub.password = "Basic dXNlcjpzZWNyZXQ="
    hub.add_package("a", {wheel_name("a"): wheel("a", {})})
    index = hub.index.replace("//", "//user:secret@")
    found = await find(outbound, PackageName("a"), settings(index))
    async with outbound.get(found.url, reason="test") as response:
        assert response.status == 200
    assert b"secret" not in outbound.ledger.read_bytes()
    with pytest.raises(AccessDenied):
        await find(outbound, PackageName("a"), settings(hub.index))


async def test_a_password_is_not_for_files_on_another_host(hub: Hub, outbound: Outbound) -> None:
    hub.redirects["/simple/a/"] = f"{hub.other_host}/simple/b/"
    hub.add_package("b", {wheel_name("a"): b""})
    found = await find(outbound, PackageName("a"), settings(hub.index.replace("//", "//user:secret@")))
    assert found.url == f"{hub.other_host}/wheels/{wheel_name('a')}"


async def test_a_folder_may_be_given_as_an_address(outbound: Outbound, tmp_path: Path) -> None:
    (tmp_path / wheel_name("a")).write_bytes(b"")
    found = await find(outbound, PackageName("a"), settings(folders=(tmp_path.as_uri(), "/no/such/folder")))
    assert path_of(found) == tmp_path / wheel_name("a")


async def test_a_long_list_is_read_whole_and_quickly(hub: Hub, outbound: Outbound) -> None:
    hub.add_package("a", {wheel_name("a", f"1.{n}"): b"" for n in range(10_000)})
    started = time.process_time()
    assert str((await find(outbound, PackageName("a"), settings(hub.index))).version) == "1.9999"
    assert time.process_time() - started < 10  # 1 s on a laptop


async def test_wheels_for_other_machines_are_passed_over(hub: Hub, outbound: Outbound) -> None:
    hub.add_package("a", {wheel_name("a"): b"", "a-2.0-py3-none-plan9_mips.whl": b"", "a-3.0-cp27-abi3-any.whl": b""})
    assert str((await find(outbound, PackageName("a"), settings(hub.index))).version) == "1.0"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"files": [{}]}', b'{"files": 5}'])
def test_garbage_is_a_failed_download(body: bytes) -> None:
    with pytest.raises(DownloadFailed):
        read_page(body, content_type="application/vnd.pypi.simple.v1+json", url="http://x/")


def inside(tmp_path: Path, content: bytes) -> Path:
    (tmp_path / "x.whl").write_bytes(content)
    return tmp_path / "x.whl"


def test_the_model_in_a_wheel_is_seen_with_its_licence(tmp_path: Path) -> None:
    contents = look_inside(inside(tmp_path, wheel("m", {"m/model.gguf": tiny_gguf()})), name="m")
    assert contents.model and contents.model.filename == "m/model.gguf"
    assert contents.licence == "MIT"


def test_only_exact_requirements_named_after_the_package_are_parts(tmp_path: Path) -> None:
    requires = ["m-part1==1.0", "m-part2==1.0", "m-extra>=1", "numpy==2.0", "llm"]
    contents = look_inside(inside(tmp_path, wheel("m", {}, requires=requires)), name="m")
    assert contents.part_packages == (PackageName("m-part1", "1.0"), PackageName("m-part2", "1.0"))


def test_several_models_in_a_wheel_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match="a.gguf, b.gguf"):
        look_inside(inside(tmp_path, wheel("m", {"a.gguf": b"", "b.gguf": b""})), name="m")


def test_what_is_no_wheel_is_refused(tmp_path: Path) -> None:
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    for content in (b"", b"hello", empty.getvalue()):
        with pytest.raises(BadModelFile, match="not a wheel"):
            look_inside(inside(tmp_path, content), name="m")


def test_a_part_that_is_named_twice_is_one(tmp_path: Path) -> None:
    content = wheel("m", {}, requires=["m-part1==1.0", 'm-part1==1.0; python_version > "3"'])
    assert look_inside(inside(tmp_path, content), name="m").part_packages == (PackageName("m-part1", "1.0"),)


WHEEL = wheel("m", {"m/model.gguf": tiny_gguf()}, requires=["m-part1==1.0"])


@settings_(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, len(WHEEL) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_damaged_wheel_is_read_or_refused_and_nothing_else(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    content = bytearray(WHEEL)
    for at, byte in changes:
        content[at] = byte
    path = inside(tmp_path, bytes(content))
    try:
        contents = look_inside(path, name="m")
        if contents.model:
            list(copy_member(path, contents.model, io.BytesIO()))
    except BadModelFile as error:
        assert error.message.isprintable()


@pytest.mark.parametrize(
    "lines", ["", "Name: m", "Name: \x1b[31m\nVersion: 1", "Name: m\nVersion: x\nRequires-Dist: ((("]
)
def test_metadata_that_is_none_is_no_wheel(tmp_path: Path, lines: str) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("m-1.dist-info/METADATA", f"Metadata-Version: 2.1\n{lines}\n")
    try:
        look_inside(inside(tmp_path, target.getvalue()), name="m")
    except BadModelFile as error:
        assert error.message == "not a wheel: m"
