"""A server with every mistake that the history of attacks knows, for a test to fall.

It decodes after it checks, follows links, compares prefixes as text, hands words to a
shell and to programs that read options, and lets SQL be whatever it is. What it does
not have is anybody's code: it is here so that an attack that reaches nothing on our
server is seen to reach something on another.

    careless.py PROJECT DATABASE
"""

import json
import shlex
import sqlite3
import subprocess
import sys
from urllib.parse import unquote_to_bytes

ROOT, DATABASE = sys.argv[1:3]


def read(path):
    if not path.startswith(ROOT) and not path.startswith("file://"):
        return "outside the project"
    # Decoded after the check, and twice as generously as any standard has it.
    if path.startswith("file://"):
        path = "/" + path[7:].split("/", 1)[1]
    raw = unquote_to_bytes(path)
    raw = raw.replace(b"\xc0\xae", b".").replace(b"\xc0\xaf", b"/")
    # As a language does whose texts end at a zero.
    raw = raw.split(b"\0")[0]
    with open(raw, encoding="utf-8") as file:
        return file.read()


def run(program, arguments):
    # "No shell", and the first word is the only one that is looked at.
    if program not in ("wc", "grep", "sort", "git"):
        return "not allowed"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, cwd=ROOT)
    return done.stdout + done.stderr


def shell(line):
    done = subprocess.run("wc " + line, shell=True, capture_output=True, text=True, cwd=ROOT)
    return done.stdout + done.stderr


def fetch(url):
    # Whoever opens a browser with a shell (CVE-2025-6514's class).
    done = subprocess.run("echo opening " + url, shell=True, capture_output=True, text=True)
    return done.stdout + done.stderr


def query(sql):
    connection = sqlite3.connect(DATABASE)
    connection.isolation_level = None
    # "Somebody may need it", and Python leaves it off for a reason.
    if hasattr(connection, "enable_load_extension"):
        connection.enable_load_extension(True)
    rows = []
    for statement in sql.split(";"):
        if statement.strip():
            rows = connection.execute(statement).fetchall()
    return json.dumps(rows)


TOOLS = {"read": read, "run": run, "shell": shell, "fetch": fetch, "query": query}


def answer(method, params):
    if method == "initialize":
        return {
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "careless", "version": "1.0.0"},
        }
    if method != "tools/call":
        return {}
    try:
        text = TOOLS[params["name"]](**params["arguments"])
    except Exception as error:  # everything, with all that it tells
        text = repr(error)
    return {"content": [{"type": "text", "text": text}]}


for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        result = answer(message["method"], message.get("params"))
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
