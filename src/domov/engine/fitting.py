"""Fits a request into a model's context before the engine sees it, and says what was left out.

Counting costs a template and a tokenizer; a conversation that is short enough by its bytes alone is not counted. The
engine's own check stands behind: what slips through here is an error there, never a silent cut.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from domov.engine.overflow import Room, kept, room_for
from domov.engine.protocol import Tokenizer
from domov.errors import ContextOverflow
from domov.types import ChatRequest, Dropped, Message, Overflow

# A token has at least one byte of the text that it stands for. What templates add: marks around each message (Llama 3:
# 5 tokens), and once a default system prompt, the date, a start of the answer (the longest seen: about 150).
MESSAGE_TOKENS, REQUEST_TOKENS = 32, 512
# With tools their schemas, written as JSON that may escape every character, and words on how to call them.
ESCAPED_BYTES, TOOLS_TOKENS = 3, 1024
MEDIA_TOKENS = 1024  # of a picture or a second of sound, for want of a count: models differ

Count = Callable[[ChatRequest], Awaitable[int]]


async def fit(
    request: ChatRequest, *, context_tokens: int, count: Count, policy: Overflow = "drop_oldest"
) -> tuple[ChatRequest, Dropped | None]:
    """The request with as many of its messages as fit, and what was dropped; the same one if it fits.

    count   tokens of a request as a prompt: see `counter`
    policy  what to do where the request does not say

    Raises ContextOverflow when it can't be made to fit.
    """
    room = room_for(context_tokens=context_tokens, max_tokens=request.max_tokens)
    if most_tokens(request) <= room.prompt_tokens:
        return request, None
    policy = request.overflow or policy
    try:
        places = await _run(request, policy, room, count)
    except ContextOverflow:
        if any(message.media for message in request.messages):
            return request, None  # their tokens were only guessed: let the engine say
        raise
    if not places:
        return request, None
    messages = tuple(m for place, m in enumerate(request.messages) if place not in places)
    return replace(request, messages=messages), Dropped(policy, places)


def counter(tokenizer: Tokenizer) -> Count:
    """Counts with a model's own template and vocabulary."""

    async def count(request: ChatRequest) -> int:
        prompt = await tokenizer.render(request)
        media = sum(len(message.media) for message in request.messages)
        return len(await tokenizer.tokenize(prompt, special=True)) + MEDIA_TOKENS * media

    return count


async def _run(request: ChatRequest, policy: Overflow, room: Room, count: Count) -> tuple[int, ...]:
    steps = kept(request.messages, policy=policy, room=room)
    candidate = next(steps)
    while True:
        tokens = await count(replace(request, messages=candidate))
        try:
            candidate = steps.send(tokens)
        except StopIteration as end:
            places: tuple[int, ...] = end.value
            return places


def most_tokens(request: ChatRequest) -> int:
    """More tokens than the prompt can have, from sizes alone."""
    tools = sum(_bytes(repr(tool.parameters)) + _bytes(tool.name + tool.description) for tool in request.tools)
    extra = TOOLS_TOKENS + ESCAPED_BYTES * tools if request.tools else 0
    return REQUEST_TOKENS + extra + sum(_most_tokens(message) for message in request.messages)


def _most_tokens(message: Message) -> int:
    calls = sum(_bytes(call.id + call.name + call.arguments) for call in message.tool_calls)
    said = _bytes(message.text) + _bytes(message.reasoning) + _bytes(message.tool_call_id or "")
    return MESSAGE_TOKENS + said + ESCAPED_BYTES * calls + MEDIA_TOKENS * len(message.media)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
