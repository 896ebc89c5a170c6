// A server made with the official TypeScript SDK 2.x that has what the conformance suite wants
// of a server of 2026-07-28. How it is started is said in `conformance-things.mjs`.

import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';

import {
    completion, httpPort, listed, listedPrompts, listen, peer, plainTools, prompts, read,
    resources, said, templates, tool,
} from './conformance-things.mjs';

const {
    Server, ProtocolError, ResourceNotFoundError, acceptedContent, createMcpHandler,
    createRequestStateCodec, hostHeaderValidationResponse, inputRequired, localhostAllowedHostnames,
    localhostAllowedOrigins, originValidationResponse,
} = peer('@modelcontextprotocol/server');
const { serveStdio } = peer('@modelcontextprotocol/server/stdio');

const INVALID = -32602;
const seal = createRequestStateCodec({ key: randomBytes(32) });

const ofPerson = (message, name, type = 'string') => inputRequired.elicit({
    message,
    requestedSchema: { type: 'object', properties: { [name]: { type } }, required: [name] },
});
const ofModel = (prompt, maxTokens) => inputRequired.createMessage({
    messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
    maxTokens,
});
const ofRoots = () => inputRequired.listRoots();

/** Asks for what is not answered yet; with all of it, `done` says what comes of it. */
function asking(requests, done, { sealed = false } = {}) {
    return async (call) => {
        const wanted = typeof requests === 'function' ? requests(call) : requests;
        const answers = call.inputs ?? {};
        const isWhole = Object.keys(wanted).every((key) => typeof answers[key] === 'object');
        if (isWhole && !(sealed && call.state() === undefined)) {
            return done(answers, call);
        }
        const requestState = sealed ? { requestState: await seal.mint({ round: 1 }) } : {};
        return inputRequired({ inputRequests: wanted, ...requestState });
    };
}

/** Two questions, one after the other; what is answered is kept in the state. */
async function inTwoRounds(call) {
    const { name } = acceptedContent(call.inputs, 'step1') ?? {};
    const { color } = acceptedContent(call.inputs, 'step2') ?? {};
    const state = call.state();
    if (state?.name !== undefined && color !== undefined) {
        return said(`${state.name} likes ${color}.`);
    }
    if (state !== undefined && name !== undefined) {
        return inputRequired({
            inputRequests: { step2: ofPerson('Which color?', 'color') },
            requestState: await seal.mint({ name }),
        });
    }
    return inputRequired({
        inputRequests: { step1: ofPerson('Which name?', 'name') },
        requestState: await seal.mint({}),
    });
}

/** A question for each who can be asked. */
function whoCanBeAsked({ capabilities: { sampling, elicitation } }) {
    return {
        ...(sampling && { model: ofModel('Say hello', 50) }),
        ...(elicitation && { person: ofPerson('Which name?', 'name') }),
    };
}

const hello = { user_name: ofPerson('What is your name?', 'name') };
const confirm = { confirm: ofPerson('Is it so?', 'ok', 'boolean') };
const three = {
    user_name: ofPerson('What is your name?', 'name'),
    greeting: ofModel('Say hello', 50),
    client_roots: ofRoots(),
};

const tools = {
    ...plainTools,
    test_input_required_result_elicitation: tool('Asks the person for a name', asking(
        hello,
        ({ user_name }) => said(`Hello, ${user_name.content?.name}.`),
    )),
    test_input_required_result_sampling: tool('Asks the model', asking(
        { capital_question: ofModel('What is the capital of France?', 100) },
        ({ capital_question }) => said(`The model: ${capital_question.content.text}`),
    )),
    test_input_required_result_list_roots: tool('Asks for the roots', asking(
        { client_roots: ofRoots() },
        ({ client_roots }) => said(client_roots.roots.map((root) => root.uri).join('\n') || 'none'),
    )),
    test_input_required_result_request_state: tool('Asks, and wants its state again', asking(
        confirm,
        () => said('state-ok'),
        { sealed: true },
    )),
    test_input_required_result_tampered_state: tool('Asks, and looks at its state', asking(
        confirm,
        () => said('The state is ours.'),
        { sealed: true },
    )),
    test_input_required_result_multiple_inputs: tool('Asks three at once', asking(
        three,
        () => said('All three answered.'),
        { sealed: true },
    )),
    test_input_required_result_multi_round: tool('Asks twice', inTwoRounds),
    test_input_required_result_capabilities: tool('Asks who can be asked', asking(
        whoCanBeAsked,
        () => said('Answered.'),
    )),
    test_missing_capability: tool('Cannot do without the model', asking(
        { model: ofModel('Say hello', 50) },
        () => said('Answered.'),
    )),
    test_streaming_elicitation: tool('Asks the person', asking(hello, () => said('Answered.'))),
    test_logging_tool: tool('Says what it does, to who wants it', async ({ log }) => {
        await log('info', 'at work');
        return said('Done.');
    }),
    test_trigger_tool_change: tool('Says that tools changed', async ({ changed }) => {
        await changed('tools');
        return said('Told.');
    }, { adds: true }),
    test_trigger_prompt_change: tool('Says that prompts changed', async ({ changed }) => {
        await changed('prompts');
        return said('Told.');
    }, { adds: true }),
};

