// A proxy to servers over pipes, like the inspector's before and after CVE-2025-49596: node starter.mjs PORT open|asks
import { spawn } from "node:child_process";
import { createServer } from "node:http";

const [port, mode] = process.argv.slice(2);

createServer((request, response) => {
  const url = new URL(request.url, "http://127.0.0.1");
  if (mode === "asks" && request.headers["x-proxy-token"] !== "a secret") {
    return response.writeHead(401).end("who are you?");
  }
  if (request.method !== "GET" || url.pathname !== "/stdio") {
    return response.writeHead(404).end("not found");
  }
  const child = spawn(url.searchParams.get("command"), url.searchParams.get("args").split(" "));
  child.on("error", () => {});
  response.writeHead(200, { "Content-Type": "text/event-stream", "Access-Control-Allow-Origin": "*" });
  response.write("event: endpoint\ndata: /message?sessionId=1\n\n");
}).listen(Number(port));
