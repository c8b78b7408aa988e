from domov.documents.folding import folded, stem, terms_of, words_query


def test_diacritics_and_case_do_not_count() -> None:
    assert folded("Žluťoučký KŮŇ ﬁ Straße") == "zlutoucky kun fi strasse"


def test_empty_words_are_left_out_unless_there_are_no_others() -> None:
    assert terms_of("Kdo dělá údržbu topení?") == ["dela", "udrzbu", "topeni"]
    assert terms_of("to be or not to be") == ["to", "be", "or", "not"]


def test_endings_do_not_count() -> None:
    assert stem("topeni") == stem("topenim")[: len(stem("topeni"))] == "tope"
    assert stem("dum") == "dum" and stem("2026123") == "2026123" and stem("東京都庁舎内") == "東京都庁舎内"


def test_questions_become_queries_that_fts5_takes() -> None:
    assert words_query(terms_of('topení" OR x*')) == '"topeni" OR "tope"* OR "x"'
    assert words_query(terms_of("?!")) == ""