const allPrompts = {
    ...prompts,
    test_input_required_result_prompt: {
        description: 'Asks for its context',
        of: (_, call) => asking(
            { user_context: ofPerson('Which context?', 'context') },
            ({ user_context }) => ({
                messages: [{
                    role: 'user',
                    content: { type: 'text', text: `In ${user_context.content?.context}.` },
                }],
            }),
        )(call),
    },
};

/** Tells those who listen; over HTTP a server is made for each request, and the handler tells. */
const told = { notify: undefined };

function make() {
    const hour = { ttlMs: 3_600_000, cacheScope: 'private' };
    const server = new Server({ name: 'conformance-modern', version: '1.0.0' }, {
        capabilities: {
            tools: { listChanged: true },
            prompts: { listChanged: true },
            resources: {},
            completions: {},
            logging: {},
        },
        cacheHints: {
            'tools/list': hour,
            'prompts/list': hour,
            'resources/list': hour,
            'resources/templates/list': hour,
            'resources/read': hour,
        },
        requestState: { verify: seal.verify },
    });

    /** What a tool or prompt may use of its request. */
    const callOf = (params, { mcpReq }) => ({
        arguments: params.arguments ?? {},
        token: mcpReq._meta?.progressToken,
        inputs: mcpReq.inputResponses,
        state: () => mcpReq.requestState(),
        capabilities: mcpReq.envelope?.['io.modelcontextprotocol/clientCapabilities'] ?? {},
        notify: (method, fields) => mcpReq.notify({ method, params: fields }),
        log: mcpReq.log,
        changed: (what) => {
            if (what === 'tools') {
                return told.notify ? told.notify.toolsChanged() : server.sendToolListChanged();
            }
            return told.notify ? told.notify.promptsChanged() : server.sendPromptListChanged();
        },
    });

    server.setRequestHandler('tools/list', () => ({ tools: listed(tools) }));
    server.setRequestHandler('tools/call', ({ params }, context) => {
        if (tools[params.name] === undefined) {
            throw new ProtocolError(INVALID, `no tool ${params.name}`);
        }
        return tools[params.name].run(callOf(params, context));
    });
    server.setRequestHandler('resources/list', () => ({ resources }));
    server.setRequestHandler('resources/templates/list', () => ({ resourceTemplates: templates }));
    server.setRequestHandler('resources/read', ({ params }) => {
        const found = read(params.uri);
        if (found === undefined) {
            throw new ResourceNotFoundError(params.uri);
        }
        return found;
    });
    server.setRequestHandler('prompts/list', () => ({ prompts: listedPrompts(allPrompts) }));
    server.setRequestHandler('prompts/get', ({ params }, context) => {
        if (allPrompts[params.name] === undefined) {
            throw new ProtocolError(INVALID, `no prompt ${params.name}`);
        }
        return allPrompts[params.name].of(params.arguments ?? {}, callOf(params, context));
    });
    server.setRequestHandler('completion/complete', ({ params }) => completion(params));
    return server;
}

if (httpPort === null) {
    serveStdio(make);
} else {
    const handler = createMcpHandler(make, { legacy: 'reject' });
    told.notify = handler.notify;
    listen(async (request, response) => {
        const gone = new AbortController();
        response.on('close', () => gone.abort());
        const web = new Request(`http://127.0.0.1:${httpPort}${request.url}`, {
            method: request.method,
            headers: Object.entries(request.headers),
            body: request.method === 'POST' ? Readable.toWeb(request) : undefined,
            duplex: 'half',
            signal: gone.signal,
        });
        const answer = hostHeaderValidationResponse(web, localhostAllowedHostnames())
            ?? originValidationResponse(web, localhostAllowedOrigins())
            ?? await handler.fetch(web);
        response.writeHead(answer.status, Object.fromEntries(answer.headers));
        if (answer.body === null) {
            return response.end();
        }
        Readable.fromWeb(answer.body).on('error', () => response.end()).pipe(response);
    });
}
