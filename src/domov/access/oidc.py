"""Logging in elsewhere: OpenID Connect's code flow with PKCE, state and nonce, through the one door to the network.

Sources: OpenID Connect Core 1.0 and Discovery 1.0, RFC 7636, RFC 9207. Signatures are checked by joserfc, with public
keys only; what the browser brings back is believed no further than that.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from domov.config import Config
from domov.errors import BadOption, Broken, NotLoggedIn
from domov.outbound import Outbound, check_status, is_loopback, read_body

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
LOGIN_SECONDS, LEEWAY_SECONDS, KNOWN_SECONDS = 600.0, 60.0, 3600.0
MOST_LOGINS, MOST_BYTES = 1000, 1 << 20
AGAIN = "begin once more"
REASON = "logging in (OpenID Connect)"


@dataclass(frozen=True, slots=True)
class Provider:
    issuer: str
    client_id: str
    client_secret: str = ""
    groups_claim: str = "groups"
    admins: tuple[str, ...] = ()  # values of that claim that make an administrator


def provider_of(config: Config) -> Provider:
    """The one that is set. Raises BadOption where none is."""
    if not config.oidc_issuer or not config.oidc_client_id:
        raise BadOption("no other login is set up here", hint="set oidc_issuer and oidc_client_id")
    return Provider(
        config.oidc_issuer,
        config.oidc_client_id,
        config.oidc_client_secret,
        config.oidc_groups_claim,
        config.oidc_admins,
    )


@dataclass(frozen=True, slots=True)
class Claims:
    """What is believed of somebody who has logged in there."""

    subject: str  # issuer|sub
    name: str
    groups: tuple[str, ...] | None  # None: nothing is said about groups
    admin: bool | None  # None: it is not decided there


@dataclass(frozen=True, slots=True)
class Login:
    """One that has begun."""

    nonce: str
    verifier: str
    redirect: str
    at: float


@dataclass(frozen=True, slots=True)
class Known:
    """What the provider tells of itself."""

    authorization: str
    token: str
    keys: str
    basic_only: bool  # whether the secret has to stand in a header
    at: float


class Oidc:
    def __init__(
        self,
        provider: Provider,
        outbound: Callable[[], AbstractAsyncContextManager[Outbound]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises BadOption for an issuer that is no address to trust."""
        if urlsplit(provider.issuer).scheme != "https" and not is_loopback(provider.issuer):
            raise BadOption(f"setting oidc_issuer can't be {provider.issuer[:100]!r}", hint="it begins with https://")
        self.provider, self._outbound, self._clock = provider, outbound, clock
        self._logins: OrderedDict[str, Login] = OrderedDict()
        self._known: Known | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def begin(self, redirect: str) -> tuple[str, str]:
        """Where to send a browser, and the state that it has to come back with.

        Raises Broken, Offline, ConnectionBroken.
        """
        known = await self._discovered()
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        login = Login(secrets.token_urlsafe(32), verifier, redirect, self._clock())
        self._logins[state] = login
        while len(self._logins) > MOST_LOGINS:
            self._logins.popitem(last=False)
        query = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": redirect,
            "scope": "openid profile email",
            "state": state,
            "nonce": login.nonce,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        between = "&" if urlsplit(known.authorization).query else "?"
        return f"{known.authorization}{between}{urlencode(query)}", state

    async def finish(self, *, state: str, code: str, issuer: str = "") -> Claims:
        """Who has logged in there. Each state is good once. Raises NotLoggedIn, and what `begin` raises."""
        login = self._logins.pop(state, None)
        if login is None or self._clock() - login.at > LOGIN_SECONDS:
            raise NotLoggedIn("this login was not begun here, or too long ago", hint=AGAIN)
        if issuer and issuer != self.provider.issuer:
            raise NotLoggedIn("this login comes from somebody else", hint=AGAIN)
        token = await self._redeem(code, login)
        return claims_of(await self._verified(token, login), self.provider)

    async def _redeem(self, code: str, login: Login) -> str:
        known, provider = await self._discovered(), self.provider
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": login.redirect,
            "client_id": provider.client_id,
            "code_verifier": login.verifier,
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if provider.client_secret and known.basic_only:
            pair = f"{quote(provider.client_id, safe='')}:{quote(provider.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        elif provider.client_secret:
            form["client_secret"] = provider.client_secret
        body = urlencode(form).encode()
        async with (
            self._outbound() as outbound,
            outbound.post(known.token, body=body, reason=REASON, headers=headers) as answer,
        ):
            table = _table(await read_body(answer, most_bytes=MOST_BYTES, wanted="a token"), known.token)
        if answer.status != 200 or not isinstance(table.get("id_token"), str):
            why = ascii(str(table.get("error_description") or table.get("error") or answer.status)[:200])[1:-1]
            raise NotLoggedIn(f"the provider did not confirm this login: {why}", hint=AGAIN)
        return str(table["id_token"])

    async def _verified(self, token: str, login: Login) -> dict[str, Any]:
        """The token's claims, after everything that shows whose they are and for whom. Raises NotLoggedIn."""
        for fresh in (False, True):  # a key that is not known may be a new one
            try:
                decoded = jwt.decode(token, await self._key_set(fresh=fresh), algorithms=ALGORITHMS)
                break
            except (JoseError, ValueError, TypeError) as error:
                if fresh:
                    raise NotLoggedIn(f"the provider's token can't be trusted: {type(error).__name__}") from error
        claims, now = dict(decoded.claims), self._clock()
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        wrong = [
            name
            for name, right in (
                ("iss", claims.get("iss") == self.provider.issuer),
                ("aud", self.provider.client_id in audiences),
                ("azp", claims.get("azp", self.provider.client_id) == self.provider.client_id),
                ("exp", _number(claims.get("exp"), 0.0) > now - LEEWAY_SECONDS),
                ("iat", _number(claims.get("iat"), now + 1e9) < now + LEEWAY_SECONDS),
                ("nonce", hmac.compare_digest(str(claims.get("nonce")).encode(), login.nonce.encode())),
                ("sub", isinstance(claims.get("sub"), str) and bool(claims["sub"])),
            )
            if not right
        ]
        if wrong:
            raise NotLoggedIn(f"the provider's token is not for this login: {', '.join(wrong)}", hint=AGAIN)
        return claims

    async def _discovered(self) -> Known:
        if self._known is None or self._clock() - self._known.at > KNOWN_SECONDS:
            issuer = self.provider.issuer
            table = await self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if table.get("issuer") != issuer:
                told = ascii(str(table.get("issuer"))[:100])[1:-1]
                raise Broken(
                    f"the provider calls itself {told}", hint="set oidc_issuer to exactly that, if it is right"
                )
            methods = table.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
            self._known = Known(
                _endpoint(table, "authorization_endpoint"),
                _endpoint(table, "token_endpoint"),
                _endpoint(table, "jwks_uri"),
                basic_only="client_secret_post" not in methods,
                at=self._clock(),
            )
        return self._known

    async def _key_set(self, *, fresh: bool) -> KeySet:
        if self._keys is None or fresh or self._clock() - self._keys[0] > KNOWN_SECONDS:
            table = await self._get((await self._discovered()).keys)
            self._keys = self._clock(), KeySet.import_key_set({"keys": _signing(table)})
        return self._keys[1]

    async def _get(self, url: str) -> dict[str, Any]:
        async with self._outbound() as outbound, outbound.get(url, reason=REASON) as answer:
            check_status(answer, wanted="what it tells of itself")
            return _table(await read_body(answer, most_bytes=MOST_BYTES, wanted="what it tells of itself"), url)


