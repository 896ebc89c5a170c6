"""A careless MCP server: three tools and the six classic flaws.

    python careless.py PROJECT DATABASE

`portcullis lesson` attacks it, in a directory of its own. Run it nowhere else.
"""

import os
import sqlite3
import subprocess
import sys

from mcp.server.fastmcp import FastMCP

PROJECT, DATABASE = (os.path.abspath(path) for path in sys.argv[1:3])

server = FastMCP("careless")


@server.tool()  # lesson: no-annotations
def read_note(path: str, lines: int = 200) -> str:
    """Reads the first lines of a note in the project."""
    with open(os.path.join(PROJECT, path)) as note:  # lesson: any-path, prefix, race, raw-errors
        return "".join(note.readlines()[:lines])  # lesson: no-validation


@server.tool()
def query_shop(sql: str) -> str:
    """Asks the shop's database for its products."""
    with sqlite3.connect(DATABASE) as shop:
        return "\n".join(map(str, shop.execute(sql).fetchall()))  # lesson: raw-sql, starts-with-select


@server.tool()
def run_command(command: str) -> str:
    """Runs a command in the project, such as `wc -w notes.txt`."""
    done = subprocess.run(command, shell=True, cwd=PROJECT, capture_output=True, text=True)  # lesson: shell, option, stdin
    return done.stdout + done.stderr


if __name__ == "__main__":
    server.run()
