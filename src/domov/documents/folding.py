"""Words as they are compared: without diacritics and case, and in a question without endings and empty words.

Czech, like most of its neighbours, inflects at the end of a word: a question looks for beginnings of words.
"""

import re
import sys
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_WORD = re.compile(r"\w+")
STEM_FROM = 5  # letters; shorter words are looked for as they are
MOST_TERMS = 32
# Words that say nothing of what is looked for; folded. English, Czech and Slovak.
_EMPTY_WORDS = """
a about above after again all also an and any are as at be because been before being below between both but by
can could did do does doing down during each few for from further had has have having he her here hers him his
how i if in into is it its just me more most my no nor not now of off on once only or other our out over own
same she should so some such than that the their them then there these they this those through to too under
until up very was we were what when where which while who whom why will with would you your aby ale ani ano asi
az bez bude budou byl byla byli bylo byt ci co coz da dnes ho ja jak jake jako je jeho jej jeji jejich jen jenz
jeste ji jich jim jine jiz jsem jsi jsme jsou jste k kam kde kdo kdy kdyz ke ktera ktere kteri kterou ktery ma
maji mate mezi mi mit mne mnou muj muze na nad nam nas nasi ne nebo nebyl nej nez nic nim o od ona oni ono pak
po pod podle pokud pouze prave pred pres pri pro proc proto protoze prvni s se si sice sve svuj svych ta tak
take takze tato te tedy tento teto tim timto tohle toho tohoto tom tomto tomu tu tuto ty tyto u uz v vam vas
vase ve vice vsak vsechno z za zda zde ze aj ako alebo nie sa sme som su tie ak
"""
EMPTY = frozenset(_EMPTY_WORDS.split())


def folded(text: str) -> str:
    """Lower case without diacritics, compatibility forms resolved: `Žluťoučký` as `zlutoucky`."""
    lower = text.casefold()
    if lower.isascii():
        return lower
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", lower).translate(_marks()))


@lru_cache(maxsize=1)
def _marks() -> dict[int, None]:
    """All characters that stand on others: to be left out."""
    return {n: None for n in range(sys.maxunicode + 1) if unicodedata.category(chr(n)) == "Mn"}


def terms_of(question: str) -> list[str]:
    """What to look for in the order of the question, each once; the empty words only if there are no others."""
    words = list(dict.fromkeys(_WORD.findall(folded(question))))
    return ([w for w in words if w not in EMPTY] or words)[:MOST_TERMS]


def stem(word: str) -> str:
    """The part of a folded word that its endings leave alone, roughly: `topeni` and `topenim` share `tope`."""
    if len(word) < STEM_FROM or not word.isalpha() or not word.isascii():
        return word
    return word[: max(4, len(word) - (4 if len(word) > 7 else 2))]


def expression(word: str) -> str:
    """FTS5's expression for a folded word, and for others with the same beginning."""
    return f'"{word}"' if stem(word) == word else f'"{word}" OR "{stem(word)}"*'


def words_query(words: Iterable[str]) -> str:
    """FTS5's expression for any of the words; empty where there are none."""
    return " OR ".join(map(expression, words))
