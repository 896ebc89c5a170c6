// What both TypeScript hosts do: connect as they were told, follow the plan, print the facts.
// Plan and facts are described in `crates/cli/tests/peers/host.rs`.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const folder = join(process.env.PORTCULLIS_PEERS, 'node');
const installed = createRequire(join(folder, 'package.json'));

/** A module of the pinned packages, wherever this file is. */
export const peer = (name) => installed(name);

export const plan = JSON.parse(process.argv[2]);
const facts = { roots_asked: 0, model_asked: [], person_asked: [], steps: [] };

export function versionOf(name) {
    const text = readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8');
    return `${name} ${JSON.parse(text).version}`;
}

/** A server that is started, or one that has an address, in the transport of 2024-11-05 or a newer one. */
export function connection(Stdio, Http, Sse) {
    if (plan.url === undefined) {
        return new Stdio({ command: plan.command, args: plan.args });
    }
    const Transport = plan.url.endsWith('/sse') ? Sse : Http;
    return new Transport(new URL(plan.url), { requestInit: { headers: plan.headers ?? {} } });
}

export function giveRoots() {
    facts.roots_asked += 1;
    return { roots: plan.roots.map((uri) => ({ uri })) };
}

/** Whether the roots change on the way. */
const offers = plan.steps.some((step) => step.offer);

/** What the plan has an answer for. */
export const capabilities = {
    ...(plan.roots && { roots: offers ? { listChanged: true } : {} }),
    ...(plan.model && { sampling: {} }),
    ...((plan.person || plan.approver) && { elicitation: { form: {}, url: {} } }),
};

export function askModel({ params }) {
    const texts = params.messages.map((message) => message.content.text);
    facts.model_asked.push({ texts, system: params.systemPrompt, tokens: params.maxTokens });
    return { role: 'assistant', content: { type: 'text', text: plan.model }, model: 'tests' };
}

export function askPerson({ params }) {
    const { mode, message, url } = params;
    facts.person_asked.push({ mode: mode ?? 'form', message, url: url ?? null });
    return message.includes('Portcullis asks') ? askApproval(message) : plan.person;
}

/** Nobody reads in an instant; what the plan has no answer for is never answered. */
async function askApproval(message) {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const found = plan.approver.find(([part]) => message.includes(part));
    return found?.[1] ?? new Promise(() => {});
}

async function call(client, step, seen, signal, started) {
    const options = { signal };
    if (step.progress || step.cancel) {
        options.onprogress = ({ progress, total }) => {
            seen.push([progress, total]);
            started?.();
        };
    }
    try {
        const result = await callTool(client, step, options);
        const texts = result.content.filter((part) => part.type === 'text').map((part) => part.text);
        return { error: result.isError === true, text: texts.join('\n') };
    } catch (error) {
        if (signal?.aborted) {
            return { cancelled: true };
        }
        if (typeof error.code !== 'number') {
            throw error;
        }
        return { code: error.code, text: error.message };
    }
}

/** The older SDK has the schema of the result between the call and its options. */
function callTool(client, step, options) {
    const params = { name: step.call, arguments: step.arguments };
    return client.callTool.length === 2
        ? client.callTool(params, options)
        : client.callTool(params, undefined, options);
}

async function act(client, step) {
    const seen = [];
    if (step.offer) {
        plan.roots = step.offer;
        await client.sendRootsListChanged();
        return { offered: step.offer.length };
    }
    if (step.cancel) {
        const abort = new AbortController();
        const answer = await call(client, step, seen, abort.signal, () => abort.abort('enough'));
        return { ...answer, progress: seen };
    }
    for (;;) {
        const answer = await call(client, step, seen);
        if (answer.text.includes(step.until ?? '')) {
            return { ...answer, progress: seen };
        }
        await new Promise((resolve) => setTimeout(resolve, 300));
    }
}

/** Follows the plan with a client that is not connected yet. */
export async function follow(client, transport, described) {
    await client.connect(transport);
    Object.assign(facts, described(client));
    facts.server = client.getServerVersion()?.name;
    facts.tools = (await client.listTools()).tools.map((tool) => tool.name);
    for (const step of plan.steps) {
        facts.steps.push(await act(client, step));
    }
    await client.close();
    console.log(JSON.stringify(facts));
}
