#!/usr/bin/env python3
"""Makes the folder of labelled cases that `cargo bench-portcullis audit` runs over.

    python3 benches/cases.py LIST REPOSITORIES INTO [--peers DIR]

LIST is a table (tab-separated: name, obtain, run, class, expected, mode, licence) that says what to get and what is
wrong with it. REPOSITORIES holds clones as OWNER+NAME/repo (bare). --peers is what `cargo xtask peers` installed.
Packages that are in neither are installed below INTO by npm and pip, at the versions that the list names and without
their scripts. Nothing that is fetched is run here, and nothing of it belongs into this repository.
"""

import argparse
import csv
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile

# Rows of the gateway, which has a case for each in the casebook: no auditor sees a conversation.
NOT_OURS = "gateway"
# What the Python servers of the list import, together.
SDK = ["mcp==1.30.0", "pyyaml", "pydantic-settings", "jinja2", "requests", "httpx", "psutil", "anyio"]
FLOORS = ("critical", "high", "medium", "low")
BY_PYTHON = """import os, pathlib, runpy, sys
os.environ.update(MCP_TRAINING_MODE="true", MCP_SANDBOX="true")
path = pathlib.Path(__file__).resolve().parent / "{path}"
sys.path.insert(0, str(path.parent))
runpy.run_path(str(path), run_name="__main__")
"""
BY_NODE = """process.env.PORT = "6277";
await import("{path}");
"""
# What was exploited, not only read: the aim for these is every one.
PROVEN = re.compile(
    r"path-traversal|path-prefix|symlink|path-validation|argument-injection|command-injection|"
    r"code-execution|sql|dns-rebinding|no-auth|ssrf|ssti"
)


