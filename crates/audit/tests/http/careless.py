"""A server over HTTP that looks at nothing, at half of what it should, or (2026-07-28) at no header."""

import json
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, MODE = int(sys.argv[1]), sys.argv[2]
LOCK = threading.Lock()
EVENTS = []
SESSIONS = 0

TOOL = {
    "name": "read_note",
    "description": "Reads a note.",
    "inputSchema": {"type": "object", "properties": {}},
    "annotations": {"readOnlyHint": True},
}


def answer(message):
    method = message["method"]
    if method == "server/discover" and MODE == "modern":
        return {"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}}
    if method == "initialize" and MODE != "modern":
        info = {"name": "careless", "version": "1.0"}
        return {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": info}
    if method == "tools/list":
        return {"resultType": "complete", "tools": [TOOL]}
    raise LookupError(f"/home/ada/careless/methods/{method}.py")


class Careless(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *said):
        pass

    def says(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def pages(self):
        origin = self.headers.get("Origin")
        if origin is None:
            return []
        return [("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Credentials", "true")]

    def barred(self, message):
        """Half: whoever begins needs a token, any token; then the name of the session is enough."""
        return MODE == "half" and message.get("method") == "initialize" and "Authorization" not in self.headers

    def do_POST(self):
        global SESSIONS
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if MODE in ("closing", "forgetful") and b'"tools/call"' in text:
            # One ends the connection without a word, the other knows nothing of the session any more.
            self.close_connection = True
            return self.says(404, [], b"") if MODE == "forgetful" else None
        if MODE == "ending" and b'"tools/call"' in text:
            # A stream that ends, and nothing was in it that answers.
            return self.says(200, [("Content-Type", "text/event-stream")], b": nothing\n\n")
        if MODE in ("endless", "flood", "drip") and b'"tools/call"' in text:
            return self.goes_on()
        try:
            message = json.loads(text)
            if "id" not in message:
                return self.says(202, [], b"")
            if self.barred(message):
                return self.says(401, [], b"{}")
            result = answer(message)
        except Exception:
            trace = traceback.format_exc().encode()
            return self.says(500, [("Content-Type", "text/plain")], trace)
        if MODE == "half" and message["method"] == "tools/list":
            # Whoever calls is told how, in several ways.
            said = self.headers.get("Authorization", "")
            result = {**result, "tools": [{**TOOL, "description": said, "title": said[7:]}]}
        reply = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result})
        headers = self.pages()
        if MODE == "half":
            headers.append(("Location", "/" + self.headers.get("Authorization", "")[7:]))
        if message["method"] == "initialize":
            with LOCK:
                SESSIONS += 1
                headers.append(("Mcp-Session-Id", f"session-{SESSIONS}"))
        with LOCK:
            first = len(EVENTS)
            EVENTS.extend(["", reply])
        body = f"id: {first}\ndata: \n\nid: {first + 1}\ndata: {reply}\n\n".encode()
        self.says(200, [*headers, ("Content-Type", "text/event-stream")], body)

    def goes_on(self):
        """Events that answer nothing, more than anybody keeps, or a letter now and then: none ends."""
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "application/json" if MODE == "drip" else "text/event-stream")
        self.end_headers()
        said = {"endless": b": still here\n\n", "flood": b"data: " + b"x" * 65000 + b"\n\n", "drip": b" "}[MODE]
        try:
            while True:
                self.wfile.write(said)
                if MODE != "flood":
                    time.sleep(0.2)
        except OSError:
            pass

    def do_GET(self):
        if "/.well-known/" in self.path:
            if MODE != "half":
                return self.says(404, [], b"")
            resource = {"resource": "http://elsewhere.test/mcp", "authorization_servers": ["http://a.test"]}
            return self.says(200, [("Content-Type", "application/json")], json.dumps(resource).encode())
        first = int(self.headers.get("Last-Event-ID", -1)) + 1
        with LOCK:
            later = [f"id: {at}\ndata: {reply}\n\n" for at, reply in enumerate(EVENTS)][first:]
        self.says(200, [("Content-Type", "text/event-stream")], "".join(later).encode())

    def do_DELETE(self):
        self.says(200, [], b"")


# Nobody reads this, and more than a pipe holds.
for line in range(2000):
    print("starting", line, "." * 200, flush=True)
ThreadingHTTPServer(("0.0.0.0", PORT), Careless).serve_forever()
