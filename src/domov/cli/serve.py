import click

from domov import app
from domov.cli.errors import say


@click.command()
@click.option("--host", help="Address to listen on (setting host).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on; 0 picks a free one (setting port).")
@click.option("--context", type=click.IntRange(1), help="Context of one conversation, in tokens, for every model.")
@click.option("--slots", type=click.IntRange(1, 64), help="Conversations at the same time, for every model.")
def serve(host: str | None, port: int | None, context: int | None, slots: int | None) -> None:
    """Serve the models that are here to other programs, through OpenAI's API.

    A model is loaded when it is first asked for. Ctrl-C ends the server and everything that it started.
    """
    from domov.api import server  # FastAPI is slow to import

    domov = app.load(context_tokens=context, slots=slots)
    listener = server.listen(host or domov.config.host, domov.config.port if port is None else port)
    address = listener.getsockname()
    name = f"[{address[0]}]" if ":" in address[0] else address[0]
    say(f"Domov serves http://{name}:{address[1]}/v1 (Ctrl-C ends it)")
    server.run(domov, listener)
