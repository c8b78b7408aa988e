"""From where calls may come: Host, Origin, Sec-Fetch, CORS, proxies, odd paths and bodies."""

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domov import config
from domov.access.keys import Grant
from domov.api.origins import Origins, from_config
from domov.errors import BadOption
from tests.api.guarded import Guarded

PAGE = "https://chat.example.org"
LAN = Origins(port=36668, any_address=True, hosts=("ai.example.org", "*.home.example"), allowed=(PAGE, "app://*"))


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    yield Guarded(tmp_path_factory.mktemp("home"), keys_required=False)


@pytest.fixture(scope="module")
def keyed(local: Guarded) -> Guarded:
    return local.but(keys_required=True)


@pytest.fixture(scope="module")
def open_to_page(local: Guarded) -> Guarded:
    return local.but(origins=LAN)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1:36668", "[::1]", "192.168.1.5:36668", "[2001:db8::1]:80",
             "ai.example.org", "AI.example.org:443", "a.home.example", "a.b.home.example"],
)  # fmt: skip
def test_names_of_this_server(host: str) -> None:
    assert LAN.knows_host(host)


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "ai.example.org.evil", "xai.example.org", "home.example", "evil-home.example",
     "localhost.", "localhost:", "localhost:123456", "localhost:x", "user@localhost", "localhost/x", "localhost#",
             "localhost\x00", "localhost,evil", "127.1", "0x7f.1", "2130706433", "127.0.0.1.nip.io", "[::1", "::1",
             "[fe80::1%eth0]", "[::1]x", "*", "*.home.example", "ĺocalhost", "192.168.1.5.evil", "999.1.1.1"],
)  # fmt: skip
def test_what_is_no_name_of_it(host: str) -> None:
    assert not LAN.knows_host(host)


def test_other_addresses_are_no_names_of_a_loopback_server() -> None:
    assert not Origins(port=1).knows_host("192.168.1.5") and not Origins(port=1).knows_host("0.0.0.0")


async def test_a_name_that_was_rebound_is_refused_though_the_address_is_right(local: Guarded) -> None:
    for host in ("evil.example:36668", "localhost.evil.example", "192.168.1.5:36668"):
        assert (await local.ask("GET", "/healthz", ("host", host))).status == 403


async def test_an_allowed_page_may_call_and_read(open_to_page: Guarded) -> None:
    answer = await open_to_page.ask("GET", "/v1/models", ("origin", PAGE), ("sec-fetch-site", "cross-site"))
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == PAGE and answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers
    assert (await open_to_page.ask("GET", "/v1/models", ("origin", "app://obsidian.md"))).status == 200


async def test_an_allowed_page_may_read_a_refusal(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path, origins=LAN)
    answer = await guarded.ask("GET", "/v1/models", ("origin", PAGE))
    assert answer.status == 401 and answer.headers["access-control-allow-origin"] == PAGE


async def test_a_page_that_is_not_allowed_may_neither_call_nor_read(open_to_page: Guarded) -> None:
    for origin in (
        *("https://chat.example.org.evil", "http://chat.example.org", f"{PAGE}:444", "null", "", "*", f"{PAGE}/"),
        *(f"{PAGE} ", f"{PAGE},https://evil.example", "https://evil.example", "app:/x", "xapp://x", "file://"),
    ):
        answer = await open_to_page.ask("GET", "/v1/models", ("origin", origin))
        assert answer.status == 403 and "access-control-allow-origin" not in answer.headers, origin


async def test_a_preflight_is_answered_for_allowed_pages_only_and_needs_no_key(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path, origins=LAN)
    asks = (("access-control-request-method", "POST"), ("access-control-request-headers", "authorization, x-api-key"))
    answer = await guarded.ask("OPTIONS", "/v1/chat/completions", ("origin", PAGE), *asks)
    assert answer.status == 204 and answer.body == b""
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-headers"] == "authorization, x-api-key"
    assert "POST" in answer.headers["access-control-allow-methods"]
    private = await guarded.ask(
        "OPTIONS", "/v1/models", ("origin", PAGE), *asks, ("access-control-request-private-network", "true")
    )
    assert private.headers["access-control-allow-private-network"] == "true"
    evil = await guarded.ask("OPTIONS", "/v1/chat/completions", ("origin", "https://evil.example"), *asks)
    assert evil.status == 403 and not [name for name in evil.headers if name.startswith("access-control")]
    split = await guarded.ask("OPTIONS", "/v1/models", ("origin", PAGE), asks[0],
                              ("access-control-request-headers", "x\r\nset-cookie: a"))  # fmt: skip
    assert "access-control-allow-headers" not in split.headers


