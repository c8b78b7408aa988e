"""What LM Studio's bodies mean, without a model."""

from typing import Any

import pytest
from pydantic import ValidationError

from domov.api.lmstudio.downloads import DownloadBody, wanted
from domov.api.lmstudio.request import ChatBody, added, decode
from domov.errors import BadName, BadRequest
from domov.types import Media, Message

PIXEL = "data:image/png;base64,iVBORw0KGgo="


def body(**more: Any) -> ChatBody:
    return ChatBody.model_validate({"model": "m", "input": "Hello.", **more})


def test_a_text_is_a_message_of_the_user() -> None:
    assert decode(body(), ()).messages == (Message("user", "Hello."),)


def test_several_texts_are_lines_of_one_message() -> None:
    parts = [{"type": "text", "content": "One."}, {"type": "message", "content": "Two."}]
    assert added(body(input=parts)) == (Message("user", "One.\nTwo."),)


def test_a_picture_stands_where_it_was_put() -> None:
    (message,) = added(body(input=[{"type": "text", "content": "See:"}, {"type": "image", "data_url": PIXEL}]))
    assert message.content == ("See:", Media("image", b"\x89PNG\r\n\x1a\n", "image/png"))


def test_a_picture_is_never_fetched() -> None:
    with pytest.raises(BadRequest, match="nothing is fetched"):
        added(body(input=[{"type": "image", "data_url": "http://example.com/a.png"}]))


def test_the_system_prompt_given_last_holds_and_stands_first() -> None:
    before = (Message("system", "old"), Message("user", "a"), Message("assistant", "b"))
    words = [(m.role, m.text) for m in decode(body(system_prompt="new"), before).messages]
    assert words == [("system", "new"), ("user", "a"), ("assistant", "b"), ("user", "Hello.")]
    assert decode(body(), before).messages[0].text == "old"


@pytest.mark.parametrize(
    ("reasoning", "thinking", "values"),
    [
        (None, None, {}),
        ("off", False, {}),
        ("on", True, {}),
        ("low", True, {"reasoning_effort": "low"}),
    ],
)
def test_reasoning_is_thinking_and_its_effort(reasoning: str | None, thinking: bool | None, values: object) -> None:
    request = decode(body(reasoning=reasoning), ())
    assert (request.thinking, request.template_values) == (thinking, values)


def test_what_is_not_to_be_stored_is_not_kept_as_saved_state_either() -> None:
    assert decode(body(store=False), ()).private and not decode(body(), ()).private


@pytest.mark.parametrize("integrations", [["mcp/playwright"], [{"type": "ephemeral_mcp", "server_url": "http://x"}]])
def test_integrations_are_refused(integrations: object) -> None:
    with pytest.raises(BadRequest, match="integrations"):
        decode(body(integrations=integrations), ())
    assert decode(body(integrations=[]), ())


@pytest.mark.parametrize(
    "wrong",
    [
        {"input": []},
        {"input": 3},
        {"input": [{"type": "sound", "content": "x"}]},
        {"temperature": -1},
        {"top_p": 2},
        {"max_output_tokens": 0},
        {"reasoning": "much"},
        {"context_length": 2**40},
    ],
)
def test_impossible_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        body(**wrong)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"model": "qwen3:4b"}, "qwen3:4b"),
        ({"model": "https://huggingface.co/user/repo"}, "hf.co/user/repo"),
        ({"model": "https://huggingface.co/user/repo/", "quantization": "Q4_K_M"}, "hf.co/user/repo:Q4_K_M"),
        ({"model": "hf.co/user/repo:Q8_0", "quantization": "Q4_K_M"}, "hf.co/user/repo:Q4_K_M"),
    ],
)
def test_a_download_is_named_as_lm_studio_names_it(asked: dict[str, str], name: str) -> None:
    assert wanted(DownloadBody.model_validate(asked)) == name


@pytest.mark.parametrize("model", ["/etc/passwd", "https://example.com/a/b", "file:///etc/passwd", "../x", ""])
def test_a_download_is_of_a_model_and_of_nothing_else(model: str) -> None:
    with pytest.raises((BadName, BadRequest)):
        wanted(DownloadBody(model=model))
    with pytest.raises(BadRequest):
        wanted(DownloadBody(model="qwen3:4b", quantization="Q4_K_M"))
