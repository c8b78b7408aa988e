"""Texts for models to read: of a chosen length, the same for the same seed, and with no beginning in common."""

import random

WORDS = """
the house by sea was old and small with a red door that people knew from far away they said in winter its light
could be seen on water all night for someone always there read wrote or waited until morning came over hill
"""
STORY = "Tell me a long story about a house by the sea."
REPEAT = "Write this text once more, word for word, but call the dog Max instead of Rex.\n\n"
EDITED = (
    "Rex was a large brown dog who lived on a farm near the river. Every morning Rex ran down the hill to the water "
    "and looked at the boats. The farmer liked Rex very much, and so did his two children. In the evening Rex slept "
    "in front of the fire, and the children sat beside him and read their books. When it rained, Rex stayed in the "
    "barn with the horses. On Sundays the whole family walked to the village, and Rex walked in front of them all."
)


def document(seed: int, *, words: int) -> str:
    """Sentences without much sense, about 1.1 tokens a word."""
    chosen = random.Random(seed).choices(WORDS.split(), k=words)
    sentences = [" ".join(chosen[i : i + 12]).capitalize() for i in range(0, words, 12)]
    return f"Report {seed}. " + ". ".join(sentences) + "."
