"""Keeps what was taken in of a file: new ids for everything, one transaction for each chat."""

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import cast

from domov.chats.attached import Attachments
from domov.chats.chats import Chats
from domov.chats.importing.taken import NotTaken, TakenChat, TakenFile, TakenTurn
from domov.chats.records import Attachment, Chat, Kind, Table, Turn, new_id
from domov.engine.pictures import check_picture
from domov.errors import BadRequest
from domov.types import Media

MOST_CHATS = 100_000
MOST_TOLD = 200  # of those that were skipped
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/bmp")


def keep(found: Iterable[TakenChat | NotTaken], chats: Chats, attachments: Attachments, *, owner: str) -> Table:
    """How many were taken in, and which were not."""
    imported, skipped = 0, list[Table]()
    for each in found:
        if isinstance(each, NotTaken):
            skipped.append({"name": each.name[:200], "reason": each.reason})
        elif imported >= MOST_CHATS:
            skipped.append({"name": each.title[:200], "reason": f"more than {MOST_CHATS} chats"})
        else:
            _keep(each, chats, attachments, owner)
            imported += 1
    more = {"skipped_more": len(skipped) - MOST_TOLD} if len(skipped) > MOST_TOLD else {}
    return {"imported": imported, "skipped": skipped[:MOST_TOLD], **more}


def _keep(taken: TakenChat, chats: Chats, attachments: Attachments, owner: str) -> None:
    ids = {turn.key: new_id("msg") for turn in taken.turns}
    moment = taken.created_at or taken.updated_at or time.time()
    made = Chat(
        "",
        owner,
        cast(Kind, taken.kind),
        taken.title[:300],
        "person" if taken.title else "",
        folder=taken.folder,
        tags=taken.tags[:100],
        pinned=taken.pinned,
        archived=taken.archived,
        settings=taken.settings,
    )
    turns = [_turn(each, ids, attachments, owner=owner, moment=moment) for each in taken.turns]
    current = ids.get(taken.current or "")
    times = moment, taken.updated_at or max((turn.created_at for turn in turns), default=moment)
    chats.take(replace(made, current=current, created_at=times[0], updated_at=times[1]), turns)


def _turn(taken: TakenTurn, ids: dict[str, str], attachments: Attachments, *, owner: str, moment: float) -> Turn:
    files = [made for file in taken.files if (made := _file(file, owner))]
    for attachment, content in files:
        attachments.add(attachment, content)
    return Turn(
        ids[taken.key],
        "",
        ids.get(taken.parent or ""),
        taken.role,
        taken.content,
        taken.reasoning,
        taken.model,
        created_at=taken.created_at or moment,
        about=taken.about,
        attachments=tuple(attachment for attachment, _ in files),
    )


def _file(taken: TakenFile, owner: str) -> tuple[Attachment, bytes] | None:
    """An attachment; nothing for a picture that is none."""
    picture = taken.media_type in PICTURES
    if picture:
        try:
            check_picture(Media("image", taken.content, taken.media_type))
        except BadRequest:
            return None
    elif not taken.text:
        return None
    kind = taken.media_type if picture else "text/plain"
    size = len(taken.content)
    made = Attachment(
        new_id("att"), owner, time.time(), "image" if picture else "text", taken.name, kind, size, taken.text
    )
    return made, taken.content
