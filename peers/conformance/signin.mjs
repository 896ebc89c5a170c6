// A client that the suite drives: the official SDK as the host, `portcullis run` with a remote
// server behind it, and a person who says yes on the consent page and lets the browser go on.
//
//   node signin.mjs URL      PORTCULLIS, PORTCULLIS_STATE and PORTCULLIS_PEERS say where things are
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const installed = createRequire(join(process.env.PORTCULLIS_PEERS, 'node/package.json'));
const { PORTCULLIS, PORTCULLIS_STATE } = process.env;
const url = process.argv.at(-1);
const scenario = process.env.MCP_CONFORMANCE_SCENARIO;
const modern = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION >= '2026';
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');
const state = join(PORTCULLIS_STATE, scenario.replaceAll('/', '-'));

const own = {
    'auth/basic-cimd': 'client_metadata = "https://conformance-test.local/client-metadata.json"',
    'auth/pre-registration': 'client_id = "' + context.client_id + '", client_secret = { env = "SECRET" }',
    'auth/client-credentials-basic':
        'client_id = "' + context.client_id + '", client_secret = { env = "SECRET" }, client_credentials = true',
    'auth/client-credentials-jwt':
        'client_id = "' + context.client_id + '", private_key = { env = "SECRET" }, client_credentials = true',
};
mkdirSync(state, { recursive: true, mode: 0o700 });
const config = join(state, 'portcullis.toml');
writeFileSync(config, `[server.suite]\nurl = "${url}"\nauth = { oauth = { ${own[scenario] ?? ''} } }\n`);

/** One request of a browser of this machine; it answers to no name but the one in the address. */
function visit(address, { site = 'none', method = 'GET', body, cookie } = {}) {
    const { host, hostname, port, pathname, search, origin } = new URL(address);
    const headers = {
        host,
        'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-user': '?1',
        ...(cookie && { cookie }),
        ...(body !== undefined && { origin, 'content-type': 'application/x-www-form-urlencoded' }),
    };
    const target = { host: hostname.endsWith('localhost') ? 'localhost' : hostname, port, path: pathname + search, method, headers };
    return new Promise((resolve, reject) => {
        const request = http.request(target, (response) => {
            let text = '';
            response.setEncoding('utf8').on('data', (part) => (text += part));
            response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text }));
        });
        request.on('error', reject).end(body);
    });
}

/** The link is opened, the page read, its button pressed, and the browser followed to its end. */
async function allow(link) {
    const opened = await visit(link);
    const cookie = opened.headers['set-cookie'][0].split(';')[0];
    const origin = new URL(link).origin;
    const page = await visit(`${origin}/`, { site: 'same-origin', cookie });
    const token = page.text.match(/name="token" value="([0-9a-f]+)"/)[1];
    const body = `token=${token}&answer=approve`;
    const sent = await visit(`${origin}/answer`, { site: 'same-origin', method: 'POST', body, cookie });
    let next = sent.text.match(/<a href="([^"]*)" id="on">/)?.[1].replaceAll('&amp;', '&');
    while (next !== undefined) {
        const there = await visit(next, { site: 'cross-site' });
        process.stderr.write(`browser: ${there.status} ${new URL(next).pathname}\n`);
        next = there.headers.location && new URL(there.headers.location, next).href;
    }
}

/** What is asked of a person is answered by one who says yes: each question once. */
const answered = new Set();
function approvals() {
    const asked = spawn(PORTCULLIS, ['approvals', 'list', '--json', '--state', state], { stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    asked.stdout.on('data', (part) => (text += part)).on('end', () => {
        const rows = JSON.parse(text || '[]').filter(({ id, state }) => state === 'pending' && !answered.has(id));
        for (const { id, kind, arguments: content } of rows) {
            answered.add(id);
            if (kind === 'authorization') allow(content.page).catch((error) => console.error(error));
            else spawn(PORTCULLIS, ['approvals', 'approve', id, '--state', state], { stdio: 'ignore' });
        }
    });
}
const looking = setInterval(approvals, 300);

const env = { ...process.env, SECRET: context.client_secret ?? context.private_key_pem ?? '' };
const started = {
    command: PORTCULLIS,
    args: ['run', '--name', 'suite', '--config', config, '--state', state],
    stderr: 'inherit',
    env,
};
const Stdio = modern
    ? installed('@modelcontextprotocol/client/stdio').StdioClientTransport
    : installed('@modelcontextprotocol/sdk/client/stdio.js').StdioClientTransport;
const { Client } = installed(modern ? '@modelcontextprotocol/client' : '@modelcontextprotocol/sdk/client/index.js');
const options = modern ? { capabilities: {}, versionNegotiation: { mode: { pin: '2026-07-28' } } } : { capabilities: {} };
const client = new Client({ name: 'portcullis-tests', version: '1.0.0' }, options);
const transport = new Stdio(started);
try {
    await client.connect(transport);
    const { tools } = await client.listTools();
    for (const { name } of tools) {
        await client.callTool({ name, arguments: {} });
    }
    // A server may want something else the next time.
    await client.listTools();
} finally {
    clearInterval(looking);
    await client.close();
}
