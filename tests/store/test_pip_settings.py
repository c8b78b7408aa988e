from pathlib import Path

from domov.store.pip_settings import PYPI, read

NONE = {"PIP_CONFIG_FILE": "/dev/null"}


def test_without_any_configuration_it_is_pypi() -> None:
    settings = read(NONE)
    assert (settings.indexes, settings.folders, settings.cert) == ((PYPI,), (), None)


def test_the_environment_is_read() -> None:
    settings = read(
        NONE
        | {
            "PIP_INDEX_URL": "https://mirror.example/simple/",
            "PIP_EXTRA_INDEX_URL": "https://a.example https://b.example/",
            "PIP_FIND_LINKS": "/wheels",
            "PIP_CERT": "/ca.pem",
        }
    )
    assert settings.indexes == ("https://mirror.example/simple", "https://a.example", "https://b.example")
    assert (settings.folders, settings.cert) == (("/wheels",), "/ca.pem")


def test_a_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = https://file.example\ncert = /file.pem\n[install]\nfind-links = /w\n")
    settings = read({"PIP_CONFIG_FILE": str(file), "PIP_INDEX_URL": "https://environment.example"})
    assert settings.indexes == ("https://environment.example",)
    assert (settings.folders, settings.cert) == (("/w",), "/file.pem")


def test_the_users_own_file_is_found(tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "pip"
    folder.mkdir(parents=True)
    (folder / "pip.conf").write_text("[global]\nindex-url = https://user.example\n")
    assert read({"HOME": str(tmp_path)}).indexes[0] == "https://user.example"


def test_no_index_leaves_only_folders() -> None:
    assert read(NONE | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/w"}).indexes == ()


def test_a_broken_file_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("no section\n")
    assert read({"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}).indexes == (PYPI,)


def test_an_option_may_be_written_with_underscores(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex_url = https://a.example\nfind_links =\n    /w1\n    /w2\n")
    settings = read({"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")})
    assert (settings.indexes[0], settings.folders) == ("https://a.example", ("/w1", "/w2"))


def test_a_file_that_is_named_replaces_the_users_and_not_the_machines(tmp_path: Path) -> None:
    """As pip 25 does: _internal/configuration.py, iter_config_files."""
    for folder, text in ((".config", "index-url = https://user.example"), ("shared", "cert = /shared.pem")):
        (tmp_path / folder / "pip").mkdir(parents=True)
        (tmp_path / folder / "pip" / "pip.conf").write_text(f"[global]\n{text}\n")
    (tmp_path / "own.conf").write_text("[global]\nextra-index-url = https://own.example\n")
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "shared")}
    named = read(environ | {"PIP_CONFIG_FILE": str(tmp_path / "own.conf")})
    assert "https://user.example" not in named.indexes
    assert named.indexes[-1] == "https://own.example"
    assert named.cert == "/shared.pem" or Path("/etc/pip.conf").exists()
    gone = read(environ | {"PIP_CONFIG_FILE": str(tmp_path / "none.conf")})
    assert gone.indexes[0] == "https://user.example"


def test_no_index_in_a_file_can_be_taken_back_by_the_environment(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nno-index = true\n")
    environ = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    assert read(environ).indexes == ()
    assert read(environ | {"PIP_NO_INDEX": "0"}).indexes == (PYPI,)
