"""The same three tools, hardened with what Python and the SDK offer.

    python hardened.py PROJECT DATABASE

`portcullis lesson` attacks it as it attacks the other two, and gets nothing.
"""

import contextlib
import functools
import os
import secrets
import shlex
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from typing import Annotated, Literal
from urllib.parse import quote

import anyio.to_thread
from mcp.server.fastmcp import FastMCP
from mcp.server.fastmcp.exceptions import ToolError
from mcp.server.fastmcp.utilities.func_metadata import ArgModelBase
from mcp.types import ToolAnnotations
from pydantic import Field

PROJECT = os.open(sys.argv[1], os.O_PATH | os.O_DIRECTORY)
DATABASE = "file:" + quote(os.path.abspath(sys.argv[2])) + "?mode=ro"
OUTPUT = 64 * 1024  # bytes of a note or of a command's output
PATIENCE = 5  # seconds for a command
READS = ToolAnnotations(readOnlyHint=True, destructiveHint=False, idempotentHint=True, openWorldHint=False)
Path = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00/][^\x00]*$", description="below the project")]

# An argument that the schema does not name is refused: `additionalProperties: false`.
ArgModelBase.model_config["extra"] = "forbid"
server = FastMCP("hardened")


class Refusal(Exception):
    """What the model may read: it names no path of this machine and repeats no argument."""


def tool(function):
    """A tool with annotations, off the event loop, whose errors say nothing but a number."""

    @functools.wraps(function)
    async def call(**arguments):
        try:
            return await anyio.to_thread.run_sync(functools.partial(function, **arguments))
        except Refusal as why:
            raise ToolError(str(why)) from None
        except Exception as error:  # lesson: raw-errors
            number = secrets.token_hex(4)
            print(f"error {number}: {error!r}", file=sys.stderr)
            raise ToolError(f"that did not work; the server's log knows why, as {number}") from None

    return server.tool(annotations=READS)(call)  # lesson: no-annotations


def open_beneath(path: str) -> int:
    """A descriptor of a regular file below the project: what was opened is what was judged."""
    *folders, name = path.split("/")
    if any(part in ("", ".", "..") for part in (*folders, name)):  # lesson: any-path, prefix
        raise Refusal("the path lies outside the project: name a file below it, without `..`")
    at = os.dup(PROJECT)
    try:
        for folder in folders:
            below = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=at)  # lesson: race
    except OSError:
        raise Refusal("there is no such file in the project, or it is a link") from None
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise Refusal("that is not a file")
    return file


@tool
def read_note(path: Path, lines: Annotated[int, Field(ge=1, le=200)] = 200) -> str:  # lesson: no-validation
    """Reads the first lines of a note in the project."""
    with open(open_beneath(path), "rb") as note:
        text = note.read(OUTPUT).decode(errors="replace")
    return "".join(text.splitlines(keepends=True)[:lines])


QUERY = "SELECT name, price FROM products WHERE instr(lower(name), lower(?)) ORDER BY {} LIMIT 100"
QUERIES = {order: QUERY.format(order) for order in ("name", "price")}


def reads_products(action, first, second, *_):
    """Denies by default: whatever the SQL says, it reads the products and calls two functions."""
    table = action == sqlite3.SQLITE_READ and first == "products"
    function = action == sqlite3.SQLITE_FUNCTION and second in ("instr", "lower")
    return sqlite3.SQLITE_OK if action == sqlite3.SQLITE_SELECT or table or function else sqlite3.SQLITE_DENY


@tool
def query_shop(text: Annotated[str, Field(max_length=64)], order: Literal["name", "price"] = "name") -> str:
    """Finds the shop's products whose name holds a text."""
    with contextlib.closing(sqlite3.connect(DATABASE, uri=True)) as shop:
        shop.set_authorizer(reads_products)  # lesson: starts-with-select
        shop.set_progress_handler(lambda: 1, 1_000_000)  # a query of more steps is ended
        return "\n".join(f"{name}: {price}" for name, price in shop.execute(QUERIES[order], [text]))  # lesson: raw-sql


# Each program with its options; whatever else begins with `-` is refused. Operands are files.
PROGRAMS = {"cat": set(), "wc": {"-c", "-l", "-w"}}


@tool
def run_command(command: Annotated[str, Field(min_length=1, max_length=512)]) -> str:
    """Runs `cat FILE...` or `wc [-c] [-l] [-w] FILE...` on files of the project."""
    try:
        program, *words = shlex.split(command)
    except ValueError:
        raise Refusal("that is not a command") from None
    options, files = [w for w in words if w.startswith("-")], [w for w in words if not w.startswith("-")]
    if program not in PROGRAMS or not PROGRAMS[program].issuperset(options) or not 1 <= len(files) <= 8:  # lesson: option
        raise Refusal("run `cat FILE...` or `wc [-c] [-l] [-w] FILE...`, with one to eight files")
    with contextlib.ExitStack() as held:
        names = {}
        for file in files:
            opened = open_beneath(file)
            held.callback(os.close, opened)
            names[f"/proc/self/fd/{opened}"] = file
        output = run([program, *options, "--", *names], [int(name.rsplit("/", 1)[1]) for name in names])
    for name in sorted(names, key=len, reverse=True):
        output = output.replace(name, names[name])
    return output


def run(words: list[str], files: list[int]) -> str:
    """Runs a program with nothing of ours but these files; it and its children end with the call."""
    program = subprocess.Popen(  # lesson: shell
        words,
        stdin=subprocess.DEVNULL,  # lesson: stdin
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        pass_fds=files,
        start_new_session=True,
    )
    end = functools.partial(os.killpg, program.pid, signal.SIGKILL)
    timer = threading.Timer(PATIENCE, end)
    timer.start()
    with program:
        output = program.stdout.read(OUTPUT)
        timer.cancel()
        timer.join()
        end()
    return output.decode(errors="replace")


if __name__ == "__main__":
    server.run()
