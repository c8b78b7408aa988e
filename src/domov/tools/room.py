"""What the rest of Domov needs of tools: which servers there are, the calls that wait, and a box of tools to use."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from domov.errors import EngineUnavailable
from domov.outbound import Outbound
from domov.tools.approvals import Approvals
from domov.tools.servers import Servers

if TYPE_CHECKING:
    from domov.tools.toolbox import Toolbox


@dataclass(frozen=True)
class ToolRoom:
    home: Path
    outbound: Callable[[], AbstractAsyncContextManager[Outbound]]
    approvals: Approvals = field(default_factory=Approvals)

    @property
    def servers(self) -> Servers:
        return Servers(self.home / "tool_servers.json")

    @asynccontextmanager
    async def box(self, names: Sequence[str]) -> AsyncIterator["Toolbox"]:
        """The tools of the servers of these names, for as long as the block lasts. Raises NoSuchTool."""
        servers = [self.servers.get(name) for name in names]
        try:
            from domov.tools.toolbox import Toolbox  # slow to import
        except ImportError as error:
            raise EngineUnavailable(
                f"tools need a part that is not installed: {error.name}", hint="pip install 'domov[mcp]'"
            ) from error
        async with self.outbound() as outbound:
            box = Toolbox(servers, outbound)
            try:
                yield box
            finally:
                await box.close()
