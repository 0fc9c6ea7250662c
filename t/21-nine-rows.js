#!/usr/bin/env node
// Goal: the nine rows that a known product shows for one letter to one To and one Cc recipient, both of whom read it: begun, changed, sent,
// read; in all ten columns, French and English, newest first, as CSV; the same rows as JSON codes.
'use strict';
const { Instance, check, same, until, wholeHour, main } = require('./lib/pli.js');

const FR = [
	['Action sur un document', '', 'Reçu', 'Tous les destinataires ont consulté le message'],
	['Mail sécurisé', '', 'Consulté', 'a@example.org a consulté le document'],
	['Action sur un document', '', 'Reçu partiellement', 'Un destinataire a consulté le message'],
	['Mail sécurisé', '', 'Consulté', 'b@example.org a consulté le document'],
	['Action sur un document', 'Sender Name', 'Envoyé', 'Le document a été envoyé'],
	['Mail sécurisé', '', 'Envoyé', 'Mail sécurisé envoyé à b@example.org'],
	['Mail sécurisé', '', 'Envoyé', 'Mail sécurisé envoyé à a@example.org'],
	['Action sur un document', 'Sender Name', 'En cours de rédaction', 'Modification du document'],
	['Action sur un document', 'Sender Name', 'Créé', 'Création du document'],
];
const EN = [
	['Action on a document', '', 'Received', 'All recipients have opened the message'],
	['Secure mail', '', 'Opened', 'a@example.org has opened the document'],
	['Action on a document', '', 'Partly received', 'One recipient has opened the message'],
	['Secure mail', '', 'Opened', 'b@example.org has opened the document'],
	['Action on a document', 'Sender Name', 'Sent', 'The document has been sent'],
	['Secure mail', '', 'Sent', 'Secure mail sent to b@example.org'],
	['Secure mail', '', 'Sent', 'Secure mail sent to a@example.org'],
	['Action on a document', 'Sender Name', 'Draft', 'Document changed'],
	['Action on a document', 'Sender Name', 'Created', 'Document created'],
];
const CODES = [['action', 'received', 'doc.complete'], ['secure_mail', 'opened', 'handover'], ['action', 'partly_received', 'doc.partial'],
	['secure_mail', 'opened', 'handover'], ['action', 'sent', 'document.sent'], ['secure_mail', 'sent', 'notice.sent'],
	['secure_mail', 'sent', 'notice.sent'], ['action', 'draft', 'draft.modified'], ['action', 'created', 'draft.created']];
const HEADS = {
	fr: ['Numéro', 'Date', 'Type', 'Entité', 'SIREN', 'Utilisateur', 'Document', 'État', 'Message', 'Horodatage'],
	en: ['Number', 'Date', 'Type', 'Entity', 'SIREN', 'User', 'Document', 'State', 'Message', 'Timestamp'],
};
const SUBJECT = 'Création fiche produit';

// RFC 4180, with the separator of that language.
function readCsv(bytes, separator) {
	same([...bytes.subarray(0, 3)], [0xef, 0xbb, 0xbf], 'CSV begins with a BOM');
	const text = bytes.subarray(3).toString('utf8');
	check(text.endsWith('\r\n'), 'CSV ends with CRLF');
	const rows = [[]];
	let cell = '', quoted = false, at = 0;
	while (at < text.length) {
		const c = text[at++];
		if (quoted) {
			if (c === '"' && text[at] === '"') {
				cell += '"';
				at++;
			} else if (c === '"') {
				quoted = false;
			} else {
				cell += c;
			}
		} else if (c === '"') {
			quoted = true;
		} else if (c === separator || c === '\r') {
			rows[rows.length - 1].push(cell);
			cell = '';
			if (c === '\r') {
				at++;
				rows.push([]);
			}
		} else {
			cell += c;
		}
	}
	rows.pop();
	return rows;
}