def challenge_of(verifier: str) -> str:
    """RFC 7636, S256."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def claims_of(claims: dict[str, Any], provider: Provider) -> Claims:
    """What a token's claims mean here. Pure."""
    told = claims.get(provider.groups_claim)
    groups = tuple(str(group) for group in told) if isinstance(told, list) else None
    admin = bool({*provider.admins} & {*(groups or ())}) if provider.admins else None
    names = (claims.get(key) for key in ("preferred_username", "name", "email"))
    name = next((str(name) for name in names if isinstance(name, str) and name), str(claims["sub"]))
    return Claims(f"{provider.issuer}|{claims['sub']}", name, groups, admin)


def _signing(table: dict[str, Any]) -> list[Any]:
    keys = table.get("keys")
    return [k for k in keys if isinstance(k, dict) and k.get("use", "sig") == "sig"] if isinstance(keys, list) else []


def _endpoint(table: dict[str, Any], name: str) -> str:
    url = table.get(name)
    if not isinstance(url, str) or not (urlsplit(url).scheme == "https" or is_loopback(url)):
        raise Broken(f"the provider tells no safe {name}", hint="it has to begin with https://")
    return url


def _table(content: bytes, url: str) -> dict[str, Any]:
    try:
        table = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Broken(f"{urlsplit(url).hostname} answers with something else than JSON") from error
    return table if isinstance(table, dict) else {}


def _number(value: Any, otherwise: float) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else otherwise
