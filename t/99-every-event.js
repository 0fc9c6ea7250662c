#!/usr/bin/env node
// Goal: one correspondence in which everything happens that can happen to a letter: of every event of the journal's table there is a proof, and
// every proof holds by the program, by its own script with openssl alone, by openssl ts and openssl cms, by what its VERIFY.md says word by word,
// and as a PDF by pdfsig.
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync, spawnSync } = require('child_process');
const { Instance, check, same, until, main, TMP, PLI } = require('./lib/pli.js');
const { Relay } = require('./lib/relay.js');
const { Smtp, lines } = require('./lib/smtp.js');
const guide = require('./lib/guide.js');

const AWAY = 'nobody@refused.example', PASSWORD = 'Le mot de passe';
// What happens to letters by other hands: a draft that is given up has no proof, an import has the archive's.
const ELSEWHERE = ['draft.deleted', 'archive.imported'];
const EVENTS = [...fs.readFileSync(path.join(__dirname, '../src/cert/event.c'), 'utf8').matchAll(/\{ "([a-z.]+)", EVENT_(?:DOCUMENT|RECIPIENT)/g)].map((m) => m[1]);

let i, relay, token, serial = 0;
const get = async (id) => (await i.request('GET', '/api/v1/letters/' + id, { token })).json;
const link = async (to, n = 0) => new URL(/^https:\/\/\S+\/l\/[a-z2-7]{52}$/m.exec((await until('a mail to ' + to, () => relay.to(to)[n])).data.replace(/\r/g, ''))[0]).pathname;
const events = (id) => i.sql(`SELECT event FROM journal WHERE letter = X'${id.replace(/-/g, '')}'`).map((r) => r.event);
const happened = (id, ...names) => until(names.join(', '), () => names.every((n) => events(id).includes(n)), 30);

async function letter(fields) {
	const made = await i.multipart('/api/v1/letters', token, [['message', 'M'], ...fields]);
	same(made.status, 201, 'a letter: ' + made.brief);
	return made.json.id;
}

async function simple() {
	const draft = (await i.json('POST', '/api/v1/drafts', token, { subject: 'Un', to: ['a@example.net', 'b@example.net'] })).json;
	same((await i.json('PATCH', '/api/v1/drafts/' + draft.id, token, { message: 'Bonjour', password: PASSWORD })).status, 200, 'a draft is changed');
	const file = await i.request('POST', '/api/v1/uploads', { token, headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': '5', 'Upload-Metadata': 'filename ' + Buffer.from('un.txt').toString('base64'), 'Content-Type': 'application/offset+octet-stream' }, body: 'bytes' });
	same((await i.json('PATCH', '/api/v1/drafts/' + draft.id, token, { uploads: [path.basename(file.headers.location)] })).status, 200, 'a file is added');
	const sent = await i.json('POST', `/api/v1/drafts/${draft.id}/send`, token, {});
	same(sent.status, 201, 'and sent: ' + sent.brief);
	const id = sent.json.id, a = await link('a@example.net'), b = await link('b@example.net');
	await happened(id, 'document.sent');
	await i.request('GET', a, { headers: { 'User-Agent': 'Mozilla/5.0' } });
	for (let n = 0; n < 10; n++)
		await i.open(b, 'wrong');
	await happened(id, 'handover.failed');
	same((await i.postForm(b + '/renew', { form: await i.form(b) })).status, 200, 'a new link');
	const fresh = await link('b@example.net', 1);
	i.sqlWrite(`UPDATE recipient SET tries = 10, locked = ${Date.now()}000 WHERE letter = X'${id.replace(/-/g, '')}' AND n = 2`);
	same(i.run(['letter', 'unlock', i.dir, id, '--recipient', 'b@example.net']).status, 0, 'a lock undone');
	const opened = await i.open(a, PASSWORD);
	same(opened.status, 303, 'one opens');
	await happened(id, 'doc.partial');
	same((await i.request('GET', a + '/files/1', { headers: { Cookie: opened.cookie } })).status, 200, 'and takes the file');
	await happened(id, 'access.complete');
	same((await i.open(fresh, PASSWORD)).status, 303, 'the other opens');
	same((await i.json('POST', `/api/v1/letters/${id}/resend`, token, { recipients: ['a@example.net'] })).status, 202, 'the notice again');
	await happened(id, 'notice.resent', 'doc.complete');
	const s = await Smtp.open({ path: lmtpSocket }, 'LHLO mx.example.org');
	same((await s.send('', [relay.to('a@example.net')[0].from], lines('From: MAILER-DAEMON@mx.example.net', 'To: x@example.org', 'MIME-Version: 1.0', 'Content-Type: multipart/report; report-type=delivery-status; boundary="B"', '',
		'--B', 'Content-Type: message/delivery-status', '', 'Reporting-MTA: dns; mx.example.net', '', 'Final-Recipient: rfc822; a@example.net', 'Action: delayed', 'Status: 4.4.1', '', '--B--'))).code, 250, 'a delay');
	s.close();
	same((await i.request('DELETE', '/api/v1/letters/' + id, { token })).status, 409, 'it cannot be deleted yet');
	i.user('auditor@example.org', 'auditor');
	const page = await i.signedIn('auditor@example.org', { strong: true });
	same((await page.post(`/letters/${id}/hold`, { reason: 'Procès' })).status, 303, 'a hold');
	same((await page.post(`/letters/${id}/hold`, { release: '1' })).status, 303, 'and its end');
	return id;
}

async function registered() {
	const id = await letter([['subject', 'Recommandé'], ['class', 'registered'], ['to', 'd@example.net'], ['to', 'e@example.net'], ['to', 'f@example.net']]);
	const refuse = async (to) => { const at = await link(to); return (await i.postForm(at + '/refuse', { form: await i.form(at) })).status; };
	same([(await i.open(await link('d@example.net'))).status, await refuse('e@example.net')], [303, 303], 'accepted, refused');
	await link('f@example.net');
	await happened(id, 'document.sent');
	same((await i.json('POST', `/api/v1/letters/${id}/resend`, token, { recipients: ['f@example.net'] })).status, 202, 'its notice again');
	await happened(id, 'lre.notice.resent', 'lre.refused');
	const all = await letter([['subject', 'Refusé'], ['class', 'registered'], ['to', 'g@example.net']]);
	same(await refuse('g@example.net'), 303, 'refused by all');
	await happened(all, 'doc.refused');
	return [id, all];
}

// What is only a matter of time, in two turns: the reminder, then the end.
async function later(one, two, over) {
	i.sqlWrite(`UPDATE visit SET hour = hour - 1; UPDATE recipient SET remind = ${Date.now() - 1000}000 WHERE remind IS NOT NULL; UPDATE letter SET expires = 1 WHERE letter = X'${over.replace(/-/g, '')}';`);
	await i.stop();
	await i.serve();
	await happened(two, 'lre.reminder');
	await happened(one, 'notice.opened');
	await happened(over, 'doc.expired');
	i.sqlWrite(`UPDATE recipient SET window_end = ${Date.now() - 60000}000 WHERE decision IS NULL AND window_end IS NOT NULL;
		UPDATE letter SET content_until = 1, retention_due = 1 WHERE letter = X'${over.replace(/-/g, '')}';`);
	await i.stop();
	await i.serve();
	await happened(two, 'lre.unclaimed');
	await happened(over, 'content.purged');
}

const pins = () => ['--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')];

function program(file) {
	const r = spawnSync(PLI, ['proof', 'verify', file, '--json', ...pins()], { encoding: 'utf8' });
	return { status: r.status, ...JSON.parse(r.stdout) };
}

// One proof by everything there is; what it tells of.
async function proof(id, to, byOthers) {
	const what = `the proof of ${to || 'the sender'}, letter ${id.slice(-4)}`, file = path.join(TMP, `p${++serial}.asice`), dir = file + '.d';
	const got = await i.request('GET', `/api/v1/letters/${id}/proof` + (to ? `?recipient=${to}` : ''), { token });
	same(got.status, 200, what + ': ' + got.status);
	fs.writeFileSync(file, got.body);
	const said = program(file);
	check(said.status === 0 && said.verified && said.root_given, what + ': the program', said.checks);
	if (byOthers)
		execFileSync('unzip', ['-q', file, '-d', dir]);
	for (const c of said.checks.filter((x) => byOthers && ['certificates', 'timestamp', 'seal', 'certified'].includes(x.id))) {
		const r = spawnSync('sh', ['-c', c.command], { cwd: dir, encoding: 'utf8' });
		check(r.status === 0 && !/error|unable/i.test(r.stdout + r.stderr), `${what}: openssl, ${c.id}`, r.stdout + r.stderr);
	}
	if (byOthers) {
		const r = spawnSync('sh', [path.join(dir, 'verify.sh'), dir, ...pins()], { encoding: 'utf8', env: { PATH: process.env.PATH, TMPDIR: TMP } });
		check(r.status === 0 && /^VERIFIED$/m.test(r.stdout), what + ': its script', r.stdout + r.stderr);
		guide.follow(dir, path.join(i.dir, 'public'), null, what);
	}
	return said.entries.map((e) => e.event);
}

async function pdf(id, kind, to) {
	const what = `the PDF of ${kind}`, file = path.join(TMP, `p${++serial}.pdf`);
	const got = await i.request('GET', `/api/v1/letters/${id}/proof.pdf?kind=${kind}` + (to ? `&recipient=${to}` : ''), { token });
	same(got.status, 200, what + ': ' + got.status);
	fs.writeFileSync(file, got.body);
	const r = spawnSync('pdfsig', ['-nocert', file], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8' } });
	check(/Signature is Valid/.test(r.stdout) && /Total document signed/.test(r.stdout), what + ': pdfsig', r.stdout + r.stderr);
	const said = program(file);
	check(said.status === 0 && said.verified && said.checks.some((c) => c.id === 'document'), what + ': the program', said.checks);
	return file;
}

const lmtpSocket = path.join(TMP, 'lmtp.sock');
main(async () => {
	relay = await new Relay().listen();
	relay.script = (verb, session) => (verb === 'rcpt' && session.line.includes(AWAY) ? '550 5.1.1 no such user' : undefined);
	i = new Instance().make({ more: ['--mail', 'smtp://127.0.0.1:' + relay.port], conf: `[mail]\nbounce_domain = bounces.example.org\n[lmtp]\nlisten = unix:${lmtpSocket}\n` });
	await i.serve();
	token = i.user('sender@example.org');
	const one = await simple(), [two, all] = await registered();
	const failed = await letter([['subject', 'Perdu'], ['to', AWAY]]), lost = await letter([['subject', 'Perdu, recommandé'], ['class', 'registered'], ['to', AWAY]]);
	const over = await letter([['subject', 'Passé'], ['to', 'h@example.net']]);
	await link('h@example.net');
	await happened(over, 'document.sent');
	await happened(failed, 'notice.failed', 'document.failed');
	await happened(lost, 'lre.notice.failed');
	await later(one, two, over);
	same((await i.json('POST', '/api/v1/certificates', token, { letters: [one] })).status, 200, 'a certificate');

	const seen = new Set();
	for (const [id, ...to] of [[one, 'a@example.net', 'b@example.net'], [two, 'd@example.net', 'e@example.net', 'f@example.net'], [all, 'g@example.net'], [failed, AWAY], [lost, AWAY], [over, 'h@example.net']]) {
		for (const ev of await proof(id, null, true))
			seen.add(ev);
		for (const recipient of to)
			await proof(id, recipient, ['a@example.net', 'e@example.net', 'f@example.net'].includes(recipient));
	}
	same(EVENTS.filter((ev) => !seen.has(ev)), ELSEWHERE, 'of every event of the table there is a proof');
	check(EVENTS.length > 30, 'the table was read', EVENTS.length);
	const files = [];
	for (const [id, kind, to] of [[one, 'deposit'], [one, 'available', 'a@example.net'], [one, 'sending'], [one, 'receipt', 'a@example.net'], [failed, 'failure', AWAY], [two, 'acceptance', 'd@example.net'],
		[two, 'refusal', 'e@example.net'], [two, 'unclaimed', 'f@example.net']])
		files.push(await pdf(id, kind, to));
	guide.sameInBoth();
	guide.follow(path.join(TMP, 'p1.asice.d'), path.join(i.dir, 'public'), files[0], 'with its PDF');
	same(i.verify().status, 0, 'the journal verifies');
	await i.stop();
	await relay.close();
});
