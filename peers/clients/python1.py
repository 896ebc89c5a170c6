"""A host made with the official Python SDK 1.x: does what its plan says, prints what it saw.

The plan and the facts are described in `crates/cli/tests/peers/host.rs`.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from importlib.metadata import version

from mcp import ClientSession, StdioServerParameters, types
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client
from mcp.shared.exceptions import McpError

PLAN = json.loads(sys.argv[1])
FACTS = {
    "sdk": "mcp " + version("mcp"),
    "roots_asked": 0,
    "model_asked": [],
    "person_asked": [],
    "steps": [],
}


async def give_roots(_context):
    FACTS["roots_asked"] += 1
    return types.ListRootsResult(roots=[types.Root(uri=uri) for uri in PLAN["roots"]])


async def ask_model(_context, params):
    texts = [message.content.text for message in params.messages]
    asked = {"texts": texts, "system": params.systemPrompt, "tokens": params.maxTokens}
    FACTS["model_asked"].append(asked)
    content = types.TextContent(type="text", text=PLAN["model"])
    return types.CreateMessageResult(role="assistant", content=content, model="tests")


async def ask_person(_context, params):
    asked = {"mode": params.mode, "message": params.message, "url": getattr(params, "url", None)}
    FACTS["person_asked"].append(asked)
    if "Portcullis asks" in params.message:
        return await ask_approval(params.message)
    return types.ElicitResult(**PLAN["person"])


async def ask_approval(message):
    """Nobody reads in an instant; what the plan has no answer for is never answered."""
    await asyncio.sleep(1.5)
    for part, answer in PLAN["approver"]:
        if part in message and answer is not None:
            return types.ElicitResult(**answer)
        if part in message:
            break
    await asyncio.sleep(3600)


async def call(session, step, seen, started):
    async def progress(done, total, message):
        seen.append([done, total])
        started.set()

    wanted = step.get("progress") or step.get("cancel")
    try:
        result = await session.call_tool(
            step["call"], step["arguments"], progress_callback=progress if wanted else None
        )
    except McpError as error:
        return {"code": error.error.code, "text": error.error.message}
    text = "\n".join(part.text for part in result.content if part.type == "text")
    return {"error": bool(result.isError), "text": text}


async def cancelled(session, step, seen):
    """This SDK cannot take a call back by itself: its id is the next one, and we say so."""
    started, name = asyncio.Event(), session._request_id
    task = asyncio.create_task(call(session, step, seen, started))
    await started.wait()
    said = types.CancelledNotification(
        params=types.CancelledNotificationParams(requestId=name, reason="enough")
    )
    await session.send_notification(types.ClientNotification(said))
    task.cancel()
    return {"cancelled": True}


async def act(session, step):
    seen = []
    if "offer" in step:
        PLAN["roots"] = step["offer"]
        await session.send_roots_list_changed()
        return {"offered": len(step["offer"])}
    if step.get("cancel"):
        return await cancelled(session, step, seen) | {"progress": seen}
    while True:
        answer = await call(session, step, seen, asyncio.Event())
        if step.get("until", "") in answer["text"]:
            return answer | {"progress": seen}
        await asyncio.sleep(0.3)


@asynccontextmanager
async def connected():
    """A server that is started, or one that has an address."""
    if "url" not in PLAN:
        server = StdioServerParameters(command=PLAN["command"], args=PLAN["args"])
        async with stdio_client(server) as (read, write):
            yield read, write
        return
    if PLAN["url"].endswith("/sse"):
        # The transport of 2024-11-05.
        async with sse_client(PLAN["url"], headers=PLAN.get("headers")) as (read, write):
            yield read, write
        return
    async with create_mcp_http_client(headers=PLAN.get("headers")) as client:
        async with streamable_http_client(PLAN["url"], http_client=client) as (read, write, _):
            yield read, write


async def main():
    roots = give_roots if "roots" in PLAN else None
    async with connected() as (read, write):
        async with ClientSession(
            read,
            write,
            list_roots_callback=roots,
            sampling_callback=ask_model if "model" in PLAN else None,
            elicitation_callback=ask_person if "person" in PLAN or "approver" in PLAN else None,
        ) as session:
            agreed = await session.initialize()
            FACTS["revision"] = agreed.protocolVersion
            FACTS["server"] = agreed.serverInfo.name
            FACTS["tools"] = [tool.name for tool in (await session.list_tools()).tools]
            for step in PLAN["steps"]:
                FACTS["steps"].append(await act(session, step))
    print(json.dumps(FACTS), flush=True)


asyncio.run(main())
