"""Documents for other tools, asked by the protocol's own client."""

import sys
from pathlib import Path
from typing import Any

from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.stdio import stdio_client

from domov.api.mcp import server
from domov.documents.library import Documents
from tests.conftest import environment


async def indexed(documents: Documents, folder: Path) -> Documents:
    (folder.parent / "secret").mkdir()
    (folder.parent / "secret" / "diary.txt").write_text("The valve is my secret.\n")
    documents.add([str(folder)], "home")
    documents.add([str(folder.parent / "secret")], "secret")
    await documents.refresh()
    return documents


async def called(client: Client, tool: str, **arguments: Any) -> Any:
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer
    return (answer.structured_content or {})["result"]


async def test_tools_list_search_and_read(documents: Documents, folder: Path) -> None:
    await indexed(documents, folder)
    async with Client(server(documents)) as client:
        tools = (await client.list_tools()).tools
        assert {t.name for t in tools} == {"list_collections", "search_documents", "read_passage"}
        assert all(t.annotations and t.annotations.read_only_hint for t in tools)
        assert {c["name"] for c in await called(client, "list_collections")} == {"home", "secret"}
        (best, *_) = await called(client, "search_documents", query="údržba topení", count=1)
        assert best["titles"] == ["Dům", "Topení"] and best["line"] == 4
        (passage,) = await called(client, "read_passage", passage=best["passage"])
        assert passage["text"] == best["text"]


async def test_only_what_was_allowed_is_seen(documents: Documents, folder: Path) -> None:
    await indexed(documents, folder)
    hidden = next(h for h in await documents.search("valve secret") if h.collection == "secret")
    async with Client(server(documents, collections=["home"])) as client:
        assert [c["name"] for c in await called(client, "list_collections")] == ["home"]
        assert all("secret" not in h["text"] for h in await called(client, "search_documents", query="valve secret"))
        for tool, arguments in (
            ("search_documents", {"query": "valve", "collection": "secret"}),
            ("read_passage", {"passage": hidden.passage}),
        ):
            assert (await client.call_tool(tool, arguments)).is_error


async def test_the_command_speaks_it_on_standard_input_and_output(tmp_path: Path) -> None:
    parameters = StdioServerParameters(command=sys.executable, args=["-m", "domov", "mcp"], env=environment(tmp_path))
    async with Client(stdio_client(parameters)) as client:
        assert await called(client, "list_collections") == []
