"""Tool calls by a grammar of our own.

llama-server calls tools in the model's own format where its template has one; yet it lets a model talk before a
required call, takes no name, and drops the tools in silence where the template has no place for them. In those
cases the answer is held to a JSON schema, {"tool_calls": [...]} or {"response": ...}, and read back here. Pure.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import uuid4

import orjson

from domov.engine.traits import Traits
from domov.errors import BadRequest
from domov.types import ChatRequest, Event, Message, TextDelta, Tool, ToolCallDelta

MOST_CALLS = 16  # in one answer
_SPACE = " \t\r\n"
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def allowed_tools(request: ChatRequest) -> tuple[Tool, ...]:
    """Those that may be called. Raises BadRequest for a choice that names none of them."""
    if request.tool_choice == "none":
        return ()
    if request.tool_choice in ("auto", "required"):
        if request.tool_choice == "required" and not request.tools:
            raise BadRequest("tool_choice is required, yet there are no tools")
        return request.tools
    named = tuple(tool for tool in request.tools if f"={tool.name}" == request.tool_choice)
    if not named:
        raise BadRequest(f"no such tool: {request.tool_choice.removeprefix('=')[:80]}")
    return named[:1]


def held_by_us(request: ChatRequest, traits: Traits) -> bool:
    """Whether the calls of the answer are held by our schema, and not by llama-server."""
    if not allowed_tools(request):
        return False
    return request.tool_choice != "auto" or request.json_schema is not None or not traits.shows_tools


def call_schema(request: ChatRequest) -> dict[str, Any]:
    """The JSON schema of an answer that calls tools or, where it may, says something instead."""
    tools = allowed_tools(request)
    most = MOST_CALLS if request.parallel_tool_calls else 1
    call = {"anyOf": [_object(name={"const": t.name}, arguments=_ref(f"tool_{n}")) for n, t in enumerate(tools)]}
    calls = _object(tool_calls={"type": "array", "items": call, "minItems": 1, "maxItems": most})
    places = {f"tool_{n}": _moved(t.parameters or {"type": "object"}, f"tool_{n}") for n, t in enumerate(tools)}
    if request.tool_choice != "auto":
        return {**calls, "$defs": places}
    words: dict[str, Any] = {"type": "string"}
    if request.json_schema is not None:
        words, places["response"] = _ref("response"), _moved(request.json_schema or {"type": "object"}, "response")
    return {"anyOf": [calls, _object(response=words)], "$defs": places}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    required = list(properties)
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _ref(place: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{place}"}


def _moved(schema: Any, place: str) -> Any:
    """A schema at its new place: what it says about itself (`#/...`) points there."""
    if isinstance(schema, list):
        return [_moved(part, place) for part in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {key: _moved(value, place) for key, value in schema.items()}
    if isinstance(reference := schema.get("$ref"), str) and reference.startswith("#"):
        moved["$ref"] = f"#/$defs/{place}{reference[1:]}"
    return moved


def told_in_words(request: ChatRequest, traits: Traits) -> tuple[Message, ...]:
    """The messages for a template that knows no tools: they are described, and their calls written out, as text."""
    messages = _as_text(request.messages)
    tools = allowed_tools(request)
    if not tools:
        return messages
    first = messages[0] if messages and messages[0].role == "system" else None
    told = f"{first.text}\n\n{_described(tools, request)}" if first else _described(tools, request)
    rest = messages[1:] if first else messages
    if traits.takes_system or not rest or isinstance(rest[0].content, tuple):
        return (Message("system", told), *rest)
    return (replace(rest[0], content=f"{told}\n\n{rest[0].content}"), *rest[1:])


def _described(tools: Sequence[Tool], request: ChatRequest) -> str:
    lines = [_text({"name": t.name, "description": t.description, "parameters": t.parameters}) for t in tools]
    form = '{"tool_calls": [{"name": ..., "arguments": {...}}]}'
    how = f"Answer with one JSON object. To call a tool: {form}"
    if request.tool_choice == "auto":
        how += '. To answer without one: {"response": ...}'
    return "\n".join(["You have these tools:", *lines, how])


def _as_text(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Calls and results as words; results that follow each other are one message, as templates want turns."""
    told: list[Message] = []
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    results_before = False
    for message in messages:
        if message.role == "tool":
            text = f"The tool {names.get(message.tool_call_id or '', '')} answered: {message.text}".replace("  ", " ")
            if results_before:
                told[-1] = replace(told[-1], content=f"{told[-1].text}\n{text}")
            else:
                told.append(Message("user", text))
        elif message.tool_calls:
            calls = [{"name": c.name, "arguments": _loaded(c.arguments)} for c in message.tool_calls]
            content = "\n".join(part for part in (message.text, _text({"tool_calls": calls})) if part)
            told.append(replace(message, content=content, tool_calls=()))
        else:
            told.append(message)
        results_before = message.role == "tool"
    return tuple(told)


