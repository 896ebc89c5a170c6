"""A collector of spans: reads what is posted with OpenTelemetry's own messages for Python.

Says its port, then a line of JSON for each request: its path and kind, its body in base64, and the
spans in it. Fields that the specification does not have are a mistake of whoever sends them.
"""

import base64
import http.server
import json
import sys

from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


def known(message):
    assert not list(UnknownFieldSet(message)), message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for inner in value if field.is_repeated else [value]:
            known(inner)


def plain(value):
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(inner) for inner in value.array_value.values]
    return getattr(value, kind)


def attributes(all):
    read = {one.key: plain(one.value) for one in all}
    assert len(read) == len(all), "an attribute stands twice"
    return read


def spans(request):
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                assert len(span.trace_id) == 16 and len(span.span_id) == 8, span
                assert len(span.parent_span_id) in (0, 8), span
                assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano, span
                yield {
                    "resource": attributes(resource.resource.attributes),
                    "scope": scope.scope.name,
                    "trace": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex(),
                    "flags": span.flags,
                    "name": span.name,
                    "kind": Span.SpanKind.Name(span.kind),
                    "status": Status.StatusCode.Name(span.status.code),
                    "attributes": attributes(span.attributes),
                }


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            request = ExportTraceServiceRequest.FromString(body)
            known(request)
            said = {"path": self.path, "headers": dict(self.headers), "spans": list(spans(request))}
        except Exception as error:
            said = {"wrong": repr(error)}
        said["body"] = base64.b64encode(body).decode()
        print(json.dumps(said), flush=True)
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200 if "spans" in said else 400)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
server.daemon_threads = True
print(json.dumps({"port": server.server_address[1]}), flush=True)
server.serve_forever()
