"""Everything that Domov says no with.

    DomovError
      BadInput            what the caller sent can't be meant: nothing was done
        BadName             not a model's name
        BadOption           a setting or an option with an impossible value
        BadBackup           a file that is no backup, a damaged one, or one of a newer Domov
        BadRequest          a request that no dialect can carry out
        ContextOverflow     a prompt longer than the model's context
      NotFound            it is not here
        NoSuchModel
        NoSuchChat
        NoSuchCollection
        NoSuchPassage
        NoSuchAnswer        a kept answer that a request wants to go on from
        NoSuchFile          a file that was sent, or that a batch has written
        NoSuchBatch
        NoSuchDownload
        NoSuchJob
        NoSuchTool          a server of tools, or a call that waits for its user
      NoSuchKey           a caller's key
      NoSuchUser          an account
      NoSuchGroup
      NoSuchSession       a login that is open
      NoSuchInvitation    a link that is not good, or not any more
      NoServer            no `domov serve` runs with this home
      Refused             allowed in principle, not here and now
        Offline             a connection while offline mode is on
        PortInUse
        HomeUnusable        DOMOV_HOME can't be read or written
        DiskFull
        NotPermitted        the caller's key does not give this
          NotLoggedIn       a name, password or code that is wrong, or no login where one is needed
      Busy                more requests than it takes: come back in `retry_seconds`
        TooManyTries        to log in
      Broken              a part outside this process failed
        BadModelFile        not a model, or a damaged one
        DownloadFailed      a hub or index answered with something else than the file
          ConnectionBroken    no connection, or one that ended early
          AccessDenied        it wants a token, or the token is not enough
        DigestMismatch      the bytes are not the ones that were promised
        EngineUnavailable   no engine of the kind asked for
        WorkerDied          the process that runs the model ended

`message` names the value, lower case, no period. `hint` is something to run or set.
"""


class DomovError(Exception):
    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class BadInput(DomovError): ...


class BadName(BadInput): ...


class BadOption(BadInput): ...


class BadBackup(BadInput): ...


class BadRequest(BadInput): ...


class ContextOverflow(BadInput):
    def __init__(self, *, prompt_tokens: int, context_tokens: int) -> None:
        super().__init__(
            f"the prompt has {prompt_tokens} tokens, the model's context holds {context_tokens}",
            hint="shorten it, or load the model with a larger context (setting context_tokens)",
        )
        self.prompt_tokens = prompt_tokens
        self.context_tokens = context_tokens


class NotFound(DomovError): ...


class NoSuchModel(NotFound): ...


class NoSuchChat(NotFound): ...


class NoSuchCollection(NotFound): ...


class NoSuchPassage(NotFound): ...


class NoSuchAnswer(NotFound): ...


class NoSuchFile(NotFound): ...


class NoSuchBatch(NotFound): ...


class NoSuchDownload(NotFound): ...


class NoSuchJob(NotFound): ...


class NoSuchTool(NotFound): ...


class NoSuchKey(NotFound): ...


class NoSuchUser(NotFound): ...


class NoSuchGroup(NotFound): ...


class NoSuchSession(NotFound): ...


class NoSuchInvitation(NotFound): ...


class NoServer(NotFound): ...


class Refused(DomovError): ...


class Offline(Refused): ...


class PortInUse(Refused): ...


class HomeUnusable(Refused): ...


class DiskFull(Refused): ...


class NotPermitted(Refused): ...


class NotLoggedIn(NotPermitted): ...


class Busy(Refused):
    def __init__(self, message: str, *, retry_seconds: int) -> None:
        super().__init__(message, hint=f"ask again in {retry_seconds} s")
        self.retry_seconds = retry_seconds


class TooManyTries(Busy): ...


class Broken(DomovError): ...


class BadModelFile(Broken): ...


class DownloadFailed(Broken): ...


class ConnectionBroken(DownloadFailed): ...


class AccessDenied(DownloadFailed): ...


class DigestMismatch(Broken): ...


class EngineUnavailable(Broken): ...


class WorkerDied(Broken): ...
