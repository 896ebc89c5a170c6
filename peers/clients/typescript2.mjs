// A host made with the official TypeScript SDK 2.x, in either era.

import {
    askModel, askPerson, capabilities, connection, follow, giveRoots, peer, plan, versionOf,
} from './act.mjs';

const { Client, StreamableHTTPClientTransport } = peer('@modelcontextprotocol/client');
const { StdioClientTransport } = peer('@modelcontextprotocol/client/stdio');

const mode = ['legacy', 'auto'].includes(plan.mode) ? plan.mode : { pin: plan.mode };
const client = new Client(
    { name: 'portcullis-tests', version: '1.0.0' },
    { capabilities, versionNegotiation: { mode } },
);
if (plan.roots) {
    client.setRequestHandler('roots/list', giveRoots);
}
if (plan.model) {
    client.setRequestHandler('sampling/createMessage', askModel);
}
if (plan.person || plan.approver) {
    client.setRequestHandler('elicitation/create', askPerson);
}
const transport = connection(StdioClientTransport, StreamableHTTPClientTransport);
await follow(client, transport, () => ({
    sdk: versionOf('@modelcontextprotocol/client'),
    revision: client.getNegotiatedProtocolVersion(),
}));
