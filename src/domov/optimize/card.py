"""What was measured of a model: its card. Kept in its manifest, so that it goes where the model's name goes."""

from dataclasses import asdict, dataclass
from typing import Any

from domov.optimize.figures import Distance, Estimate, verdict
from domov.optimize.questions import LANGUAGES
from domov.units import human_bytes


@dataclass(frozen=True, slots=True)
class Answers:
    right: int
    of: int
    share: Estimate


@dataclass(frozen=True, slots=True)
class Speed:
    """Of the model in a worker, alone on this machine; the lowest and the highest of the rounds beside the median."""

    reading: Estimate  # tokens of a prompt a second
    prompt_tokens: int
    writing: Estimate  # tokens a second
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Card:
    date: str  # UTC, ISO 8601
    machine: str
    engine: str
    text: str
    text_digest: str
    scored_tokens: int
    size_bytes: int
    perplexity: Estimate
    parent: str = ""
    parent_digest: str = ""
    distance: Distance | None = None
    answers: tuple[tuple[str, Answers], ...] = ()  # by language
    speed: Speed | None = None
    notes: tuple[str, ...] = ()


def to_table(card: Card) -> dict[str, Any]:
    return asdict(card)


def from_table(table: dict[str, Any]) -> Card:
    """Raises KeyError or TypeError for what is no card."""
    distance, speed = table["distance"], table["speed"]
    return Card(
        **{
            **table,
            "perplexity": Estimate(**table["perplexity"]),
            "distance": _distance(distance) if distance else None,
            "answers": tuple((key, Answers(**{**a, "share": Estimate(**a["share"])})) for key, a in table["answers"]),
            "speed": _speed(speed) if speed else None,
            "notes": tuple(table["notes"]),
        }
    )


def _distance(table: dict[str, Any]) -> Distance:
    whole = ("perplexity_ratio", "divergence", "same_top")
    return Distance(**{**table, **{key: Estimate(**table[key]) for key in whole}})


def _speed(table: dict[str, Any]) -> Speed:
    return Speed(**{**table, "reading": Estimate(**table["reading"]), "writing": Estimate(**table["writing"])})


def rows(card: Card) -> list[tuple[str, str]]:
    """The card in words, a line each."""
    found = [
        ("measured", f"{card.date[:10]} on {card.machine} with {card.engine}"),
        ("text", f"{card.text}, {card.scored_tokens} tokens scored, {card.text_digest[:19]}"),
        ("perplexity", interval(card.perplexity)),
    ]
    if card.distance:
        d = card.distance
        change = Estimate(
            *(100 * (n - 1) for n in (d.perplexity_ratio.value, d.perplexity_ratio.low, d.perplexity_ratio.high))
        )
        found += [
            ("against", card.parent),
            ("perplexity change", f"{change.value:+.2f} % ({change.low:+.2f} to {change.high:+.2f})"),
            ("divergence", f"{interval(d.divergence)} nats: {verdict(d.divergence.value)}"),
            ("  worst tokens", f"{short(d.divergence_99)} for one in a hundred, {short(d.most)} at most"),
            ("same first choice", f"{percent(d.same_top)} of tokens"),
        ]
    found += [
        (f"questions, {LANGUAGES.get(key, key)}", f"{a.right} of {a.of} right ({_span(a.share)})")
        for key, a in card.answers
    ]
    if card.speed:
        s = card.speed
        found += [
            ("reading", f"{interval(s.reading)} tokens/s ({s.prompt_tokens} at once)"),
            ("writing", f"{interval(s.writing)} tokens/s"),
            ("memory", human_bytes(s.memory_bytes)),
        ]
    return found + [("note", words) for words in card.notes]


def interval(estimate: Estimate) -> str:
    return f"{short(estimate.value)} ({short(estimate.low)} to {short(estimate.high)})"


def percent(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.1f} % ({_span(estimate)})"


def _span(estimate: Estimate) -> str:
    return f"{100 * estimate.low:.0f} to {100 * estimate.high:.0f} %"


def short(number: float) -> str:
    """Four digits that count; more than a ten-thousandth is not claimed."""
    return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.4g}" if abs(number) >= 0.1 else f"{number:.4f}"
