"""A server made with the official Python SDK 2.x, for what no published server does in both eras:
a long call with progress, and a call that asks for the host's roots.
"""

import asyncio
import sys

from mcp.server.mcpserver import Context, MCPServer
from mcp.types import InputRequiredResult, ListRootsRequest, ToolAnnotations

server = MCPServer("errands")
READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
GIVEN_UP = []


@server.tool(annotations=READS)
async def count_slowly(steps: int, seconds: float, context: Context) -> str:
    """Counts, and says how far it is."""
    try:
        for done in range(1, steps + 1):
            await asyncio.sleep(seconds)
            await context.report_progress(done, steps)
    except asyncio.CancelledError:
        GIVEN_UP.append(steps)
        raise
    return f"counted to {steps}"


@server.tool(annotations=READS)
async def list_given_up() -> str:
    """How far it would have counted when it was told to stop."""
    return f"given up: {GIVEN_UP}"


@server.tool(annotations=READS)
async def list_roots(context: Context) -> str | InputRequiredResult:
    """Asks the host for its roots, in the way of 2026-07-28."""
    answer = (context.input_responses or {}).get("roots")
    if answer is None:
        return InputRequiredResult(input_requests={"roots": ListRootsRequest()})
    return "\n".join(str(root.uri) for root in answer.roots)


if sys.argv[1:2] == ["--http"]:
    server.run("streamable-http", port=int(sys.argv[2]))
else:
    server.run()
