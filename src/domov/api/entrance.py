"""How a browser carries a session: in a cookie that no script reads, that no other page can have sent with a change.

The cookie's name has the port in it, since browsers don't tell a computer's ports apart; with TLS it has the prefix
that keeps it to this host and to TLS. What changes something needs the page's token beside it.
"""

from dataclasses import dataclass

TOKEN_HEADER = b"x-domov-token"
LOGIN_SECONDS = 600  # that a login elsewhere (OpenID Connect) may take


@dataclass(frozen=True, slots=True)
class Entrance:
    """The address that a request came in by."""

    port: int
    secure: bool = False

    @property
    def cookie_name(self) -> str:
        return f"{'__Host-' if self.secure else ''}domov-{self.port}"

    def set_cookie(self, secret: str, *, seconds: float) -> str:
        """The header's value that gives a browser its session; an empty secret takes it away."""
        age = int(seconds) if secret else 0
        return f"{self.cookie_name}={secret}; Max-Age={age}; {self._rest('Strict')}"

    def set_login_cookie(self, value: str) -> str:
        """Of a login that goes through another site: it has to come back with the browser's way from there."""
        age = LOGIN_SECONDS if value else 0
        return f"{self.cookie_name}-login={value}; Max-Age={age}; {self._rest('Lax')}"

    def _rest(self, same_site: str) -> str:
        return f"Path=/; HttpOnly; SameSite={same_site}{'; Secure' if self.secure else ''}"


def cookie(text: str, name: str) -> str:
    """The value of a cookie; empty where it is missing, or stands twice."""
    pairs = (part.strip().partition("=") for part in text.split(";"))
    values = [value for key, _, value in pairs if key == name]
    return values[0] if len(values) == 1 else ""
