"""What is kept in domov.db and beside it: the part of the composition root that opens it, each at its first use."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from domov.config import Config

if TYPE_CHECKING:  # slow to import, and many commands need none of it
    from domov.batches.files import Files
    from domov.batches.jobs import Jobs
    from domov.chats.answers import Answers
    from domov.chats.assistants import Assistants
    from domov.chats.attached import Attachments
    from domov.chats.chats import Chats
    from domov.database import Database


@dataclass(frozen=True)
class Kept:
    config: Config

    @cached_property
    def database(self) -> "Database":
        """What is kept in domov.db, opened at its first use. Raises HomeUnusable, DiskFull, Broken."""
        from domov.database import open_database

        return open_database(self.config.database)

    @cached_property
    def answers(self) -> "Answers":
        from domov.chats.answers import Answers

        return Answers(self.database)

    @cached_property
    def chats(self) -> "Chats":
        """The conversations that are kept."""
        from domov.chats.chats import Chats
        from domov.chats.search import prepared

        return Chats(self.database, prepared(self.database))

    @cached_property
    def temporary_chats(self) -> "Chats":
        """Those that are in memory alone."""
        from domov.chats.chats import Chats
        from domov.chats.search import prepared
        from domov.database import open_memory

        memory = open_memory()
        return Chats(memory, prepared(memory), temporary=True)

    @cached_property
    def attachments(self) -> "Attachments":
        from domov.chats.attached import Attachments, Folder

        return Attachments(self.database, Folder(self.config.attachments))

    @cached_property
    def temporary_attachments(self) -> "Attachments":
        from domov.chats.attached import Attachments, Memory

        return Attachments(self.temporary_chats.database, Memory())

    @cached_property
    def assistants(self) -> "Assistants":
        from domov.chats.assistants import Assistants

        return Assistants(self.database)

    @cached_property
    def files(self) -> "Files":
        from domov.batches.files import Files

        return Files(self.database, self.config.files)

    @cached_property
    def jobs(self) -> "Jobs":
        from domov.batches.jobs import Jobs

        return Jobs(self.database)
