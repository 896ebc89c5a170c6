"""The smallest MCP server, for the tests to misbehave with. A test appends its own lines, which may set `tools`
and `called` (what a call answers), and call `serve`."""

import json
import sys

PATH = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
tools = [{"name": "show", "description": "Shows a file.", "inputSchema": PATH}]
replies = []
hello = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "bad", "version": "1"}}


def called(name, arguments):
    return "nothing"


def listed(params):
    return {"tools": tools}


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def result(message):
    method, params = message["method"], message.get("params", {})
    if method == "initialize":
        return hello
    if method == "tools/list":
        return listed(params)
    if method == "tools/call":
        if not any(isinstance(tool, dict) and tool.get("name") == params["name"] for tool in tools):
            return {"content": [{"type": "text", "text": "unknown tool"}], "isError": True}
        return {"content": [{"type": "text", "text": called(params["name"], params.get("arguments", {}))}]}
    return {}


def serve():
    for line in sys.stdin:
        message = json.loads(line)
        if "method" not in message:
            replies.append(message)
        if "id" in message and "method" in message:
            say(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result(message)}))
