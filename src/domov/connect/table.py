"""The tools that Domov knows, by their names."""

import difflib

from domov.connect.agents import Aider, ClaudeCode, Codex, OpenCode
from domov.connect.editors import Continue, JetBrains, VSCode, Zed
from domov.connect.programs import LangChain, Llm, OpenWebUI
from domov.connect.tool import Tool
from domov.errors import BadOption

TOOLS: tuple[Tool, ...] = (
    Continue(),
    VSCode(),
    Zed(),
    JetBrains(),
    ClaudeCode(),
    Codex(),
    OpenCode(),
    Aider(),
    Llm(),
    OpenWebUI(),
    LangChain(),
)


def find(name: str) -> Tool:
    """The tool of that name. Raises BadOption, with the nearest names."""
    names = [tool.name for tool in TOOLS]
    if name.lower() in names:
        return TOOLS[names.index(name.lower())]
    near = difflib.get_close_matches(name.lower(), names, n=2, cutoff=0.6)
    hint = f"did you mean {' or '.join(near)}?" if near else f"the tools are: {', '.join(names)}"
    raise BadOption(f"no such tool: {name[:80]}", hint=hint)
