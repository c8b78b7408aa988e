"""Transcriptions: what reaches the engine, what comes back, what is refused; no model for sound is small enough."""

import contextlib
import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.audio import Transcription, TranscriptionStreamEvent, TranscriptionVerbose
from pydantic import TypeAdapter

from domov.api.answers import Collected
from domov.api.multipart import Form, Upload
from domov.api.openai.transcriptions import _streamed, decode, seconds_of, table
from domov.engine.fake import FakeEngine
from domov.engine.traits import Traits
from domov.engine.wire_chat import chat_fields
from domov.errors import BadRequest
from domov.types import ChatRequest, Done, Media, Message, Token, Usage
from tests.api.conftest import Server


def recording(seconds: float = 0.5) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(int(8000 * seconds) * 2))
    return content.getvalue()


@pytest.fixture
def form(tmp_path: Path) -> Any:
    def made(content: bytes = recording(), **fields: Any) -> Form:
        path = tmp_path / "sound"
        path.write_bytes(content)
        values = {name: value if isinstance(value, list) else [value] for name, value in fields.items()}
        return Form({"model": ["m"], **values}, {"file": Upload("a.wav", "audio/wav", path, len(content))})

    return made


def test_a_recording_reaches_the_engine_with_what_to_do(form: Any) -> None:
    asked = decode(form(language="cs", prompt="Domov", temperature="0", **{"keywords[]": ["Praha", "Brno"]}))
    fields = chat_fields(asked.request, Traits(4096, hears=True))
    words, sound = sorted(fields["messages"][0]["content"], key=lambda part: part["type"], reverse=True)
    assert sound["input_audio"]["format"] == "wav" and sound["type"] == "input_audio"
    assert words["text"].startswith("Transcribe audio to text (language: cs)\n") and "Praha, Brno" in words["text"]
    assert "Domov" in words["text"] and fields["temperature"] == 0
    mp3 = decode(form(b"ID3\x04" + bytes(100)))
    assert (
        chat_fields(mp3.request, Traits(4096, hears=True))["messages"][0]["content"][0]["input_audio"]["format"]
        == "mp3"
    )


def test_a_model_that_takes_no_sound_refuses(form: Any) -> None:
    with pytest.raises(BadRequest, match="takes no sound"):
        chat_fields(decode(form()).request, Traits(4096))


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (b"OggS" + bytes(100), {}),
        (b"", {}),
        (b"RIFF1234WAVE", {"response_format": "verbose_json"}),
        (b"ID3" + bytes(100), {"response_format": "verbose_json"}),
        (recording(), {"response_format": "srt"}),
        (recording(), {"timestamp_granularities[]": ["word"]}),
        (recording(), {"known_speaker_names[]": ["Anna"]}),
        (recording(), {"temperature": "hot"}),
        (recording(), {"temperature": "nan"}),
        (recording(), {"model": ""}),
        (recording(), {"model": ["a", "b"]}),
    ],
)
def test_what_can_not_be_honoured_is_refused(form: Any, content: bytes, fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        decode(form(content, **fields))


def test_answers_have_openais_forms(form: Any) -> None:
    answer = Collected(" Dobrý den. ", tokens=[Token("Do", 1, -0.5, b"Do")], done=Done("stop", Usage(20, 4)))
    plain = Transcription.model_validate(table(decode(form()), answer), strict=True)
    assert plain.text == "Dobrý den." and plain.usage and plain.logprobs
    verbose = table(decode(form(response_format="verbose_json", language="cs")), answer)
    assert TranscriptionVerbose.model_validate(verbose, strict=True).duration == 0.5


async def test_words_are_streamed() -> None:
    engine, request = FakeEngine(), ChatRequest("m", (Message("user", "Dobrý den."),))
    sent = [part async for part in _streamed(engine, request)]
    events = [TypeAdapter(TranscriptionStreamEvent).validate_json(part.removeprefix(b"data: ")) for part in sent]
    assert [event.type for event in events] == ["transcript.text.delta"] * 2 + ["transcript.text.done"]
    assert events[-1].text == "Dobrý den."  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def client(able: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{able.url}/v1", api_key="none", max_retries=0, timeout=60) as opened:
        yield opened


def test_openais_client_is_told_that_a_model_takes_no_sound(client: openai.OpenAI) -> None:
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError, match="takes no sound"):
            client.audio.transcriptions.create(
                model="plain", file=("a.wav", recording()), language="cs", stream=stream, include=["logprobs"]
            )
    with pytest.raises(openai.NotFoundError):
        client.audio.transcriptions.create(model="nobody", file=("a.wav", recording()))
    with pytest.raises(openai.BadRequestError, match="WAV"):
        client.audio.transcriptions.create(model="plain", file=("a.ogg", b"OggS"))


@given(st.binary(max_size=80))
def test_any_recording_tells_its_length_or_is_refused(content: bytes) -> None:
    whole = recording()
    for sound in (b"RIFF\x40\x00\x00\x00WAVE" + content, whole[: 12 + len(content)] + content + whole[60:80]):
        with contextlib.suppress(BadRequest):
            assert seconds_of(Media("audio", sound, "audio/wav")) >= 0
