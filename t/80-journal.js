#!/usr/bin/env node
// Goal: the journal's pages: searched, narrowed, counted and paged as the API has it, each viewer with his own rows and never a hidden
// copy of another's; the file is the API's; an entry's files prove it with nothing but SHA-256 and openssl; and all of it looks right.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const { Instance, check, same, until, wholeHour, main, PASSWORD, TMP } = require('./lib/pli.js');
const B = require('./lib/browser.js');
const { lookAtAll, sheetsWhole } = require('./lib/look.js');

const sha256 = (...parts) => crypto.createHash('sha256').update(Buffer.concat(parts)).digest();

// RFC 9162 2.1.3.2: the root that a leaf and its path lead to.
function rootOf(leaf, index, size, hashes) {
	let fn = index, sn = size - 1, r = leaf;
	for (const p of hashes) {
		if (sn === 0)
			throw new Error('the path is too long');
		if (fn % 2 === 1 || fn === sn) {
			r = sha256(Buffer.from([1]), p, r);
			while (fn % 2 === 0 && fn !== 0) {
				fn = Math.floor(fn / 2);
				sn = Math.floor(sn / 2);
			}
		} else {
			r = sha256(Buffer.from([1]), r, p);
		}
		fn = Math.floor(fn / 2);
		sn = Math.floor(sn / 2);
	}
	if (sn !== 0)
		throw new Error('the path is too short');
	return r;
}

const rowsOf = (page) => page.$$eval('table.journal tbody tr', (trs) => trs.map((tr) => [...tr.cells].map((td) => td.innerText.replace(/\s+/g, ' ').trim())));
const submit = async (page) => Promise.all([page.waitForNavigation(), page.click('form.filters button[type=submit]')]);

