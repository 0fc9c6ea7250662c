#!/usr/bin/env node
// Goal: nobody but the sender, his entity's auditors and the hidden recipient himself can tell that there is a Bcc: the same
// letter with and without one gives a To and a Cc recipient, and a reader of the entity, structurally equal mails, pages,
// archives, receipts, bundles and API answers; states count To and Cc alone.
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const { Instance, check, same, until, wholeHour, main, TMP } = require('./lib/pli.js');

// What differs by nature: times, numbers, ids, hashes, tokens.
function plain(text) {
	return text.replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, 'ID').replace(/\b[0-9a-f]{64}\b/g, 'HASH')
		.replace(/\/l\/[a-z2-7]+/g, '/l/TOKEN').replace(/\b[0-9a-f]{32}\b/g, 'HEX')
		.replace(/\b\d{1,2}(er)? (janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre) \d{4} à \d\d:\d\d/g, 'DATE')
		.replace(/(localhost\/j\/1 )\d+ [A-Za-z0-9+\/]{43}=( [A-Za-z0-9+\/]{91}=)?/g, '$1HEAD').replace(/\d+/g, 'N');
}

function shape(value, key) {
	if (Array.isArray(value))
		return value.map((v) => shape(v));
	if (value && typeof value === 'object')
		return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, shape(v, k)]));
	return typeof value === 'string' ? plain(value) : typeof value;
}

function unpack(bytes, name) {
	const file = path.join(TMP, name + '.zip'), dir = path.join(TMP, name + '.d');
	fs.writeFileSync(file, bytes);
	fs.mkdirSync(dir);
	execFileSync('unzip', ['-q', '-o', file, '-d', dir]);
	const list = execFileSync('unzip', ['-Z1', file], { encoding: 'utf8' }).trim().split('\n');
	return { list: list.map(plain), dir, names: list };
}

function bundleShape(bytes, name) {
	const { list, dir, names } = unpack(bytes, name);
	const out = { list };
	for (const n of names) {
		const data = fs.readFileSync(path.join(dir, n));
		check(!data.includes('hidden@'), `${name}: ${n} does not name the hidden recipient`);
		if (/\.json$/.test(n))
			out[n] = shape(JSON.parse(data));
		else if (/\.tlog-proof$/.test(n))		/* lengths of paths differ with the size of the tree */
			out[n] = data.toString('utf8').split('\n')[0];
		else if (/receipt\.txt$/.test(n))
			out[n] = data.toString('utf8').split('\n').map((l) => plain(l));
		else if (/checkpoint\.txt$/.test(n))
			out[n] = data.toString('utf8').split('\n').length;
		else if (/(ASiCManifest|receipt)\.xml$/.test(n))
			out[n] = plain(data.toString('utf8').replace(/<ds:DigestValue>[^<]*</g, '<'));
		else if (/\.(tst|p7s|salt)$/.test(n))
			out[n] = n.endsWith('salt') ? data.length : 'binary';
		else
			out[n] = data.toString('latin1');
	}
	return out;
}