def _text(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise BadRequest(f"a tool can't be passed on: {error}") from error


def _loaded(arguments: str) -> Any:
    try:
        return orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments


def _new_id() -> str:
    return f"call_{uuid4().hex}"


class CallReader:
    """Turns an answer of `call_schema`, as it comes, into the text or the calls in it."""

    def __init__(self, *, words: bool = True, new_id: Callable[[], str] = _new_id) -> None:
        """words: a response is text, and not JSON of some schema."""
        self.calls = 0
        self._words, self._new_id = words, new_id
        self._back = ""  # a character that ended one value and belongs to what follows
        self._out: list[Event] = []
        self._parser = self._document()
        next(self._parser)
        self._ended = False

    def feed(self, text: str) -> Iterator[Event]:
        for character in text:
            if self._ended:
                break
            try:
                self._parser.send(character)
            except StopIteration:
                self._ended = True
        out, self._out = self._out, []
        yield from _joined(out)

    def _document(self) -> Generator[None, str, None]:
        yield from self._until("{")
        key = yield from self._string()
        yield from self._until(":")
        if key == "response":
            yield from self._value(lambda text: self._out.append(TextDelta(text)), decode=self._words)
            return
        yield from self._until("[")
        while (yield from self._until("{]")) == "{":
            yield from self._call()
            yield from self._until("}")

    def _call(self) -> Generator[None, str, None]:
        index, self.calls = self.calls, self.calls + 1
        yield from self._string()
        yield from self._until(":")
        name = yield from self._string()
        self._out.append(ToolCallDelta(index, self._new_id(), name, ""))
        yield from self._until(",")
        yield from self._string()
        yield from self._until(":")
        yield from self._value(lambda text: self._out.append(ToolCallDelta(index, None, None, text)), decode=False)

    def _until(self, wanted: str) -> Generator[None, str, str]:
        while True:
            character, self._back = self._back or (yield), ""
            if character in wanted:
                return character

    def _string(self) -> Generator[None, str, str]:
        found: list[str] = []
        yield from self._until('"')
        yield from self._rest_of_string(found.append, decode=True)
        return "".join(found)

    def _value(self, give: Callable[[str], None], *, decode: bool) -> Generator[None, str, None]:
        """One value as its raw JSON; a string alone, if `decode`, as what it says."""
        while (character := (yield)) in _SPACE:
            pass
        if character == '"' and decode:
            return (yield from self._rest_of_string(give, decode=True))
        depth = 0
        while True:
            if depth == 0 and character in ",}] \t\r\n":  # the end of a number, true, false or null
                self._back = character
                return None
            give(character)
            if character == '"':
                yield from self._rest_of_string(give, decode=False)
            depth += (character in "{[") - (character in "}]")
            if depth == 0 and character in '}]"':
                return None
            character = yield

    def _rest_of_string(self, give: Callable[[str], None], *, decode: bool) -> Generator[None, str, None]:
        while True:
            character = yield
            if character == "\\":
                yield from self._escape(give, decode=decode)
            elif character != '"':
                give(character)
            else:
                if not decode:
                    give(character)
                return

    def _escape(self, give: Callable[[str], None], *, decode: bool) -> Generator[None, str, None]:
        raw = "\\" + (yield)
        if raw == "\\u":
            raw += yield from self._some(4)
            if decode and 0xD800 <= int(raw[2:], 16) < 0xDC00:  # half of a character: the other half follows
                raw += yield from self._some(6)
                pair = raw.encode().decode("unicode_escape").encode("utf-16", "surrogatepass")
                return give(pair.decode("utf-16", "replace"))
            return give(chr(int(raw[2:], 16)).encode("utf-8", "replace").decode() if decode else raw)
        return give(_ESCAPES.get(raw[1], raw[1]) if decode else raw)

    def _some(self, count: int) -> Generator[None, str, str]:
        found = ""
        for _ in range(count):
            found += yield
        return found


def _joined(events: Sequence[Event]) -> Iterator[Event]:
    """The same with pieces that follow each other made one."""
    last: Event | None = None
    for event in events:
        if isinstance(last, TextDelta) and isinstance(event, TextDelta):
            last = TextDelta(last.text + event.text)
        elif isinstance(last, ToolCallDelta) and isinstance(event, ToolCallDelta) and event.index == last.index:
            last = replace(last, arguments=last.arguments + event.arguments)
        else:
            if last is not None:
                yield last
            last = event
    if last is not None:
        yield last
