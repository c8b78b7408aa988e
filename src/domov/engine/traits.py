"""What a worker says about its model once it is loaded, so that a request it can't carry out never reaches it.

Pure. Source: llama.cpp tools/server/README.md, GET /props, /v1/models and /lora-adapters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from domov.engine.protocol import Abilities


@dataclass(frozen=True, slots=True)
class Traits:
    context_tokens: int  # of one slot
    slots: int = 1
    vocabulary: int = 0  # tokens that it knows; 0: not told
    adapters: int = 0  # that it was loaded with
    sees: bool = False
    hears: bool = False
    shows_tools: bool = False  # its template has a place for tools and for their calls
    takes_system: bool = True
    marks_thoughts: bool = False  # its template speaks of <think>

    def abilities(self, *, embeds: bool, reranks: bool) -> Abilities:
        return Abilities(
            context_tokens=self.context_tokens,
            local=True,
            slots=self.slots,
            chats=not (embeds or reranks),
            embeds=embeds,
            reranks=reranks,
            sees=self.sees,
            hears=self.hears,
        )


def read_traits(props: Mapping[str, Any], models: Mapping[str, Any], adapters: object) -> Traits:
    """From the three answers of a worker. Raises KeyError where an answer is not of that kind."""
    modalities, can = props.get("modalities") or {}, props.get("chat_template_caps") or {}
    described = models.get("data") or [{}]
    return Traits(
        context_tokens=int(props["default_generation_settings"]["n_ctx"]),
        slots=int(props.get("total_slots", 1)),
        vocabulary=int((described[0].get("meta") or {}).get("n_vocab", 0)),
        adapters=len(adapters) if isinstance(adapters, list) else 0,
        sees=bool(modalities.get("vision")),
        hears=bool(modalities.get("audio")),
        shows_tools=bool(can.get("supports_tools") and can.get("supports_tool_calls")),
        takes_system=bool(can.get("supports_system_role", True)),
        marks_thoughts="<think>" in str(props.get("chat_template", "")),
    )
