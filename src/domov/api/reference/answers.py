"""What answers look like, for the reference. Dialects build theirs by themselves; tests hold them against this."""

from typing import Any, Literal

from pydantic import BaseModel, Field


class ErrorDetail(BaseModel):
    message: str = Field(description="What happened and what to do about it.")
    type: str = Field(description="OpenAI's kind of error, such as `invalid_request_error`.")
    param: str | None = None
    code: str | None = None


class OpenAIError(BaseModel):
    error: ErrorDetail


class OllamaError(BaseModel):
    error: str = Field(description="What happened and what to do about it.")


class AnthropicErrorDetail(BaseModel):
    type: str = Field(description="Anthropic's kind of error, such as `not_found_error`.")
    message: str


class AnthropicError(BaseModel):
    type: Literal["error"]
    error: AnthropicErrorDetail
    request_id: str


class KoboldErrorDetail(BaseModel):
    msg: str = Field(description="What happened and what to do about it.")
    type: str = Field(description="KoboldAI's kind of error, such as `bad_input`.")


class KoboldError(BaseModel):
    detail: KoboldErrorDetail


class LMStudioErrorDetail(BaseModel):
    type: str = Field(description="LM Studio's kind of error, such as `model_not_found`.")
    message: str


class LMStudioError(BaseModel):
    error: LMStudioErrorDetail


class CachedTokens(BaseModel):
    cached_tokens: int = Field(description="Tokens of the prompt that had been read before.")


class ChatUsage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens


class ChatTimings(BaseModel):
    """llama.cpp's figures of speed, in milliseconds."""

    cache_n: int
    prompt_n: int
    prompt_ms: float
    predicted_n: int
    predicted_ms: float
    predicted_per_second: float


class CalledByModel(BaseModel):
    name: str
    arguments: str = Field(description="JSON as the model wrote it.")


class CallOfModel(BaseModel):
    id: str
    type: Literal["function"]
    function: CalledByModel


class AnswerMessage(BaseModel):
    role: Literal["assistant"]
    content: str | None
    refusal: str | None = None
    reasoning_content: str | None = Field(default=None, description="What the model thought before it answered.")
    tool_calls: list[CallOfModel] | None = None


class ChatChoice(BaseModel):
    index: int
    message: AnswerMessage
    logprobs: dict[str, Any] | None
    finish_reason: Literal["stop", "length", "tool_calls"]


class ChatCompletion(BaseModel):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChatChoice]
    usage: ChatUsage
    timings: ChatTimings
    dropped: dict[str, Any] | None = Field(default=None, description="What did not fit into the context.")


class TextChoice(BaseModel):
    index: int
    text: str
    logprobs: dict[str, Any] | None
    finish_reason: Literal["stop", "length", "tool_calls"]


class TextCompletion(BaseModel):
    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    choices: list[TextChoice]
    usage: ChatUsage
    timings: ChatTimings


class ReadTokens(BaseModel):
    prompt_tokens: int
    total_tokens: int


class EmbeddingRow(BaseModel):
    object: Literal["embedding"]
    index: int
    embedding: list[float] | str = Field(description="Numbers, or their 32-bit floats in base64.")


class EmbeddingList(BaseModel):
    object: Literal["list"]
    data: list[EmbeddingRow]
    model: str
    usage: ReadTokens


class RankedDocument(BaseModel):
    index: int
    relevance_score: float
    document: dict[str, str] | None = None


class RankingList(BaseModel):
    """`results` and `data` are the same, for clients of either habit."""

    object: Literal["list"]
    model: str
    results: list[RankedDocument]
    data: list[RankedDocument]
    usage: ReadTokens


class ModelEntry(BaseModel):
    """OpenAI's form, or with the header `anthropic-version` Anthropic's."""

    id: str
    object: Literal["model"] | None = None
    created: int | None = None
    owned_by: str | None = None


class ModelEntries(BaseModel):
    object: Literal["list"] | None = None
    data: list[ModelEntry]


class TokenPiece(BaseModel):
    id: int
    piece: str


class TokenList(BaseModel):
    tokens: list[int] | list[TokenPiece]


class TextContent(BaseModel):
    content: str


class RenderedPrompt(BaseModel):
    prompt: str


class FilledGap(BaseModel):
    content: str
    stop: bool
    model: str
    tokens_predicted: int
    tokens_evaluated: int
    stop_type: Literal["word", "limit", "eos"]
    stopping_word: str
    timings: ChatTimings


class OllamaFigures(BaseModel):
    """Times are in nanoseconds; on the last line of a stream only."""

    model: str
    created_at: str
    done: bool
    done_reason: Literal["stop", "length", "load", "unload"] | None = None
    total_duration: int | None = None
    load_duration: int | None = None
    prompt_eval_count: int | None = None
    prompt_eval_duration: int | None = None
    eval_count: int | None = None
    eval_duration: int | None = None


class OllamaSaid(BaseModel):
    role: Literal["assistant"]
    content: str
    thinking: str | None = None
    tool_calls: list[dict[str, Any]] | None = None


class OllamaChatAnswer(OllamaFigures):
    message: OllamaSaid


class OllamaText(OllamaFigures):
    response: str
    thinking: str | None = None
    context: list[int] | None = Field(default=None, description="Tokens of prompt and answer, for the next request.")


class OllamaVectors(BaseModel):
    model: str
    embeddings: list[list[float]]
    total_duration: int
    load_duration: int
    prompt_eval_count: int


class OllamaVector(BaseModel):
    embedding: list[float]


class OllamaTag(BaseModel):
    name: str
    model: str
    modified_at: str
    size: int
    digest: str
    details: dict[str, Any]


class OllamaTags(BaseModel):
    models: list[OllamaTag]


class OllamaRunning(BaseModel):
    models: list[dict[str, Any]]


class OllamaVersion(BaseModel):
    version: str = Field(description="Of Ollama's API.")
    domov: str


class OllamaStatus(BaseModel):
    status: str


class OllamaModel(BaseModel):
    license: str
    modelfile: str
    parameters: str
    template: str
    details: dict[str, Any]
    model_info: dict[str, Any]
    capabilities: list[str]
    modified_at: str


class AnthropicUsage(BaseModel):
    input_tokens: int = Field(description="Tokens that had to be read: cached ones are not among them.")
    cache_creation_input_tokens: int
    cache_read_input_tokens: int
    output_tokens: int


class AnthropicBlock(BaseModel):
    type: Literal["text", "thinking", "tool_use"]


class AnthropicMessage(BaseModel):
    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[AnthropicBlock]
    stop_reason: Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "model_context_window_exceeded"]
    stop_sequence: str | None
    usage: AnthropicUsage


class TokenCount(BaseModel):
    input_tokens: int


class LoadedModel(BaseModel):
    model: str
    state: Literal["loading", "idle", "running"]
    memory_bytes: int
    planned_bytes: int
    allocated_bytes: dict[str, int]
    context_tokens: int
    slots: int
    running: int
    waiting: int
    expires_in_seconds: float | None


class LoadedModels(BaseModel):
    models: list[LoadedModel]


class Abilities(BaseModel):
    context_tokens: int
    local: bool
    slots: int
    chats: bool
    embeds: bool
    reranks: bool
    sees: bool
    hears: bool


class Unloaded(BaseModel):
    unloaded: bool = Field(description="False: it was not loaded.")


class Forgotten(BaseModel):
    states: int = Field(description="Saved states that were removed.")


class Alive(BaseModel):
    status: Literal["ok"]
