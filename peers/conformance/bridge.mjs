// A stdio server as the conformance suite wants it: behind one HTTP endpoint of this
// machine. Every request goes to the server as it came, under an id of ours; what the
// transport of a revision says with a status, this says with a status.
//
//   node bridge.mjs COMMAND [ARG]...      prints the port
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const [command, ...args] = process.argv.slice(2);
const server = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
const waiting = new Map();
let last = 0;

createInterface({ input: server.stdout }).on('line', (line) => {
  const message = JSON.parse(line);
  const asked = waiting.get(message.id);
  if (asked === undefined || message.method !== undefined) return;
  waiting.delete(message.id);
  asked(message);
});

function statusOf(message, isModern) {
  const code = message.error?.code;
  if (!isModern || code === undefined) return 200;
  if (code === -32601) return 404;
  return code === -32600 || code === -32602 || (code <= -32020 && code >= -32022) ? 400 : 200;
}

const http = createServer((request, response) => {
  if (request.method !== 'POST') return response.writeHead(405).end();
  let body = '';
  request.setEncoding('utf8').on('data', (part) => (body += part)).on('end', () => {
    let message;
    try {
      message = JSON.parse(body);
    } catch {
      return response.writeHead(400, { 'content-type': 'application/json' })
        .end('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"not JSON"}}');
    }
    const { id } = message;
    if (id === undefined || message.method === undefined) {
      server.stdin.write(JSON.stringify(message) + '\n');
      return response.writeHead(202).end();
    }
    const ours = ++last;
    waiting.set(ours, (answer) => {
      const isModern = (request.headers['mcp-protocol-version'] ?? '') >= '2026';
      response.writeHead(statusOf(answer, isModern), { 'content-type': 'application/json' });
      response.end(JSON.stringify({ ...answer, id }));
    });
    server.stdin.write(JSON.stringify({ ...message, id: ours }) + '\n');
  });
});
http.listen(0, '127.0.0.1', () => console.log(http.address().port));
server.on('exit', () => process.exit(0));
process.stdin.on('end', () => server.stdin.end()).resume();
