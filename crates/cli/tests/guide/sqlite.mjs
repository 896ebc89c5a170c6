// The part of `node:sqlite` that the guide uses, for versions of Node that do not have it: each statement
// is run by the SQLite of a Python, with its parameters apart from its text.

import { execFileSync } from 'node:child_process';

const RUN = `
import json, sqlite3, sys
from urllib.parse import quote
file, mode, sql, values = json.load(sys.stdin)
database = sqlite3.connect(f"file:{quote(file)}?mode={mode}", uri=True, isolation_level=None)
database.row_factory = sqlite3.Row
json.dump([dict(row) for row in database.execute(sql, values)], sys.stdout)
`;

export class DatabaseSync {
    constructor(file, { readOnly = false } = {}) {
        this.place = [file, readOnly ? 'ro' : 'rw'];
    }

    prepare(sql) {
        const run = (values) => {
            const input = JSON.stringify([...this.place, sql, values]);
            const output = execFileSync(process.env.GUIDE_PYTHON, ['-c', RUN], { input, stdio: ['pipe', 'pipe', 'ignore'] });
            return JSON.parse(output);
        };
        return { all: (...values) => run(values) };
    }
}
