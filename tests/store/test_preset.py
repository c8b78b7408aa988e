"""What a name adds to its model's requests."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domov.errors import BadRequest
from domov.store.modelfile import parse
from domov.store.preset import NOTHING, Preset, applied, from_table, modelfile, over, preset
from domov.types import ChatRequest, CompletionRequest, Done, Dropped, Message, Sampling, TextDelta, Usage

GIVEN = preset(
    {
        "system": "You are a librarian.",
        "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hush."}],
        "parameters": {"temperature": 0.3, "stop": ["END"], "num_predict": 9, "num_ctx": 2048, "num_keep": 4},
    }
)
FEW_SHOTS = (Message("user", "Hi"), Message("assistant", "Hush."))
QUESTION = Message("user", "Books?")


def asked(*messages: Message, **more: Any) -> ChatRequest:
    found = applied(ChatRequest("m", messages, **more), GIVEN).request
    assert isinstance(found, ChatRequest)
    return found


def test_what_a_request_leaves_out_is_the_presets() -> None:
    request = asked(QUESTION)
    assert request.messages == (Message("system", "You are a librarian."), *FEW_SHOTS, QUESTION)
    assert (request.sampling.temperature, request.stop, request.max_tokens) == (0.3, ("END",), 9)
    assert GIVEN.options == {"context_tokens": 2048}


def test_what_a_request_says_stands() -> None:
    own = Message("system", "You are a pirate.")
    request = asked(own, QUESTION, sampling=Sampling(temperature=0.0), stop=("x",), max_tokens=5)
    assert request.messages == (own, *FEW_SHOTS, QUESTION)
    assert (request.sampling.temperature, request.stop, request.max_tokens) == (0.0, ("x",), 5)


def test_a_verbatim_prompt_stays_verbatim() -> None:
    request = applied(CompletionRequest("m", "Once"), GIVEN).request
    assert isinstance(request, CompletionRequest) and request.prompt == "Once" and request.max_tokens == 9


@pytest.mark.parametrize(
    ("own_system", "places", "told"), [(False, (1, 2, 3, 4), (0, 1)), (True, (0, 1, 3, 4), (0, 1, 2)), (True, (), ())]
)
def test_places_of_what_was_dropped_are_the_callers(
    own_system: bool, places: tuple[int, ...], told: tuple[int, ...]
) -> None:
    messages = (Message("system", "x"),) if own_system else ()
    found = applied(ChatRequest("m", (*messages, QUESTION, QUESTION)), GIVEN)
    event = found.told(Done("stop", Usage(1, 1), Dropped("drop_oldest", places)))
    assert isinstance(event, Done) and event.dropped == Dropped("drop_oldest", told)
    assert found.told(TextDelta("x")) == TextDelta("x")


def test_one_made_of_another_says_more_and_otherwise_the_same() -> None:
    more = preset({"system": "B", "parameters": {"temperature": 1}})
    made = over(GIVEN, more)
    assert made.system == "B" and made.messages == GIVEN.messages
    assert dict(made.parameters) == {**dict(GIVEN.parameters), "temperature": 1.0}
    assert over(GIVEN, NOTHING) == GIVEN and over(NOTHING, GIVEN) == GIVEN


@pytest.mark.parametrize(
    "table",
    [
        {"template": "{{ .System }} {{ .Prompt }}"},
        {"template": "{{- if .System }}x{{ end }}"},
        {"template": "{{ range $i, $_ := .Messages }}x{{ end }}"},
        {"messages": [{"role": "tool", "content": "x"}]},
        {"parameters": {"temprature": 1}},
        {"parameters": {"temperature": "hot"}},
        {"parameters": {"temperature": True}},
        {"parameters": {"temperature": 1e999}},
        {"parameters": {"top_k": 1.5}},
        {"parameters": {"num_ctx": -5}},
        {"parameters": {"num_batch": 0}},
        {"parameters": {"stop": 5}},
        {"parameters": {"stop": [5]}},
        {"parameters": {"seed": 10**30}},
    ],
)
def test_what_can_not_be_kept_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        preset(table)


def test_jinja_is_a_template() -> None:
    text = "{% for m in messages %}{{ m.role }}: {{ m['content'] }}\n{% endfor %}"
    assert preset({"template": text}).options == {"chat_template": text}
    assert preset({"template": "{{ messages[0].content }}"}).template


def test_it_comes_back_from_what_was_written() -> None:
    table = {"system": "x", "template": "", "messages": [["user", "Hi"]], "parameters": [["stop", ["a"]], ["top_k", 4]]}
    assert from_table(table) == Preset("x", "", (("user", "Hi"),), (("stop", ("a",)), ("top_k", 4)))
    assert from_table(None) is None


def test_a_modelfile_is_read() -> None:
    told = parse(
        '# a comment\n\nFROM ./tiny.gguf\nsystem """You are\n# a librarian.\n"""\nPARAMETER temperature 0.3\n'
        'PARAMETER stop "END"\nPARAMETER stop """A B"""\nMESSAGE user Hi there\nMESSAGE assistant "Hush."\n'
        "LICENSE MIT\nLicense Apache\nTEMPLATE {{ messages }}"
    )
    assert told.source == "./tiny.gguf" and told.licences == ("MIT", "Apache")
    assert told.fields["system"] == "You are\n# a librarian.\n" and told.fields["template"] == "{{ messages }}"
    read = preset(told.fields)
    assert dict(read.parameters) == {"temperature": 0.3, "stop": ("END", "A B")}
    assert read.messages == (("user", "Hi there"), ("assistant", "Hush."))


def test_a_modelfile_that_is_written_says_the_same_when_it_is_read() -> None:
    for wanted in (
        GIVEN,
        preset({"system": 'Say "yes".\nThen go.', "template": "{% if x %}{{ x }}{% endif %}"}),
        NOTHING,
    ):
        told = parse(modelfile(wanted, source="tiny:latest", licence="MIT\nin full"))
        assert preset(told.fields) == wanted and told.licences == ("MIT\nin full",) and told.source == "tiny:latest"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "needs a FROM"),
        ("SYSTEM x", "needs a FROM"),
        ("FROM a\nFROM b", "line 2: FROM stands twice"),
        ("FROM a\nFRM b", "line 2: not a command: FRM"),
        ("FROM a\nADAPTER ./x.gguf", "line 2: ADAPTER is not supported"),
        ('FROM a\n\nSYSTEM """never\nclosed', 'line 3: """ is not closed'),
        ('FROM a\nSYSTEM """x""" y', 'line 2: something stands after """: y'),
        ("FROM a\nPARAMETER temperature", "line 2: a name and a value"),
        ("FROM a\nSYSTEM", "line 2: not a command"),
    ],
)
def test_what_is_no_modelfile_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        parse(text)


@given(st.text(alphabet='FROM SYTEaAPRMG\n\r"#x5:.', max_size=60))
def test_any_text_is_a_modelfile_or_refused_and_nothing_else(text: str) -> None:
    with contextlib.suppress(BadRequest):
        assert parse("FROM x\n" + text).source == "x"
