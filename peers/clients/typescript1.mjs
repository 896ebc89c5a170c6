// A host made with the official TypeScript SDK 1.x.

import {
    askModel, askPerson, capabilities, connection, follow, giveRoots, peer, plan, versionOf,
} from './act.mjs';

const { Client } = peer('@modelcontextprotocol/sdk/client/index.js');
const { StdioClientTransport } = peer('@modelcontextprotocol/sdk/client/stdio.js');
const { SSEClientTransport } = peer('@modelcontextprotocol/sdk/client/sse.js');
const { StreamableHTTPClientTransport } = peer('@modelcontextprotocol/sdk/client/streamableHttp.js');
const {
    CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema,
} = peer('@modelcontextprotocol/sdk/types.js');

const client = new Client(
    { name: 'portcullis-tests', version: '1.0.0' },
    { capabilities },
);
if (plan.roots) {
    client.setRequestHandler(ListRootsRequestSchema, giveRoots);
}
if (plan.model) {
    client.setRequestHandler(CreateMessageRequestSchema, askModel);
}
if (plan.person || plan.approver) {
    client.setRequestHandler(ElicitRequestSchema, askPerson);
}
const transport = connection(
    StdioClientTransport, StreamableHTTPClientTransport, SSEClientTransport,
);
// The revision is told to the transport, which over stdio has no use for it.
let revision;
const tell = transport.setProtocolVersion?.bind(transport);
transport.setProtocolVersion = (agreed) => {
    revision = agreed;
    tell?.(agreed);
};
await follow(client, transport, () => ({ sdk: versionOf('@modelcontextprotocol/sdk'), revision }));
