// Drives Debian's Chromium for a test: one order a line on stdin, one answer a line on stdout.
//
//   {"do": "goto", "page": "person", "url": "http://…"}  ->  {"ok": {"status": 200, …}}
//
// A page is opened when it is first named. Whatever a page complains about is kept: `complaints`.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { join } from 'node:path';

const folder = join(process.env.PORTCULLIS_PEERS, 'node');
const installed = createRequire(join(folder, 'package.json'));
const { chromium } = installed('playwright-core');
const axe = readFileSync(installed.resolve('axe-core/axe.min.js'), 'utf8');

const [executablePath, profile, scripts] = process.argv.slice(2);
const patience = 30_000;

// Nothing but the test's own pages: no updates, no reports, no QUIC.
const args = [
    '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', '--disable-default-apps',
    // Letters in one colour: pictures stay small.
    '--disable-lcd-text',
    // Other people's pages may name anything: no name but ours leads anywhere.
    '--host-resolver-rules=MAP rebound.test 127.0.0.1,MAP * ~NOTFOUND,EXCLUDE localhost,EXCLUDE *.localhost,EXCLUDE 127.0.0.1',
];
const root = process.getuid() === 0;
const context = await chromium.launchPersistentContext(profile, {
    executablePath, args, headless: true, chromiumSandbox: !root,
    javaScriptEnabled: scripts !== 'without-scripts',
});
context.setDefaultTimeout(patience);

const pages = new Map();
const complaints = [];

async function named(name) {
    if (!pages.has(name)) {
        const page = await context.newPage();
        page.on('pageerror', (error) => complaints.push({ page: name, text: String(error) }));
        page.on('console', (message) => {
            if (message.type() === 'error') complaints.push({ page: name, text: message.text() });
        });
        pages.set(name, page);
    }
    return pages.get(name);
}

const orders = {
    async goto(page, { url }) {
        const response = await page.goto(url, { waitUntil: 'domcontentloaded' });
        return { status: response?.status(), url: page.url(), title: await page.title() };
    },
    text: (page) => page.evaluate('document.body.innerText'),
    // Looked at from outside: inside, the page's policy forbids to evaluate a text.
    async until(page, { script }) {
        const deadline = Date.now() + patience;
        for (;;) {
            // A page that goes elsewhere meanwhile has no answer.
            if (await page.evaluate(script).catch(() => false)) return true;
            if (Date.now() > deadline) throw new Error('in vain');
            await new Promise((done) => setTimeout(done, 50));
        }
    },
    press: (page, { key }) => page.keyboard.press(key).then(() => true),
    click: (page, { selector }) => page.click(selector).then(() => true),
    fill: (page, { selector, text }) => page.fill(selector, text).then(() => true),
    eval: (page, { script }) => page.evaluate(script),
    cookies: () => context.cookies(),
    complaints: () => complaints.splice(0),
    popups: () => context.pages().length,
    async scheme(page, { dark, width, height }) {
        await page.emulateMedia({ colorScheme: dark ? 'dark' : 'light' });
        await page.setViewportSize({ width, height });
        return true;
    },
    shot: (page, { file, whole }) => page.screenshot({ path: file, fullPage: whole === true }).then(() => true),
    async axe(page) {
        // As the browser's own tools do: the page's policy would not let a script of ours in.
        await page.evaluate(axe);
        const found = await page.evaluate('axe.run(document, { resultTypes: ["violations"] })');
        return {
            violations: found.violations.map(({ id, help, nodes }) =>
                ({ id, help, where: nodes.map(({ target, failureSummary }) => `${target}: ${failureSummary}`) })),
            passes: found.passes.length,
        };
    },
};

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
say({ ok: context.browser()?.version() ?? 'started' });
for await (const line of createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    try {
        const page = order.page ? await named(order.page) : undefined;
        say({ ok: (await orders[order.do](page, order)) ?? null });
    } catch (error) {
        say({ error: String(error) });
    }
}
await context.close();
