"""What is told of the server: what it can do, and how fast it was last. Source: KoboldCpp's API documentation."""

import importlib.metadata
from collections.abc import Sequence
from typing import Any

from domov.api.kobold.generations import Generation, Generations
from domov.engine.scheduler import Row

# The version of KoboldCpp's API that is spoken here, which clients look at, and of KoboldAI's that it began as.
API_VERSION = "1.115"
KOBOLDAI_VERSION = "1.2.5"


def version_table(*, embeddings: bool) -> dict[str, Any]:
    """What can't be done here is false: clients show no buttons for it."""
    absent = ("protected", "txt2img", "vision", "audio", "transcribe", "multiplayer", "websearch", "tts", "music")
    return {
        "result": "KoboldCpp",
        "version": API_VERSION,
        **dict.fromkeys(absent, False),
        "embeddings": embeddings,
        "savedata": True,
        "admin": 1,  # without a password of its own
        "domov": importlib.metadata.version("domov"),
    }


def perf_table(generations: Generations, rows: Sequence[Row]) -> dict[str, Any]:
    busy, waiting = any(row.running or row.waiting for row in rows), sum(row.waiting for row in rows)
    return {
        **_last_table(generations.last),
        "total_gens": generations.total,
        "total_img_gens": 0,
        "total_tts_gens": 0,
        "total_transcribe_gens": 0,
        "queue": waiting,
        "idle": 0 if busy else 1,
        "hordeexitcounter": 0,
        "uptime": generations.up_seconds,
        "idletime": generations.idle_seconds,
        "quiet": True,
    }


def _last_table(last: Generation | None) -> dict[str, Any]:
    """Of the last answer. `last_process` and `last_eval` are milliseconds a token."""
    usage = last.done.usage if last and last.done else None
    read = usage.prompt_tokens - usage.cached_tokens if usage else 0
    written = usage.answer_tokens if usage else 0
    reading, writing = (usage.prompt_seconds, usage.answer_seconds) if usage else (0.0, 0.0)
    return {
        "last_process": 1000 * reading / read if read else 0.0,
        "last_eval": 1000 * writing / written if written else 0.0,
        "last_token_count": written,
        "last_input_count": usage.prompt_tokens if usage else 0,
        "last_process_time": reading,
        "last_eval_time": writing,
        "last_process_speed": read / reading if reading else 0.0,
        "last_eval_speed": written / writing if writing else 0.0,
        "last_seed": last.seed if last else -1,
        "last_draft_success": usage.accepted_tokens if usage else 0,
        "last_draft_failed": usage.drafted_tokens - usage.accepted_tokens if usage else 0,
        "stop_reason": _stop_reason(last),
    }


def _stop_reason(last: Generation | None) -> int:
    """-1: ended from outside, or nothing has been made yet; 0: by its length; 1: by the model; 2: by a stop text."""
    if last is None or last.done is None or last.aborted:
        return -1
    if last.done.reason == "length":
        return 0
    return 2 if last.done.stop_text else 1