async def test_a_preflight_without_origin_is_no_preflight(tmp_path: Path) -> None:
    answer = await Guarded(tmp_path).ask("OPTIONS", "/api/domov/keys", ("access-control-request-method", "GET"))
    assert answer.status == 204 and answer.body == b"" and "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"])
async def test_a_form_that_any_page_can_post_does_nothing(local: Guarded, kind: str) -> None:
    answer = await local.ask(
        "POST", "/api/domov/keys", ("content-type", kind), ("content-length", "10"), body=b'{"name":1}'
    )
    assert answer.status in (400, 415)
    posted = await local.ask("POST", "/api/domov/keys", ("content-type", kind), ("content-length", "10"))
    assert posted.status == 415


async def test_what_a_browser_says_of_a_foreign_page_is_believed(local: Guarded) -> None:
    image = (("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"))
    assert (await local.ask("GET", "/api/domov/machine", *image)).status == 403
    link = (("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"))
    assert (await local.ask("GET", "/healthz", *link)).status == 200
    assert (await local.ask("POST", "/api/domov/forget", *link)).status == 403
    assert (await local.ask("GET", "/healthz", ("sec-fetch-site", "same-origin"))).status == 200


async def test_behind_a_trusted_proxy_with_tls_the_page_is_its_own(tmp_path: Path) -> None:
    proxied = Guarded(tmp_path, origins=Origins(36668, hosts=("ai.example.org",), proxies=(ip_network("127.0.0.1"),)))
    secret = proxied.secret(Grant("x"))
    headers = (("host", "ai.example.org"), ("origin", "https://ai.example.org"), ("x-forwarded-for", "192.0.2.1"))
    https = ("x-forwarded-proto", "https")
    assert (await proxied.ask("GET", "/v1/models", *headers, https, key=secret)).status == 200
    assert (await proxied.ask("GET", "/v1/models", *headers, key=secret)).status == 403
    assert (await proxied.ask("GET", "/v1/models", *headers, https, key=secret, peer="192.0.2.9")).status == 403
    proxied.domov.database.close()


PATHS = [
    *("//v1/models", "/v1//models", "/v1/./models", "/v1/../api/domov/keys", "/healthz/../api/domov/keys"),
    *("/v1/models/..", "/v1/%2e%2e/api/domov/keys", "/v1/.%2E/api/domov/keys", "/healthz/%2e%2e/v1/models"),
    *("/v1/models;x=1", "/v1/models%3bx", "/v1\\models", "/v1/%5c..%5c", "/v1/models%00", "/v1/models%0a"),
    *("/api/domov/keys%00/healthz", "/v1/%2f/models"),
]


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_that_programs_read_differently_is_refused(keyed: Guarded, local: Guarded, path: str) -> None:
    for guarded in (local, keyed):
        assert (await guarded.ask("GET", path)).status == 400


