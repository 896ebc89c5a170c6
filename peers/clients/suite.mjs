// What the conformance suite drives when it looks at a client: a host made with the official SDK,
// and us between it and the suite's server.
//
//   node suite.mjs PORTCULLIS STATE CONFIG URL
//
// The suite puts its URL last, and says by variables which scenario it is.

import { createRequire } from 'node:module';
import { join } from 'node:path';

const folder = join(process.env.PORTCULLIS_PEERS, 'node');
const peer = createRequire(join(folder, 'package.json'));
const [portcullis, state, config, url] = process.argv.slice(2);
const scenario = process.env.MCP_CONFORMANCE_SCENARIO;
const revision = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION;
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? '{}');
const isModern = revision === '2026-07-28';

const command = {
    command: portcullis,
    args: ['run', '--state', state, '--config', config, '--name', 'suite', '--url', url],
    stderr: 'inherit',
};
const info = { name: 'portcullis-suite', version: '1.0.0' };
const confirms = () => ({ action: 'accept', content: scenario.startsWith('elicitation') ? {} : { confirmed: true } });

/** A client of each era, with a person who says yes and no more. */
function host() {
    if (isModern) {
        const { Client } = peer('@modelcontextprotocol/client');
        const { StdioClientTransport } = peer('@modelcontextprotocol/client/stdio');
        const client = new Client(info, {
            capabilities: { elicitation: { form: {} } },
            versionNegotiation: { mode: { pin: revision } },
        });
        client.setRequestHandler('elicitation/create', confirms);
        return [client, new StdioClientTransport(command)];
    }
    const { Client } = peer('@modelcontextprotocol/sdk/client/index.js');
    const { StdioClientTransport } = peer('@modelcontextprotocol/sdk/client/stdio.js');
    const { ElicitRequestSchema } = peer('@modelcontextprotocol/sdk/types.js');
    const client = new Client(info, { capabilities: { elicitation: { form: { applyDefaults: true } } } });
    client.setRequestHandler(ElicitRequestSchema, confirms);
    return [client, new StdioClientTransport(command)];
}

/** Something that fits a schema of the suite's. */
function fitting({ type }) {
    return { string: 'x', number: 2, integer: 2, boolean: true, object: {}, array: [] }[type] ?? 'x';
}

function argumentsOf({ inputSchema: { required = [], properties = {} } }) {
    return Object.fromEntries(required.map((name) => [name, fitting(properties[name] ?? {})]));
}

const [client, transport] = host();
await client.connect(transport);
const has = client.getServerCapabilities() ?? {};
if (has.tools || scenario === 'request-metadata') {
    const { tools } = await client.listTools();
    const calls = context.toolCalls
        ?? tools.map((tool) => ({ name: tool.name, arguments: argumentsOf(tool) }));
    for (const call of scenario === 'json-schema-ref-no-deref' ? [] : calls) {
        const result = await client.callTool(call);
        console.error(call.name, JSON.stringify(result));
        const given = Object.entries(call.arguments);
        if (given.some(([, value]) => value === null)) {
            // The tool's own schema does not allow the null that the suite wants, so we refuse it;
            // what is left out has no header either.
            const kept = Object.fromEntries(given.filter(([, value]) => value !== null));
            await client.callTool({ ...call, arguments: kept });
        }
    }
}
if (has.resources) {
    const { resources } = await client.listResources();
    for (const { uri } of resources) {
        // One that we do not let through is not found.
        await client.readResource({ uri }).catch(({ message }) => console.error(uri, message));
    }
}
if (has.prompts) {
    const { prompts } = await client.listPrompts();
    for (const { name } of prompts) {
        await client.getPrompt({ name });
    }
}
await client.close();
