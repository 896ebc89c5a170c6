// What both conformance servers show: the contents, resources and prompts that the scenarios of
// the official suite ask for, and how a server is started.
//
//   node SERVER.mjs PEERS                on standard input and output
//   node SERVER.mjs PEERS --http PORT    as Streamable HTTP on 127.0.0.1, at /mcp

import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { join } from 'node:path';

const [folder, flag, port] = process.argv.slice(2);
const installed = createRequire(join(folder, 'node', 'package.json'));

/** A module of the pinned packages. */
export const peer = (name) => installed(name);
export const httpPort = flag === '--http' ? Number(port) : null;

export const text = (value) => ({ type: 'text', text: value });
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFAAH/q842iQAAAABJRU5ErkJggg==';
const image = { type: 'image', data: PIXEL, mimeType: 'image/png' };
const audio = { type: 'audio', data: silence(), mimeType: 'audio/wav' };
const embedded = (uri, mimeType, value) => ({ type: 'resource', resource: { uri, mimeType, text: value } });

/** Eight samples of nothing, in the smallest WAV there is. */
function silence() {
    const head = Buffer.alloc(44);
    head.write('RIFF', 0);
    head.writeUInt32LE(44, 4);
    head.write('WAVEfmt ', 8);
    head.writeUInt32LE(16, 16);
    head.writeUInt16LE(1, 20);
    head.writeUInt16LE(1, 22);
    head.writeUInt32LE(8000, 24);
    head.writeUInt32LE(8000, 28);
    head.writeUInt16LE(1, 32);
    head.writeUInt16LE(8, 34);
    head.write('data', 36);
    head.writeUInt32LE(8, 40);
    return Buffer.concat([head, Buffer.alloc(8, 128)]).toString('base64');
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
export const said = (value, more) => ({ content: [text(value)], ...more });

/** They change nothing and reach nothing. */
const READS = { readOnlyHint: true, openWorldHint: false };
/** They change what this server shows, and nothing else. */
const ADDS = { readOnlyHint: false, destructiveHint: false, openWorldHint: false };

const NOTHING = { type: 'object', properties: {} };
const words = (...names) => ({
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
    required: names,
});

/** A tool: what it is for, what it does with its call, and how it is marked and called. */
export const tool = (description, run, { takes = NOTHING, adds = false } = {}) =>
    ({ description, run, takes, annotations: adds ? ADDS : READS });
export { words };

/** The tools that are the same in both eras. A call has `arguments`, `token` and `notify`. */
export const plainTools = {
    test_simple_text: tool('Says one sentence', () => said('One sentence of plain text.')),
    test_image_content: tool('Shows a picture', () => ({ content: [image] })),
    test_audio_content: tool('Plays a sound', () => ({ content: [audio] })),
    test_embedded_resource: tool('Brings a resource along', () => ({
        content: [embedded('test://embedded-resource', 'text/plain', 'What was brought along.')],
    })),
    test_multiple_content_types: tool('Shows several things at once', () => ({
        content: [
            text('Three things:'),
            image,
            embedded('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
        ],
    })),
    test_error_handling: tool('Fails, every time', () => said('This tool fails by design.', { isError: true })),
    test_tool_with_progress: tool('Says how far it is', async ({ token, notify }) => {
        for (const progress of [0, 50, 100]) {
            if (token !== undefined) {
                await notify('notifications/progress', { progressToken: token, progress, total: 100 });
            }
            await pause(50);
        }
        return said('All the way.');
    }),
    json_schema_2020_12_tool: tool('Takes an address or a number', () => said('Taken.'), {
        takes: {
            $schema: 'https://json-schema.org/draft/2020-12/schema',
            type: 'object',
            $defs: {
                address: {
                    $anchor: 'addressDef',
                    type: 'object',
                    properties: { street: { type: 'string' }, city: { type: 'string' } },
                },
            },
            properties: {
                name: { type: 'string' },
                address: { $ref: '#/$defs/address' },
                contactMethod: { type: 'string', enum: ['phone', 'email'] },
                phone: { type: 'string' },
                email: { type: 'string' },
            },
            allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
            if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
            then: { required: ['phone'] },
            else: { required: ['email'] },
            additionalProperties: false,
        },
    }),
};

export const listed = (tools) => Object.entries(tools).map(([name, { description, takes, annotations }]) =>
    ({ name, description, inputSchema: takes, annotations }));

export const resources = [
    { uri: 'test://static-text', name: 'static-text', description: 'Some text', mimeType: 'text/plain' },
    { uri: 'test://static-binary', name: 'static-binary', description: 'A picture', mimeType: 'image/png' },
    { uri: 'test://watched-resource', name: 'watched', description: 'To be watched', mimeType: 'text/plain' },
];

export const templates = [{
    uriTemplate: 'test://template/{id}/data',
    name: 'template',
    description: 'Something by its number',
    mimeType: 'application/json',
}];

/** The resource of that address, or nothing. */
export function read(uri) {
    const found = resources.find((resource) => resource.uri === uri);
    if (found !== undefined) {
        const is = found.mimeType === 'image/png' ? { blob: PIXEL } : { text: `The text of ${uri}.` };
        return { contents: [{ uri, mimeType: found.mimeType, ...is }] };
    }
    const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
    if (id === undefined) {
        return undefined;
    }
    const filled = JSON.stringify({ id, templateTest: true, data: `Number ${id}` });
    return { contents: [{ uri, mimeType: 'application/json', text: filled }] };
}

const of = (...contents) => ({ messages: contents.map((content) => ({ role: 'user', content })) });
const asked = (name) => ({ name, description: `The ${name} of the test`, required: true });

export const prompts = {
    test_simple_prompt: { description: 'One sentence', of: () => of(text('One plain sentence.')) },
    test_prompt_with_arguments: {
        description: 'Two words filled in',
        arguments: [asked('arg1'), asked('arg2')],
        of: ({ arg1, arg2 }) => of(text(`First ${arg1}, then ${arg2}.`)),
    },
    test_prompt_with_embedded_resource: {
        description: 'A resource, brought along',
        arguments: [asked('resourceUri')],
        of: ({ resourceUri }) => of(embedded(resourceUri, 'text/plain', 'Brought along.'), text('Read this.')),
    },
    test_prompt_with_image: { description: 'A picture', of: () => of(image, text('Look at this.')) },
};

export const listedPrompts = (all) => Object.entries(all).map(([name, prompt]) =>
    ({ name, description: prompt.description, arguments: prompt.arguments ?? [] }));

/** What may be written, of three words that everybody knows. */
export function completion({ argument }) {
    const values = ['test', 'testing', 'tested'].filter((word) => word.startsWith(argument.value));
    return { completion: { values, total: values.length, hasMore: false } };
}

/** Answers each request at /mcp with what `answer` makes of it. */
export function listen(answer) {
    createServer((request, response) => {
        if (request.url !== '/mcp') {
            return response.writeHead(404).end();
        }
        Promise.resolve(answer(request, response)).catch((error) => {
            console.error(error);
            response.headersSent || response.writeHead(500);
            response.end();
        });
    }).listen(httpPort, '127.0.0.1', () => console.error(`at http://127.0.0.1:${httpPort}/mcp`));
}
