"""Why a file has no text for us. One file's failure is its own: it is noted with its reason and the next one read."""


class Unreadable(Exception):
    """`reason` is shown to the user beside the file's name."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Scanned(Unreadable):
    """It has pages and no text: text recognition may find some."""
