"""POST /v1/audio/transcriptions: the words of a recording, written down by a chat model that takes sound.

Source: OpenAI's API reference, audio, as of the `openai` client 3.54. llama.cpp reads WAV and MP3; such models tell no
times and no speakers.
"""

import io
import wave
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from domov.api.answers import Collected, json_response, streaming
from domov.api.disconnect import unless_disconnected
from domov.api.models import engine_of
from domov.api.multipart import Form, received
from domov.api.openai.answers import sse
from domov.api.openai.errors import error_body
from domov.api.values import number
from domov.app import App
from domov.engine.protocol import Engine
from domov.errors import BadRequest
from domov.types import ChatRequest, Media, Message, Sampling, TextDelta, Token, Usage

MOST_SOUND_BYTES = 64 << 20
FORMATS = ("json", "text", "verbose_json")
FIELDS = frozenset(
    ("file", "model", "language", "languages", "prompt", "keywords", "response_format", "temperature", "stream")
    + ("include", "timestamp_granularities")
)
UNSUPPORTED = ("known_speaker_names", "known_speaker_references")  # who speaks
IGNORED = ("chunking_strategy", "user")
LOGPROBS = "logprobs"
STRINGS = {"type": "string"}
FORM = {
    "type": "object",
    "properties": {"file": {"type": "string", "format": "binary"}, "model": STRINGS, "response_format": STRINGS},
    "required": ["file", "model"],
}
TAKES_FORM = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": FORM}}}}


@dataclass(frozen=True, slots=True)
class Asked:
    request: ChatRequest
    format: str
    stream: bool
    sound: Media
    language: str


def router(domov: App) -> APIRouter:
    routes = APIRouter()

    @routes.post("/v1/audio/transcriptions", openapi_extra=TAKES_FORM)
    async def transcriptions(request: Request) -> Response:
        """What is said in a recording, by a model that takes sound."""
        async with received(request, folder=domov.config.files, most_bytes=MOST_SOUND_BYTES) as form:
            asked = decode(form)
        return await unless_disconnected(request, _transcribe(domov, asked))

    return routes


def decode(form: Form) -> Asked:
    """What a form asks. Raises BadRequest, naming the field, for what can't be honoured."""
    fields = {name.removesuffix("[]"): values for name, values in form.fields.items()}
    for name in UNSUPPORTED:
        if fields.get(name):
            raise BadRequest(f"{name} is not supported", hint=f"leave {name} out")
    model = form.text("model")
    if not model:
        raise BadRequest("model is required")
    shape = form.text("response_format") or "json"
    if shape not in FORMATS:
        raise BadRequest(f"response_format can't be {shape[:30]}", hint=f"it takes {', '.join(FORMATS)}")
    if fields.get("timestamp_granularities", ["segment"]) != ["segment"]:
        raise BadRequest("the times of words are not told", hint="leave timestamp_granularities out")
    sound = _sound(form)
    if shape == "verbose_json":
        seconds_of(sound)
    temperature = form.text("temperature")
    languages = [*fields.get("language", []), *fields.get("languages", [])]
    request = ChatRequest(
        model,
        (Message("user", (sound, _words(languages, form.text("prompt"), fields.get("keywords", [])))),),
        Sampling(temperature=None if temperature is None else number(temperature, "temperature", 0, 5)),
        thinking=False,
        overflow="stop",
        top_logprobs=0 if LOGPROBS in fields.get("include", []) else None,
    )
    return Asked(request, shape, form.text("stream") in ("true", "True", "1"), sound, ", ".join(languages))


def _words(languages: list[str], prompt: str | None, keywords: list[str]) -> str:
    """What the model is told to do, in the words that llama-server's own route uses."""
    words = "Transcribe audio to text"
    words += f" (language: {', '.join(languages)})" if any(languages) else ""
    words += f"\nWords that may come up: {', '.join(keywords)}" if keywords else ""
    return f"{words}\nIt goes on from, or is spelled as in: {prompt}" if prompt else words


def _sound(form: Form) -> Media:
    content = form.file("file").path.read_bytes()
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return Media("audio", content, "audio/wav")
    if content[:3] == b"ID3" or (content[:1] == b"\xff" and content[1:2] >= b"\xe0"):
        return Media("audio", content, "audio/mpeg")
    raise BadRequest("file is neither WAV nor MP3", hint="convert it, for example: ffmpeg -i recording.m4a speech.wav")


def seconds_of(sound: Media) -> float:
    """How long a recording lasts. Raises BadRequest for one that does not say."""
    if sound.media_type != "audio/wav":
        raise BadRequest("how long an MP3 lasts is not known", hint="send WAV, or ask for the response_format json")
    try:
        with wave.open(io.BytesIO(sound.content)) as recording:
            return float(recording.getnframes() / recording.getframerate())
    except (wave.Error, EOFError, RuntimeError, ZeroDivisionError) as error:
        raise BadRequest(f"file is no WAV that can be read: {error}") from error


async def _transcribe(domov: App, asked: Asked) -> Response:
    engine, _ = engine_of(domov, asked.request.model)
    if asked.stream:
        return await streaming(
            _streamed(engine, asked.request),
            failed=lambda error: b"data: " + error_body(error)[1] + b"\n\n",
            media_type="text/event-stream",
        )
    answer = Collected()
    async with aclosing(engine.stream(asked.request)) as events:  # type: ignore[type-var]
        async for event in events:
            answer.add(event)
    if asked.format == "text":
        return PlainTextResponse(answer.text.strip() + "\n")
    return json_response(table(asked, answer))


async def _streamed(engine: Engine, request: ChatRequest) -> AsyncGenerator[bytes, None]:
    answer = Collected()
    async with aclosing(engine.stream(request)) as events:  # type: ignore[type-var]
        async for event in events:
            answer.add(event)
            if isinstance(event, TextDelta):
                figures = {"logprobs": _figures(event.tokens)} if event.tokens else {}
                yield sse({"type": "transcript.text.delta", "delta": event.text, **figures})
    figures = {"logprobs": _figures(answer.tokens)} if answer.tokens else {}
    usage = _usage(answer.done.usage)
    yield sse({"type": "transcript.text.done", "text": answer.text.strip(), "usage": usage, **figures})


def table(asked: Asked, answer: Collected) -> dict[str, Any]:
    told: dict[str, Any] = {"text": answer.text.strip()}
    if asked.format == "verbose_json":
        seconds = seconds_of(asked.sound)
        usage = {"type": "duration", "seconds": seconds}
        return told | {"task": "transcribe", "language": asked.language, "duration": seconds, "usage": usage}
    told |= {"logprobs": _figures(answer.tokens)} if answer.tokens else {}
    return told | {"usage": _usage(answer.done.usage)}


def _figures(tokens: list[Token] | tuple[Token, ...]) -> list[dict[str, Any]]:
    return [{"token": token.text, "logprob": token.logprob, "bytes": list(token.content)} for token in tokens]


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "type": "tokens",
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.answer_tokens,
        "total_tokens": usage.prompt_tokens + usage.answer_tokens,
    }