@pytest.mark.parametrize(
    "path",
    ["/healthz%2f", "/%68ealthz", "/healthz%20", "/HEALTHZ", "/healthz/", "/api%2fdomov%2fkeys", "/%61pi/domov/keys",
     "/api/domov%2fkeys", "/v1%2Fmodels", "/API/domov/keys", "/api/domov/keys%2f", "/api/%64omov/keys", "/%2e/healthz",
     "/healthz%252f", "/api/tags%3f", "/%c0%ae", "/v1/models?x=/healthz", "/v1/models#/healthz"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND"])
async def test_no_way_of_writing_a_path_or_method_opens_it(keyed: Guarded, method: str, path: str) -> None:
    assert (await keyed.ask(method, path)).status in (400, 401)


async def test_a_lesser_key_does_not_reach_more_through_a_path_written_otherwise(tmp_path: Path) -> None:
    guarded = Guarded(tmp_path)
    secret = guarded.secret(Grant("x"))
    for path in ("/api/domov%2fkeys", "/v1/..%2fapi/domov/keys", "/api/%64omov/keys", "/api/v1/../domov/keys"):
        assert (await guarded.ask("GET", path, key=secret)).status in (400, 404), path
    assert (await guarded.ask("GET", "/v1/models/hf.co%2Fuser%2Frepo", key=secret)).status == 404  # a model's name
    guarded.domov.database.close()


OPEN = ("/", "/healthz", "/health", "/v1/health")
WORDS = st.sampled_from(
    ["v1", "models", "api", "domov", "keys", "healthz", "..", ".", "%2e", "%2f", "", ";", "%00", "x"]
)


@settings(deadline=None, max_examples=60)
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"]),
    path=st.lists(WORDS, max_size=6).map(lambda parts: "/" + "/".join(parts)),
    headers=st.lists(
        st.tuples(
            st.sampled_from(["authorization", "x-api-key", "api-key", "origin", "content-type", "x-forwarded-for"]),
            st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20),
        ),
        max_size=4,
    ),
)
async def test_whatever_is_sent_without_a_key_opens_nothing(
    keyed: Guarded, method: str, path: str, headers: list[tuple[str, str]]
) -> None:
    answer = await keyed.ask(method, path, *headers)
    assert answer.status in (400, 401, 403) or path in OPEN, (method, path, headers, answer)


async def test_a_websocket_is_closed_before_it_is_opened(local: Guarded) -> None:
    sent = []

    async def send(message: object) -> None:
        sent.append(message)

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/v1/models", "headers": []}
    await local.guard(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_a_form_with_a_file_is_taken_where_files_are_sent_and_from_no_foreign_page(local: Guarded) -> None:
    form = (("content-type", "multipart/form-data; boundary=x"), ("content-length", "10"))
    assert (await local.ask("POST", "/v1/files", *form)).status != 415
    assert (await local.ask("POST", "/v1/files", *form, ("origin", "https://evil.example"))).status == 403
    assert (await local.ask("POST", "/v1/files", *form, ("sec-fetch-site", "cross-site"))).status == 403
    assert (await local.ask("POST", "/v1/files", form[0], ("content-length", str(600 << 20)))).status == 413


async def test_the_largest_body_is_a_setting(local: Guarded) -> None:
    small = local.but(most_body_bytes=1000)
    body = b'{"conversation": "' + b"x" * 1000 + b'"}'
    assert (await small.ask("POST", "/api/domov/forget", body=body)).status == 413
    assert (await local.ask("POST", "/api/domov/forget", body=body)).status == 200
    for length in ("-1", "1e3", "", "0x10", "9" * 5000, " 5"):
        lies = await small.ask(
            "POST", "/api/domov/forget", ("content-length", length), ("content-type", "application/json")
        )
        assert lies.status == 413, length


def config_of(tmp_path: Path, **values: str) -> config.Config:
    return config.load({"DOMOV_HOME": str(tmp_path), **{f"DOMOV_{k.upper()}": v for k, v in values.items()}})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("allowed_hosts", "*"),
        ("allowed_hosts", "https://ai.example.org"),
        ("allowed_hosts", "ai.example.org:443"),
        ("allowed_hosts", "ok.example, b d"),
        ("allowed_origins", "chat.example.org"),
        ("allowed_origins", "https://*"),
        ("allowed_origins", "https://*.example.org"),
        ("allowed_origins", "https://chat.example.org/"),
        ("allowed_origins", "null"),
        ("trusted_proxies", "proxy.example.org"),
        ("trusted_proxies", "10.0.0.0/99"),
    ],
)
def test_a_setting_that_is_not_of_the_form_is_an_error_that_names_it(tmp_path: Path, key: str, value: str) -> None:
    with pytest.raises(BadOption, match=key) as caught:
        from_config(config_of(tmp_path, **{key: value}), port=1, scheme="http", keys_required=True, any_address=True)
    assert caught.value.hint


def test_every_page_may_call_only_where_keys_are_asked_for(tmp_path: Path) -> None:
    every = config_of(tmp_path, allowed_origins="*")
    with pytest.raises(BadOption, match="allowed_origins"):
        from_config(every, port=1, scheme="http", keys_required=False, any_address=False)
    assert from_config(every, port=1, scheme="http", keys_required=True, any_address=True).allows("https://any.example")
