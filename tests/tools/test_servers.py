"""Which servers of tools there are: none, then those that were added, with no secret on the disk."""

import os
from pathlib import Path

import pytest

from domov.errors import BadName, BadOption, Broken, NoSuchTool
from domov.tools.servers import Servers, ToolServer


@pytest.fixture
def servers(tmp_path: Path) -> Servers:
    return Servers(tmp_path / "home" / "tool_servers.json")


def test_none_until_one_is_added_and_none_after_it_is_removed(servers: Servers) -> None:
    assert servers.all() == []
    server = ToolServer("files", ("npx", "server", "a b"), variables=("TOKEN",))
    servers.add(server)
    servers.add(ToolServer("files", ("npx", "server", "a b"), variables=("TOKEN",)))
    assert Servers(servers.path).all() == [server] and servers.get("files") == server
    assert os.stat(servers.path).st_mode & 0o077 == 0
    servers.remove("files")
    assert servers.all() == []
    with pytest.raises(NoSuchTool, match="files"):
        servers.remove("files")


@pytest.mark.parametrize(
    "server",
    [
        ToolServer("../x", ("a",)),
        ToolServer("", ("a",)),
        ToolServer("x"),
        ToolServer("x", ("a",), url="http://a"),
        ToolServer("x", url="file:///etc/passwd"),
        ToolServer("x", ("a",), variables=("KEY=secret",)),
        ToolServer("x", url="http://a", token_variable="my secret"),
    ],
)
def test_what_can_not_be_meant_is_refused(servers: Servers, server: ToolServer) -> None:
    with pytest.raises((BadName, BadOption)):
        servers.add(server)
    assert not servers.path.exists()


def test_secrets_come_from_the_environment_when_they_are_needed() -> None:
    server = ToolServer("x", url="http://a", token_variable="MY_TOKEN")
    assert server.token({"MY_TOKEN": "s3cret"}) == "s3cret"
    with pytest.raises(BadOption, match="MY_TOKEN"):
        server.token({})


def test_a_damaged_file_is_told_and_kept(servers: Servers) -> None:
    servers.path.parent.mkdir()
    servers.path.write_text('[{"name": 3')
    with pytest.raises(Broken, match="can't be read"):
        servers.all()
    assert servers.path.exists()
