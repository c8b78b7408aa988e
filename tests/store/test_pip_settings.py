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
