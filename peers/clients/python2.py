"""A host made with the official Python SDK 2.x, in either era: does what its plan says, prints what it saw.

The plan and the facts are described in `crates/cli/tests/peers/host.rs`.
"""

import asyncio
import json
import sys
from importlib.metadata import version

import httpx2
from mcp import Client, MCPError, StdioServerParameters, types
from mcp.client.streamable_http import streamable_http_client

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
    asked = {"texts": texts, "system": params.system_prompt, "tokens": params.max_tokens}
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


async def call(client, step, seen, started):
    async def progress(done, total, message):
        seen.append([done, total])
        started.set()

    wanted = step.get("progress") or step.get("cancel")
    try:
        result = await client.call_tool(
            step["call"], step["arguments"], progress_callback=progress if wanted else None
        )
    except MCPError as error:
        return {"code": error.error.code, "text": error.error.message}
    text = "\n".join(part.text for part in result.content if part.type == "text")
    return {"error": bool(result.is_error), "text": text}


async def cancelled(client, step, seen):
    """Whoever stops waiting for a call takes it back: the SDK sends the notification."""
    started = asyncio.Event()
    task = asyncio.create_task(call(client, step, seen, started))
    await started.wait()
    task.cancel()
    await asyncio.wait([task])
    return {"cancelled": task.cancelled()}


async def act(client, step):
    seen = []
    if "offer" in step:
        PLAN["roots"] = step["offer"]
        await client.send_roots_list_changed()
        return {"offered": len(step["offer"])}
    if step.get("cancel"):
        return await cancelled(client, step, seen) | {"progress": seen}
    while True:
        answer = await call(client, step, seen, asyncio.Event())
        if step.get("until", "") in answer["text"]:
            return answer | {"progress": seen}
        await asyncio.sleep(0.3)


def connection():
    """A server that is started, or one that has an address."""
    if "url" not in PLAN:
        return StdioServerParameters(command=PLAN["command"], args=PLAN["args"])
    http = httpx2.AsyncClient(headers=PLAN.get("headers"), timeout=60)
    return streamable_http_client(PLAN["url"], http_client=http)


async def main():
    roots = give_roots if "roots" in PLAN else None
    async with Client(
        connection(),
        mode=PLAN["mode"],
        list_roots_callback=roots,
        sampling_callback=ask_model if "model" in PLAN else None,
        elicitation_callback=ask_person if "person" in PLAN or "approver" in PLAN else None,
    ) as client:
        FACTS["revision"] = client.protocol_version
        FACTS["server"] = client.server_info and client.server_info.name
        FACTS["tools"] = [tool.name for tool in (await client.list_tools()).tools]
        for step in PLAN["steps"]:
            FACTS["steps"].append(await act(client, step))
    print(json.dumps(FACTS), flush=True)


asyncio.run(main())
