"""A server that speaks HTTP with SSE (2024-11-05), by hand: it looks at nothing, or its streams are not what they should be."""

import json
import queue
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PORT, MODE = int(sys.argv[1]), sys.argv[2]
LOCK = threading.Lock()
STREAMS = {}

TOOL = {
    "name": "read_note",
    "description": "Reads a note.",
    "inputSchema": {"type": "object", "properties": {}},
    "annotations": {"readOnlyHint": True},
}


def answer(message):
    method = message["method"]
    if method == "initialize":
        info = {"name": "streams", "version": "1.0"}
        return {"protocolVersion": "2024-11-05", "capabilities": {"tools": {}}, "serverInfo": info}
    if method == "tools/list":
        return {"tools": [TOOL]}
    return {"content": [{"type": "text", "text": "nothing"}]}


class Streams(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *said):
        pass

    def says(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def barred(self):
        return MODE == "half" and "Authorization" not in self.headers

    def do_GET(self):
        if urlsplit(self.path).path != "/sse":
            return self.says(404)
        if self.barred():
            return self.says(401)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        if self.headers.get("Origin"):
            self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            self.stream()
        except OSError:
            pass

    def stream(self):
        if MODE == "mute":
            while True:
                self.wfile.write(b": still here\n\n")
                time.sleep(0.2)
        if MODE == "flood":
            while True:
                self.wfile.write(b"data: " + b"x" * 65536)
        if MODE == "drip":
            while True:
                self.wfile.write(b"x")
                time.sleep(0.2)
        waiting = queue.Queue()
        with LOCK:
            name = f"session-{len(STREAMS) + 1}"
            STREAMS[name] = waiting
        where = {"elsewhere": "http://127.0.0.1:9090", "outside": "https://198.51.100.7"}.get(MODE, "")
        self.wfile.write(f"event: endpoint\ndata: {where}/message?sessionId={name}\n\n".encode())
        self.wfile.flush()
        while True:
            reply = waiting.get()
            if MODE == "babble" and "content" in reply:
                while True:
                    self.wfile.write(b'data: {"jsonrpc":"2.0","method":"notifications/x"}\n\n' * 1000)
            if MODE == "leaving" and "content" in reply:
                return
            self.wfile.write(f"event: message\ndata: {reply}\n\n".encode())
            self.wfile.flush()

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = urlsplit(self.path)
        if asked.path != "/message":
            return self.says(404)
        name = parse_qs(asked.query).get("sessionId", [""])[0]
        with LOCK:
            # Whose name it is does not matter: any stream will do.
            waiting = STREAMS.get(name) or next(iter(STREAMS.values()), None)
        message = json.loads(text)
        self.says(202, b"Accepted")
        if "id" in message:
            waiting.put(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": answer(message)}))


ThreadingHTTPServer(("0.0.0.0", PORT), Streams).serve_forever()
