"""Deletes an account with everything that is its own, in whatever room it is kept."""

import asyncio
import contextlib

from domov.access.people import User
from domov.app import App
from domov.errors import NoSuchFile


async def delete_user(domov: App, user: User) -> None:
    """Raises NotPermitted for the last administrator: then nothing is deleted."""
    left = await asyncio.to_thread(domov.access.accounts.delete, user)
    for id in left.files:
        with contextlib.suppress(OSError, NoSuchFile):
            domov.files.path(id).unlink()
    for id in left.attachments:
        await asyncio.to_thread(domov.attachments.contents.remove, id)
    for conversation in left.conversations:
        await domov.forget(conversation)
    await asyncio.to_thread(domov.chats.purge)
    if (domov.config.documents / "index.db").exists():
        await asyncio.to_thread(domov.documents.forget, user.id)
