import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from domov.config import SETTINGS, in_file, load, write
from domov.errors import BadOption, HomeUnusable

LOCALES = Path(__file__).parent.parent / "web" / "src" / "locales"


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    config = load({"DOMOV_HOME": str(tmp_path / "nowhere")})
    assert (config.port, config.offline, config.engine, config.sandbox) == (36668, False, "xllamacpp", True)
    assert config.home == tmp_path / "nowhere"


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('port = 1234\noffline = true\nengine = "llama-server"\n')
    config = load({"DOMOV_HOME": str(tmp_path), "DOMOV_PORT": "4321"})
    assert (config.port, config.offline, config.engine) == (4321, True, "llama-server")


@pytest.mark.parametrize("word", ["1", "true", "YES", "on"])
def test_yes_can_be_said_in_several_ways(tmp_path: Path, word: str) -> None:
    assert load({"DOMOV_HOME": str(tmp_path), "DOMOV_OFFLINE": word}).offline


def test_hf_endpoint_is_respected_and_domovs_own_wins(tmp_path: Path) -> None:
    environ = {"DOMOV_HOME": str(tmp_path), "HF_ENDPOINT": "https://mirror.example"}
    assert load(environ).hf_endpoint == "https://mirror.example"
    assert load(environ | {"DOMOV_HF_ENDPOINT": "https://own.example"}).hf_endpoint == "https://own.example"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prot = 1", ("prot", "port")),
        ('port = "many"', ("port", "'many'", "whole number")),
        ("port = -1", ("port", "-1", "from 0 to 65535")),
        ("port = 65536", ("port", "65536", "from 0 to 65535")),
        ("threads = 99999999999", ("threads", "99999999999")),
        ("port = 1.5", ("port", "1.5")),
        ("port = true", ("port", "True")),
        ('engine = "vllm"', ("engine", "'vllm'", "xllamacpp or llama-server")),
        ("offline = 2", ("offline", "2", "true or false")),
        ("host = 5", ("host", "5", "text")),
        ("port = ", ("config.toml",)),
    ],
)
def test_a_mistake_is_an_error_that_names_key_value_and_choices(
    tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(BadOption) as caught:
        load({"DOMOV_HOME": str(tmp_path)})
    for word in words:
        assert word in f"{caught.value.message} {caught.value.hint}"


def test_a_list_stands_in_the_environment_with_commas(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('allowed_hosts = ["a.example", "b.example"]\nalso_listen = []\n')
    assert load({"DOMOV_HOME": str(tmp_path)}).allowed_hosts == ("a.example", "b.example")
    environ = {"DOMOV_HOME": str(tmp_path), "DOMOV_ALLOWED_HOSTS": " x.example, y.example ,"}
    assert load(environ).allowed_hosts == ("x.example", "y.example")
    assert load(environ | {"DOMOV_ALLOWED_HOSTS": ""}).allowed_hosts == ()
    for wrong in ("allowed_hosts = 5", "allowed_hosts = [5]"):
        (tmp_path / "config.toml").write_text(wrong)
        with pytest.raises(BadOption, match="allowed_hosts") as caught:
            load({"DOMOV_HOME": str(tmp_path)})
        assert "list of texts" in caught.value.hint


def test_a_mistake_in_the_environment_is_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="threads can't be 'many'"):
        load({"DOMOV_HOME": str(tmp_path), "DOMOV_THREADS": "many"})


def test_a_number_with_a_point_is_read_from_the_environment(tmp_path: Path) -> None:
    assert load({"DOMOV_HOME": str(tmp_path), "DOMOV_WATTS": "62.5"}).watts == 62.5
    with pytest.raises(BadOption, match="setting watts can't be '6,5'"):
        load({"DOMOV_HOME": str(tmp_path), "DOMOV_WATTS": "6,5"})


def test_a_currency_is_three_letters(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="setting currency can't be 'euro'"):
        load({"DOMOV_HOME": str(tmp_path), "DOMOV_CURRENCY": "euro"})


@pytest.mark.parametrize("text", ["", "--5", "5-", "²", "٣", "9" * 5000, "0x10", "1e3"])
def test_what_is_no_number_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadOption, match="setting port can't be") as caught:
        load({"DOMOV_HOME": str(tmp_path), "DOMOV_PORT": text})
    assert "a whole number" in caught.value.hint


@pytest.mark.parametrize("text", ["~nobody-of-that-name/home", "a\0b"])
def test_a_home_that_can_not_be_is_an_error_that_names_it(text: str) -> None:
    with pytest.raises(BadOption, match="DOMOV_HOME can't be"):
        load({"DOMOV_HOME": text})


def test_an_empty_hf_endpoint_is_none(tmp_path: Path) -> None:
    assert load({"DOMOV_HOME": str(tmp_path), "HF_ENDPOINT": ""}).hf_endpoint == "https://huggingface.co"


def test_a_config_that_is_no_text_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadOption, match=r"config\.toml is not valid TOML"):
        load({"DOMOV_HOME": str(tmp_path)})


def test_what_is_set_at_the_same_time_is_all_kept(tmp_path: Path) -> None:
    path, wanted = tmp_path / "config.toml", {"port": 1234, "offline": True, "nice": 3, "queue": 7, "threads": 2}
    with ThreadPoolExecutor(len(wanted)) as threads:
        list(threads.map(lambda pair: write(path, dict([pair])), wanted.items()))
    assert {key: value for key, value in in_file(path).items() if key in wanted} == wanted


def test_a_file_that_can_not_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(HomeUnusable, match="config.toml"):
        write(tmp_path / "config.toml", {"offline": True})


def test_every_setting_is_told_in_every_language() -> None:
    """English words are in `config`; the page has those of other languages."""
    languages = [folder for folder in LOCALES.iterdir() if folder.is_dir() and folder.name != "en"]
    assert languages
    for folder in languages:
        told = json.loads((folder / "config.json").read_text("utf-8"))
        assert set(told) == {setting.name for setting in SETTINGS} and all(told.values())
