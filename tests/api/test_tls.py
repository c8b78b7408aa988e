"""The certificate of the server: tried out before it is used, and plain about what is wrong with it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from domov.api.tls import load
from domov.errors import BadOption

CA = trustme.CA()
NOW = datetime.now(UTC)


def written(folder: Path, name: str, cert: trustme.LeafCert) -> tuple[str, str]:
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(b"".join(blob.bytes() for blob in cert.cert_chain_pems))
    paths[1].write_bytes(cert.private_key_pem.bytes())
    return str(paths[0]), str(paths[1])


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    cert = CA.issue_cert("ai.example.org", not_after=NOW + timedelta(days=100))
    return written(tmp_path_factory.mktemp("tls"), "good", cert)


def test_a_good_pair_is_loaded_with_its_dates(pair: tuple[str, str]) -> None:
    certificate = load(*pair)
    assert 99 < certificate.days_left <= 100 and not certificate.ends_soon
    assert len(bytes.fromhex(certificate.fingerprint)) == 32


def test_one_that_ends_soon_says_so(tmp_path: Path) -> None:
    cert = CA.issue_cert("x.example", not_after=NOW + timedelta(days=3))
    assert load(*written(tmp_path, "soon", cert)).ends_soon


@pytest.mark.parametrize(
    ("days", "words"), [((-20, -1), "has expired"), ((1, 20), "is not valid yet")], ids=["expired", "early"]
)
def test_one_out_of_its_dates_is_refused(tmp_path: Path, days: tuple[int, int], words: str) -> None:
    first, last = (NOW + timedelta(days=d) for d in days)
    paths = written(tmp_path, "old", CA.issue_cert("x.example", not_before=first, not_after=last))
    with pytest.raises(BadOption, match=words) as caught:
        load(*paths)
    assert paths[0] in caught.value.message


def test_a_key_of_another_certificate_is_refused(tmp_path: Path, pair: tuple[str, str]) -> None:
    other = written(tmp_path, "other", CA.issue_cert("y.example"))
    with pytest.raises(BadOption, match="not the key of"):
        load(pair[0], other[1])


def test_what_is_missing_is_named(tmp_path: Path, pair: tuple[str, str]) -> None:
    for cert, key, words in (
        ("", pair[1], "tls_cert is not set"),
        (pair[0], "", "tls_key is not set"),
        (str(tmp_path / "no.pem"), pair[1], "no.pem: No such file"),
        (pair[0], str(tmp_path), "tls_key"),
        (pair[0], "a\0b", "tls_key"),
    ):
        with pytest.raises(BadOption, match=words):
            load(cert, key)


def test_what_is_no_pem_is_refused(tmp_path: Path, pair: tuple[str, str]) -> None:
    junk = tmp_path / "junk.pem"
    for content in (b"", b"junk \xff\x00", Path(pair[1]).read_bytes(), b"-----BEGIN CERTIFICATE-----\nAAAA\n"):
        junk.write_bytes(content)
        with pytest.raises(BadOption, match="no certificate and key"):
            load(str(junk), pair[1])


def test_an_encrypted_key_is_refused_instead_of_a_question_at_the_terminal(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    key = serialization.load_pem_private_key(Path(pair[1]).read_bytes(), None)
    encrypted = tmp_path / "encrypted.key"
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    encrypted.write_bytes(key.private_bytes(*form, serialization.BestAvailableEncryption(b"secret")))
    with pytest.raises(BadOption, match="is encrypted") as caught:
        load(pair[0], str(encrypted))
    assert "openssl" in caught.value.hint
