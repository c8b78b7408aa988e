"""Folders watched: looked at every few seconds, and less often where a look takes long, so that it stays below 5 %."""

import asyncio
import time

from domov.documents.library import Documents
from domov.errors import DomovError

LOOK_SHARE = 0.05
AFTER_ERROR_SECONDS = 30.0


async def watch(documents: Documents, *, seconds: float) -> None:
    """Keeps the collections up to date until it is cancelled. What goes wrong is noted and tried again."""
    while True:
        start = time.monotonic()
        try:
            worked = await documents.refresh()
            documents.problem = ""
            wait = seconds if worked else max(seconds, (time.monotonic() - start) / LOOK_SHARE)
        except DomovError as error:
            documents.problem, wait = error.message, max(seconds, AFTER_ERROR_SECONDS)
        await asyncio.sleep(wait)