def quoted(value):
    """A TOML string, list or truth."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(quoted(it) for it in value) + "]"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("\n", "\\n")
    return f'"{escaped}"'


class Maker:
    def __init__(self, repositories, into, peers):
        self.repositories, self.into, self.peers = repositories, into, peers
        self.tools = os.path.join(into, ".tools")
        self.skipped = []

    # What is brought, once.

    def venv(self, name, packages):
        path = os.path.join(self.tools, name)
        if not os.path.exists(os.path.join(path, "done")):
            subprocess.run([sys.executable, "-m", "venv", path], check=True, timeout=900)
            pip = [os.path.join(path, "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run(pip + packages, check=True, timeout=900)
            open(os.path.join(path, "done"), "w").close()
        return os.path.join(path, "bin")

    def npm(self, name, package):
        path = os.path.join(self.tools, name)
        if not os.path.exists(os.path.join(path, "done")):
            os.makedirs(path, exist_ok=True)
            words = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix", path]
            subprocess.run(words + package.split(), check=True, timeout=900)
            open(os.path.join(path, "done"), "w").close()
        return os.path.join(path, "node_modules")

    def repository(self, owner_and_name, path, target):
        """Files of a clone, as they are in its newest commit."""
        name = owner_and_name.replace("/", "+")
        clone = os.path.join(self.repositories, name, "repo")
        if not os.path.isdir(clone):
            raise LookupError(f"{owner_and_name} is not among the repositories")
        words = ["git", "--git-dir", clone, "archive", "HEAD"] + ([path] if path else [])
        archive = subprocess.run(words, check=True, timeout=900, capture_output=True).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            tar.extractall(target, filter="data")

    # One case.

    def write(self, name, row, **fields):
        folder = os.path.join(self.into, name)
        os.makedirs(folder, exist_ok=True)
        expected = row["expected"]
        benign = expected.startswith("BENIGN")
        floor = next((it for it in FLOORS if re.search(rf"\b{it}\b", expected)), "high")
        case = {
            "class": [it.split(" ")[0] for it in row["class"].split(";") if it.split(" ")[0]],
            "expected": "benign" if benign else "vulnerable",
            "floor": floor if not benign else "high",
            "about": expected,
            "licence": row["licence"],
            **fields,
        }
        if not benign and "command" in fields:
            case["proven"] = [it for it in case["class"] if PROVEN.search(it)]
        with open(os.path.join(folder, "case.toml"), "w", encoding="utf-8") as file:
            file.writelines(f"{key} = {quoted(value)}\n" for key, value in case.items())

    def starter(self, name, file, text):
        """A program that sets what the server wants to be set: a box hands on no variables."""
        folder = os.path.join(self.into, name)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, file), "w", encoding="utf-8") as out:
            out.write(text)

    def link(self, name, modules):
        """Node.js looks for packages beside the program: so does a box."""
        folder = os.path.join(self.into, name)
        os.makedirs(folder, exist_ok=True)
        if not os.path.lexists(os.path.join(folder, "node_modules")):
            os.symlink(modules, os.path.join(folder, "node_modules"))

    def tree(self, name):
        folder = os.path.join(self.into, name, "tree")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        return folder

    def make(self, row):
        name, obtain, run = row["name"], row["obtain"], row["run"]
        if row["mode"] == NOT_OURS:
            return self.skipped.append((name, "a case of the gateway's"))
        found = re.match(r"fetch github:([\w.-]+/[\w.-]+)", obtain)
        if "STATIC ONLY" in run:
            return self.static(name, row, found.group(1), run.split(" ")[0])
        if row["mode"] == "config":
            return self.config(name, row, found.group(1), run)
        if row["mode"] == "source":
            return self.static(name, row, found.group(1), run)
        if name in PACKAGES or name.startswith(("benign-", "CVE-", "sqlite-")):
            return self.package(name, row)
        return self.server(name, row, found.group(1) if found else None)

    def static(self, name, row, repository, path):
        tree = self.tree(name)
        scratch = tree + ".all"
        shutil.rmtree(scratch, ignore_errors=True)
        self.repository(repository, path, scratch)
        got = os.path.join(scratch, path)
        if os.path.isdir(got):
            shutil.rmtree(tree)
            shutil.move(got, tree)
        else:
            shutil.move(got, tree)
        shutil.rmtree(scratch)
        self.write(name, row, source="tree", never_run="STATIC ONLY" in row["run"])

    def config(self, name, row, repository, path):
        tree = self.tree(name)
        self.repository(repository, path, tree + ".all")
        shutil.move(os.path.join(tree + ".all", path), tree)
        shutil.rmtree(tree + ".all")
        self.write(name, row, config="tree/" + os.path.basename(path))

    def server(self, name, row, repository):
        """A server of a repository, run by the Python or Node.js that it wants."""
        tree = self.tree(name)
        python = os.path.join(self.venv("python1", SDK), "python")
        fields = {"source": "tree"}
        if name.startswith("dvmcp-"):
            path = re.search(r"challenges/\S+/server_stdio\.py", row["run"]).group(0)
            self.one(repository, path, tree)
            fields["command"] = [python, "tree/server_stdio.py"]
        elif name == "beejak-all":
            self.repository(repository, None, tree)
            fields["command"] = [python, "start.py"]
            self.starter(name, "start.py", BY_PYTHON.format(path="tree/server.py"))
        elif name.startswith("invariant-"):
            path = name.removeprefix("invariant-") + ".py"
            self.one(repository, path, tree)
            if "no run()" not in row["class"]:
                fields["command"] = [python, "tree/" + path]
        elif name == "mcp-shield-bad":
            self.one("riseandignite/mcp-shield", "mcp-servers-example/bad-mcp-server.js", tree)
            modules = self.npm("sdk", "@modelcontextprotocol/sdk@1.12.0 zod@3.25.76")
            self.link(name, modules)
            fields["command"] = ["node", "tree/bad-mcp-server.js"]
        elif name.startswith("trailofbits-"):
            path = {"trailofbits-ansi": "ansi_test_server.py"}.get(name, "dynamic_downstream_server.py")
            self.one("trailofbits/mcp-context-protector", "test/" + path, tree)
            fields["command"] = [python, "tree/" + path]
        else:
            return self.skipped.append((name, "no recipe"))
        self.write(name, row, **fields)

    def one(self, repository, path, tree):
        scratch = tree + ".all"
        shutil.rmtree(scratch, ignore_errors=True)
        self.repository(repository, path, scratch)
        shutil.move(os.path.join(scratch, path), tree)
        shutil.rmtree(scratch)

    def package(self, name, row):
        recipe = PACKAGES.get(name)
        if recipe is None:
            return self.skipped.append((name, "no recipe"))
        for case, fields in recipe(self):
            self.write(case, {**row, **fields.pop("row", {})}, **fields)


def peer(maker, path):
    return os.path.join(maker.peers, path)


FILES = "node_modules/@modelcontextprotocol/server-filesystem/dist"
FIXED = {"expected": "BENIGN: the release in which it was mended", "class": "benign"}


def filesystem(maker, case):
    old, new = peer(maker, "old"), peer(maker, "node")
    start = lambda at: ["node", f"{at}/{FILES}/index.js", "{project}"]
    yield case, {"source": f"{old}/{FILES}", "command": start(old), "pair": "filesystem"}
    yield "fixed-filesystem", {"source": f"{new}/{FILES}", "command": start(new), "pair": "filesystem", "row": FIXED}


def site(maker, venv, package):
    library = peer(maker, f"python/{venv}/lib")
    version = next(it for it in os.listdir(library) if it.startswith("python3"))
    return f"{library}/{version}/site-packages/{package}"


def git(maker, case):
    start = lambda venv: [peer(maker, f"python/{venv}/bin/mcp-server-git"), "--repository", "{project}"]
    old, new = site(maker, "servers1", "mcp_server_git"), site(maker, "servers", "mcp_server_git")
    yield case, {"source": old, "command": start("servers1"), "pair": "git"}
    yield "fixed-git", {"source": new, "command": start("servers"), "pair": "git", "row": FIXED}


def playwright(maker, case):
    for name, package, more in (
        (case, "playwright-of-0-0-39", {}),
        ("fixed-playwright", "@playwright/mcp", {"row": FIXED}),
    ):
        cli = peer(maker, f"playwright/node_modules/{package}/cli.js")
        words = ["node", cli, "--headless", "--port", "8931", "--host", "127.0.0.1"]
        yield name, {"command": words, "url": "http://localhost:8931/mcp", "pair": "playwright", **more}


def inspector(maker, case):
    modules = maker.npm("inspector", "@modelcontextprotocol/inspector@0.14.0")
    server = f"{modules}/@modelcontextprotocol/inspector/server/build"
    maker.link(case, modules)
    own = "../node_modules/@modelcontextprotocol/inspector/server/build/index.js"
    maker.tree(case)
    maker.starter(case, "tree/start.mjs", BY_NODE.format(path=own))
    yield case, {"source": server, "command": ["node", "tree/start.mjs"], "url": "http://127.0.0.1:6277/sse"}


def sqlite(maker, case):
    venv = os.path.dirname(maker.venv("sqlite", ["mcp-server-sqlite==2025.4.25", "mcp==1.30.0"]))
    library = next(it for it in os.listdir(f"{venv}/lib") if it.startswith("python3"))
    source = f"{venv}/lib/{library}/site-packages/mcp_server_sqlite"
    yield case, {"source": source, "command": [f"{venv}/bin/mcp-server-sqlite", "--db-path", "{database}"]}


def reference(name):
    def recipe(maker, case):
        at = peer(maker, f"node/node_modules/@modelcontextprotocol/server-{name}/dist")
        yield case, {"source": at, "command": ["node", f"{at}/index.js"]}

    return recipe


def python_server(name, version, words):
    def recipe(maker, case):
        venv = os.path.dirname(maker.venv(name, [f"{name}=={version}", "mcp==1.30.0"]))
        library = next(it for it in os.listdir(f"{venv}/lib") if it.startswith("python3"))
        source = f"{venv}/lib/{library}/site-packages/{name.replace('-', '_')}"
        yield case, {"source": source, "command": [f"{venv}/bin/{name}", *words]}

    return recipe


PACKAGES = {
    "CVE-2025-53110": lambda maker: filesystem(maker, "CVE-2025-53110"),
    "CVE-2025-53109": lambda maker: list(filesystem(maker, "CVE-2025-53109"))[:1],
    "CVE-2025-68143": lambda maker: git(maker, "CVE-2025-68143"),
    "CVE-2025-68144": lambda maker: list(git(maker, "CVE-2025-68144"))[:1],
    "CVE-2025-9611": lambda maker: playwright(maker, "CVE-2025-9611"),
    "CVE-2025-49596": lambda maker: inspector(maker, "CVE-2025-49596"),
    "sqlite-raw": lambda maker: sqlite(maker, "sqlite-raw"),
    "benign-memory": lambda maker: reference("memory")(maker, "benign-memory"),
    "benign-sequential-thinking": lambda maker: reference("sequential-thinking")(maker, "benign-sequential-thinking"),
    "benign-time": lambda maker: python_server("mcp-server-time", "2026.10.10", ["--local-timezone", "UTC"])(
        maker, "benign-time"
    ),
    "benign-git-fixed": lambda maker: python_server("mcp-server-git", "2025.12.18", ["--repository", "{project}"])(
        maker, "benign-git-fixed"
    ),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("list")
    parser.add_argument("repositories")
    parser.add_argument("into")
    parser.add_argument("--peers", default="target/peers")
    given = parser.parse_args()
    maker = Maker(*(os.path.abspath(it) for it in (given.repositories, given.into, given.peers)))
    with open(given.list, encoding="utf-8") as file:
        lines = [line for line in file if not line.startswith("#")]
    made = 0
    for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
        try:
            maker.make(row)
            made += 1
        except (LookupError, OSError, subprocess.CalledProcessError) as error:
            maker.skipped.append((row["name"], str(error)))
    for name, why in maker.skipped:
        if why != "a case of the gateway's":
            print(f"left out: {name}: {why}", file=sys.stderr)
    ours = sum(1 for _, why in maker.skipped if why == "a case of the gateway's")
    with open(os.path.join(given.into, "left-out.txt"), "w", encoding="utf-8") as file:
        file.writelines(f"{name}\t{why}\n" for name, why in maker.skipped)
    print(f"{made - ours} rows made, {ours} are the gateway's, {len(maker.skipped) - ours} left out")


if __name__ == "__main__":
    main()
