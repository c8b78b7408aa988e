import io
import zipfile
from pathlib import Path

import pytest
from packaging.version import Version

from domov.errors import BadModelFile, DownloadFailed, NoSuchModel
from domov.outbound import Outbound
from domov.store.names import PackageName
from domov.store.pip_settings import PipSettings
from domov.store.pypi import find, look_inside, read_page
from tests.hub import Fault, Hub, tiny_gguf, wheel, wheel_name


def settings(*indexes: str, folders: tuple[str, ...] = ()) -> PipSettings:
    return PipSettings(indexes, folders, None)


@pytest.fixture
def package(hub: Hub) -> Hub:
    for version in ("1.0", "1.9", "1.10", "2.0rc1"):
        hub.add_package("tiny-model", {wheel_name("tiny-model", version): wheel("tiny-model", {}, version=version)})
    return hub


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
