from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from domov import app
from domov.backup import restoring
from domov.cli.errors import say

if TYPE_CHECKING:
    from domov.api.listening import Listener


@click.command()
@click.option("--host", help="Address to listen on (setting host); on any but loopback ones callers need a key.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 picks a free one (setting port).")
@click.option("--context", type=click.IntRange(1), help="Context of one conversation, in tokens, for every model.")
@click.option("--slots", type=click.IntRange(1, 64), help="Conversations at the same time, for every model.")
def serve(host: str | None, port: int | None, context: int | None, slots: int | None) -> None:
    """Serve the models that are here to other programs, through OpenAI's API.

    A model is loaded when it is first asked for. Ctrl-C ends the server and everything that it started.
    """
    from domov.api import listening, server  # FastAPI is slow to import

    if kept := restoring.put_staged(app.load().config.home):
        say(f"A backup was put in place; what was here before is in {kept}")
    domov = app.load(context_tokens=context, slots=slots)
    opened = listening.listeners(
        domov.config, host=host, port=port, keys_required=domov.access.environment_key is not None
    )
    try:
        first_key = domov.access.make_ready() if any(listener.keys_required for listener in opened) else None
        _tell(opened, first_key)
        server.run(domov, opened)
    finally:
        listening.close(opened)


def _tell(opened: "Sequence[Listener]", first_key: str | None) -> None:
    say(f"Domov serves {opened[0].url}/v1 (Ctrl-C ends it)")
    for listener in opened[1:]:
        say(f"and {listener.url}")
    if first_key:
        say(f"Callers need a key. This one may do everything, and is shown this once: {first_key}")
        say("`domov keys add` makes keys that may do less.")
    for listener in opened:
        if not listener.loopback and listener.certificate is None:
            say(f"Warning: {listener.url} has no TLS: who is on the way can read texts and keys (tls_cert, tls_key).")
    certificate = opened[0].certificate
    if certificate and certificate.ends_soon:
        say(f"Warning: the certificate ends in {certificate.days_left:.0f} days.")
