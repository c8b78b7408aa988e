"""The starter model as other models: with a template that knows tools and thoughts, or with marks for filling gaps."""

import struct

# Qwen3's, shortened; `thinking` begins every answer with a thought unless enable_thinking is false.
TOOLS_AND_THOUGHTS = r"""{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {{- "# Tools\n\nYou may call functions. They are in <tools></tools>:\n<tools>" }}
    {%- for tool in tools %}{{- "\n" }}{{- tool | tojson }}{%- endfor %}
    {{- "\n</tools>\n\nFor each call, return a json object within <tool_call></tool_call>:\n<tool_call>\n" }}
    {{- '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call><|im_end|>\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == "assistant" %}
        {{- '<|im_start|>assistant\n' }}
        {%- if message.reasoning_content is string and message.reasoning_content %}
            {{- '<think>\n' + message.reasoning_content + '\n</think>\n\n' }}
        {%- endif %}
        {{- message.content or '' }}
        {%- for tool_call in message.tool_calls or [] %}
            {%- if tool_call.function %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '\n<tool_call>\n{"name": "' + tool_call.name + '", "arguments": ' }}
            {%- if tool_call.arguments is string %}{{- tool_call.arguments }}
            {%- else %}{{- tool_call.arguments | tojson }}{%- endif %}
            {{- '}\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == "tool" %}
        {{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}
    {%- else %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
    {%- if enable_thinking is not defined or enable_thinking %}{{- '<think>\n' }}
    {%- else %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}
{%- endif %}"""

ALIGNMENT = 32
KEY = b"tokenizer.chat_template"


def with_template(model: bytes, template: str) -> bytes:
    """A GGUF file with another chat template, made so long that the tensors stay aligned."""
    start = model.index(KEY) + len(KEY) + 4  # the type of the value
    length = int.from_bytes(model[start : start + 8], "little")
    text = template.encode()
    padding = (length - len(text) - 4) % ALIGNMENT
    text = b"{#" + b" " * padding + b"#}" + text
    return model[:start] + struct.pack("<Q", len(text)) + text + model[start + 8 + length :]


def with_gap_marks(model: bytes) -> bytes:
    """SmolLM2 with three of its unused special tokens called as Qwen calls its marks for filling gaps."""
    for old, new in (
        (b"<jupyter_code>", b"<|fim_prefix|>"),
        (b"<jupyter_text>", b"<|fim_suffix|>"),
        (b"<issue_closed>", b"<|fim_middle|>"),
    ):
        assert len(old) == len(new) and model.count(old) == 1
        model = model.replace(old, new)
    return model


def with_told_marks(model: bytes, *, prefix: int, suffix: int, middle: int) -> bytes:
    """A GGUF file whose header names the marks around a gap by their numbers."""
    numbers = {"fim_pre_token_id": prefix, "fim_suf_token_id": suffix, "fim_mid_token_id": middle}
    rows = b"".join(string(f"tokenizer.ggml.{key}") + struct.pack("<II", 4, number) for key, number in numbers.items())
    filler = string("general.note")
    padding = -(len(rows) + len(filler) + 4 + 8) % ALIGNMENT
    rows += filler + struct.pack("<I", 8) + string("x" * padding)  # so long that the tensors stay aligned
    count = int.from_bytes(model[16:24], "little") + len(numbers) + 1
    return model[:16] + struct.pack("<Q", count) + rows + model[24:]


def string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()