main(async () => {
	const i = new Instance().make();
	await wholeHour(90);	// at an hour's end visits are entered
	await i.serve();
	const token = {};
	for (const [who, role, name] of [['camille', 'editor', 'Camille Roux'], ['other', 'editor', 'Olive Autre'], ['reader', 'reader', 'Rémi Lecteur'], ['auditor', 'auditor', 'Dominique Auger'], ['people', 'admin', 'Ada Min']])
		token[who] = i.user(who + '@example.org', role, { name, password: PASSWORD });
	const subjects = ['Création fiche produit', 'Convocation au conseil', 'Mise en demeure', 'Décision d’attribution'];
	for (let n = 0; n < 8; n++) {
		const answer = await i.multipart('/api/v1/letters', token.camille, [['to', `claire${n}@mairie.example`], ['bcc', `zebulon${n}@hidden.example`], ['subject', subjects[n % 4]], ['file', { filename: 'Pièce jointe.pdf', bytes: 'x' }]]);
		same(answer.status, 201, 'a letter');
	}
	same((await i.json('POST', '/api/v1/letters', token.other, { to: ['far@away.example'], subject: 'Création autre' })).status, 201, 'a letter of another');
	await i.open(await i.link('claire0@mairie.example'));
	await until('all notices are settled', async () => (await i.json('GET', '/api/v1/statistics', token.auditor)).json.total.delivered === 17);

	const api = async (who, query) => (await i.request('GET', '/api/v1/journal?limit=200' + query, { token: token[who] })).json.entries;
	const browser = await B.launch();
	for (const javaScriptEnabled of [true, false]) {
		const context = await B.open(browser, i, { ...B.DESKTOP, javaScriptEnabled, name: javaScriptEnabled ? '' : 'without JavaScript' }, ['status of 422', 'does not conform']);
		const page = await context.newPage();
		await B.signIn(page, i, 'auditor@example.org', PASSWORD, '/journal');

		// All pages together are the API's rows, each once.
		let numbers = [];
		for (let n = 0; n < 5; n++) {
			const rows = await rowsOf(page);
			numbers.push(...rows.map((r) => Number(r[0])));
			same(rows[0].length, 10, 'ten columns');
			const older = await page.$('a[rel=next]');
			if (!older)
				break;
			await Promise.all([page.waitForNavigation(), older.click()]);
		}
		const all = await api('auditor', '');
		const known = new Set(all.map((e) => e.number));
		same(numbers.filter((x) => known.has(x)), all.map((e) => e.number), 'the pages hold every entry, newest first, once');

		// By words; accents and case aside; then narrowed.
		await page.goto(i.url + '/journal');
		await page.fill('#q', 'CREATION');
		await submit(page);
		let rows = await rowsOf(page);
		const created = await api('auditor', '&q=creation');
		same(rows.map((r) => Number(r[0])), created.slice(0, 50).map((e) => e.number), 'a search finds what the API finds');
		check(rows.length > 10 && rows.every((r) => r[6].startsWith('Création')), 'and nothing else', rows.map((r) => r[6]));
		const option = await page.$eval('#type option[value=proof]', (o) => o.textContent);
		await page.selectOption('#type', 'proof');
		await submit(page);
		rows = await rowsOf(page);
		same(option, `Preuve (${rows.length})`, 'the choice said how many it leaves');
		same(rows.map((r) => Number(r[0])), (await api('auditor', '&q=creation&type=proof')).map((e) => e.number), 'narrowed as the API narrows');
		same(await page.$$eval('.chips a', (as) => as.length), 2, 'two things are chosen');
		await Promise.all([page.waitForNavigation(), page.click('.chips li:nth-child(2) a')]);
		same(new URL(page.url()).search, '?q=CREATION', 'one is taken back by its mark');
		for (const [field, value] of [['state', 'opened'], ['user', 'camille@example.org'], ['period', '1']]) {
			const said = Number(/\((\d+)\)/.exec(await page.$eval(`#${field} option[value="${value}"]`, (o) => o.textContent))[1]);
			await page.goto(`${i.url}/journal?q=creation&${field}=${value}`);
			same((await rowsOf(page)).length, Math.min(said, 50), `${field}: as many as were said`);
			await page.goto(i.url + '/journal?q=creation');
		}
		await page.fill('#q', 'zebulon0@hidden.example');
		await submit(page);
		check((await rowsOf(page)).length >= 8, 'an auditor finds by a hidden copy');
		await page.fill('#q', 'nothing-like-that');
		await submit(page);
		same((await rowsOf(page)).length, 0, 'nothing found');
		check((await page.innerText('.empty')).length > 10, 'and it is said');

		// A fault stands beside its field and keeps what was typed.
		await page.goto(i.url + '/journal?from=2026-99-99&q=abc').catch(() => {});
		same([await page.inputValue('#q'), (await page.innerText('#from-fault')).length > 5], ['abc', true], 'a bad date: said, and the rest kept');
		await page.goto(i.url + '/journal?q=' + 'a+b+c+d+e+f+g+h+i').catch(() => {});
		same([await page.inputValue('#q'), (await page.innerText('#q-fault')).length > 5], ['a b c d e f g h i', true], 'too many words: said, and kept');
		await context.close();
	}

	// The file is the API's, in both languages.
	const auditor = await i.signedIn('auditor@example.org');
	for (const lang of ['fr', 'en']) {
		const mine = await auditor.get('/journal.csv?q=creation', { 'Accept-Language': lang });
		const theirs = await i.request('GET', '/api/v1/journal?q=creation', { token: token.auditor, headers: { Accept: 'text/csv', 'Accept-Language': lang } });
		same([mine.status, mine.headers['content-type'], mine.text], [200, 'text/csv; charset=utf-8', theirs.text], 'the file is the API’s, ' + lang);
		check(mine.text.split('\r\n').length > 10, 'and holds rows');
	}

	// Whose rows: each his own, hidden copies for nobody else.
	const texts = {};
	for (const who of ['camille', 'other', 'reader', 'auditor'])
		texts[who] = (await (await i.signedIn(who + '@example.org')).get('/journal')).text;
	check(texts.camille.includes('zebulon') && texts.auditor.includes('zebulon'), 'the sender and the auditor see hidden copies');
	check(!texts.reader.includes('zebulon') && texts.reader.includes('claire'), 'a reader sees the others');
	check(!texts.other.includes('claire') && texts.other.includes('far@away.example'), 'another editor sees his own');
	const reader = await i.signedIn('reader@example.org'), other = await i.signedIn('other@example.org');
	for (const q of ['zebulon', 'zebulon0@hidden.example', 'hidden']) {
		const page = await reader.get('/journal?q=' + encodeURIComponent(q));
		check(page.status === 200 && !page.text.includes('zebulon0') === !q.includes('zebulon0') && !/<td class="n"/.test(page.text), `a reader finds nothing by ${q}`);
		check(/\(0\)|<select id="type" name="type">\s*<option value="">[^<]*<\/option>\s*<\/select>/.test(page.text), `and the numbers say nothing either: ${q}`);
	}
	same((await (await i.signedIn('people@example.org')).get('/journal')).status, 403, 'an administrator sees no journal');
	const hiddenRow = i.sql("SELECT j.seq + 1 AS n FROM journal j JOIN recipient r ON r.recipient = j.recipient WHERE r.kind = 'bcc' LIMIT 1")[0].n;
	same([(await reader.get('/journal/' + hiddenRow)).status, (await other.get('/journal/' + hiddenRow)).status, (await auditor.get('/journal/' + hiddenRow)).status], [404, 404, 200], 'the entry of a hidden copy');
	for (const bad of ['0', '99999999', '-1', 'x', '1e3', '00000000000000000000001'])
		same((await auditor.get('/journal/' + bad)).status, 404, `entry ${bad} is none`);

	// What proves an entry, checked with nothing of ours.
	const number = (await api('auditor', '&q=creation&type=proof'))[0].number;
	await until('the entry has its timestamp', async () => (await auditor.get('/journal/' + number)).text.includes('checkpoint.tst'));
	const shown = (await auditor.get('/journal/' + number)).text;
	const file = async (name) => {
		const answer = await auditor.get(`/journal/${number}/${name}`);
		same(answer.status, 200, name);
		check(/^attachment/.test(answer.headers['content-disposition']), `${name} is a download`);
		return answer.body;
	};
	const entry = await file('entry.json'), proof = (await file('entry.tlog-proof')).toString(), note = await file('checkpoint.txt'), tst = await file('checkpoint.tst');
	const leaf = sha256(Buffer.from([0]), entry);
	check(shown.includes(leaf.toString('hex')), 'the fingerprint shown is that of the file');
	same(JSON.parse(entry).seq, number - 1, 'it is that entry');
	const [head, checkpoint] = [proof.slice(0, proof.indexOf('\n\n')).split('\n'), proof.slice(proof.indexOf('\n\n') + 2)];
	same([head[0], head[1], checkpoint], ['c2sp.org/tlog-proof@v1', 'index ' + (number - 1), note.toString()], 'form of the proof');
	const [, size, root] = checkpoint.split('\n');
	const led = rootOf(leaf, number - 1, Number(size), head.slice(2).map((h) => Buffer.from(h, 'base64')));
	same(led.toString('base64'), root, 'the path leads to the signed root');
	check(shown.includes(led.toString('hex')), 'which the page shows');
	for (const [name, bytes] of [['note', note], ['tst', tst]])
		fs.writeFileSync(path.join(TMP, name), bytes);
	const body = note.toString().slice(0, note.toString().indexOf('\n\n') + 1);
	fs.writeFileSync(path.join(TMP, 'body'), body);
	const stamped = ['note', 'body'].some((data) => {
		try {
			return /Verification: OK/.test(execFileSync('openssl', ['ts', '-verify', '-token_in', '-in', path.join(TMP, 'tst'), '-data', path.join(TMP, data),
				'-CAfile', path.join(i.dir, 'public/root.pem'), '-untrusted', path.join(i.dir, 'public/tsa.pem')], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }));
		} catch (e) {
			return false;
		}
	});
	check(stamped, 'openssl accepts the timestamp of the checkpoint');
	same([(await auditor.get(`/journal/${number}/entry.xml`)).status, (await reader.get(`/journal/${hiddenRow}/entry.json`)).status], [404, 404], 'no other file, and no file of what one may not see');

	sheetsWhole();
	await lookAtAll(browser, i, 'auditor@example.org', { journal: '/journal', 'journal-found': '/journal?q=conv&type=proof&period=7', 'journal-empty': '/journal?q=zzz', 'journal-entry': '/journal/' + number });
	await browser.close();
});
