"""Which of the models that are here does which work in another tool. Pure: what they can do comes in."""

from collections.abc import Sequence
from dataclasses import dataclass

from domov.errors import BadOption, NoSuchModel

# A suggestion is wanted while a person types: above this a model is better, and too late on most machines.
QUICK_PARAMETERS = 4_000_000_000


@dataclass(frozen=True, slots=True)
class Able:
    """A model that is here, and what it can do as it is loaded."""

    name: str
    task: str  # chat, embedding or reranking
    parameters: int
    context_tokens: int
    fits: bool = True  # into this machine's memory
    chats: bool = False
    family: str = ""  # of the marks by which it fills gaps; empty: it fills none
    sees: bool = False
    thinks: bool = False

    @property
    def answer_tokens(self) -> int:
        """The part of the context that is left for an answer, where a tool wants to know."""
        return min(4096, self.context_tokens // 4)


@dataclass(frozen=True, slots=True)
class Roles:
    """Who does what. What nobody can do is None."""

    chat: Able  # also edits and applies
    chats: tuple[Able, ...]  # all that could, `chat` first
    autocomplete: Able | None = None
    embed: Able | None = None
    rerank: Able | None = None

    @property
    def named(self) -> dict[str, Able]:
        """Who does what, by the name of the role."""
        roles = {"chat": self.chat, "autocomplete": self.autocomplete, "embed": self.embed, "rerank": self.rerank}
        return {role: model for role, model in roles.items() if model}

    @property
    def missing(self) -> dict[str, str]:
        """What nobody here can do, by the name of the role: a sentence that says what to fetch."""
        return {role: sentence for role, sentence in _MISSING.items() if role not in self.named}


_MISSING = {
    "autocomplete": "no model here fills gaps, for suggestions while typing: domov pull qwen2.5-coder:1.5b",
    "embed": "no model here makes vectors, for searching: domov pull bge-m3",
    "rerank": "no model here ranks what was found: domov pull qwen3-reranker:0.6b",
}


def choose(models: Sequence[Able], *, chat: str | None = None) -> Roles:
    """The largest model that fits into memory for each role; for suggestions the largest of the quick ones.

    chat: the name of the one to chat with. Raises NoSuchModel where none chats, BadOption for one that does not.
    """
    chats = _largest_first([m for m in models if m.chats])
    if chat is not None:
        named = [m for m in chats if m.name in (chat, f"{chat}:latest")]
        chats = named[:1] + [m for m in chats if m not in named[:1]]
        if not named:
            raise BadOption(f"{chat} does not chat", hint="choose a model for chat: domov list")
    if not chats:
        raise NoSuchModel("no model here chats", hint="fetch one: domov pull qwen3:4b")
    return Roles(
        chats[0],
        tuple(chats),
        autocomplete=_for_typing([m for m in models if m.family]),
        embed=_first(_largest_first([m for m in models if m.task == "embedding"])),
        rerank=_first(_largest_first([m for m in models if m.task == "reranking"])),
    )


def _for_typing(models: Sequence[Able]) -> Able | None:
    quick = [m for m in models if m.parameters <= QUICK_PARAMETERS]
    return _first(_largest_first(quick)) or min(models, key=lambda m: (not m.fits, m.parameters), default=None)


def _largest_first(models: Sequence[Able]) -> list[Able]:
    return sorted(models, key=lambda m: (not m.fits, -m.parameters, m.name))


def _first(models: Sequence[Able]) -> Able | None:
    return models[0] if models else None
