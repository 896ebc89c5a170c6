#!/usr/bin/env node
// A server of one tool, without a package beside it: what the auditor's own registry publishes.
const lines = require("node:readline").createInterface({ input: process.stdin });
const tool = {
  name: "count_words",
  description: "Counts the words of a text.",
  inputSchema: {
    type: "object",
    properties: { text: { type: "string", maxLength: 1000 } },
    required: ["text"],
    additionalProperties: false,
  },
  annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
};
const refused = (message) => ({ error: { code: -32602, message } });
function answer(method, params) {
  switch (method) {
    case "initialize":
      return {
        result: {
          protocolVersion: "2025-11-25",
          capabilities: { tools: {} },
          serverInfo: { name: "here-server", version: "1.0.0" },
        },
      };
    case "ping":
      return { result: {} };
    case "tools/list":
      return { result: { tools: [tool] } };
    case "tools/call": {
      const text = params?.arguments?.text;
      const names = Object.keys(params?.arguments ?? {});
      if (params?.name !== tool.name) return refused("no such tool");
      if (typeof text !== "string" || text.length > 1000 || names.length !== 1) return refused("text: at most 1000 characters");
      return { result: { content: [{ type: "text", text: String(text.split(/\s+/).length) }] } };
    }
    default:
      return { error: { code: -32601, message: "no such method" } };
  }
}
lines.on("line", (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id !== undefined) process.stdout.write(JSON.stringify({ jsonrpc: "2.0", id, ...answer(method, params) }) + "\n");
});
