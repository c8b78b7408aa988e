"""Answers on their way: several at once, looked at, ended, left. By an engine without a model."""

import asyncio
from typing import Any

import httpx2
import pytest

from tests.api.kobold.conftest import Fake


def client(fake: Fake) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=fake.url, timeout=60)


async def running(fake: Fake, count: int) -> None:
    while fake.domov.engine.running != count:
        await asyncio.sleep(0.001)


async def text_of(http: httpx2.AsyncClient, key: str) -> str:
    answer = await http.post("/api/extra/generate/check", json={"genkey": key})
    return str(answer.json()["results"][0]["text"])


def ask(http: httpx2.AsyncClient, key: str, **more: Any) -> "asyncio.Task[httpx2.Response]":
    body = {"prompt": f"{key or 'word'} " * 150, "genkey": key, "max_length": 200, **more}
    return asyncio.ensure_future(http.post("/api/v1/generate", json=body))


async def test_several_answers_are_told_apart_by_their_keys(fake: Fake) -> None:
    async with client(fake) as http:
        asked = {key: ask(http, key) for key in ("one", "two", "six")}
        await running(fake, 3)
        for key in asked:
            while not (text := await text_of(http, key)):
                await asyncio.sleep(0.001)
            assert set(text.split()) == {key}
        assert (await http.post("/api/extra/abort", json={"genkey": "two"})).json() == {"success": True, "done": True}
        ended = (await asked["two"]).json()["results"][0]
        assert ended["finish_reason"] == "length" and set(ended["text"].split()) == {"two"}
        assert len(ended["text"].split()) < 150 and await text_of(http, "two") == ended["text"]
        await running(fake, 2)
        assert (await http.get("/api/extra/perf")).json()["idle"] == 0
        for key in ("one", "six"):
            (result,) = (await asked[key]).json()["results"]
            assert result["text"].split() == [key] * 150 and result["finish_reason"] == "stop"


async def test_what_has_a_key_is_seen_by_nobody_without_it(fake: Fake) -> None:
    async with client(fake) as http:
        asked = ask(http, "secret")
        await running(fake, 1)
        for answer in (await http.get("/api/extra/generate/check"), await http.post("/api/extra/generate/check")):
            assert answer.json() == {"results": [{"text": ""}]}
        assert await text_of(http, "another") == ""
        assert not (await http.post("/api/extra/abort", json={"genkey": "another"})).json()["success"]
        await asked


async def test_without_a_key_the_only_answer_is_ended_and_none_of_several(fake: Fake) -> None:
    async with client(fake) as http:
        both = [ask(http, ""), ask(http, "two")]
        await running(fake, 2)
        assert not (await http.post("/api/extra/abort")).json()["success"]
        assert (await http.post("/api/extra/abort", json={"genkey": "two"})).json()["success"]
        assert (await http.post("/api/extra/abort", json={})).json()["success"]
        for answer in await asyncio.gather(*both):
            assert answer.status_code == 200 and answer.json()["results"][0]["finish_reason"] == "length"
        assert not (await http.post("/api/extra/abort")).json()["success"]
        assert (await http.get("/api/extra/perf")).json()["stop_reason"] == -1


async def test_a_stream_that_is_ended_from_outside_says_so_and_closes(fake: Fake) -> None:
    async with client(fake) as http:
        body = {"prompt": "a " * 150, "genkey": "k", "max_length": 200}
        async with http.stream("POST", "/api/extra/generate/stream", json=body) as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == "event: message"
            await http.post("/api/extra/abort", json={"genkey": "k"})
            told = [line async for line in lines if line.startswith("data: ")]
        assert told[-1] == 'data: {"token":"","finish_reason":"length"}'
        await running(fake, 0)


@pytest.mark.parametrize("path", ["/api/v1/generate", "/api/extra/generate/stream"])
async def test_a_client_that_leaves_ends_its_answer(fake: Fake, path: str) -> None:
    async with client(fake) as http:
        asked = asyncio.ensure_future(http.post(path, json={"prompt": "a " * 150, "max_length": 200}))
        await running(fake, 1)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
    await running(fake, 0)


async def test_a_stop_text_is_shown_only_if_asked(fake: Fake) -> None:
    async with client(fake) as http:

        async def text(**more: Any) -> str:
            body = {"prompt": "one two three", "stop_sequence": [" three"], **more}
            (result,) = (await http.post("/api/latest/generate", json=body)).json()["results"]
            assert result["finish_reason"] == "stop"
            return str(result["text"])

        assert (await text(), await text(trim_stop=False)) == ("one two", "one two three")
        assert (await http.get("/api/extra/perf")).json()["stop_reason"] == 2


async def test_what_is_cut_and_what_has_no_effect_is_told(fake: Fake) -> None:
    async with client(fake) as http:
        body = {"prompt": "x" * 2000, "memory": "m", "max_length": 100, "rep_pen": 1.1, "rep_pen_slope": 0.7}
        (result,) = (await http.post("/api/v1/generate", json=body)).json()["results"]
        assert (result["left_out_tokens"], result["ignored"]) == (2001 - 924, ["rep_pen_slope"])
        streamed = (await http.post("/api/extra/generate/stream", json=body)).text
        assert '"finish_reason":"length","left_out_tokens":1077,"ignored":["rep_pen_slope"]}' in streamed


async def test_figures_of_the_last_answer(fake: Fake) -> None:
    async with client(fake) as http:
        before = (await http.get("/api/extra/perf")).json()
        assert (before["total_gens"], before["stop_reason"], before["idle"], before["last_seed"]) == (0, -1, 1, -1)
        body = {"prompt": "one two three", "sampler_seed": 5, "genkey": "k", "logprobs": True}
        (result,) = (await http.post("/api/v1/generate", json=body)).json()["results"]
        after = (await http.get("/api/extra/perf")).json()
        assert (after["total_gens"], after["stop_reason"], after["last_seed"]) == (1, 1, 5)
        assert (after["last_token_count"], after["last_input_count"]) == (3, 3) and after["last_eval"] > 0
        assert after["uptime"] >= after["idletime"] >= 0
        figures = result["logprobs"]["content"]
        assert [f["token"] for f in figures] == ["one", " two", " three"] and len(figures[0]["top_logprobs"]) == 10
        last = await http.post("/api/extra/last_logprobs", json={"genkey": "k"})
        assert last.json()["logprobs"] == result["logprobs"]
        assert (await http.get("/api/extra/last_logprobs")).json() == {"logprobs": None}
