"""uvicorn's HTTP protocol with a bound on the head of a request, which its parser does not have."""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TOO_LARGE = b'{"error":{"message":"the headers of the request are too large","type":"invalid_request_error"}}'
ANSWER = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (len(TOO_LARGE), TOO_LARGE)
)


class Bounded(HttpToolsProtocol):
    """Answers a longer head with 431 and hangs up. What is read at once, up to 256 KB, may come on top."""

    most_head_bytes = 64 << 10

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head_bytes, self._in_head, self._refused = 0, True, False

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        began_before = self._in_head
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if began_before and self._in_head else 0
        if self._head_bytes > self.most_head_bytes:
            self._refuse()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_headers_complete(self) -> None:
        self._in_head = False
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > self.most_head_bytes:
            self._refuse()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._refused:
            super().on_message_complete()

    def _refuse(self) -> None:
        self._refused = True
        if not self.transport.is_closing():
            self.transport.write(ANSWER)
            self.transport.close()


def bounded(most_head_bytes: int) -> type[Bounded]:
    return type("Bounded", (Bounded,), {"most_head_bytes": most_head_bytes})
