"""The addresses that are listened on, and the rules of each."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from domov import config
from domov.api.listening import Listener, close, listen, listeners
from domov.errors import BadOption, PortInUse
from tests.api.test_tls import written

CA = trustme.CA()


@contextmanager
def opened(tmp_path: Path, keys_required: bool = False, **settings: str) -> Iterator[list[Listener]]:
    environ = {f"DOMOV_{key.upper()}": value for key, value in settings.items()}
    found = listeners(config.load({"DOMOV_HOME": str(tmp_path), **environ}), port=0, keys_required=keys_required)
    try:
        yield found
    finally:
        close(found)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    pair = written(tmp_path_factory.mktemp("tls"), "server", CA.issue_cert("localhost"))
    return dict(zip(("tls_cert", "tls_key"), pair, strict=True))


def test_loopback_is_the_default_and_needs_no_key(tmp_path: Path) -> None:
    with opened(tmp_path) as (one,):
        assert one.url == f"http://127.0.0.1:{one.port}" and one.loopback and not one.keys_required
        assert not one.origins.any_address


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::ffff:0.0.0.0"])
def test_any_other_address_needs_keys(tmp_path: Path, host: str) -> None:
    with opened(tmp_path, host=host) as (one,):
        assert not one.loopback and one.keys_required and one.origins.any_address


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.5"])
def test_on_loopback_a_setting_or_the_environments_key_has_them_asked_for(tmp_path: Path, host: str) -> None:
    with opened(tmp_path, host=host) as (one,):
        assert one.loopback and not one.keys_required
    with opened(tmp_path, host=host, require_keys="1") as (one,):
        assert one.keys_required
    with opened(tmp_path, True, host=host) as (one,):
        assert one.keys_required


def test_more_addresses_each_with_its_own_rules(tmp_path: Path, tls: dict[str, str]) -> None:
    more = "http://127.0.0.1:0, [::1]:0, https://127.0.0.1:0"
    with opened(tmp_path, host="0.0.0.0", also_listen=more, tls_cert=tls["tls_cert"], tls_key=tls["tls_key"]) as (
        main,
        plain,
        six,
        secure,
    ):
        assert [x.url.split("://")[0] for x in (main, plain, six, secure)] == ["https", "http", "https", "https"]
        assert [x.keys_required for x in (main, plain, six, secure)] == [True, False, False, False]
        assert six.url == f"https://[::1]:{six.port}" and plain.certificate is None


@pytest.mark.parametrize(
    "text", ["11434", "127.0.0.1", "ftp://127.0.0.1:1", "127.0.0.1:1/v1", "::1:80", "127.0.0.1:x", "[::1"]
)
def test_an_address_that_is_none_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadOption, match="also_listen"), opened(tmp_path, also_listen=text):
        pass


def test_https_needs_a_certificate_and_a_name_is_no_address(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="without a certificate"), opened(tmp_path, also_listen="https://127.0.0.1:0"):
        pass
    with pytest.raises(BadOption, match="can't listen on"), opened(tmp_path, also_listen="example.org:80"):
        pass


def test_when_one_address_is_taken_none_is_kept(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as free, listen("127.0.0.1", 0) as taken:
        first, second = free.getsockname()[1], taken.getsockname()[1]
        free.close()
        with (
            pytest.raises(PortInUse, match=str(second)),
            opened(tmp_path, also_listen=f"127.0.0.1:{first},127.0.0.1:{second}"),
        ):
            pass
        listen("127.0.0.1", first).close()
