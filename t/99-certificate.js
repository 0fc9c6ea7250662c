#!/usr/bin/env node
// Goal: a certificate of time and silence over several letters says who had what by the deadline and who had opened nothing as of now;
// everything in it follows from proofs that hold by themselves, each complete up to its entry state.certified; it verifies by the program, by
// its own script with openssl and unzip, and on /verify; what is changed, left out, exchanged or put together anew is noticed by both verifiers.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');
const { Instance, check, same, until, main, TMP, PLI } = require('./lib/pli.js');
const { unzip, zip } = require('./lib/zip.js');

let serial = 0;
const keys = (i) => ['--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')];

function program(bytes, ...more) {
	const file = path.join(TMP, `certificate-${++serial}.asice`);
	fs.writeFileSync(file, bytes);
	const r = spawnSync(PLI, ['proof', 'verify', file, '--json', ...more], { encoding: 'utf8' });
	return { status: r.status, err: r.stderr, ...JSON.parse(r.stdout) };
}

function script(files, ...more) {
	const dir = path.join(TMP, `folder-${++serial}`);
	for (const f of files) {
		fs.mkdirSync(path.dirname(path.join(dir, f.name)), { recursive: true });
		fs.writeFileSync(path.join(dir, f.name), f.data);
	}
	// also where a killed one of the same number left its folder
	const r = spawnSync('sh', ['-c', 'mkdir "$TMPDIR/pli-certificate.$$" && exec sh "$@"', '-', path.join(dir, 'verify.sh'), dir, ...more], { encoding: 'utf8', cwd: TMP, env: { PATH: process.env.PATH, TMPDIR: TMP } });
	return { status: r.status, out: r.stdout + r.stderr };
}

