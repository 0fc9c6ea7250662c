#!/usr/bin/env node
// Goal: what is wrong with the evidence is told once at its beginning and once at its end: to each administrator who wants it in his own
// language, on his pages, in the metrics, in the log and in the journal; also when it is the keeper itself that does not answer.
'use strict';
const fs = require('fs');
const http = require('http');
const path = require('path');
const { Instance, check, same, until, main, freePort } = require('./lib/pli.js');
const { Witness } = require('./lib/witness.js');
const tlog = require('./lib/tlog.js');

const i = new Instance('letters');
const logged = (event) => fs.readFileSync(i.log, 'utf8').split('\n').filter((l) => l.includes(`"event":"${event}"`)).map((l) => JSON.parse(l));
const entries = (event) => i.sql(`SELECT CAST(entry AS TEXT) AS entry FROM journal WHERE event = '${event}' ORDER BY seq`).map((r) => JSON.parse(r.entry).d);
const about = (address, words) => i.mails(address).filter((m) => m.headers.some((h) => h.name === 'subject' && words.test(h.value)));
let metrics;

function gauges() {
	return new Promise((done, fail) => {
		http.get({ host: '127.0.0.1', port: metrics, path: '/metrics', timeout: 60000 }, (res) => {
			let text = '';
			res.on('data', (p) => { text += p; });
			res.on('end', () => done(Object.fromEntries([...text.matchAll(/^pli_alert\{kind="(\w+)"\} (\d+)$/mg)].map((m) => [m[1], Number(m[2])]))));
		}).on('error', fail);
	});
}

