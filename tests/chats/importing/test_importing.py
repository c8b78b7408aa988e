"""Chats of other programs taken in, and files that are none, or hostile."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domov.chats.attached import Attachments, Folder
from domov.chats.chats import Chats, Wanted
from domov.chats.exporting import Whole, file_name, json_bytes, markdown, zipped
from domov.chats.importing import chatgpt, files, lmstudio, openwebui, own
from domov.chats.importing.keeping import keep
from domov.chats.importing.taken import NotTaken, TakenChat
from domov.chats.records import Attachment, Chat, Turn, new_id
from domov.chats.tree import path_to
from domov.errors import BadRequest


def node(parent: str | None, role: str, words: str, **more: Any) -> dict[str, Any]:
    content = more.pop("content", {"content_type": "text", "parts": [words]})
    message = {"author": {"role": role}, "content": content, "create_time": 1.5, "metadata": {}, **more}
    return {"parent": parent, "message": message}


CHATGPT = [
    {
        "title": "Kotel",
        "create_time": 100.5,
        "update_time": 200.5,
        "current_node": "a2",
        "is_archived": False,
        "mapping": {
            "root": {"parent": None, "message": None},
            "sys": node("root", "system", ""),
            "q": node("sys", "user", "Jak vyčistit kotel?"),
            "hidden": node("q", "user", "secret", metadata={"is_visually_hidden_from_conversation": True}),
            "think": node(
                "hidden", "assistant", "", content={"content_type": "thoughts", "thoughts": [{"content": "Hm."}]}
            ),
            "call": node("think", "assistant", "", recipient="browser"),
            "tool": node("call", "tool", "found"),
            "a1": node("tool", "assistant", "Kartáčem.", metadata={"model_slug": "gpt-x"}),
            "a2": node("q", "assistant", "Vysavačem."),
        },
    },
    {"title": "Empty", "mapping": {}},
]
OPENWEBUI = [
    {
        "title": "Kotel",
        "created_at": 100,
        "updated_at": 200,
        "pinned": True,
        "meta": {"tags": ["doma"]},
        "chat": {
            "params": {"system": "Stručně."},
            "history": {
                "currentId": "3",
                "messages": {
                    "1": {"role": "user", "content": "Jak?", "parentId": None, "timestamp": 1},
                    "2": {"role": "assistant", "content": "A", "parentId": "1", "model": "m:1b"},
                    "3": {
                        "role": "assistant",
                        "content": '<details type="reasoning">\n<summary>Thought</summary>\n> Hm.\n</details>\nB',
                        "parentId": "1",
                    },
                },
            },
        },
    }
]
LMSTUDIO = {
    "name": "Kotel",
    "createdAt": 100_000,
    "systemPrompt": "Stručně.",
    "messages": [
        {
            "versions": [{"type": "singleStep", "role": "user", "content": [{"type": "text", "text": "Jak?"}]}],
            "currentlySelected": 0,
        },
        {
            "versions": [
                {"role": "assistant", "steps": [{"content": [{"type": "text", "text": "A"}]}]},
                {
                    "role": "assistant",
                    "steps": [
                        {"style": {"type": "thinking"}, "content": [{"type": "text", "text": "Hm."}]},
                        {"content": [{"type": "text", "text": "B"}], "genInfo": {"identifier": "m:1b"}},
                    ],
                },
            ],
            "currentlySelected": 1,
        },
    ],
}


def taken(found: Iterator[TakenChat | NotTaken]) -> tuple[list[TakenChat], list[NotTaken]]:
    every = list(found)
    return [x for x in every if isinstance(x, TakenChat)], [x for x in every if isinstance(x, NotTaken)]


def shown(chat: TakenChat) -> list[str]:
    """The texts of the branch that is shown."""
    known = {turn.key: turn for turn in chat.turns}
    words, key = [], chat.current
    while key:
        words.append(known[key].content)
        key = known[key].parent
    return words[::-1]


def test_chatgpts_branches_models_and_thoughts_are_taken() -> None:
    (chat,), (empty,) = taken(chatgpt.chats(CHATGPT))
    assert (chat.title, chat.created_at, chat.updated_at) == ("Kotel", 100.5, 200.5)
    assert shown(chat) == ["Jak vyčistit kotel?", "Vysavačem."]
    answers = {turn.key: turn for turn in chat.turns}
    assert answers["a1"].parent == answers["a2"].parent == "q"
    assert (answers["a1"].model, answers["a1"].reasoning) == ("gpt-x", "Hm.")
    assert len(chat.turns) == 3 and empty.name == "Empty"


def test_open_webuis_tags_thoughts_and_instructions_are_taken() -> None:
    (chat,), _ = taken(openwebui.chats(OPENWEBUI))
    assert shown(chat) == ["Jak?", "B"] and chat.turns[-1].reasoning == "Hm."
    assert (chat.settings, chat.tags, chat.pinned, chat.turns[1].model) == (
        {"system": "Stručně."},
        ("doma",),
        True,
        "m:1b",
    )


def test_lm_studios_versions_are_branches() -> None:
    (chat,), _ = taken(lmstudio.chats(LMSTUDIO))
    assert shown(chat) == ["Jak?", "B"] and chat.created_at == 100.0
    second = chat.turns[-1]
    assert (second.reasoning, second.model) == ("Hm.", "m:1b") and len(chat.turns) == 3


@pytest.mark.parametrize("program", ["ChatGPT", "Open WebUI", "LM Studio"])
def test_each_form_is_known_from_the_others(program: str) -> None:
    content = {"ChatGPT": CHATGPT, "Open WebUI": OPENWEBUI, "LM Studio": LMSTUDIO}[program]
    assert [name for name, (fits, _) in files.FORMS.items() if fits(content)] == [program]


def whole(chats: Chats, attachments: Attachments) -> Whole:
    note = Attachment(new_id("att"), "", 1.0, "text", "a.txt", "text/plain", 4, "text")
    attachments.add(note, b"text")
    uses = [{"name": "read", "arguments": {"path": "a"}, "failed": False, "result": "x"}]
    about = {"references": [{"file": "kotel.pdf", "page": 2}], "finish_reason": "stop", "tools": uses}
    turns = [
        Turn("a", "", None, "user", "Jak?", attachments=(note,)),
        Turn("b", "", "a", "assistant", "Tak [1].", "Hm.", "m:1b", about=about),
        Turn("c", "", "a", "assistant", "Jinak."),
    ]
    chats.take(
        Chat("", "", title="Můj/kotel", settings={"system": "S"}, tags=("t",), current="b", created_at=5.0), turns
    )
    (chat,) = chats.page(Wanted(), owner="")[0]
    return Whole(chat, chats.turns.of(chat.id), lambda attachment: attachments.contents.get(attachment.id))


def test_what_domov_writes_it_takes_in_whole(chats: Chats, tmp_path: Path) -> None:
    attachments = Attachments(chats.database, Folder(tmp_path / "attachments"))
    exported = whole(chats, attachments)
    path = tmp_path / "chats.json"
    path.write_bytes(json_bytes(exported))
    assert keep(files.chats_in(path), chats, attachments, owner="anna") == {"imported": 1, "skipped": []}
    (back,) = chats.page(Wanted(), owner="anna")[0]
    turns = chats.turns.of(back.id)
    assert (back.title, back.settings, back.tags, back.created_at) == ("Můj/kotel", {"system": "S"}, ("t",), 5.0)
    assert [t.content for t in path_to(turns, back.current)] == ["Jak?", "Tak [1]."] and len(turns) == 3
    assert turns[1].about["references"] == [{"file": "kotel.pdf", "page": 2}] and turns[1].reasoning == "Hm."
    assert turns[1].about == exported.turns[1].about
    (note,) = turns[0].attachments
    assert (note.text, attachments.contents.get(note.id), note.owner) == ("text", b"text", "anna")


def test_markdown_shows_the_branch_that_is_shown(chats: Chats, tmp_path: Path) -> None:
    text = markdown(whole(chats, Attachments(chats.database, Folder(tmp_path))))
    assert text.index("# Můj/kotel") < text.index("Jak?") < text.index("## Answer (m:1b)") < text.index("Tak [1].")
    assert "[1] kotel.pdf, page 2" in text and "*Attached: a.txt*" in text and "Jinak." not in text


def test_a_zip_of_all_is_taken_in_again_file_by_file(chats: Chats, tmp_path: Path) -> None:
    attachments = Attachments(chats.database, Folder(tmp_path / "attachments"))
    exported = whole(chats, attachments)
    path = tmp_path / "chats.zip"
    names = [file_name(exported.chat, "json", n) for n in (1, 2)]
    contents = [*((name, json_bytes(exported)) for name in names), ("users.json", b"[]"), ("broken.json", b"{")]
    path.write_bytes(b"".join(zipped(contents)))
    assert zipfile.ZipFile(path).testzip() is None
    told = keep(files.chats_in(path), chats, attachments, owner="")
    assert told["imported"] == 2 and [each["name"] for each in told["skipped"]] == ["broken.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"[1]", b'"x"', b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_export_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(BadRequest):
        list(files.chats_in(path))


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", b"[" + b" " * 3_000_000)
    with pytest.raises(BadRequest, match="too large"):
        list(files.chats_in(path, most_bytes=1_000_000))


def test_halves_of_characters_and_circles_are_no_matter(chats: Chats, tmp_path: Path) -> None:
    circle = [{"title": "\ud83d", "mapping": {"a": node("b", "user", "x\ud83d\x00y"), "b": node("a", "user", "y")}}]
    broken = [{"title": "t", "mapping": {"a": node("a", "user", "x\ud83d\x00y"), "b": node("a", "assistant", "z")}}]
    path = tmp_path / "x"
    path.write_text(
        json.dumps([*circle, {"title": "t", "mapping": {"b": node("gone", "assistant", "z\ud83d")}}, *broken])
    )
    told = keep(files.chats_in(path), chats, Attachments(chats.database, Folder(tmp_path)), owner="")
    assert told["imported"] == 1 and len(told["skipped"]) == 2
    (chat,) = chats.page(Wanted(), owner="")[0]
    assert chats.turns.of(chat.id)[0].content == "z?"


@pytest.mark.parametrize("odd", [["a"], {"a": 1}, 1, None])
def test_a_name_or_role_of_another_kind_is_no_matter(odd: Any) -> None:
    mapping = {"a": node(None, "user", "x"), "b": node("a", odd, "y")}
    found = [
        *chatgpt.chats([{"mapping": mapping, "current_node": odd}]),
        *openwebui.chats([{"chat": {"history": {"messages": {"a": {"role": "user"}}, "currentId": odd}}}]),
        *own.chats({"chats": [{"messages": [{"id": "a", "role": "user"}], "current": odd}]}),
    ]
    assert [(each.current, len(each.turns)) for each in found if isinstance(each, TakenChat)] == [("a", 1)] * 3


WORDS = (
    ["mapping", "message", "author", "role", "user", "content", "parts", "parent", "metadata", "recipient", "title"]
    + ["chat", "history", "messages", "parentId", "currentId", "versions", "steps", "currentlySelected", "style"]
    + ["format", "chats", "id", "parent_id", "attachments", "settings", "tags", "meta", "thoughts", "about", "a", "b"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=30,
)


@given(JSON)
def test_no_json_makes_a_reader_fail(content: Any) -> None:
    for module in (chatgpt, openwebui, lmstudio, own):
        if module.fits(content):
            for chat in module.chats(content):
                assert isinstance(chat, TakenChat | NotTaken)
    for module in (chatgpt, openwebui):
        list(module.chats([content]))
    for one in (lmstudio, own):
        list(one.chats({"messages": [content], "chats": [content], "format": "domov-chats"}))
