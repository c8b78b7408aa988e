"""The one place where an error becomes what a person reads: a sentence, a way out, an exit status.

0    done
1    it could not be done
2    the command was not understood
130  interrupted with Ctrl-C
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from domov.errors import BadInput, DomovError


@contextmanager
def boundary() -> Iterator[None]:
    """Ends the process with the right status, whatever happens inside."""
    try:
        yield
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except DomovError as error:
        say(f"domov: {error.message}")
        if error.hint:
            say(f"       {error.hint}")
        sys.exit(2 if isinstance(error, BadInput) else 1)
    except (KeyboardInterrupt, click.Abort):
        say("stopped")  # click has ended the line
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has gone, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def say(words: str) -> None:
    """Words for the person go to standard error; standard output is for data."""
    click.echo(words, err=True)