main(async () => {
	const i = new Instance().make();
	await wholeHour(60);	// two letters of one day, and of one hour
	await i.serve();
	const sender = i.user('sender@example.org'), reader = i.user('reader@example.org', 'reader'), auditor = i.user('auditor@example.org', 'auditor');
	const seen = [];
	for (const bcc of [false, true]) {
		const name = bcc ? 'with' : 'without';
		const to = `to@example.org`, cc = `cc@example.org`;
		const made = await i.multipart('/api/v1/letters', sender, [['to', to], ['cc', cc], ...(bcc ? [['bcc', 'hidden@example.org']] : []),
			['subject', 'Le même objet'], ['message', 'Le même texte'], ['file', { filename: 'a.txt', bytes: 'le même fichier' }]]);
		same(made.status, 201, 'a letter ' + name);
		const id = made.json.id;
		await until('sent', async () => (await i.request('GET', '/api/v1/letters/' + id, { token: sender })).json.state === 'sent');
		const nth = bcc ? 2 : 1;
		const s = { id, of: {} };
		s.early = shape((await i.request('GET', '/api/v1/letters/' + id, { token: reader })).json);
		for (const who of [to, cc]) {
			const mail = await i.mail(who, nth), link = new URL(mail.links[0]).pathname, o = s.of[who] = {};
			o.mail = [mail.headers.map((h) => [h.name, /boundary|message-id/.test(h.name + h.value) ? '' : plain(h.value)]), plain(mail.text), plain(mail.html), mail.parts.length];
			o.landing = plain((await i.request('GET', link)).text).replace(/value="[^"]*"/, '');
			const opened = await i.open(link);
			same(opened.status, 303, `${who} opens ${name}`);
			const get = (what) => i.request('GET', `${link}/${what}`, { headers: { Cookie: opened.cookie } });
			o.letter = plain((await get('letter')).text);
			o.headers = Object.keys((await get('letter')).headers);
			o.proof = await until('stamped', async () => {
				const p = await get('proof');
				return p.status === 200 ? bundleShape(p.body, `${name}-${who}-${Date.now()}`) : null;
			});
			const zip = unpack((await get('files.zip')).body, `${name}-${who}-zip`);
			o.zip = zip.list;
			for (const n of zip.names.filter((x) => !x.endsWith('/')))
				check(!fs.readFileSync(path.join(zip.dir, n)).includes('hidden@'), `archive: ${n} does not name the hidden recipient`);
			const inner = zip.names.find((x) => /\.asice$/.test(x));
			check(inner, 'the archive holds the receipt', zip.names);
			if (inner)
				o.inner = bundleShape(fs.readFileSync(path.join(zip.dir, inner)), `${name}-${who}-inner`);
			s.after = shape((await i.request('GET', '/api/v1/letters/' + id, { token: reader })).json);
			o.state = [s.after.state, (await i.request('GET', '/api/v1/letters/' + id, { token: sender })).json.state];
		}
		s.list = shape((await i.request('GET', '/api/v1/letters?limit=1', { token: reader })).json.letters);
		await until('every entry is stamped', async () => (await i.request('GET', '/api/v1/journal?letter=' + id, { token: reader })).json.entries.every((e) => e.timestamp));
		s.journal = shape((await i.request('GET', '/api/v1/journal?letter=' + id, { token: reader })).json);
		s.csv = plain((await i.request('GET', '/api/v1/journal?letter=' + id, { token: reader, headers: { Accept: 'text/csv' } })).text);
		seen.push(s);
	}
	const [without, withOne] = seen;
	for (const who of Object.keys(without.of))
		for (const what of ['mail', 'landing', 'letter', 'headers', 'proof', 'zip', 'inner'])
			same(withOne.of[who][what], without.of[who][what], `${who}: ${what}`);
	same(without.of['to@example.org'].state, ['partly_received', 'partly_received'], 'states without a Bcc, one has read');
	same(without.of['cc@example.org'].state, ['received', 'received'], 'states without a Bcc, both have read');
	same(withOne.of['to@example.org'].state, ['partly_received', 'partly_received'], 'states with a Bcc, one has read');
	same(withOne.of['cc@example.org'].state, ['received', 'partly_received'], 'with a Bcc the reader sees To and Cc alone, the sender all');
	for (const what of ['early', 'after', 'list', 'journal', 'csv'])
		same(withOne[what], without[what], 'the reader\'s ' + what);
	// By state, too, a reader cannot tell.
	const by = async (token, state) => (await i.request('GET', '/api/v1/letters?state=' + state, { token })).json.letters.map((l) => l.id).sort();
	same(await by(reader, 'received'), [without.id, withOne.id].sort(), 'the reader\'s list of received letters');
	same(await by(reader, 'partly_received'), [], 'the reader\'s list of partly received ones');
	same(await by(sender, 'partly_received'), [withOne.id], 'the sender\'s list of partly received ones');
	for (const state of ['sent', 'opened', 'received', 'partly_received', 'pending']) {
		const got = [];
		for (const s of seen)
			got.push((await i.request('GET', `/api/v1/journal?letter=${s.id}&state=${state}`, { token: reader })).json.entries.map((e) => e.event));
		same(got[1], got[0], `the reader's journal rows of state ${state}`);
	}
	for (const query of ['', '?recipient=to@example.org'])
		same((await i.request('GET', `/api/v1/letters/${withOne.id}/proof${query}`, { token: reader })).status, 403, 'a reader gets no bundle');
	const unknown = await i.request('GET', `/api/v1/letters/${withOne.id}/proof?recipient=nobody@example.org`, { token: auditor });
	check(unknown.status === 404 || unknown.status === 422, 'no bundle of one who is no recipient', unknown.brief);

	// The hidden one sees himself and the others; the sender and the auditor see him.
	const link = await i.link('hidden@example.org'), opened = await i.open(link);
	const page = (await i.request('GET', link + '/letter', { headers: { Cookie: opened.cookie } })).text;
	for (const who of ['hidden@example.org', 'to@example.org', 'cc@example.org'])
		check(page.includes(who), `the hidden recipient sees ${who}`);
	for (const token of [sender, auditor])
		check((await i.request('GET', '/api/v1/letters/' + withOne.id, { token })).text.includes('hidden@example.org'), 'sender and auditor see the Bcc');
	same((await i.request('GET', '/api/v1/letters/' + withOne.id, { token: sender })).json.state, 'received', 'all have read');
	// His reading changes nothing for others.
	const later = shape((await i.request('GET', '/api/v1/letters/' + withOne.id, { token: reader })).json);
	same(later, withOne.after, 'the reader sees no change when the hidden recipient reads');
	await i.stop();
});
