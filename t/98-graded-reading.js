#!/usr/bin/env node
// Goal: how surely a letter was read is told by degrees: a link visited by a machine, seen by a person, opened and by what he showed, each document
// asked for or received in full, receipt acknowledged.  Each degree stands in the journal and the proof, for each recipient alone; the sheet and the
// API show it, before and after an hour of visits is closed; and only the person's own act makes "opened" and "received".
'use strict';
const { Instance, check, same, until, wholeHour, main } = require('./lib/pli.js');

const PERSON = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Site': 'none', 'Sec-Fetch-Dest': 'document', 'Sec-Fetch-User': '?1' };
const NOTHING = { machine_visits: 0, page_visits: 0, identified_by: null, files: [], acknowledged_at: null };

main(async () => {
	const i = new Instance().make();
	await wholeHour(60);	// visits of one hour
	await i.serve();
	const token = i.user('sender@example.org'), reader = i.user('reader@example.org', 'reader');
	const get = async (who = token) => (await i.request('GET', '/api/v1/letters/' + id, { token: who })).json;
	const readings = async () => Object.fromEntries((await get()).recipients.map((r) => [r.address[0], r.reading]));
	const made = await i.multipart('/api/v1/letters', token, [['to', 'a@example.org'], ['cc', 'b@example.org'], ['bcc', 'c@example.org'], ['subject', 'S'], ['message', 'M'], ['password', 'pw'],
		['file', { filename: 'un.txt', bytes: 'x'.repeat(1000) }], ['file', { filename: 'deux.txt', bytes: 'y'.repeat(1000) }]]);
	const id = made.json.id, a = await i.link('a@example.org'), b = await i.link('b@example.org');
	check(made.json.recipients.every((r) => r.reading === undefined), 'no reading in the answer to a deposit');
	await until('sent', async () => (await get()).state === 'sent');
	same(await readings(), { a: NOTHING, b: NOTHING, c: NOTHING }, 'nothing yet');

	// Machines, and what could be one.
	const entries = () => i.one('SELECT COUNT(*) FROM journal');
	const before = entries();
	for (const [method, headers] of [['GET', {}], ['HEAD', {}], ['HEAD', PERSON], ['GET', { ...PERSON, 'Sec-Purpose': 'prefetch;prerender' }], ['GET', { ...PERSON, Purpose: 'prefetch' }],
		['GET', { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Site': 'cross-site' }], ['GET', { 'Sec-Fetch-Mode': 'no-cors', 'Sec-Fetch-User': '?1' }]])
		same((await i.request(method, a, { headers })).status, 200, `${method} by a machine`);
	for (let n = 0; n < 3; n++)
		same((await i.request('GET', a, { headers: PERSON })).status, 200, 'a person looks');
	same(await readings(), { a: { ...NOTHING, machine_visits: 7, page_visits: 3 }, b: NOTHING, c: NOTHING }, 'visits, told apart');
	const form = await i.form(a);	// one more
	same((await i.postForm(a + '/open', { form, password: 'pw' }, { ...PERSON, 'Sec-Fetch-User': '' })).status, 200, 'a script is asked again');
	same((await get()).recipients[0].state, 'sent', 'and nothing is opened');
	same(entries(), before, 'no entry but when the hour closes');

	// The act.
	const opened = await i.postForm(a + '/open', { form, password: 'pw' }, { ...PERSON, 'Sec-Fetch-Site': 'same-origin' });
	same(opened.status, 303, 'opened');
	const first = (await readings()).a;
	same([first.identified_by, first.level, first.act, first.files], ['link+password', 1, 'user', []], 'by whom, as far as was asked, and how the act showed');
	check(Math.abs(new Date(first.acknowledged_at) - Date.now()) < 60000, 'and when', first);
	same((await get()).recipients[0].read_at, first.acknowledged_at, 'which is the reading');
	const form2 = await i.form(b);
	same((await i.postForm(b + '/open', { form: form2, password: 'pw', confirmed: 'yes' }, { ...PERSON, 'Sec-Fetch-User': '' })).status, 303, 'confirmed');
	same((await readings()).b.act, 'confirmed', 'a confirmed act');

	// Documents.
	const Cookie = (opened.headers['set-cookie'] || [''])[0].split(';')[0];
	const file = (n, range) => i.request('GET', `${a}/files/${n}`, { headers: range ? { Cookie, Range: 'bytes=' + range } : { Cookie } });
	same((await file(1)).status, 200, 'one document');
	same((await file(2, '0-99')).status, 206, 'a piece of the other');
	await until('the first is complete', async () => (await readings()).a.files.some((f) => f.complete));
	same((await readings()).a.files, [{ n: 1, complete: true }, { n: 2, complete: false }], 'one in full, one begun');
	const page = await i.signedIn('sender@example.org').then((s) => s.get(`/letters/${id}?lang=fr`));
	check(page.text.includes('Degrés de lecture') && page.text.includes('1 sur 2 en entier') && page.text.includes('deux.txt demandé') && page.text.includes('le lien et le mot de passe'), 'the sheet shows it', page.brief);
	await file(2, '100-');
	await until('the second is complete', async () => (await readings()).a.files.every((f) => f.complete));
	same((await get()).state, 'partly_received', 'no document makes a reading');

	// Others see nobody's hidden copy, and no other's degrees.
	same((await get(reader)).recipients.map((r) => r.address[0]), ['a', 'b'], 'a reader of the entity');
	const list = (await i.request('GET', '/api/v1/letters', { token })).json.letters[0];
	check(list.recipients.every((r) => r.reading === undefined), 'the list does without');

	// The hour closes: an entry for each link, the same sums.
	const now = await readings();
	i.sqlWrite('UPDATE visit SET hour = hour - 1');
	await i.stop();
	await i.serve();
	await until('visits are entered', () => i.one('SELECT COUNT(*) FROM visit') === 0, 30);
	same(await readings(), now, 'the same degrees, from the journal alone');
	const rows = (await i.request('GET', `/api/v1/journal?limit=200&letter=${id}`, { token })).json.entries;
	const visits = rows.filter((e) => e.event === 'notice.opened');
	same(visits.map((e) => [e.message, e.etsi, e.state]).sort(), [['Lien de b@example.org visité une fois, par une machine', 'NotificationAccessTracking', null], ['Lien visité 11 fois par a@example.org', 'NotificationAccessTracking', null]], 'in words');
	same(JSON.parse(i.one("SELECT entry FROM journal WHERE event = 'notice.opened' ORDER BY length(entry) DESC LIMIT 1")).d.machines, 8, 'machines apart');
	same(JSON.parse(i.one("SELECT entry FROM journal WHERE event = 'handover' ORDER BY seq LIMIT 1")).d, { by: 'user' }, 'the act in the entry');
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
