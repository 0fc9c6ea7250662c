#!/usr/bin/env node
// Goal: what a stranger writes stays text.  Each of the payloads goes in as subject, message, names of files, the sender's name,
// the entity's name and the recipient's display name; landing page, letter, confirming page, refused page, the letter of the
// archive, both mails' HTML parts and the CSV are looked at by a browser that would run them: no dialog, nothing on the console,
// no violated policy, no request elsewhere, and the elements of every page are exactly those of a harmless letter's.  What is
// built from strings is shown once more without any policy in the way, so that it is not the policy alone that saves us.  Files
// never show in our origin, and no page of ours shows in a frame.
'use strict';
const fs = require('fs');
const http = require('http');
const path = require('path');
const { execFileSync } = require('child_process');
const { Instance, check, same, until, together, main, mail, TMP } = require('./lib/pli.js');
const browser = require('./lib/browser.js');
const PAYLOADS = require('./lib/payloads.js');

const cut = (text, bytes) => {
	let s = text;
	while (Buffer.byteLength(s) > bytes)
		s = [...s].slice(0, -1).join('');
	return s;
};
const quoted = (name) => '"' + name.replace(/["\\]/g, '\\$&') + '"';
const inField = (name) => name.replace(/"/g, '%22').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
const accepted = { entity: 0, sender: 0, subject: 0, recipient: 0 };

// Runs in the page: every element outside of the message with the names of its attributes, then what the message may not hold.
function skeleton() {
	const outside = [], odd = [];
	const ALLOWED = { P: [], STRONG: [], EM: [], A: ['href', 'rel'], UL: [], OL: ['start'], LI: [], BLOCKQUOTE: [], PRE: [], CODE: ['class'], BR: [], HR: [], H3: [], H4: [], H5: [], H6: [] };
	for (const e of document.querySelectorAll('*')) {
		const names = [...e.attributes].map((a) => a.name).sort();
		const within = e.closest('.message');
		if (!within || e === within)
			outside.push(e.tagName.toLowerCase() + '[' + names + ']');
		else if (!ALLOWED[e.tagName] || names.some((n) => !ALLOWED[e.tagName].includes(n)) || (e.href !== undefined && !/^(https?|mailto):/.test(e.href)))
			odd.push(e.outerHTML.slice(0, 200));
	}
	return { outside: outside.join(' '), odd, frames: window.frames.length };
}

// A CSV text to rows, strictly.
function csvRows(text, separator) {
	const rows = [[]];
	let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
	while (at < text.length) {
		let cell = '';
		if (text[at] === '"') {
			for (at++; !(text[at] === '"' && text[at + 1] !== '"'); at++) {
				if (at >= text.length)
					throw new Error('a quote that does not end');
				if (text[at] === '"')
					at++;
				cell += text[at];
			}
			at++;
		} else {
			while (at < text.length && text[at] !== separator && text[at] !== '\r')
				cell += text[at++];
			if (/["\n]/.test(cell))
				throw new Error('a bare quote or line end: ' + cell);
		}
		rows[rows.length - 1].push(cell);
		if (text[at] === separator) {
			at++;
		} else if (text.startsWith('\r\n', at)) {
			at += 2;
			if (at < text.length)
				rows.push([]);
		} else {
			throw new Error('neither separator nor line end behind ' + cell);
		}
	}
	return rows;
}

// An account whose entity and name are the payload, or, where that is refused, harmless ones.
function account(i, k, payload) {
	const email = `s${k}@example.org`;
	let entity = cut(payload, 120).trim();
	if (i.run(['entity', 'add', i.dir, '--', entity]).status === 0)
		accepted.entity++;
	else
		i.verb('entity', 'add', i.dir, entity = 'Entity ' + k);
	const name = cut(payload, 120).trim() + '.';
	const add = (n) => i.run(['user', 'add', i.dir, email, '--name=' + n, '--entity=' + entity, '--role', 'editor']);
	if (add(name).status === 0)
		accepted.sender++;
	else if (add('Sender ' + k).status !== 0)
		throw new Error('no user for payload ' + k + ': ' + add('Sender ' + k).stderr);
	return { email, entity, token: i.token(email) };
}

async function deposit(i, token, k, payload, next) {
	const address = `r${k}@example.org`;
	const files = [payload, next, payload + '.html'].map((name) => ['file', { filename: inField(name), bytes: `<script>alert('file')</script>${k}`, type: 'text/html' }]);
	const send = (to, subject) => i.multipart('/api/v1/letters', token, [['to', to], ['subject', subject], ['message', `${payload}\n\n${next}\n\n- ${payload}\n`], ...files]);
	for (const [to, subject, asRecipient, asSubject] of [[`${quoted(payload)} <${address}>`, payload, 1, 1], [address, payload, 0, 1], [`${quoted(payload)} <${address}>`, 'S', 1, 0], [address, 'S', 0, 0]]) {
		const made = await send(to, subject);
		if (made.status === 201) {
			accepted.recipient += asRecipient;
			accepted.subject += asSubject;
			return { ...made.json, address };
		}
		check([400, 422].includes(made.status), `payload ${k}: a refusal is 400 or 422`, made.brief);
	}
	throw new Error('payload ' + k + ' goes in nowhere');
}

function unpacked(bytes, name) {
	const file = path.join(TMP, 'archive.zip');
	fs.writeFileSync(file, bytes);
	return execFileSync('unzip', ['-p', file, name], { encoding: 'utf8', maxBuffer: 1 << 26 });
}

// Everything that this letter makes for others to see.
async function gather(i, k, payload, next) {
	const who = account(i, k, payload);
	const letter = await deposit(i, who.token, k, payload, next);
	const m = await i.mail(letter.address), link = new URL(m.links[0]).pathname, form = await i.form(link);
	const opened = await i.open(link), headers = { Cookie: opened.cookie };
	await until('its notice is entered', async () => (await i.request('GET', '/api/v1/journal', { token: who.token })).json.entries.some((e) => e.event === 'notice.sent'));
	const zip = (await i.request('GET', link + '/files.zip', { headers })).body;
	const eml = mail.parse(Buffer.from(unpacked(zip, 'letter.eml'), 'utf8'));
	const files = [];
	for (const part of letter.parts)
		files.push(await i.request('HEAD', `${link}/files/${part.n}`, { headers }));
	return { k, payload, letter, link, cookie: opened.cookie, who, mail: m, eml, files, csv: {},
		html: { landing: (await i.request('GET', link)).text, letter: (await i.request('GET', link + '/letter', { headers })).text,
			confirm: (await i.postForm(link + '/open', { form }, { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Site': 'same-origin' })).text,
			refused: (await i.postForm(link + '/open', { form: payload })).text, mail: m.html, archive: unpacked(zip, 'letter.html'), ...(eml.html ? { eml: eml.html } : {}) } };
}

function harmlessTexts(g, base) {
	const what = `payload ${g.k} (${g.payload})`;
	const names = (m) => m.headers.map((h) => h.name).sort();
	same(names(g.mail), names(base.mail), `${what}: the mail's headers`);
	same(names(g.eml), names(base.eml), `${what}: the headers of the archive's mail`);
	check(g.mail.get('to').endsWith(`<${g.letter.address}>`) || g.mail.get('to') === g.letter.address, `${what}: the mail goes to one`, g.mail.get('to'));
	same(g.mail.links.length, 1, `${what}: one link in the mail`);
	check(!g.mail.text.includes(g.letter.parts[0].name) || g.letter.parts[0].name.length < 4 || g.who.entity.includes(g.letter.parts[0].name.slice(0, 20)), `${what}: the mail names no file`);
	for (const [lang, separator] of [['fr', ';'], ['en', ',']]) {
		let rows = [];
		try {
			rows = csvRows(g.csv[lang], separator);
		} catch (e) {
			check(false, `${what}: CSV, ${lang}`, e.message);
		}
		check(rows.length >= 6, `${what}: CSV, ${lang}: rows`, rows.length);
		for (const row of rows) {
			same(row.length, 10, `${what}: CSV, ${lang}: columns of ${row.join(' | ')}`);
			for (const cell of row)
				check(!/^[\s\u00a0\u3000]*[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20]/.test(cell), `${what}: CSV, ${lang}: a cell begins harmlessly`, cell);
		}
	}
	for (const f of g.files) {
		check(/^attachment; filename="[\x20-\x7e]*"; filename\*=UTF-8''[\w.!~*'()%&+#$^`|{}-]+$/.test(f.headers['content-disposition'] || ''), `${what}: Content-Disposition`, f.headers['content-disposition']);
		same(f.headers['x-content-type-options'], 'nosniff', `${what}: nosniff`);
	}
	for (const p of g.letter.parts)
		check(!/[<>:"/\\|?*\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]/.test(p.name), `${what}: the name of a file is harmless`, p.name);
}

async function look(page, what, base, wanted) {
	const got = await page.evaluate(skeleton);
	same(got.odd, [], `${what}: the message holds nothing odd`);
	same(got.frames, 0, `${what}: no frames`);
	same(got.outside, base, `${what}: the elements are those of a harmless letter`);
	if (wanted) {
		const shown = await page.evaluate(() => ({ h1: document.querySelector('h1').textContent, names: [...document.querySelectorAll('.files .row a, .files .row strong')].map((a) => a.textContent) }));
		same(shown, wanted, `${what}: shown as it was written`);
	}
}

// The hooks see these payloads when nothing stops them.
async function negativeControl(chrome) {
	const context = await chrome.newContext();
	const page = await context.newPage();
	let fired = 0, changed = 0;
	page.on('dialog', (d) => { fired++; d.dismiss(); });
	await page.route('**/*', (r) => { fired++; r.abort(); });
	for (const p of PAYLOADS) {
		await page.setContent(`<!doctype html><h1>${p}</h1><div class="message">${p}</div>`).catch(() => {});
		const s = await page.evaluate(skeleton).catch(() => ({ outside: '', odd: ['gone'] }));
		changed += s.odd.length > 0 || s.outside !== 'html[] head[] body[] h1[] div[class]' ? 1 : 0;
	}
	await context.close();
	check(fired >= 40, 'unescaped, the payloads run', fired);
	check(changed >= 60, 'unescaped, the payloads make elements', changed);
}

async function files(chrome, i, g) {
	const context = await browser.open(chrome, i, { name: 'files' }, ['the server responded with a status']);
	const page = await context.newPage();
	const [name, value] = g.cookie.split('=');
	await context.addCookies([{ name, value, url: i.url, secure: true }]);
	for (const part of g.letter.parts) {
		const [download] = await Promise.all([page.waitForEvent('download'), page.goto(`${i.url}${g.link}/files/${part.n}`).catch(() => null)]);
		same(fs.readFileSync(await download.path(), 'utf8'), `<script>alert('file')</script>${g.k}`, 'a file is a download, whatever its type');
		same(page.url(), 'about:blank', 'and shows nowhere');
	}
	await context.close();
}

// A page of another origin that frames ours.
async function frames(chrome, i, g) {
	const other = http.createServer((_, res) => res.end(`<!doctype html><title>x</title><iframe src="${i.url}${g.link}"></iframe><iframe src="${i.url}/about"></iframe>`));
	await new Promise((done) => other.listen(0, '127.0.0.1', done));
	const context = await chrome.newContext({ ignoreHTTPSErrors: true }), page = await context.newPage();
	await page.goto(`http://127.0.0.1:${other.address().port}/`, { waitUntil: 'load' });
	for (const frame of page.frames().slice(1))
		check(!(await frame.content()).includes('masthead'), 'no page of ours shows in a frame', frame.url());
	same(page.frames().length, 3, 'the frames were tried');
	await context.close();
	other.close();
}

// What stands in the address or the head of a request does not come back as markup.
async function reflected(i, link) {
	for (const p of PAYLOADS) {
		const e = encodeURIComponent(p).replace(/'/g, '%27');
		for (const [target, headers] of [['/' + e, {}], ['/l/' + e, {}], [`${link}?lang=${e}`, {}], [`${link}/files/${e}`, {}], ['/about', { 'Accept-Language': p.replace(/[^\x20-\x7e]/g, '?'), Referer: 'https://x/' + e, Cookie: 'x=' + e }]]) {
			const a = await i.request('GET', target, { headers });
			check([200, 303, 400, 404].includes(a.status), `reflected ${target.slice(0, 80)}: status`, a.status);
			const body = a.text + JSON.stringify(a.headers);
			check(!body.includes('alert(1)') && !body.includes('evil.example'), `reflected ${target.slice(0, 80)}`, body.slice(0, 300));
		}
	}
}

main(async () => {
	check(PAYLOADS.length >= 120 && new Set(PAYLOADS).size === PAYLOADS.length, 'there are 120 payloads', PAYLOADS.length);
	const i = new Instance().make();
	await i.serve();
	const base = await gather(i, 'base', 'Harmless', 'Also harmless');
	const all = await together(4, PAYLOADS, (payload, k) => gather(i, k, payload, PAYLOADS[(k + 1) % PAYLOADS.length]));
	// One after the other: the server writes few tables of the journal at a time.
	for (const g of [base, ...all])
		for (const lang of ['fr', 'en'])
			g.csv[lang] = (await i.request('GET', '/api/v1/journal', { token: g.who.token, headers: { Accept: 'text/csv', 'Accept-Language': lang } })).text;
	for (const [what, n] of Object.entries(accepted))
		check(n >= 100, `most payloads are taken as ${what}`, n);
	for (const g of all)
		harmlessTexts(g, base);

	const chrome = await browser.launch();
	try {
		await negativeControl(chrome);
		const guarded = await browser.open(chrome, i, { name: 'guarded' }), bare = await browser.open(chrome, i, { name: 'without policy', bypassCSP: true });
		const page = await guarded.newPage(), open = await bare.newPage();
		const known = {}, what = (g) => `payload ${g.k} (${g.payload})`;
		const shown = (g) => ({ h1: g.letter.subject, names: g.letter.parts.map((p) => p.name) });
		// As the server gives it, under its policy; and side by side with that, without any.
		const fromServer = async () => {
			for (const g of [base, ...all]) {
				const [name, value] = g.cookie.split('=');
				await guarded.addCookies([{ name, value, url: i.url, secure: true }]);
				for (const which of ['landing', 'letter']) {
					await page.goto(i.url + g.link + (which === 'letter' ? '/letter' : ''), { waitUntil: 'load' });
					known[which] = known[which] || (await page.evaluate(skeleton)).outside;
					await look(page, `${what(g)}: ${which}`, known[which], which === 'letter' && shown(g));
				}
				await guarded.clearCookies();
			}
		};
		const fromText = async () => {
			for (const g of [base, ...all])
				for (const [which, html] of Object.entries(g.html)) {
					await open.setContent(html.replace(/<link [^>]*>/g, ''), { waitUntil: 'load' });
					known['bare ' + which] = known['bare ' + which] || (await open.evaluate(skeleton)).outside;
					await look(open, `${what(g)}: ${which}, without policy`, known['bare ' + which], /letter|archive/.test(which) && shown(g));
				}
		};
		await Promise.all([fromServer(), fromText()]);
		await files(chrome, i, all[0]);
		await frames(chrome, i, all[0]);
	} finally {
		await chrome.close();
	}
	await reflected(i, base.link);
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	console.log('taken as', accepted);
	await i.stop();
});
