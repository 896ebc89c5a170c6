// The types of an SDK that was written for 2024-11-05, as a judge: reads an array
// of [what, method, value] and prints an array of verdicts.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const module = join(process.env.PORTCULLIS_PEERS, 'node/node_modules/sdk-of-2024/dist/types.js');
const types = Object.entries(await import(pathToFileURL(module)));

function typeOf(what, method) {
    const ending = what === 'notification' ? 'NotificationSchema' : 'RequestSchema';
    const known = ([name, type]) => name.endsWith(ending) && type.shape?.method?.value === method;
    const [name, type] = types.find(known) ?? [];
    if (name === undefined) throw new Error(`nothing for ${what} ${method}`);
    if (what !== 'result') return type;
    const stem = name.slice(0, -'RequestSchema'.length);
    const named = (wanted) => types.find(([name]) => name === wanted)?.[1];
    return named(`${stem}ResultSchema`) ?? named('ResultSchema');
}

const questions = JSON.parse(readFileSync(0, 'utf8'));
const fits = ([what, method, value]) => typeOf(what, method).safeParse(value).success;
console.log(JSON.stringify(questions.map(fits)));
