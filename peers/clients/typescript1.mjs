// A host made with the official TypeScript SDK 1.x.

import {
    askModel, askPerson, capabilities, follow, giveRoots, peer, plan, versionOf,
} from './act.mjs';

const { Client } = peer('@modelcontextprotocol/sdk/client/index.js');
const { StdioClientTransport } = peer('@modelcontextprotocol/sdk/client/stdio.js');
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
const transport = new StdioClientTransport({ command: plan.command, args: plan.args });
// The revision is told to the transport, which has no use for it.
let revision;
transport.setProtocolVersion = (agreed) => {
    revision = agreed;
};
await follow(client, transport, () => ({ sdk: versionOf('@modelcontextprotocol/sdk'), revision }));
