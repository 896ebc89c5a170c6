// Prints the official schemas, by revision. They lie as literals inside of the
// conformance suite's only file, in a table from revision to literal.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const suite = '@modelcontextprotocol/conformance/dist/index.js';
const path = join(process.env.PORTCULLIS_PEERS, 'node/node_modules', suite);
const text = readFileSync(path, 'utf8');

/** The literal that begins at a brace, up to the brace that closes it. */
function literal(start) {
    let depth = 0;
    for (let at = start; ; at += 1) {
        const c = text[at];
        if (c === '`' || c === '"' || c === "'") {
            at += 1;
            while (text[at] !== c) at += text[at] === '\\' ? 2 : 1;
        } else if (c === '{') {
            depth += 1;
        } else if (c === '}') {
            depth -= 1;
            if (depth === 0) return text.slice(start, at + 1);
        }
    }
}

// Which types a revision has tells the schemas apart; the order is theirs by date.
const signs = {
    '2025-03-26': (types) => 'JSONRPCBatchRequest' in types,
    '2025-06-18': (types) => 'ElicitRequest' in types && !('Icon' in types),
    '2025-11-25': (types) => 'TaskMetadata' in types,
    '2026-07-28': (types) => 'DiscoverRequest' in types,
};

const found = {};
for (const { index } of text.matchAll(/\{\$schema:`[^`]*`,(definitions|\$defs):\{Annotations:/g)) {
    const schema = (0, eval)(`(${literal(index)})`);
    const types = schema.$defs ?? schema.definitions;
    for (const [revision, has] of Object.entries(signs)) {
        if (has(types)) found[revision] = schema;
    }
}
console.log(JSON.stringify(found));