const lines = (files) => {
	const all = {};
	for (const l of files.find((f) => f.name === 'certificate.txt').data.toString().split('\n'))
		(all[l.split(':')[0]] ||= []).push(l.slice(l.indexOf(':') + 2));
	return all;
};

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const sender = i.user('sender@example.org'), reader = i.user('reader@example.org', 'reader'), auditor = i.user('auditor@example.org', 'auditor');
	const letter = async (subject, fields) => {
		const made = await i.multipart('/api/v1/letters', sender, [['subject', subject], ['message', 'M'], ...fields]);
		same(made.status, 201, subject + ': ' + made.brief);
		return made.json;
	};
	const one = await letter('Un', [['to', '"Anna, A." <anna@example.net>'], ['to', 'ben@example.net'], ['bcc', 'hidden@example.net']]);
	const two = await letter('Deux', [['to', 'carl@example.net']]);
	await i.open(await i.link('anna@example.net'));
	for (const a of ['ben@example.net', 'hidden@example.net', 'carl@example.net'])
		await i.mail(a);
	// A mail lies in the outbox before its letter knows.
	await until('all notices are settled', () => i.sql("SELECT COUNT(*) AS n FROM journal WHERE event = 'notice.sent'")[0].n >= 4);
	const order = (token, value) => i.json('POST', '/api/v1/certificates', token, value);

	// Today's state; the deadline has just passed, so everything so far is in time.
	const at = Date.now() + 2, just = new Date(at).toISOString();
	await until('it has passed', () => Date.now() > at);
	const made = await order(sender, { letters: [two.id, one.id], deadline: just });
	same([made.status, made.headers['content-type']], [200, 'application/vnd.etsi.asic-e+zip'], 'a certificate');
	const files = unzip(made.body), said = lines(files);
	same([said.Proofs, said.Available, said.Notified, said.Opened, said['Opened-As-Of'], said['Not-Opened'], said.Deadline], [['4'], ['4'], ['4'], ['1'], ['1'], ['3'], [just]], 'counts');
	check(said.Proof.some((l) => /, available 20\S+, notified 20\S+, opened 20\S+, undecided -, as of 20\S+, to, anna@example\.net, Anna, A\.$/.test(l)), 'who has opened', said.Proof);
	check(said.Proof.some((l) => /, opened -, undecided -, as of 20\S+, bcc, hidden@example\.net$/.test(l)), 'who has not, a hidden copy', said.Proof);
	const r = program(made.body, ...keys(i));
	check(r.status === 0 && r.verified && r.checks.length === 5 && r.root_given && r.log_key_given, 'the program verifies it', r);
	same([r.certificate.proofs, r.certificate.available, r.certificate.opened_as_of], [4, 4, 1], 'and says what it says');
	const s = script(files, ...keys(i));
	check(s.status === 0 && /^VERIFIED$/m.test(s.out), 'so does its own script', s.out);
	same(i.verify().status, 0, 'the journal holds');
	same(i.sql("SELECT COUNT(*) AS n FROM journal WHERE event = 'state.certified'")[0].n, 4, 'each chain has its entry');

	// What happens afterwards is not in it; the next one knows. A deadline in the past, some recipients only.
	await i.open(await i.link('carl@example.net'));
	const later = lines(unzip((await order(sender, { letters: [one.id, two.id], deadline: '2001-01-01T00:00:00Z' })).body));
	same([later.Available, later.Opened, later['Opened-As-Of'], later['Not-Opened']], [['0'], ['0'], ['2'], ['2']], 'nobody by that deadline, two as of now');
	const some = lines(unzip((await order(auditor, { letters: [one.id, two.id], recipients: ['ANNA@example.net'] })).body));
	same([some.Proofs, some['Opened-As-Of'], some.Deadline, some.By], [['1'], ['1'], [''], some['As-Of']], 'of one recipient, without a deadline');
	const tokenFile = path.join(TMP, 'token');
	fs.writeFileSync(tokenFile, sender + '\n', { mode: 0o600 });
	const cli = spawnSync(PLI, ['proof', 'certificate', one.id, two.id, '--recipient', 'carl@example.net', '--deadline', '2020-01-01', '-o', path.join(TMP, 'cli.asice'), '--server', i.url,
		'--ca', path.join(i.dir, 'tls/ca.pem'), '--token-file', tokenFile], { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: TMP } });
	check(cli.status === 0 && program(fs.readFileSync(path.join(TMP, 'cli.asice')), ...keys(i)).verified, 'by the command line', cli.stderr);

	// Rights and faults.
	const status = async (token, value) => (await order(token, value)).status;
	same([await status(reader, { letters: [one.id] }), await status(i.user('other@example.org'), { letters: [one.id] }), await status(sender, { letters: [] }), await status(sender, {}),
		await status(sender, { letters: [one.id, one.id] }), await status(sender, { letters: [one.id], recipients: ['x@example.net'] }), await status(sender, { letters: [one.id], deadline: 'soon' }),
		await status(sender, { letters: ['nothing'] }), await status(sender, { letters: [one.id], deadline: '2199-12-31' })], [403, 404, 422, 422, 422, 422, 422, 404, 422], 'who may not, what cannot be');
	same(i.sql("SELECT COUNT(*) AS n FROM journal WHERE event = 'state.certified'")[0].n, 10, 'and nothing of that is entered');

	// Forgeries; the slow script sees one of each kind of fault.
	const pair = unzip((await order(sender, { letters: [one.id, two.id], recipients: ['ben@example.net', 'carl@example.net'], deadline: just })).body);
	const older = (await i.request('GET', `/api/v1/letters/${(await letter('Trois', [['to', 'dora@example.net']])).id}/proof?recipient=dora@example.net`, { token: sender })).body;
	const edit = (name, fn) => pair.map((f) => (f.name === name ? { ...f, data: Buffer.from(fn(f.data)) } : f));
	const text = (fn) => edit('certificate.txt', (b) => fn(b.toString()));
	const proofs = pair.filter((f) => f.name.startsWith('proofs/')), rest = pair.filter((f) => !f.name.startsWith('proofs/'));
	const again = (list) => [...rest.slice(0, 2), ...list.map((f, k) => ({ ...f, name: `proofs/${String(k + 1).padStart(4, '0')}.asice` })), ...rest.slice(2)];
	const flip = (b) => { const out = Buffer.from(b); out[out.indexOf('"subject":"') + 12] ^= 1; return out; };
	const other = new Instance('other').make();
	await other.serve();
	const stranger = other.user('sender@example.org');
	const theirs = (await other.multipart('/api/v1/letters', stranger, [['subject', 'S'], ['message', 'M'], ['to', 'x@example.net']])).json.id;
	const foreign = unzip((await other.json('POST', '/api/v1/certificates', stranger, { letters: [theirs] })).body);
	for (const [what, forged, words, slow] of [
		['one more opened', text((t) => t.replace('Not-Opened: 1', 'Not-Opened: 0')), 'text|manifest'], ['a date changed', text((t) => t.replace('opened -', 'opened 2026-01-01T00:00:00.000Z')), 'text|manifest'],
		['the deadline changed', text((t) => t.replace(/^Deadline: 20/m, 'Deadline: 19')), 'text|manifest', true], ['a line more', text((t) => t + 'Not-Established: anything\n'), 'text|manifest'],
		['a proof left out', again(proofs.slice(1)), 'manifest|text'], ['a proof twice', again([proofs[0], ...proofs]), 'stands twice', true], ['proofs in another order', again([proofs[1], proofs[0]]), 'order of numbers'],
		['a proof without its entry', again([proofs[0], { ...proofs[1], data: older }]), 'state.certified', true], ['a proof of another service', again([...proofs, foreign.find((f) => f.name.startsWith('proofs/'))]), 'another service|order of numbers|not the root'],
		['a byte of a proof changed', edit('proofs/0002.asice', flip), 'proofs/0002'], ['the script changed', edit('verify.sh', (b) => b + '\n'), 'manifest'], ['a file more', [...pair, { ...pair[1], name: 'more.txt' }], 'files', true],
		['a file less', pair.filter((f) => f.name !== 'VERIFY.md'), 'files|stands where'], ['another seal', pair.map((f) => (f.name === 'META-INF/signature.p7s' ? foreign.find((g) => g.name === f.name) : f)), 'seal', true],
		['a proof that is no proof', edit('proofs/0001.asice', () => 'PK'), 'proofs/0001', true], ['a certificate as a proof', edit('proofs/0001.asice', () => made.body), 'proofs/0001', true]]) {
		const p = program(zip(forged)), q = slow ? script(forged) : null;
		check(p.status !== 0 && !p.verified && new RegExp(words).test(p.checks.map((c) => (c.result === 'fails' ? c.text : '')).join('|')), what + ': the program notices', p.checks);
		check(!q || q.status === 1 && /^FAIL /m.test(q.out) && !/^VERIFIED$/m.test(q.out), what + ': the script notices', q && q.out);
	}
	check(program(made.body, ...keys(other)).verified === false && script(pair, ...keys(other)).status === 1, 'with the keys of another service it does not hold');

	// On the page, by whoever holds it.
	const hand = (where, bytes) => where.multipart('/verify', undefined, [['proof', { filename: 'c.asice', bytes }]], { 'Accept-Language': 'en' });
	const shown = await hand(i, made.body);
	for (const w of ['This certificate is genuine and unchanged', 'every proof in it holds', '3 of 4', '4 of 4', 'anna@example.net', 'hidden@example.net'])
		check(shown.text.includes(w), 'the page says ' + w);
	same(shown.status, 200, 'the page');
	check((await hand(other, made.body)).text.includes('not ours'), 'another service says that it is not its own');
	check((await hand(i, zip(again(proofs.slice(1))))).text.includes('This proof does not hold'), 'a forged one');
	// What costs as much as many proofs counts as many.
	const many = zip(again(Array.from({ length: 70 }, () => ({ ...proofs[0], data: Buffer.from('PK') }))));
	const answers = await Promise.all(Array.from({ length: 4 }, () => hand(i, many)));
	check(answers.some((a) => a.status === 200) && answers.some((a) => a.status === 429), 'certificates of many proofs, one after the other', answers.map((a) => a.status));
	await i.stop();
	await other.stop();
});
