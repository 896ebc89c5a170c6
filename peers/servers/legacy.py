"""A server made with the official Python SDK 1.x, which speaks up to 2025-11-25: it asks for the
host's model, for the person's word and for the host's roots while a call runs.
"""

import asyncio
import sys

from mcp.server.fastmcp import Context, FastMCP
from mcp.types import SamplingMessage, TextContent, ToolAnnotations
from pydantic import BaseModel

server = FastMCP("legacy")
READS = ToolAnnotations(readOnlyHint=True, openWorldHint=False)
GIVEN_UP = []


class Line(BaseModel):
    line: int


@server.tool(annotations=READS)
async def summarise(text: str, context: Context) -> str:
    """Asks the host's model."""
    content = TextContent(type="text", text=text)
    message = SamplingMessage(role="user", content=content)
    answer = await context.session.create_message(
        [message], max_tokens=5000, system_prompt="Be brief."
    )
    return f"the model says: {answer.content.text}"


@server.tool(annotations=READS)
async def which_line(context: Context) -> str:
    """Asks the person."""
    answer = await context.elicit("Which line?", Line)
    line = answer.data.line if answer.action == "accept" else None
    return f"{answer.action}: {line}"


@server.tool(annotations=READS)
async def both(context: Context) -> str:
    """Asks the model, and then the person."""
    said = await summarise("both", context)
    asked = await which_line(context)
    return f"{said}, {asked}"


@server.tool(annotations=READS)
async def list_roots(context: Context) -> str:
    """Asks the host for its roots."""
    answer = await context.session.list_roots()
    return "\n".join(str(root.uri) for root in answer.roots)


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


@server.resource("notes://today")
def note() -> str:
    """A note."""
    return "rain"


@server.prompt()
def greet() -> str:
    """Says hello."""
    return "hello"


if sys.argv[1:2] == ["--http"]:
    server.settings.port = int(sys.argv[2])
    server.run("streamable-http")
else:
    server.run()
