#!/usr/bin/env node
// Goal: every notice names the journal's head, in a header that the log has signed and in its text, so that a folder of old mails shows
// that the journal was not rewritten; two mails from before and after a rewritten journal expose it.
'use strict';
const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');
const { Instance, check, same, until, main, TMP } = require('./lib/pli.js');
const tlog = require('./lib/tlog.js');
const { unzip, zip } = require('./lib/zip.js');

main(async () => {
	const i = new Instance().make({ conf: '[mail]\nsign = yes\ndkim = ed25519\n' });
	await i.serve();
	const vkey = (await i.request('GET', '/log/key')).text.trim();
	const token = i.user('sender@example.org');
	const letter = async (...to) => {
		same((await i.multipart('/api/v1/letters', token, [['to', to.join(',')], ['subject', 'S'], ['message', 'M']])).status, 201, 'a letter');
		await until('notices are out', () => i.one('SELECT COUNT(*) FROM notice WHERE due IS NOT NULL') === 0);
		await until('all is signed', () => i.one('SELECT MAX(size) FROM head') === i.one('SELECT MAX(seq) + 1 FROM journal'));
	};
	const unfold = (eml) => eml.replace(/\r\n[ \t]+/g, ' ');
	const headOf = (eml) => {
		const m = /^Pli-Checkpoint: (\S+) (\d+) (\S{44}) (\S{92})\r$/m.exec(unfold(eml));
		return m && { origin: m[1], size: Number(m[2]), root: m[3], signature: m[4], note: `${m[1]}\n${m[2]}\n${m[3]}\n\n— ${m[1]} ${m[4]}\n` };
	};
	await letter('a@example.net', 'b@example.net');
	await letter('c@example.net');
	const eml = fs.readFileSync(i.mailFiles()[0], 'latin1'), head = headOf(eml);
	if (!check(head && head.origin === 'localhost/j/1' && head.size > 0, 'a notice names the head', eml.slice(0, 1500)))
		return;
	check(tlog.signedBy(head.note, vkey), 'and the log has signed what the header says', head.note);
	const decoded = eml.slice(eml.indexOf('\r\n\r\n')).replace(/=\r\n/g, '').replace(/=3D/g, '=');
	same(decoded.split(`${head.origin} ${head.size} ${head.root}`).length - 1, 2, 'text and HTML say the same');
	check(/\bh=[^;]*Pli-Checkpoint/i.test(unfold(eml).replace(/\s+/g, '')), 'DKIM covers the header');
	const heads = i.mailFiles().map((f) => headOf(fs.readFileSync(f, 'latin1')));
	check(heads.every((h) => h && tlog.signedBy(h.note, vkey)), 'every notice has one');
	same(new Set(i.mailFiles().slice(0, 2).map((f) => headOf(fs.readFileSync(f, 'latin1')).size)).size, 1, 'the notices of one letter name the same head');

	// A folder of mails against the log: by the directory, running and stopped, and by address.
	const box = path.join(TMP, 'Maildir');
	for (const d of ['cur', 'new', 'tmp', '.Archives/cur'])
		fs.mkdirSync(path.join(box, d), { recursive: true });
	i.mailFiles().forEach((f, k) => fs.copyFileSync(f, path.join(box, k % 2 ? 'cur' : '.Archives/cur', `${k}.host:2,S`)));
	fs.writeFileSync(path.join(box, 'new', 'spam'), 'From: x@example.com\r\nSubject: hello\r\n\r\nother.example/log 3 notahash\r\n');
	fs.writeFileSync(path.join(box, 'cur', 'empty'), '');
	const ca = ['--ca', path.join(i.dir, 'tls/ca.pem')], pub = ['--log-key', path.join(i.dir, 'public/log.pub')];
	const local = (...paths) => { const r = i.run(['journal', 'verify', i.dir, ...paths.flatMap((p) => ['--mail', p])]); return { ...r, all: r.stdout + r.stderr }; };
	const remote = (...paths) => { const r = i.run(['journal', 'verify', '--url', i.url, ...ca, ...pub, ...paths.flatMap((p) => ['--mail', p])]); return { ...r, all: r.stdout + r.stderr }; };
	for (const [what, f] of [['here', local], ['by address', remote]]) {
		const r = f(box);
		check(r.status === 0 && /mails: 3 heads in 3 mails \(3 signed by the log\) are all heads of this log/.test(r.stdout), `${what}: all mails fit`, r.all);
	}
	check(local(i.mailFiles()[0], i.mailFiles()[2]).status === 0, 'single files, too');
	let r = local(path.join(box, 'new'));
	check(r.status !== 0 && /none of 1 mails bears witness/.test(r.stderr), 'mails that say nothing are no witnesses', r.all);
	r = local(path.join(TMP, 'nowhere'));
	check(r.status !== 0, 'a folder that is not there', r.all);

	// A mail that somebody has changed is no evidence against the log, and is named.
	const forged = path.join(TMP, 'forged.eml');
	fs.writeFileSync(forged, eml.replace(/(Pli-Checkpoint:\s+\S+\s+)(\d+)/, (_, a, n) => a + (Number(n) - 1)), 'latin1');
	r = local(forged);
	check(r.status === 65 && /forged\.eml: the head in its header is not signed by the log's key/.test(r.stderr), 'a changed header', r.all);
	// Forwarded, the mail still bears witness; from its text alone, too.
	const forwarded = path.join(TMP, 'forwarded.eml');
	fs.writeFileSync(forwarded, 'From: a@example.net\r\nTo: judge@example.net\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=xx\r\n\r\n--xx\r\nContent-Type: text/plain\r\n\r\nSee.\r\n' +
		`--xx\r\nContent-Type: message/rfc822\r\n\r\n${eml}\r\n--xx--\r\n`, 'latin1');
	r = remote(forwarded);
	check(r.status === 0 && /mails: 1 heads/.test(r.stdout), 'a forwarded mail', r.all);
	const quoted = path.join(TMP, 'quoted.eml');
	fs.writeFileSync(quoted, `From: a@example.net\r\nTo: judge@example.net\r\n\r\n> ${head.origin} ${head.size} ${head.root}\r\n`);
	r = remote(quoted);
	check(r.status === 0 && /mails: 1 heads in 1 mails \(0 signed/.test(r.stdout), 'the line in a text', r.all);

	// So do proofs, as containers and in PDF.
	const papers = path.join(TMP, 'papers'), id = (await i.request('GET', '/api/v1/letters?limit=1', { token })).json.letters[0].id;
	fs.mkdirSync(papers);
	for (const name of ['proof', 'proof.pdf'])
		fs.writeFileSync(path.join(papers, name), (await i.request('GET', `/api/v1/letters/${id}/${name}`, { token })).body);
	for (const f of [local, remote]) {
		r = f(papers, box);
		check(r.status === 0 && /mails: 5 heads in 3 mails and 2 proofs \(5 signed by the log\) are all/.test(r.stdout), 'proofs bear witness, too', r.all);
	}
	const altered = path.join(TMP, 'altered.asice'), swap = (t) => t.replace(/\n(\d+)\n/, (_, n) => `\n${Number(n) - 1}\n`);
	fs.writeFileSync(altered, zip(unzip(fs.readFileSync(path.join(papers, 'proof'))).map((f) => f.name === 'checkpoint.txt' ? { ...f, data: Buffer.from(swap(f.data.toString())) } : f)));
	r = local(altered);
	check(r.status === 65 && /altered\.asice: the head in this proof is not signed by the log's key/.test(r.stderr), 'a changed head in a proof', r.all);

	// The operator rewrites the journal: stopped, back to an older copy with all keys and counters, and another history from there.
	await i.stop();
	check(local(box).status === 0, 'stopped: all mails fit', local(box).all);
	const before = path.join(TMP, 'before');
	execFileSync('cp', ['-a', i.dir, before]);
	await i.serve();
	await letter('d@example.net', 'e@example.net');
	const later = i.mailFiles().slice(-1)[0], kept = path.join(TMP, 'kept.eml');
	fs.copyFileSync(later, kept);
	check(local(box, kept).status === 0, 'a mail from later fits as well');
	await i.stop();
	fs.rmSync(i.dir, { recursive: true });
	execFileSync('cp', ['-a', before, i.dir]);
	await i.serve();
	check(i.verify().status === 0, 'the restored instance verifies by itself: nobody could tell');
	for (const [what, f] of [['here', local], ['by address', remote]]) {
		r = f(box, kept);
		check(r.status === 65 && /kept\.eml: the log was set back: it has \d+ entries, this mail bears witness of \d+/.test(r.stderr), `${what}: a mail tells that it was set back`, r.all);
	}
	await letter('f@example.net', 'g@example.net', 'h@example.net');
	await letter('f@example.net', 'g@example.net', 'h@example.net');
	check(i.verify().status === 0, 'the rewritten journal verifies by itself');
	const new_ = path.join(TMP, 'new.eml');
	fs.copyFileSync(i.mailFiles().slice(-1)[0], new_);
	for (const [what, f] of [['here', local], ['by address', remote]]) {
		check(f(box, new_).status === 0, `${what}: mails from before the copy and of today fit`);
		r = f(kept, new_);
		check(r.status === 65 && /kept\.eml: the log was rewritten: its first \d+ entries are not those of which this mail bears witness/.test(r.stderr), `${what}: two mails expose the rewritten journal`, r.all);
	}
	// Both are signed by the same key: the two together convict, whoever holds the server.
	const [one, two] = [kept, new_].map((f) => headOf(fs.readFileSync(f, 'latin1')));
	check(tlog.signedBy(one.note, vkey) && tlog.signedBy(two.note, vkey), 'both heads are signed by the log');
	// Another key in the place of the log's: what the one before has signed bears witness as it did, against the log as well.
	i.verb('key', 'rotate', i.dir, 'log', '--overlap', '0');
	check((await i.request('GET', '/log/key')).text.trim() !== vkey, 'the log has another key');
	for (const [what, f] of [['here', local], ['by address', remote]]) {
		r = f(box, new_);
		check(r.status === 0 && /4 heads in 4 mails \(4 signed/.test(r.stdout), `${what}: mails under the key of before`, r.all);
		check(f(kept, new_).status === 65 && f(forged).status === 65, `${what}: and what does not fit still does not`);
	}
});
