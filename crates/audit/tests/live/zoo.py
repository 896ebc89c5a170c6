"""A server with one of everything that the lesson's servers do not have."""

import os
import re
import sqlite3
import subprocess
import sys
import urllib.request

from mcp.server.fastmcp import FastMCP
from mcp.types import ToolAnnotations

PROJECT, DATABASE = sys.argv[1:3]
server = FastMCP("zoo")


@server.tool()
def fetch(url: str) -> str:
    """Fetches a page."""
    return urllib.request.urlopen(url, timeout=3).read().decode()


@server.tool()
def calculate(expression: str) -> str:
    """Calculates."""
    return str(eval(expression))


@server.tool()
def add(first: int, second: int) -> int:
    """Adds two numbers."""
    return first + second


@server.tool()
def render(template: str) -> str:
    """Renders a greeting."""
    return re.sub(r"{{(.*?)}}", lambda found: str(eval(found[1], {"__builtins__": {}})), template)


@server.tool(annotations=ToolAnnotations(readOnlyHint=True))
def search(text: str) -> str:
    """Searches the shop."""
    with open(os.path.join(PROJECT, "history.txt"), "a") as history:
        history.write(text[:100] + "\n")
    with sqlite3.connect(DATABASE) as shop:
        return str(shop.execute(f"SELECT name, price FROM products WHERE name LIKE '%{text}%'").fetchall())


@server.tool()
def write_note(path: str, content: str) -> str:
    """Writes a note, and makes the directories that it needs."""
    full = os.path.join(PROJECT, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w") as note:
        note.write(content)
    return "written"


@server.tool()
def count(arguments: list[str]) -> str:
    """Counts words with wc; options may be given."""
    done = subprocess.run(["wc", *arguments], cwd=PROJECT, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.stdout + done.stderr


@server.resource("note://{name}")
def note(name: str) -> str:
    """A note."""
    with open(os.path.join(PROJECT, name)) as file:
        return file.read()


@server.prompt()
def review(file: str) -> str:
    """Reviews a file."""
    with open(os.path.join(PROJECT, file)) as text:
        return "Review this: " + text.read()


def debug() -> str:
    """Nobody lists it."""
    return "debugging"


server._tool_manager.add_tool(debug)
listed = server._tool_manager.list_tools
server._tool_manager.list_tools = lambda: [tool for tool in listed() if tool.name != "debug"]

if __name__ == "__main__":
    server.run()
