"""KoboldCpp's dialect, spoken by the client `koboldapi`, and what it does not ask, of real models."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from koboldapi import KoboldAPI, KoboldAPICore, KoboldAPIError

from tests.api.conftest import Server

STORY = "Once upon a time"
SHORT = {"model": "plain", "max_length": 8, "temperature": 0}


@pytest.fixture(scope="module")
def client(able: Server) -> KoboldAPI:
    return KoboldAPI(able.url, generation_params={"model": "plain", "temperature": 0})


def post(able: Server, path: str, body: Any) -> Any:
    answer = httpx2.post(f"{able.url}{path}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def generate(able: Server, prompt: str, **more: Any) -> dict[str, Any]:
    (result,) = post(able, "/api/v1/generate", SHORT | {"prompt": prompt} | more)["results"]
    assert isinstance(result, dict)
    return result


def test_the_client_generates_whole_and_in_pieces(client: KoboldAPI) -> None:
    whole = client.generate(STORY, max_length=12)
    assert whole and client.generate_sync(STORY, max_length=12) == whole

    async def pieces() -> list[str]:
        return [piece async for piece in client.stream_generate(STORY, max_length=12)]

    streamed = asyncio.run(pieces())
    assert "".join(streamed) == whole and len(streamed) > 3


def test_the_client_asks_about_the_server_and_its_model(client: KoboldAPI, able: Server) -> None:
    client.generate(STORY, max_length=1)
    assert client.get_model() == "plain:latest" and client.get_max_context_length() == 8192
    version = client.get_version()
    assert version["result"] == "KoboldCpp" and version["embeddings"] is True
    stats = client.get_performance_stats()
    assert stats["last_token_count"] == 1 and stats["last_input_count"] == 4 and stats["last_process"] > 0
    core = KoboldAPICore(able.url, generation_params={"temperature": 0})
    assert core.wrap_and_generate("Say hello.", max_length=8)
    assert core.get_model_info()["context_length"] == 8192


def test_the_client_counts_tokens_and_reads_them_back(client: KoboldAPI) -> None:
    counted = client.count_tokens("Hello, my name is Niko. žluťoučký 🏠")
    assert counted["count"] == len(counted["tokens"]) > 8
    assert client.tokenize("Hello") == client.count_tokens("Hello")["tokens"]
    assert client.detokenize(counted["tokens"]) == "Hello, my name is Niko. žluťoučký 🏠"


def test_the_client_is_told_figures(client: KoboldAPI) -> None:
    text = client.generate(STORY, max_length=4, logprobs=True)
    figures = client.get_last_logprobs()["content"]
    assert "".join(f["token"] for f in figures) == text and client.check_generation() == text
    assert all(f["logprob"] <= 0 and len(f["top_logprobs"]) == 10 for f in figures)


def test_the_client_ends_its_own_answer_and_no_other(able: Server) -> None:
    mine, other = KoboldAPI(able.url), KoboldAPI(able.url)
    long = {"model": "plain", "ban_eos_token": True, "max_length": 2000, "temperature": 0}
    mine.genkey, other.genkey = "mine", "other"
    with ThreadPoolExecutor() as pool:
        long_answer = pool.submit(mine.generate, STORY, **long)
        short_answer = pool.submit(other.generate, "The sea", **long | {"max_length": 30})
        while not mine.check_generation():
            pass
        assert len(short_answer.result(60).split()) > 5
        assert mine.abort_generation() is True
        text = long_answer.result(60)
    assert text and mine.check_generation() == text
    assert mine.get_performance_stats()["stop_reason"] == -1
    assert mine.abort_generation() is False


def test_the_client_raises_what_is_refused(client: KoboldAPI) -> None:
    with pytest.raises(KoboldAPIError, match="400"):
        client.generate(STORY, tfs=0.5)


def test_a_conversation_in_placeholders_is_the_one_that_the_template_makes(able: Server) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is the sky?"}]
    asked = "{{[SYSTEM]}}Be brief.{{[SYSTEM_END]}}{{[INPUT]}}What is the sky?{{[INPUT_END]}}{{[OUTPUT]}}"
    for model in ("plain", "thinker"):
        chat = {"model": model, "messages": messages, "max_tokens": 8, "temperature": 0}
        told = post(able, "/v1/chat/completions", chat)["choices"][0]["message"]
        result = generate(able, asked, model=model, rep_pen=1, top_p=1, top_k=0)
        assert result["text"].strip() in (told["content"] or told["reasoning_content"]).strip() and result["text"]
        counted = post(able, "/api/extra/tokencount", {"model": model, "messages": messages})
        assert result["prompt_tokens"] == counted["value"]
    assert generate(able, asked, replace_instruct_placeholders=False)["prompt_tokens"] > counted["value"]


def test_memory_stays_when_a_prompt_is_cut(able: Server) -> None:
    memory, story = "The hero is called Ada.\n", "The house stood by the sea. " * 25
    result = generate(able, story, memory=memory, max_context_length=96, max_length=8)
    assert result["prompt_tokens"] == 96 - 8 and result["left_out_tokens"] > 80
    whole = generate(able, story, memory=memory)
    assert whole["prompt_tokens"] == result["prompt_tokens"] + result["left_out_tokens"]


def test_grammars_schemas_bans_and_biases_are_kept(able: Server) -> None:
    assert generate(able, "Yes or no?", grammar='root ::= "yes" | "no"')["text"] in ("yes", "no")
    schema: dict[str, Any] = {"type": "object", "properties": {"c": {"enum": ["red", "blue"]}}, "required": ["c"]}
    schema["additionalProperties"] = False
    held = generate(able, "A colour: ", grammar=json.dumps(schema), max_length=100)["text"]
    assert json.loads(held)["c"] in ("red", "blue")
    free = generate(able, STORY, max_length=20)["text"]
    word = free.split()[3]
    assert word not in generate(able, STORY, max_length=20, banned_tokens=[word])["text"]
    (number,) = post(able, "/api/extra/tokencount", {"model": "plain", "prompt": " banana", "special": False})["ids"][
        :1
    ]
    assert " b" in generate(able, STORY, max_length=3, logit_bias={str(number): 100})["text"]


def test_every_sampler_is_taken_and_a_seed_repeats(able: Server) -> None:
    samplers = {
        "temperature": 1.2,
        "top_k": 50,
        "top_p": 0.95,
        "min_p": 0.02,
        "typical": 0.9,
        "nsigma": 1.5,
        "rep_pen": 1.1,
        "rep_pen_range": 64,
        "presence_penalty": 0.1,
        "dynatemp_range": 0.3,
        "dynatemp_exponent": 1.1,
        "dry_multiplier": 0.8,
        "dry_sequence_breakers": '["\\n"]',
        "xtc_probability": 0.3,
        "xtc_threshold": 0.1,
        "sampler_order": [5, 6, 0, 1, 3, 4, 2],
    }
    texts = [generate(able, STORY, **samplers, sampler_seed=seed)["text"] for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert generate(able, STORY, mirostat=2, temperature=1)["text"]


def test_an_end_can_be_forbidden_and_a_stop_text_kept(able: Server) -> None:
    free = generate(able, STORY, max_length=20)["text"]
    stop = free[6:12]
    cut = generate(able, STORY, max_length=20, stop_sequence=[stop])
    assert cut["finish_reason"] == "stop" and cut["text"] == free[: free.index(stop)]
    assert generate(able, STORY, max_length=20, stop_sequence=[stop], trim_stop=False)["text"] == cut["text"] + stop
    ends = "<|im_start|>user\nSay hi.<|im_end|>\n<|im_start|>assistant\n"
    assert generate(able, ends, max_length=200, ban_eos_token=True)["finish_reason"] == "length"


def test_unicode_is_whole_in_every_event(able: Server) -> None:
    body = {"model": "plain", "prompt": "žluťoučký kůň 家 🏠 家 🏠 家 🏠", "max_length": 40, "temperature": 0}
    with httpx2.stream("POST", f"{able.url}/api/extra/generate/stream", json=body, timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: ")]
    tokens = [event["token"] for event in events]
    assert "\ufffd" not in "".join(tokens[:-2]) and not "".join(tokens).isascii()
    assert [e["finish_reason"] for e in events[:-1]] == [None] * (len(events) - 1)
    assert events[-1] == {"token": "", "finish_reason": "length"}


def test_vectors_of_texts_one_of_them_too_long(able: Server) -> None:
    told = post(able, "/api/extra/embeddings", {"model": "kcpp", "input": ["the house", "the sea " * 200]})
    assert [row["index"] for row in told["data"]] == [0, 1] and told["model"] == "encoder:latest"
    assert len(told["data"][0]["embedding"]) == 32
    long = {"input": "the sea " * 200, "truncate": False}
    assert httpx2.post(f"{able.url}/api/extra/embeddings", json=long, timeout=60).status_code == 400


def test_a_model_that_only_makes_vectors_writes_nothing(able: Server) -> None:
    answer = httpx2.post(f"{able.url}/api/v1/generate", json={"prompt": "a", "model": "encoder"}, timeout=60)
    assert answer.status_code == 400 and "writes no text" in answer.json()["detail"]["msg"]
