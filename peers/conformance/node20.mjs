// The suite was built for a younger Node: what it takes from `fs` beyond Node 20, and
// never calls when it tests a server, is given to it here.
import { register } from 'node:module';

const fs = [
    "export * from 'node:fs';",
    "export { default } from 'node:fs';",
    "export const globSync = () => { throw new Error('not to be had'); };",
].join('\n');

const hooks = `
export async function resolve(specifier, context, next) {
    if (specifier === 'fs' && context.parentURL?.includes('/conformance/')) {
        return { url: ${JSON.stringify('data:text/javascript,' + encodeURIComponent(fs))}, shortCircuit: true };
    }
    return next(specifier, context);
}`;

register('data:text/javascript,' + encodeURIComponent(hooks));
