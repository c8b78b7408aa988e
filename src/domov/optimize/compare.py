"""The same questions to two models, one model at a time, at temperature 0."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass

from domov.engine.protocol import Engine
from domov.optimize.progress import Progress
from domov.store.models import Model
from domov.types import ChatRequest, CompletionRequest, Done, Message, Sampling, TextDelta

QUESTIONS = (
    "What is the capital of France?",
    "Write one sentence about the sea.",
    "What is 17 plus 25?",
    "Jaké je hlavní město České republiky?",
)
MOST_TOKENS = 96


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    tokens_per_second: float


@dataclass(frozen=True, slots=True)
class Pair:
    question: str
    first: Answer
    second: Answer


async def compare(
    models: tuple[Model, Model],
    questions: Sequence[str],
    open_engine: Callable[[Model], Engine],
    *,
    most_tokens: int = MOST_TOKENS,
) -> AsyncGenerator[Progress | tuple[Pair, ...], None]:
    """How it gets on, and last all answers side by side."""
    answers: list[list[Answer]] = []
    for model in models:
        chats = model.shape().chat_template is not None
        engine, own = open_engine(model), []
        try:
            for number, question in enumerate(questions):
                yield Progress(f"asking {model.name}", number, len(questions), "questions")
                own.append(await _answer(engine, _request(model, question, most_tokens, chats=chats)))
        finally:
            await engine.close()
        answers.append(own)
    yield tuple(Pair(*row) for row in zip(questions, *answers, strict=True))


def _request(model: Model, question: str, tokens: int, *, chats: bool) -> ChatRequest | CompletionRequest:
    """A question, or for a model without a chat template a text to go on with."""
    exact = Sampling(temperature=0.0)
    if chats:
        return ChatRequest(model.name, (Message("user", question),), exact, max_tokens=tokens)
    return CompletionRequest(model.name, question, exact, max_tokens=tokens)


async def _answer(engine: Engine, request: ChatRequest | CompletionRequest) -> Answer:
    text, speed = "", 0.0
    async for event in engine.stream(request):
        if isinstance(event, TextDelta):
            text += event.text
        elif isinstance(event, Done):
            speed = event.usage.answer_tokens_per_second
    return Answer(text.strip(), speed)
