"""What is kept of a conversation that has outgrown its context. Pure: whoever runs it counts the tokens.

A turn is what the user said and all that followed, until the user spoke again. System messages and the newest turn
are always kept; a turn goes or stays as a whole, and with it the calls of tools and their results.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from domov.errors import ContextOverflow
from domov.types import Message, Overflow

Turn = tuple[int, ...]  # the places of its messages


@dataclass(frozen=True, slots=True)
class Room:
    context_tokens: int
    reserve_tokens: int  # of the context, for the answer

    @property
    def prompt_tokens(self) -> int:
        return self.context_tokens - max(1, self.reserve_tokens)

    def holds(self, tokens: int) -> bool:
        """Whether a prompt can be answered at all: llama-server wants room for one token more."""
        return tokens < self.context_tokens


def room_for(*, context_tokens: int, max_tokens: int | None) -> Room:
    """The answer may have its `max_tokens`, or a quarter of the context if that is less."""
    quarter = context_tokens // 4
    return Room(context_tokens, quarter if max_tokens is None else min(max_tokens, quarter))


def kept(
    messages: Sequence[Message], *, policy: Overflow, room: Room
) -> Generator[tuple[Message, ...], int, tuple[int, ...]]:
    """Which messages are dropped, as their places: as few turns as leave the answer its reserve.

    Yields lists of messages and is sent how many tokens each is as a prompt; about log2 of the turns of them. Where
    even the least that may be kept leaves less than the reserve, that is kept, and the answer will be cut short.

    Raises ContextOverflow if that does not fit into the context at all, or if the policy is to stop.
    """
    whole = yield tuple(messages)
    if whole <= room.prompt_tokens or (policy == "stop" and room.holds(whole)):
        return ()
    turns = [] if policy == "stop" else droppable(messages, policy)
    least = (yield _without(messages, turns)) if turns else whole
    if not room.holds(least):
        raise ContextOverflow(prompt_tokens=least, context_tokens=room.context_tokens)
    few, many = 0, len(turns)  # too few to drop; enough, or all
    while least <= room.prompt_tokens and many - few > 1:
        middle = (few + many) // 2
        tokens = yield _without(messages, turns[:middle])
        few, many = (few, middle) if tokens <= room.prompt_tokens else (middle, many)
    return tuple(place for turn in turns[:many] for place in turn)


def droppable(messages: Sequence[Message], policy: Overflow) -> list[Turn]:
    """The turns that may go, the first to go first."""
    turns = turns_of(messages)[:-1]
    return turns[1:] if policy == "keep_ends" else turns


def turns_of(messages: Sequence[Message]) -> list[Turn]:
    """The turns of a conversation, system messages left out. What comes before the user's first word is one too."""
    turns: list[list[int]] = []
    last: Message | None = None
    open_until = -1  # the last result of a tool that was called so far
    for place, message in enumerate(messages):
        if message.role == "system":
            continue
        begins = message.role == "user" and (last is None or last.role != "user") and place > open_until
        if begins or not turns:
            turns.append([])
        turns[-1].append(place)
        open_until = max(open_until, _last_result(messages, place))
        last = message
    return [tuple(turn) for turn in turns]


def _last_result(messages: Sequence[Message], place: int) -> int:
    """The place of the last result of the tools that a message calls; its own place if there is none."""
    calls = {call.id for call in messages[place].tool_calls}
    results = (p for p in range(place, len(messages)) if calls and messages[p].tool_call_id in calls)
    return max(results, default=place)


def _without(messages: Sequence[Message], turns: Sequence[Turn]) -> tuple[Message, ...]:
    dropped = {place for turn in turns for place in turn}
    return tuple(message for place, message in enumerate(messages) if place not in dropped)
