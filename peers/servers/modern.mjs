// A server made with the official TypeScript SDK 2.x that speaks 2026-07-28 and nothing older.
//
//   node modern.mjs PEERS                on standard input and output
//   node modern.mjs PEERS --http PORT    as Streamable HTTP on 127.0.0.1, at /mcp

import { Readable } from 'node:stream';

import { httpPort, listen, pause, peer, said } from './conformance-things.mjs';

const { Server, createMcpHandler, inputRequired } = peer('@modelcontextprotocol/server');
const { serveStdio } = peer('@modelcontextprotocol/server/stdio');

const READS = { readOnlyHint: true, openWorldHint: false };
const NOTE = 'notes://today';
const givenUp = [];

const ofPerson = () => inputRequired.elicit({
    message: 'Which line?',
    requestedSchema: { type: 'object', properties: { line: { type: 'integer' } }, required: ['line'] },
});
const ofModel = (text) => inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text } }],
    maxTokens: 5000,
    systemPrompt: 'Be brief.',
});

/** Asks until everything is answered, then says what came of it. */
const asking = (wanted, done) => (call) => {
    const asked = wanted(call.arguments);
    const whole = Object.keys(asked).every((key) => typeof call.inputs?.[key] === 'object');
    return whole
        ? said(done(call.inputs))
        : inputRequired({ inputRequests: asked, requestState: 'as it was given' });
};

async function countSlowly({ arguments: { steps, seconds }, token, notify, signal }) {
    for (let done = 1; done <= steps; done += 1) {
        await pause(seconds * 1000);
        if (signal.aborted) {
            givenUp.push(steps);
            return said('given up');
        }
        if (token !== undefined) {
            await notify('notifications/progress', { progressToken: token, progress: done, total: steps });
        }
    }
    return said(`counted to ${steps}`);
}

const number = { type: 'number' };
const tools = {
    summarise: {
        properties: { text: { type: 'string' } },
        run: asking(({ text }) => ({ model: ofModel(text) }), ({ model }) => `the model says: ${model.content.text}`),
    },
    which_line: {
        run: asking(() => ({ person: ofPerson() }), ({ person }) => `${person.action}: ${person.content?.line}`),
    },
    both: {
        run: asking(
            () => ({ model: ofModel('both'), person: ofPerson() }),
            ({ model, person }) => `${model.content.text}, line ${person.content.line}`,
        ),
    },
    list_roots: {
        run: asking(
            () => ({ roots: inputRequired.listRoots() }),
            ({ roots }) => roots.roots.map(({ uri }) => uri).join('\n'),
        ),
    },
    count_slowly: { properties: { steps: number, seconds: number }, run: countSlowly },
    list_given_up: { run: () => said(`given up: [${givenUp}]`) },
    numbers: {
        outputSchema: { type: 'array', items: number },
        run: () => said('[1,2]', { structuredContent: [1, 2] }),
    },
};

function make() {
    const capabilities = { tools: {}, prompts: {}, resources: { subscribe: true }, completions: {}, logging: {} };
    const server = new Server({ name: 'modern', version: '1.0.0' }, { capabilities });
    server.setRequestHandler('tools/list', () => ({
        tools: Object.entries(tools).map(([name, { properties = {}, outputSchema }]) => ({
            name,
            inputSchema: { type: 'object', properties },
            annotations: READS,
            ...(outputSchema && { outputSchema }),
        })),
    }));
    server.setRequestHandler('tools/call', ({ params }, { mcpReq }) => tools[params.name].run({
        arguments: params.arguments ?? {},
        token: mcpReq._meta?.progressToken,
        inputs: mcpReq.inputResponses,
        signal: mcpReq.signal,
        notify: (method, fields) => mcpReq.notify({ method, params: fields }),
    }));
    server.setRequestHandler('resources/list', () => ({ resources: [{ uri: NOTE, name: 'today' }] }));
    server.setRequestHandler('resources/templates/list', () => ({ resourceTemplates: [] }));
    server.setRequestHandler('resources/read', () => ({ contents: [{ uri: NOTE, text: 'rain' }] }));
    server.setRequestHandler('prompts/list', () => ({ prompts: [{ name: 'greet' }] }));
    server.setRequestHandler('prompts/get', () => ({
        messages: [{ role: 'user', content: { type: 'text', text: 'hello' } }],
    }));
    server.setRequestHandler('completion/complete', () => ({ completion: { values: ['ada'] } }));
    return server;
}

if (httpPort === null) {
    serveStdio(make, { legacy: 'reject' });
} else {
    const handler = createMcpHandler(make, { legacy: 'reject' });
    listen(async (request, response) => {
        // Whoever goes away takes back what was asked.
        const gone = new AbortController();
        response.on('close', () => gone.abort());
        const web = new Request(`http://127.0.0.1:${httpPort}${request.url}`, {
            method: request.method,
            headers: Object.entries(request.headers),
            body: request.method === 'POST' ? Readable.toWeb(request) : undefined,
            duplex: 'half',
            signal: gone.signal,
        });
        const answer = await handler.fetch(web);
        response.writeHead(answer.status, Object.fromEntries(answer.headers));
        if (answer.body === null) {
            return response.end();
        }
        Readable.fromWeb(answer.body).on('error', () => response.end()).pipe(response);
    });
}
