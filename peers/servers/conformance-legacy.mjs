// A server made with the official TypeScript SDK 1.x that has what the conformance suite wants
// of a server of 2025-11-25. How it is started is said in `conformance-things.mjs`.

import { randomUUID } from 'node:crypto';

import {
    completion, httpPort, listed, listedPrompts, listen, pause, peer, plainTools, prompts, read,
    resources, said, templates, tool, words,
} from './conformance-things.mjs';

const { Server } = peer('@modelcontextprotocol/sdk/server/index.js');
const { StdioServerTransport } = peer('@modelcontextprotocol/sdk/server/stdio.js');
const { StreamableHTTPServerTransport } = peer('@modelcontextprotocol/sdk/server/streamableHttp.js');
const types = peer('@modelcontextprotocol/sdk/types.js');

const outcome = ({ action, content }) => said(`The person: ${action} ${JSON.stringify(content ?? {})}`);
const form = (properties, required) => ({ type: 'object', properties, ...(required && { required }) });
const titled = (...values) => values.map((value) => ({ const: value, title: `The ${value}` }));

const choices = {
    untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    titledSingle: { type: 'string', oneOf: titled('value1', 'value2', 'value3') },
    legacyEnum: { type: 'string', enum: ['opt1', 'opt2'], enumNames: ['The first', 'The second'] },
    untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
    titledMulti: { type: 'array', items: { anyOf: titled('value1', 'value2', 'value3') } },
};

const defaults = {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
};

const account = { username: { type: 'string' }, email: { type: 'string' } };

/** A tool that asks the person for what a form has. */
const asks = (description, schema, takes) => tool(
    description,
    async (call) => outcome(await call.askPerson(call.arguments.message ?? description, schema)),
    { takes },
);

const tools = {
    ...plainTools,
    test_tool_with_logging: tool('Says what it does', async ({ log }) => {
        for (const step of ['started', 'at work', 'done']) {
            await log(step);
            await pause(50);
        }
        return said('Said.');
    }),
    test_sampling: tool('Asks the model', async (call) => {
        const { content } = await call.askModel(call.arguments.prompt);
        return said(`The model: ${content.text}`);
    }, { takes: words('prompt') }),
    test_elicitation: asks('Asks the person', form(account, ['username', 'email']), words('message')),
    test_elicitation_sep1034_defaults: asks('Asks with values filled in', form(defaults)),
    test_elicitation_sep1330_enums: asks('Asks to choose', form(choices)),
};

function make() {
    const server = new Server({ name: 'conformance-legacy', version: '1.0.0' }, {
        capabilities: {
            tools: {}, prompts: {}, completions: {}, logging: {}, resources: { subscribe: true },
        },
    });
    let quietest = 0;
    const levels = types.LoggingLevelSchema.options;
    const answer = (schema, handler) => server.setRequestHandler(schema, handler);

    answer(types.SetLevelRequestSchema, ({ params }) => {
        quietest = levels.indexOf(params.level);
        return {};
    });
    answer(types.ListToolsRequestSchema, () => ({ tools: listed(tools) }));
    answer(types.CallToolRequestSchema, ({ params }, { sendNotification, sendRequest }) => {
        const called = tools[params.name];
        if (called === undefined) {
            throw new types.McpError(types.ErrorCode.InvalidParams, `no tool ${params.name}`);
        }
        const notify = (method, fields) => sendNotification({ method, params: fields });
        return called.run({
            arguments: params.arguments ?? {},
            token: params._meta?.progressToken,
            notify,
            log: async (data) => {
                if (levels.indexOf('info') >= quietest) {
                    await notify('notifications/message', { level: 'info', data });
                }
            },
            askModel: (prompt) => sendRequest({
                method: 'sampling/createMessage',
                params: {
                    messages: [{ role: 'user', content: { type: 'text', text: prompt } }],
                    maxTokens: 100,
                },
            }, types.CreateMessageResultSchema),
            askPerson: (message, requestedSchema) => sendRequest({
                method: 'elicitation/create',
                params: { message, requestedSchema },
            }, types.ElicitResultSchema),
        });
    });
    answer(types.ListResourcesRequestSchema, () => ({ resources }));
    answer(types.ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: templates }));
    answer(types.ReadResourceRequestSchema, ({ params }) => {
        const found = read(params.uri);
        if (found === undefined) {
            throw new types.McpError(-32002, 'no such resource', { uri: params.uri });
        }
        return found;
    });
    answer(types.SubscribeRequestSchema, () => ({}));
    answer(types.UnsubscribeRequestSchema, () => ({}));
    answer(types.ListPromptsRequestSchema, () => ({ prompts: listedPrompts(prompts) }));
    answer(types.GetPromptRequestSchema, ({ params }) => {
        if (prompts[params.name] === undefined) {
            throw new types.McpError(types.ErrorCode.InvalidParams, `no prompt ${params.name}`);
        }
        return prompts[params.name].of(params.arguments ?? {});
    });
    answer(types.CompleteRequestSchema, ({ params }) => completion(params));
    return server;
}

if (httpPort === null) {
    await make().connect(new StdioServerTransport());
} else {
    const hosts = ['127.0.0.1', 'localhost'].map((name) => `${name}:${httpPort}`);
    const sessions = new Map();
    listen(async (request, response) => {
        const known = sessions.get(request.headers['mcp-session-id']);
        if (known !== undefined) {
            return known.handleRequest(request, response);
        }
        if (request.headers['mcp-session-id'] !== undefined) {
            return response.writeHead(404).end();
        }
        const transport = new StreamableHTTPServerTransport({
            sessionIdGenerator: randomUUID,
            enableDnsRebindingProtection: true,
            allowedHosts: hosts,
            allowedOrigins: hosts.map((host) => `http://${host}`),
            onsessioninitialized: (id) => sessions.set(id, transport),
            onsessionclosed: (id) => sessions.delete(id),
        });
        await make().connect(transport);
        return transport.handleRequest(request, response);
    });
}