main(async () => {
	i.make();
	const vkey = tlog.vkey('localhost/j/1', 1, tlog.rawOf(fs.readFileSync(path.join(i.dir, 'public/log.pub'))));
	const w = await new Witness('witness').make([vkey]).serve();
	metrics = freePort();
	fs.writeFileSync(path.join(i.dir, 'witness.pem'), w.ca);
	fs.appendFileSync(path.join(i.dir, 'pli.conf'), `\n[server]\nmetrics = 127.0.0.1:${metrics}\n[mail]\nsign = yes\n[alerts]\nunsigned_s = 3\n` +
		`[witness]\nask = ${w.key} ${w.url}\nca_file = witness.pem\nevery_s = 1\n`);
	await i.serve();
	i.deathsExpected = true;
	const token = i.user('sender@example.org');
	i.user('second@example.org', 'admin');
	i.user('third@example.org', 'admin');
	const letter = (n) => i.json('POST', '/api/v1/letters', token, { to: [`a${n}@example.net`], subject: 'L' }, { 'Idempotency-Key': 'k' + n });

	// Who has the flag of the instance gets them; another administrator says so himself; who writes letters is not asked.
	const first = await i.signedIn('admin@example.org', { password: 'Sommeil-profond-9' }), second = await i.signedIn('second@example.org'), writer = await i.signedIn('sender@example.org');
	const box = (page) => /<input type="checkbox" name="alerts" value="yes"( checked)?/.exec(page.text);
	check(box(await first.get('/settings'))[1] && !box(await second.get('/settings'))[1] && !box(await writer.get('/settings')), 'the choice stands in the settings');
	same((await second.post('/settings', { name: 'Deux', own_lang: 'en', alerts: 'yes' })).status, 303, 'another wants them');
	check(box(await second.get('/settings'))[1], 'and it is kept');
	same((await writer.post('/settings', { name: 'Sender', own_lang: 'en', alerts: 'yes' })).status, 303, 'a writer of letters cannot');
	same(i.one(`SELECT COUNT(*) FROM account WHERE alerts IS NOT NULL`), 1, 'choose');
	await until('nothing is wrong', async () => JSON.stringify(await gauges()) === JSON.stringify({ proof: 0, tsa: 0, witness: 0, unsigned: 0, clock: 0 }), 60);
	check(!(await first.get('/')).text.includes('alert-bar'), 'no banner');
	check((await first.get('/admin/alerts')).text.includes('Tout va bien'), 'the page says so');
	same((await letter(1)).status, 201, 'a letter');

	// A witness goes away; meanwhile the keeper lives but does not work.
	await until('the witness has signed', () => i.one('SELECT COUNT(*) FROM cosignature') > 0);
	same(await w.stop(), 0, 'the witness is away');
	same((await letter(2)).status, 201, 'letters go on');
	await until('the alert about the witness', async () => (await gauges()).witness === 1, 40);
	await until('its mails', () => about('admin@example.org', /: Un témoin/).length && about('second@example.org', /: A witness/).length, 60);
	const signed = (m) => /^multipart\/signed/.test(m.headers.find((h) => h.name === 'content-type').value);
	check(about('admin@example.org', /: Un témoin/).every(signed), 'signed as other mails are');
	const alone = await first.get('/');
	check(/alert-bar[^]*Un témoin ne répond plus\.[^]*href="\/admin\/alerts">Que faire/.test(alone.text), 'it stands on the pages of an administrator', alone.text.slice(-3000));
	check((await second.get('/settings')).text.includes('A witness does not answer'), 'of the other one in his language');
	check((await first.get('/admin/alerts')).text.includes('localhost'), 'with its name on the page');
	await w.serve();
	// The parent, which would end it and start another, stands still too.
	process.kill(i.server.pid, 'SIGSTOP');
	process.kill(i.children()['pli-keeper'], 'SIGSTOP');
	const waiting = letter(3).catch(() => 0);
	await until('the alert about unsigned entries', async () => (await gauges()).unsigned === 1, 60);
	const banner = await first.get('/');
	check(/alert-bar[^]*Des entrées du journal ne sont pas signées\.[^]*href="\/admin\/alerts">Que faire/.test(banner.text), 'on the pages, too', banner.text.slice(-3000));
	check(!(await writer.get('/')).text.includes('alert-bar'), 'and not on those of others');
	const page = (await first.get('/admin/alerts')).text;
	check(page.includes('pli check') && /status bad[^]*Des entrées/.test(page), 'the page says what to do', page);
	same((await writer.get('/admin/alerts')).status, 403, 'to administrators alone');
	// What a slow machine may have brought about before has mails and rows of its own: the last ones are of now.
	const KINDS = { witness: [/: Un témoin/, /: A witness/], unsigned: [/: Des entrées/, /: Entries/] };
	const over = (m) => /terminé|over/.test(m.headers.find((h) => h.name === 'subject').value);
	const mails = (kind, n, ended) => about(['admin@example.org', 'second@example.org'][n], KINDS[kind][n]).filter((m) => over(m) === ended);
	const rows = (where) => i.one(`SELECT COUNT(*) FROM alert WHERE ${where}`);
	await until('mails leave although nobody signs', () => [0, 1].every((n) => mails('unsigned', n, false).length === rows("kind = 'unsigned'")), 60);
	check(!signed(mails('unsigned', 0, false).pop()), 'without a signature then');
	same(rows("kind = 'unsigned' AND ended IS NULL"), 1, 'it is not over');
	process.kill(i.server.pid, 'SIGCONT');
	await waiting;
	await until('letters are taken again', async () => (await letter(3)).status === 201, 60);
	await until('all is over and told', () => rows('ended IS NULL OR told_end IS NULL OR entry_end IS NULL') === 0 &&
		Object.keys(KINDS).every((kind) => [0, 1].every((n) => mails(kind, n, true).length === rows(`kind = '${kind}'`))), 120);

	for (const kind of Object.keys(KINDS))
		for (const n of [0, 1]) {
			same([mails(kind, n, false).length, mails(kind, n, true).length], [rows(`kind = '${kind}'`), rows(`kind = '${kind}'`)], `one mail at each end: ${kind}, ${n}`);
			check(mails(kind, n, false)[0].text.includes(`https://localhost:${i.port}/admin/alerts`), 'with the way to the page', mails(kind, n, false)[0].text);
		}
	same([i.mails('third@example.org').length, i.mails('sender@example.org').length], [0, 0], 'nobody else gets any');
	check(!about('admin@example.org', /./).some((m) => /example\.net/.test(m.text)), 'nobody is named');
	const raised = entries('alert.raised'), ended = entries('alert.ended');
	same([raised.map((d) => d.kind), ended.map((d) => d.kind)], [raised.map(() => 'unsigned'), raised.map(() => 'unsigned')], 'in the journal, at each end');
	same(raised.length, rows("kind = 'unsigned'"), 'once');
	check(raised.every((d, n) => d.at < ended[n].at), 'with the moments');
	same([entries('witness.away').length, entries('witness.back').length], [rows("kind = 'witness'"), rows("kind = 'witness'")], 'the witness by its own words');
	same(logged('alert.raised').map((l) => `${l.level} ${l.kind} ${l.subject || ''}`).sort(), [...Array(rows("kind = 'unsigned'")).fill('error unsigned '), ...Array(rows("kind = 'witness'")).fill('error witness localhost')], 'in the log');
	same(logged('alert.ended').length, rows('1'), 'and the ends');
	check(!(await first.get('/')).text.includes('alert-bar'), 'the banner is gone');
	const past = (await first.get('/admin/alerts')).text;
	check(past.includes('Tout va bien') && past.includes('Un témoin ne répond plus'), 'the page remembers');
	const shown = (await i.request('GET', '/api/v1/journal?limit=200', { token: i.user('auditor@example.org', 'auditor'), headers: { 'Accept-Language': 'en' } })).json.entries;
	check(!shown.some((e) => e.event.startsWith('alert.')), 'alerts are of the instance, not of an entity');
	same(i.verify().status, 0, 'the journal verifies');
	await i.stop();
	same(await w.stop(), 0, 'the witness stops');
});
