"""Search in chats: with SQLite's index, and without."""

from dataclasses import replace

import pytest

from domov.chats.chats import Chats, Wanted
from domov.chats.records import Turn
from domov.chats.search import FullText, Plain, prepared, snippet, words_of
from domov.database import Database, open_memory
from tests.chats.kept import ids, made, said


def found(chats: Chats, query: str) -> list[str]:
    return ids(chats, query=query)


def test_words_are_found_by_their_beginnings_without_case_and_diacritics(chats: Chats) -> None:
    assert isinstance(chats.search, FullText)
    boiler, other = made(chats), made(chats, title="Žluťoučký kůň")
    said(chats, boiler, "Jak se čistí kotelna?", "Příšerně těžko.")
    said(chats, other, "něco jiného")
    for query in ("kotel", "KOTELNA", "prisern", "cisti kotelna", '"čistí kotelna"'):
        assert found(chats, query) == [boiler.id], query
    assert found(chats, "zlutoucky kun") == [other.id]
    for query in ("telna", "kotel kun", '"kotelna čistí"', "?!", '"', "(", "NOT kotel"):
        assert found(chats, query) == [], query


def test_of_a_found_chat_the_place_is_told(chats: Chats) -> None:
    chat = made(chats, title="Kotel")
    said(chats, chat, "x " * 200 + "Můj kotel stojí ve sklepě." + " y" * 200)
    (hit,) = chats.page(Wanted("kotel"), owner="")[0]
    assert hit.snippet and "Můj kotel stojí ve sklepě." in hit.snippet and len(hit.snippet) < 200
    (by_title,) = chats.page(Wanted("sklepe"), owner="")[0]
    assert by_title.snippet and "sklepě" in by_title.snippet


def test_what_is_changed_is_found_as_it_is_now(chats: Chats) -> None:
    chat = made(chats, title="staré")
    (turn,) = said(chats, chat, "původní")
    chats.turns.change(replace(turn, content="nové"))
    chats.change(chat.id, {"title": "jiné"}, owner="")
    assert found(chats, "puvodni") == found(chats, "stare") == []
    assert found(chats, "nove") == found(chats, "jine") == [chat.id]


def test_an_answer_is_found_when_it_is_done(chats: Chats) -> None:
    chat = made(chats)
    turn = Turn("m", chat.id, None, "assistant", "polovina", status="running")
    chats.turns.add([turn], chat=chat.id)
    chats.turns.change(replace(turn, content="polovina odpovědi"))
    assert found(chats, "polovina") == []
    chats.turns.change(replace(turn, content="celá odpověď", status="done"))
    assert found(chats, "polovina") == [] and found(chats, "odpoved") == [chat.id]


def test_an_index_that_is_missing_is_made_of_what_there_is(database: Database) -> None:
    before = Chats(database, Plain())
    chat = made(before, title="Kniha")
    said(before, chat, "Příběh")
    after = Chats(database, prepared(database))
    assert found(after, "pribeh") == found(after, "kniha") == [chat.id]
    with database.transaction() as connection:
        connection.exec_driver_sql("DROP TRIGGER chat_words_removed")
    again = Chats(database, prepared(database))
    again.delete(chat.id, owner="")
    assert found(again, "pribeh") == []


def test_without_an_index_words_are_found_anywhere(chats: Chats) -> None:
    plain = replace(chats, search=Plain())
    chat = made(plain, title="100% Kotel")
    said(plain, chat, "Jak se to dela")
    for query in ("kotel", "DELA", "ela"):
        assert found(plain, query) == [chat.id]
    assert found(plain, "kotel_") == []


def test_a_database_in_memory_is_searched_too() -> None:
    memory = open_memory()
    chats = Chats(memory, prepared(memory), temporary=True)
    chat = made(chats)
    said(chats, chat, "tajné")
    assert chat.id.startswith("temp_") and found(chats, "tajne") == [chat.id]
    memory.close()


@pytest.mark.parametrize("query", ["a" * 500, '"a b" c', "ł ß ﬁ", "\u0301", "x" * 5 + '"' * 5, "日本語"])
def test_any_query_has_an_expression_that_is_understood(chats: Chats, query: str) -> None:
    found(chats, query)


def test_a_snippet_begins_near_the_word() -> None:
    assert snippet("Kotel je dole.", words_of("kotel")) == "Kotel je dole."
    assert snippet("a " * 300 + "Šíp", words_of("sip")).endswith("Šíp")
