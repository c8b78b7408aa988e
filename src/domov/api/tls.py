"""TLS for the server: the certificate and key that are set, tried out before anything is served with them."""

import hashlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from domov.errors import BadOption

SOON_DAYS = 14
NOT_YET_VALID, EXPIRED = 9, 10  # X509_V_ERR_… of OpenSSL


@dataclass(frozen=True)
class Certificate:
    context: ssl.SSLContext
    fingerprint: str  # SHA-256 of the server's own certificate, in hex
    days_left: float

    @property
    def ends_soon(self) -> bool:
        return self.days_left < SOON_DAYS


def load(cert: str, key: str) -> Certificate:
    """What the server shows and signs with. Raises BadOption for files that are missing, no pair, or out of date."""
    for setting, path in (("tls_cert", cert), ("tls_key", key)):
        _check_readable(setting, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key, password=_Password(key))
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise BadOption(
                f"tls_key {key} is not the key of tls_cert {cert}", hint="they are made together"
            ) from error
        raise BadOption(f"tls_cert {cert} and tls_key {key} are no certificate and key in PEM") from error
    return _tried(context, cert)


def _check_readable(setting: str, path: str) -> None:
    if not path:
        raise BadOption(f"{setting} is not set", hint="TLS needs both tls_cert and tls_key")
    try:
        with Path(path).open("rb"):
            pass
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else "no path"
        raise BadOption(f"can't read {setting} {path}: {words}") from error


@dataclass(frozen=True)
class _Password:
    """Instead of a question at the terminal, which a service does not have."""

    key: str

    def __call__(self) -> str:
        raise BadOption(f"tls_key {self.key} is encrypted", hint="decrypt it: openssl pkey -in KEY -out NEW")


def _tried(context: ssl.SSLContext, cert: str) -> Certificate:
    """A handshake in memory, with a client that trusts this certificate itself: it proves the pair, and the dates."""
    der = ssl.PEM_cert_to_DER_cert(_first_certificate(Path(cert).read_text("latin-1")))
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.load_verify_locations(cadata=der)
    client_context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    try:
        for side in (client, server, client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    except ssl.SSLCertVerificationError as error:
        words = {EXPIRED: "has expired", NOT_YET_VALID: "is not valid yet"}.get(error.verify_code, error.verify_message)
        raise BadOption(f"tls_cert {cert} {words}", hint="put a new certificate in its place") from error
    except ssl.SSLError as error:
        raise BadOption(f"tls_cert {cert} can't be used: {error.reason}") from error
    ends = ssl.cert_time_to_seconds(str((client.getpeercert() or {})["notAfter"]))
    return Certificate(context, hashlib.sha256(der).hexdigest(), (ends - datetime.now(UTC).timestamp()) / 86400)


def _first_certificate(text: str) -> str:
    start, end = text.find(ssl.PEM_HEADER), text.find(ssl.PEM_FOOTER)
    return text[start : end + len(ssl.PEM_FOOTER)]