function shown(rfc3339, lang) {
	const p = Object.fromEntries(new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Paris', year: 'numeric', month: '2-digit', day: '2-digit',
		hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).formatToParts(new Date(rfc3339)).map((x) => [x.type, x.value]));
	return lang === 'fr' ? `${p.day}/${p.month}/${p.year} ${p.hour}:${p.minute}:${p.second}`
		: `${p.year}-${p.month}-${p.day} ${p.hour}:${p.minute}:${p.second}`;
}

main(async () => {
	const i = new Instance().make({ entity: 'Mairie' });
	await wholeHour(60);	// at an hour's end its visits are entered
	await i.serve();
	i.entity('New York', '000000000');
	const token = i.user('sender@example.org', 'editor', { name: 'Sender Name' });
	const draft = await i.json('POST', '/api/v1/drafts', token, { to: ['a@example.org'], subject: SUBJECT });
	same([draft.status, draft.json.state, draft.json.version], [201, 'created', 1], 'a draft');
	const id = draft.json.id;
	for (const [what, change, version] of [['a change', { cc: ['b@example.org'], message: 'Bonjour' }, 2], ['no change', { message: 'Bonjour' }, 2],
		['a change soon after', { message: 'Bonjour !' }, 3]]) {
		const changed = await i.json('PATCH', '/api/v1/drafts/' + id, token, change);
		same([changed.status, changed.json.state, changed.json.version], [200, 'draft', version], what);
	}
	same((await i.request('GET', '/api/v1/journal?letter=' + id, { token })).json.entries.map((e) => e.event), ['draft.modified', 'draft.created'],
		'the draft\'s own rows');
	const made = await i.json('POST', `/api/v1/drafts/${id}/send`, token, {});
	same([made.status, made.json.id, made.headers.location], [201, id, '/api/v1/letters/' + id], 'the draft is a letter, under its id');
	await until('it is sent', async () => (await i.request('GET', '/api/v1/letters/' + id, { token })).json.state === 'sent');
	for (const [who, state] of [['b', 'partly_received'], ['a', 'received']]) {
		same((await i.open(await i.link(who + '@example.org'))).status, 303, who + ' opens');
		const letter = (await i.request('GET', '/api/v1/letters/' + id, { token })).json;
		same(letter.state, state, `state after ${who} has read`);
		check(letter.recipients.find((r) => r.address[0] === who).read_at, 'read_at of ' + who);
	}

	// The timestamp appears when a token covers the entry.
	const journal = await until('all entries are stamped', async () => {
		const j = (await i.request('GET', '/api/v1/journal?limit=200&letter=' + id, { token })).json;
		return j.entries.every((e) => e.timestamp) ? j : null;
	});
	same(journal.next, null, 'one page');
	const entries = journal.entries.filter((e) => e.type === 'action' || e.type === 'secure_mail');
	same(entries.map((e) => [e.type, e.state, e.event]), CODES, 'codes of the rows');
	same(entries.map((e) => e.user || ''), FR.map((r) => r[1]), 'users of the rows');
	const numbers = journal.entries.map((e) => e.number);
	same(numbers, [...numbers].sort((x, y) => y - x), 'newest first');
	for (const e of journal.entries) {
		check(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(e.date) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(e.timestamp), 'times are RFC 3339, UTC, milliseconds', e);
		check(e.timestamp >= e.date && new Date(e.timestamp) - new Date(e.date) < 60000, 'stamped after that', e);
		same(e.letter, id, 'of this letter');
	}
	same(journal.entries.map((e) => e.event).reverse().filter((e) => !/^access/.test(e)),
		['draft.created', 'draft.modified', 'deposit.accepted', 'consigned', 'consigned', 'notice.sent', 'notice.sent', 'document.sent', 'handover', 'doc.partial',
			'handover', 'doc.complete'], 'all entries of the letter, in order');
	same(journal.entries.find((e) => e.event === 'deposit.accepted').number, made.json.number, 'the letter\'s number is that of its deposit');

	for (const [lang, separator, rows, accept] of [['fr', ';', FR, {}], ['fr', ';', FR, { 'Accept-Language': 'fr-CA, en;q=0.5' }],
		['en', ',', EN, { 'Accept-Language': 'en-GB' }]]) {
		const csv = await i.request('GET', '/api/v1/journal?letter=' + id, { token, headers: { Accept: 'text/csv', ...accept } });
		same(csv.status, 200, 'CSV, ' + lang);
		check(/^text\/csv; charset=utf-8/.test(csv.headers['content-type']), 'CSV: type', csv.headers['content-type']);
		const table = readCsv(csv.body, separator);
		same(table[0], HEADS[lang], 'CSV: ten columns, ' + lang);
		const type = new Set(rows.map((r) => r[0]));
		const got = table.slice(1).filter((r) => type.has(r[2]));
		same(got, rows.map((r, k) => [String(entries[k].number), shown(entries[k].date, lang), r[0], 'New York', '000000000', r[1], SUBJECT, r[2], r[3],
			shown(entries[k].timestamp, lang)]), `the rows, all ten columns, ${lang}`);
		same(table.length - 1, journal.entries.length, 'CSV has every entry');
	}
	const english = await i.request('GET', '/api/v1/journal?letter=' + id, { token, headers: { 'Accept-Language': 'en' } });
	check(english.json.entries.some((e) => e.message === 'The document has been sent'), 'JSON messages follow Accept-Language');
	const plain = await i.request('GET', '/api/v1/journal?letter=' + id, { token });
	check(plain.json.entries.some((e) => e.message === 'Le document a été envoyé'), 'else the instance\'s language');

	// Paging, filters.
	const page = (await i.request('GET', `/api/v1/journal?letter=${id}&limit=3`, { token })).json;
	same([page.entries.length, typeof page.next], [3, 'string'], 'a page of three and a cursor');
	const all = [...page.entries];
	for (let next = page.next; next;) {
		const p = (await i.request('GET', `/api/v1/journal?letter=${id}&limit=3&cursor=${next}`, { token })).json;
		all.push(...p.entries);
		next = p.next;
	}
	same(all.map((e) => e.number), numbers, 'pages add up to the whole');
	for (const [query, events] of [['type=secure_mail&state=opened', ['handover', 'handover']], ['type=proof', ['consigned', 'consigned', 'deposit.accepted']],
		['state=received', ['doc.complete']], ['user=sender@example.org&type=action', ['document.sent', 'draft.modified', 'draft.created']]])
		same((await i.request('GET', `/api/v1/journal?letter=${id}&${query}`, { token })).json.entries.map((e) => e.event), events, 'filter ' + query);
	for (const bad of ['type=x', 'state=x', 'from=x', 'to=x', 'limit=0', 'limit=201', 'limit=-1', 'cursor=x', 'nonsense=1'])
		same((await i.request('GET', '/api/v1/journal?' + bad, { token })).status, 422, 'filter refused: ' + bad);

	// What a spreadsheet would run is quoted away.
	for (const subject of ['=HYPERLINK("http://x","y")', '+1+1', '-2', '@SUM(1)', 'a;b,"c"']) {
		const one = (await i.json('POST', '/api/v1/letters', token, { to: ['c@example.org'], subject })).json;
		for (const [lang, separator] of [['fr', ';'], ['en', ',']]) {
			const csv = await i.request('GET', '/api/v1/journal?letter=' + one.id, { token, headers: { Accept: 'text/csv', 'Accept-Language': lang } });
			const cells = readCsv(csv.body, separator).slice(1).map((r) => r[6]).filter((c) => c);
			check(cells.length > 0 && cells.every((c) => c === (/^[=+@-]/.test(subject) ? '\'' : '') + subject), `CSV, ${lang}: ${subject}`, cells);
		}
	}
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
