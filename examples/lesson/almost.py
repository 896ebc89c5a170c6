"""The usual repair of `careless.py`: the six classic flaws are mended, and five others are left.

    python almost.py PROJECT DATABASE

`portcullis lesson` attacks it, in a directory of its own. Run it nowhere else.
"""

import functools
import os
import re
import shlex
import sqlite3
import subprocess
import sys

from mcp.server.fastmcp import FastMCP
from mcp.server.fastmcp.exceptions import ToolError
from mcp.types import ToolAnnotations

PROJECT, DATABASE = (os.path.realpath(path) for path in sys.argv[1:3])
PROGRAMS = {"cat", "ls", "wc"}
READS = ToolAnnotations(readOnlyHint=True, destructiveHint=False, idempotentHint=True, openWorldHint=False)

server = FastMCP("almost")


def polite(function):
    """Tells no details of an error."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except (OSError, UnicodeError, sqlite3.Error, subprocess.TimeoutExpired):  # lesson: raw-errors
            raise ToolError("that did not work") from None

    return call


def inside(path: str) -> str:
    """The path with every link resolved, when it lies in the project."""
    if len(path) > 255:
        raise ToolError("the path is too long")
    full = os.path.realpath(os.path.join(PROJECT, path))  # lesson: any-path
    if not full.startswith(PROJECT):  # lesson: prefix
        raise ToolError("the path lies outside the project")
    return full


@server.tool(annotations=READS)  # lesson: no-annotations
@polite
def read_note(path: str, lines: int = 200) -> str:
    """Reads the first lines of a note in the project."""
    full = inside(path)
    if not os.path.isfile(full) or os.path.getsize(full) > 10_000_000:
        raise ToolError("there is no such note, or it is too large")
    with open(full) as note:  # lesson: race
        return "".join(note.readlines()[: max(0, min(lines, 200))])  # lesson: no-validation


@server.tool(annotations=READS)
@polite
def query_shop(sql: str) -> str:
    """Asks the shop's database for its products. Only SELECT is allowed."""
    if len(sql) > 1000 or ";" in sql or not re.match(r"\s*(SELECT|WITH)\b", sql, re.I):  # lesson: raw-sql, starts-with-select
        raise ToolError("only one SELECT is allowed")
    with sqlite3.connect(DATABASE) as shop:
        return "\n".join(map(str, shop.execute(sql).fetchmany(100)))


@server.tool(annotations=READS)
@polite
def run_command(command: str) -> str:
    """Runs cat, ls or wc in the project, such as `wc -w notes.txt`."""
    words = shlex.split(command)
    if not words or words[0] not in PROGRAMS:
        raise ToolError("that program is not allowed")
    for word in words[1:]:
        if not word.startswith("-"):  # lesson: option
            inside(word)
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, timeout=10)  # lesson: shell, stdin
    return done.stdout + done.stderr


if __name__ == "__main__":
    server.run()
