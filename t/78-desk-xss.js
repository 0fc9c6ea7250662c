#!/usr/bin/env node
// Goal: what anybody writes stays text on the sender's pages too.  Each payload goes in as the name of an entity and of its user, as
// subject, message, names of files and of a recipient, as everything a draft keeps, and as words of a search; home, list, letter, timeline,
// draft, last look and outbox are looked at by a browser that would run them, with our policy and without it: no dialog, nothing on the
// console, no request elsewhere, no element, handler or address that the same page of a harmless letter does not have.
'use strict';
const { Instance, check, same, together, main } = require('./lib/pli.js');
const browser = require('./lib/browser.js');
const desk = require('./lib/desk.js');
const PAYLOADS = require('./lib/payloads.js');

const REFUSED = ['status of 422'];	/* a search of too many words says so on its page */
const cut = (text, bytes) => {
	let s = text;
	while (Buffer.byteLength(s) > bytes)
		s = [...s].slice(0, -1).join('');
	return s;
};
const inField = (name) => name.replace(/"/g, '%22').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
const quoted = (name) => '"' + name.replace(/["\\]/g, '\\$&') + '"';

// Runs in the page: the kinds of elements there are, and what no page of ours has.
function inside() {
	const odd = [], kinds = new Set();
	for (const e of document.querySelectorAll('*')) {
		if (!e.closest('.message'))
			kinds.add(e.tagName.toLowerCase());
		for (const a of e.attributes)
			if (/^on|^srcdoc$|^formaction$/.test(a.name) || (a.name === 'style' && e.tagName !== 'TEXTAREA'))
				odd.push(e.outerHTML.slice(0, 150));
		const to = e.closest('.message') ? '' : e.href || e.src || e.action || '';
		if (typeof to === 'string' && to && new URL(to, location.href).origin !== location.origin)
			odd.push(e.outerHTML.slice(0, 150));
	}
	return { kinds: [...kinds].sort().join(' '), odd, frames: window.frames.length };
}

main(async () => {
	const i = new Instance().make({ entity: 'Mairie', more: ['--demo'] });
	await i.serve();
	const accepted = { entity: 0, name: 0, subject: 0, recipient: 0 };

	async function one(k, payload, next, session) {
		const email = `s${k}@example.org`;
		let entity = cut(payload, 120).trim(), name = cut(payload, 120).trim() + '.';
		if (i.run(['entity', 'add', i.dir, '--', entity]).status === 0)
			accepted.entity++;
		else
			i.verb('entity', 'add', i.dir, entity = 'Entity ' + k);
		try {
			i.user(email, 'editor', { entity, name, password: null });
			accepted.name++;
		} catch (e) {
			i.user(email, 'editor', { entity, name: 'Sender ' + k, password: null });
		}
		i.becomesNewest(session);
		const token = i.tokens[email], files = [payload, next + '.html'].map((n) => ['file', { filename: inField(n), bytes: 'x' }]);
		let id;
		for (const [to, subject, a, b] of [[`${quoted(payload)} <r${k}@example.org>`, payload, 1, 1], [`r${k}@example.org`, payload, 0, 1], [`r${k}@example.org`, 'S', 0, 0]]) {
			const made = await i.multipart('/api/v1/letters', token, [['to', to], ['subject', subject], ['message', `${payload}\n\n${next}`], ...files]);
			if (made.status !== 201)
				continue;
			accepted.recipient += a;
			accepted.subject += b;
			id = made.json.id;
			break;
		}
		const draft = await i.multipart('/api/v1/drafts', token, [['to', payload], ['cc', next], ['bcc', payload], ['subject', payload], ['message', `${payload}\n</textarea>${next}`], ['password', payload], ['expires', payload], ...files]);
		same(draft.status, 201, `payload ${k}: a draft`);
		const ready = await i.multipart('/api/v1/drafts', token, [['to', `r${k}@example.org`], ['subject', payload], ['message', payload], ...files]);
		return { id, draft: draft.json.id, ready: ready.json.id };
	}

	const chrome = await browser.launch();
	try {
		const known = {};
		// Each payload is seen everywhere once; every fourth with the policy in its place, the others without.  Four go at a time, each by a
		// session of its own, which passes from sender to sender.
		const ways = [];
		for (const way of ['guarded', 'bare', 'bare', 'bare']) {
			const context = await browser.open(chrome, i, { ...browser.DESKTOP, name: way === 'bare' ? 'without policy' : way, bypassCSP: way === 'bare' }, REFUSED);
			const session = await i.signedIn('admin@example.org', { password: 'Sommeil-profond-9' });
			await context.addCookies(desk.asCookies(i, session.cookie));
			ways.push({ way, session, page: await context.newPage() });
		}

		async function seen({ way, page }, k, payload, g) {
			for (const [what, at] of [['home', '/'], ['letter', '/letters/' + g.id], ['edit', `/letters/${g.draft}/edit?check=1`], ['review', `/letters/${g.ready}/review`], ['drafts', '/letters?state=drafts'],
				['found', '/letters?q=' + encodeURIComponent(cut(payload, 200))]]) {
				await page.goto(i.url + at, { waitUntil: 'load' });
				if (what === 'review' && page.url().includes('/edit'))
					continue;	// a subject that is refused: seen on the page before
				const got = await page.evaluate(inside);
				const where = `payload ${k} (${payload}): ${what}, ${way}`;
				if (k === 0)
					known[what] = new Set(got.kinds.split(' '));
				else
					same(got.kinds.split(' ').filter((t) => !known[what].has(t) && !['p', 'strong', 'a', 'input', 'ul', 'li', 'span'].includes(t)), [], `${where}: only the elements of a harmless page`);
				same([got.odd, got.frames], [[], 0], `${where}: no handler, no address elsewhere, no frame`);
				if (what === 'edit' && k)
					same([await page.inputValue('#to'), await page.inputValue('#password')], [payload.replace(/\r?\n/g, '\n'), payload], `${where}: kept as typed`);
			}
		}

		const harmless = 'A harmless word', first = await one(0, harmless, 'and another', ways[0].session);
		await seen(ways[0], 0, harmless, first);
		i.becomesNewest(ways[1].session);
		await seen(ways[1], 0, harmless, first);
		await together(ways.length, ways, async (way, nth) => {
			for (let k = nth || ways.length; k <= PAYLOADS.length; k += ways.length)
				await seen(way, k, PAYLOADS[k - 1], await one(k, PAYLOADS[k - 1], PAYLOADS[k % PAYLOADS.length], way.session));
		});
		for (const { way, page } of ways.slice(0, 2))
			for (const at of ['/outbox', '/letters']) {
				await page.goto(i.url + at, { waitUntil: 'load' });
				const got = await page.evaluate(inside);
				same([got.odd, got.frames], [[], 0], `${at}, ${way}: nothing that runs`);
			}
	} finally {
		await chrome.close();
	}
	for (const [what, n] of Object.entries(accepted))
		check(n > 60, `most payloads went in as ${what}`, n);
	console.log('taken as', accepted);
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
