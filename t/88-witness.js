#!/usr/bin/env node
// Goal: a witness (C2SP tlog-witness) cosigns a log that only grows, answers everything else as the specification says, remembers what
// it has seen over a kill, and never cosigns a log that was set back or forked.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');
const { Instance, check, same, until, main, TMP, PLI } = require('./lib/pli.js');
const tlog = require('./lib/tlog.js');
const { Witness, Log } = require('./lib/witness.js');

async function alone() {
	const log = new Log('example.com/log').grow(5), other = new Log('example.com/other').grow(3), stranger = new Log('example.com/stranger').grow(2);
	const w = new Witness('witness').make([log.vkey, other.vkey]);
	await w.serve('--role=witness');
	const cosigned = (a, note, what) => {
		check(a.status === 200 && a.type === 'text/plain; charset=utf-8', what, a);
		const signed = a.status === 200 && tlog.signedBy(note + a.text, w.key);
		check(signed && Math.abs(signed.time - Date.now() / 1000) < 60, what + ': a cosignature of now that holds', a);
	};
	same((await w.get('/key')).text.trim(), w.key, 'the witness shows its key');
	same(tlog.parseVkey(w.key).type, 4, 'a key for cosignatures');
	same((await w.get('/checkpoint/' + log.origin)).status, 404, 'nothing seen yet');

	// What the specification says, code by code.
	cosigned(await w.add(0, [], log.note()), log.note(), 'a first checkpoint');
	const five = log.note(5);
	log.grow(12);
	let a = await w.add(0, [], log.note());
	same([a.status, a.type, a.text], [409, 'text/x.tlog.size', '5\n'], 'another old size: 409 with the size that is known');
	cosigned(await w.add(5, log.proof(5), log.note()), log.note(), 'growth with its proof');
	same((await w.add(12, [], five)).status, 400, 'an old size above the checkpoint\'s: 400');
	a = await w.add(5, [], five);
	same([a.status, a.text], [409, '12\n'], 'a log that was set back: 409');
	a = await w.add(12, [], log.note());
	cosigned(a, log.note(), 'the same checkpoint again');
	log.grow(40);
	for (const [what, proof] of [['no proof', []], ['a hash changed', log.proof(12).map((h, k) => k ? h : tlog.sha256(h))], ['a hash missing', log.proof(12).slice(1)],
		['a hash too many', [...log.proof(12), tlog.sha256()]], ['reversed', log.proof(12).reverse()]])
		same((await w.add(12, proof, log.note())).status, 422, `${what}: 422`);
	const forged = new Log(log.origin).grow(40);
	same((await w.add(12, log.proof(12), forged.note())).status, 403, 'a signature by another key: 403');
	same((await w.add(0, [], stranger.note())).status, 404, 'an unknown log: 404');
	const bad = log.note().replace(/— (\S+) (\S{12})(.)/, (_, n, s, c) => `— ${n} ${s}${c === 'A' ? 'B' : 'A'}`);
	same((await w.add(12, log.proof(12), bad)).status, 403, 'a signature that does not hold: 403');
	same((await w.add(12, Array(64).fill(tlog.sha256()), log.note())).status, 400, '64 hashes: 400');
	for (const [what, body] of [['nothing', ''], ['no old line', '\n' + log.note()], ['old 012', `old 012\n\n${log.note()}`], ['old -1', `old -1\n\n${log.note()}`],
		['CRLF', `old 12\r\n\r\n${log.note()}`], ['a cut note', `old 12\n\n${log.note().slice(0, -1)}`], ['no signature', `old 12\n\n${log.note().split('\n\n')[0]}\n\n`],
		['a hash of 31 bytes', `old 12\n${tlog.sha256().subarray(1).toString('base64')}\n\n${log.note()}`], ['old twice', `old 12\nold 12\n\n${log.note()}`]])
		same((await w.request('POST', '/add-checkpoint', body)).status, 400, `${what}: 400`);
	same((await w.request('POST', '/add-checkpoint', 'old 12\n\n' + 'x'.repeat(70000))).status, 413, 'too long: 413');
	same([(await w.get('/add-checkpoint')).status, (await w.request('POST', '/key', 'x')).status, (await w.get('/letters')).status], [405, 405, 404], 'nothing else is served');

	// Other signatures and lines of the log's own come along.
	const second = tlog.newKey(), extended = `${log.origin}\n40\n${tlog.root(log.leaves).toString('base64')}\nan extension\n`;
	const both = log.note().trimEnd() + '\n' + tlog.signNote(log.origin, 40, tlog.root(log.leaves), second, 'someone.else').split('\n\n')[1];
	cosigned(await w.add(12, log.proof(12), both), both, 'a note with signatures of others');
	const blob = Buffer.concat([tlog.keyId(log.origin, 1, log.pair.raw), require('crypto').sign(null, Buffer.from(extended), log.pair.privateKey)]);
	const withLines = `${extended}\n— ${log.origin} ${blob.toString('base64')}\n`;
	a = await w.add(40, [], withLines);
	check(a.status === 200, 'a checkpoint with an extension line', a);

	// Two trees of one size: convicted, kept, and nothing follows that does not follow from the first.
	const twin = new Log(log.origin).grow(12);
	twin.pair = log.pair;
	twin.leaves = log.leaves.slice(0, 20);
	twin.grow(40, 'rewritten');
	same((await w.add(40, [], twin.note())).status, 409, 'another tree of the same size: 409');
	check(fs.readdirSync(path.join(w.dir, 'journal')).some((f) => f.endsWith('.fork') &&
		fs.readFileSync(path.join(w.dir, 'journal', f), 'utf8') === twin.note()), 'the contradicting note is kept as evidence');
	twin.grow(50, 'rewritten');
	same((await w.add(40, twin.proof(40), twin.note())).status, 422, 'what follows from the other tree: 422');
	log.grow(50);
	cosigned(await w.add(40, log.proof(40), log.note()), log.note(), 'the true log goes on');

	// Requests that race: each old size is taken once.
	const racing = new Log('example.com/race').grow(30);
	fs.appendFileSync(path.join(w.dir, 'pli.conf'), `[witness]\nlog = ${racing.vkey}\n`);
	const reload = spawnSync(PLI, ['reload', w.dir], { encoding: 'utf8' });
	same(reload.status, 0, 'a log is added by a reload: ' + reload.stderr);
	await until('the new log is known', async () => (await w.add(0, [], racing.note(1))).status === 200);
	const answers = await Promise.all(Array.from({ length: 12 }, (_, k) => w.add(1, racing.proof(1, 2 + k), racing.note(2 + k))));
	same(answers.filter((x) => x.status === 200).length, 1, 'one of twelve wins', answers.map((x) => x.status));
	same(answers.filter((x) => x.status === 409).length, 11, 'the others are told the size');

	// What was cosigned is durable before it is said: killed and started again it knows it.
	const latest = await w.get('/checkpoint/' + log.origin);
	check(latest.status === 200 && tlog.signedBy(latest.text, w.key) && tlog.signedBy(latest.text, log.vkey) && tlog.parseNote(latest.text).size === 50, 'the newest head, signed by both', latest);
	const logged = w.log();
	w.process.kill('SIGKILL');
	await w.ended;
	await w.serve();
	same((await w.get('/checkpoint/' + log.origin)).text, latest.text, 'after a kill: the same head');
	same([(await w.add(0, [], five)).text, (await w.add(5, log.proof(5, 12), log.note(12))).text], ['50\n', '50\n'], 'after a kill: no way back');
	check(logged.includes('witness.fork'), 'the fork stands in the log', logged.slice(-400));
	same(await w.stop(), 0, 'it stops with 0');

	// A damaged state is no empty state.
	const file = fs.readdirSync(path.join(w.dir, 'journal')).find((f) => /^[0-9a-f]{32}$/.test(f) && fs.readFileSync(path.join(w.dir, 'journal', f), 'utf8').startsWith(log.origin));
	fs.writeFileSync(path.join(w.dir, 'journal', file), latest.text.replace('\n50\n', '\n49\n'));
	const damaged = spawnSync(PLI, ['serve', w.dir], { encoding: 'utf8', timeout: 60000 });
	check(damaged.status !== 0 && /damaged/.test(damaged.stderr), 'a damaged state: not served', damaged.stderr);
	fs.writeFileSync(path.join(w.dir, 'journal', file), latest.text);

	// Its key under a pass phrase.
	const phrase = path.join(TMP, 'phrase'), keyFile = path.join(w.dir, 'keys/witness.key'), key = (dir, verb) => spawnSync(PLI, ['key', verb, dir], { encoding: 'utf8' });
	fs.writeFileSync(phrase, 'Une phrase de passe assez longue\n', { mode: 0o600 });
	fs.appendFileSync(path.join(w.dir, 'pli.conf'), `[keys]\npassphrase_file = ${phrase}\n`);
	const done = key(w.dir, 'protect');
	check(done.status === 0 && fs.readFileSync(keyFile).subarray(0, 4).equals(Buffer.from('PLIE')), 'its key can be protected', done.stderr);
	await w.serve();
	log.grow(60);
	cosigned(await w.add(50, log.proof(50), log.note()), log.note(), 'with the pass phrase it signs as before');
	same(await w.stop(), 0, 'it stops with 0');
	fs.writeFileSync(phrase, 'Une autre phrase de passe\n');
	const closed = spawnSync(PLI, ['serve', w.dir], { encoding: 'utf8', timeout: 60000 });
	check(closed.status !== 0 && /not the one of keys\/protect/.test(closed.stderr), 'with another one it does not start', closed.stderr);
	fs.writeFileSync(phrase, 'Une phrase de passe assez longue\n');
	same([key(w.dir, 'unprotect').status, fs.readFileSync(keyFile, 'latin1').startsWith('-----BEGIN PRIVATE KEY')], [0, true], 'and it can be plain again');

	// Roles are not mixed.
	const wrong = spawnSync(PLI, ['serve', w.dir, '--role=all'], { encoding: 'utf8', timeout: 60000 });
	check(wrong.status !== 0 && /made to be a witness/.test(wrong.stderr), 'another role is refused', wrong.stderr);
	const none = spawnSync(PLI, ['init', path.join(TMP, 'bad'), '--role', 'witness', '--host', 'localhost', '--log', log.vkey.slice(0, -1) + 'x'.repeat(2)], { encoding: 'utf8' });
	check(none.status !== 0, 'a key that is none is refused', none.stdout + none.stderr);
}

// A proof carries what the witnesses have signed; both verifiers check it, and refuse what is not theirs or of another log.
async function proofs(i, token, w) {
	const id = (await i.request('GET', '/api/v1/letters?limit=1', { token })).json.letters[0].id;
	const answer = await i.request('GET', `/api/v1/letters/${id}/proof`, { token });
	const file = path.join(TMP, 'proof.asice'), folder = path.join(TMP, 'proof'), given = path.join(TMP, 'witnesses.pub'), other = path.join(TMP, 'other.pub');
	fs.writeFileSync(file, answer.body);
	fs.writeFileSync(given, w.map((x) => x.key + ' ' + x.url + '\n').join(''));
	const foreign = tlog.newKey();
	fs.writeFileSync(other, tlog.vkey('elsewhere', 4, foreign.raw) + '\n');
	const pinned = ['--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')];
	const verify = (f, ...more) => { const r = i.run(['proof', 'verify', f, ...pinned, ...more]); return { ...r, all: r.stdout + r.stderr }; };
	let r = verify(file, '--witness', given);
	check(r.status === 0 && (r.stdout.match(/witness: localhost has seen this head on .*the one given/g) || []).length === 2, 'a proof with both witnesses verifies', r.all);
	check(verify(file).status === 0 && /TO BE COMPARED/.test(verify(file).stdout), 'and without keys from elsewhere says so');
	r = verify(file, '--witness', other);
	check(r.status === 65 && /none of the witnesses given/.test(r.all), 'a witness that has not signed is missed', r.all);
	const report = JSON.parse(i.run(['proof', 'verify', file, '--json', ...pinned]).stdout);
	same(report.witnesses.map((x) => x.key).sort(), w.map((x) => x.key).sort(), 'the report names them');

	const fresh = () => { fs.rmSync(folder, { recursive: true, force: true }); fs.mkdirSync(folder); spawnSync('unzip', ['-q', file, '-d', folder]); };
	const script = (shell, ...more) => { const x = spawnSync(shell[0], [...shell.slice(1), 'verify.sh', '.', ...pinned, ...more], { cwd: folder, encoding: 'utf8' }); return { ...x, all: x.stdout + x.stderr }; };
	fresh();
	const proof = fs.readFileSync(path.join(folder, 'journal/001.tlog-proof'), 'utf8');
	check(/^c2sp\.org\/tlog-proof@v1\nindex \d+\n/.test(proof) && w.every((x) => tlog.signedBy(proof.slice(proof.indexOf('\n\n') + 2), x.key)), 'the tlog-proof carries the cosignatures');
	for (const shell of [['sh'], ['dash'], ['busybox', 'sh'], ['bash', '--posix']]) {
		if (spawnSync(shell[0], ['--help']).error)
			continue;
		r = script(shell, '--witness', given);
		check(r.status === 0 && /VERIFIED\s*$/.test(r.stdout) && (r.stdout.match(/the one given/g) || []).length === 4, `verify.sh in ${shell.join(' ')}`, r.all);
	}
	r = script(['sh'], '--witness', other);
	check(r.status === 1 && /FAIL witness: none of the witnesses given/.test(r.stdout), 'verify.sh misses a witness, too', r.all);

	// Lines that do not belong there, in a container that the same house would seal: so the manifest is made to fit, and the seal fails later.
	const lines = fs.readFileSync(path.join(folder, 'witness.txt'), 'utf8'), keys = fs.readFileSync(path.join(folder, 'witness.pub'), 'utf8');
	// A witness of ours signs this head, another log's, and an older head of this one.
	const own = tlog.vkey('elsewhere', 4, foreign.raw) + '\n', now = Math.floor(Date.now() / 1000), head = fs.readFileSync(path.join(folder, 'checkpoint.txt'), 'utf8');
	const lineOver = (note) => ({ 'witness.pub': own, 'witness.txt': tlog.cosign(note, 'elsewhere', foreign, now) });
	const earlier = i.sql('SELECT CAST(checkpoint AS TEXT) AS note FROM head ORDER BY size LIMIT 1')[0].note;
	check(earlier !== head && tlog.parseNote(earlier).origin === tlog.parseNote(head).origin, 'there is an older head');
	const older = lines.replace(/(— \S+ \S{6})(.)/, (_, a, b) => a + (b === 'A' ? 'B' : 'A'));
	for (const [what, change, words] of [
		// It is as the script wants it, so that the two after it are refused for what they are over; only the journal's proofs have other lines.
		['another witness\'s line over this head', lineOver(head), /proof: journal\/001\.tlog-proof: another checkpoint|proof: journal\/001\.tlog-proof: cut/],
		['a line from another log', lineOver(new Log('example.com/log').grow(5).note()), /witness: the line of elsewhere in witness\.txt is not its cosignature of this checkpoint/],
		['a line from an older head', lineOver(earlier), /witness: the line of elsewhere in witness\.txt is not its cosignature of this checkpoint/],
		['a line changed', { 'witness.txt': older }, /witness: the line of localhost/],
		['a line left out', { 'witness.txt': lines.split('\n').slice(1).join('\n') }, /witness: /],
		['lines exchanged', { 'witness.txt': lines.split('\n').slice(0, 2).reverse().join('\n') + '\n' }, /witness: the line of localhost/],
		['a key twice', { 'witness.pub': (keys.split('\n')[0] + '\n').repeat(2), 'witness.txt': (lines.split('\n')[0] + '\n').repeat(2) }, /witness: the key of localhost stands twice/],
		['a log\'s key as a witness\'s', { 'witness.pub': tlog.vkey('localhost', 1, foreign.raw) + '\n' + keys.split('\n')[1] + '\n' }, /witness: line 1 of witness\.pub is no witness/],
		['a key with a wrong id', { 'witness.pub': keys.replace(/\+([0-9a-f])/, (_, c) => '+' + (c === '0' ? '1' : '0')) }, /witness: line 1 of witness\.pub is no witness/],
		['no line feed at the end', { 'witness.pub': keys.trimEnd() }, /witness: /],
	]) {
		fresh();
		for (const [name, text] of Object.entries(change))
			fs.writeFileSync(path.join(folder, name), text);
		// The checks of a copy of the script from the witnesses on; what stands before them would refuse the file already.
		const text = fs.readFileSync(path.join(folder, 'verify.sh'), 'utf8').replace(/^\t\[ -z "\$name" \] \|\| fail "manifest.*$/m, ':').replace(/^\tfail "manifest: is not what these files demand"$/m, '\t:');
		fs.writeFileSync(path.join(TMP, 'lenient.sh'), text);
		r = spawnSync('sh', [path.join(TMP, 'lenient.sh'), folder, ...pinned], { encoding: 'utf8' });
		check(r.status === 1 && words.test(r.stdout.trim().split('\n').pop()), `${what}: verify.sh`, r.stdout + r.stderr);
		r = script(['sh']);
		check(r.status === 1 && /FAIL (manifest|files)/.test(r.stdout), `${what}: sealed, so found at once`, r.all);
	}
}

// The heads of an instance's journal are shown to its witnesses and carry what they sign; a journal that was set back gets nothing more.
async function instance() {
	const i = new Instance('letters').make();
	const vkey = tlog.vkey('localhost/j/1', 1, tlog.rawOf(fs.readFileSync(path.join(i.dir, 'public/log.pub'))));
	const w = [];
	for (const name of ['first', 'second'])
		w.push(await new Witness(name).make([vkey]).serve());
	fs.writeFileSync(path.join(i.dir, 'witnesses.pem'), Buffer.concat(w.map((x) => x.ca)));
	fs.appendFileSync(path.join(i.dir, 'pli.conf'), `[witness]\n${w.map((x) => `ask = ${x.key} ${x.url}\n`).join('')}ca_file = witnesses.pem\nevery_s = 1\n`);
	await i.serve();
	const token = i.user('sender@example.org');
	const letter = async () => same((await i.multipart('/api/v1/letters', token, [['to', 'a@example.net'], ['subject', 'S'], ['message', 'M']])).status, 201, 'a letter');
	const size = () => i.one('SELECT MAX(size) FROM head');
	const settled = () => until('the journal rests', () => i.one('SELECT COUNT(*) FROM notice WHERE due IS NOT NULL') === 0 && size() === i.one('SELECT MAX(seq) + 1 FROM journal'));
	const shown = async () => (await i.request('GET', '/log/checkpoint')).text;
	const signed = async (by, what) => until(what, async () => {
		const note = await shown();
		return tlog.parseNote(note).size === size() && by.every((x) => tlog.signedBy(note, x.key)) && note;
	}, 30);
	await letter();
	await settled();
	let note = await signed(w, 'both witnesses have signed the newest head');
	check(tlog.signedBy(note, vkey) && tlog.parseNote(note).signatures[0].name === 'localhost/j/1', 'the log\'s own line comes first', note);
	same(tlog.parseNote((await w[0].get('/checkpoint/localhost/j/1')).text).size, tlog.parseNote(note).size, 'the witness has seen the same');

	// Sizes shown never shrink, while much is written.
	let last = 0, shrunk = 0;
	for (let k = 0; k < 12; k++) {
		await letter();
		const s = tlog.parseNote(await shown()).size;
		shrunk += s < last;
		last = s;
	}
	same(shrunk, 0, 'the head shown only grows');

	// One witness away: the other goes on; the journal says so; when it is back it signs again.
	await w[1].stop();
	await letter();
	await settled();
	await signed([w[0]], 'the first goes on alone');
	const events = (e) => i.sql(`SELECT CAST(entry AS TEXT) AS entry FROM journal WHERE event = '${e}'`).map((r) => JSON.parse(r.entry).d.witness);
	await until('the journal says that a witness is away', () => events('witness.away').length > 0, 60);
	same(events('witness.away'), ['localhost'], 'said once, by its name');
	await w[1].serve();
	await until('the journal says that it is back', () => events('witness.back').length === 1, 90);
	await settled();
	note = await signed(w, 'both sign again');
	check(i.verify().status === 0, 'the journal verifies', i.verify().stderr);
	same(fs.readFileSync(i.log, 'utf8').split('\n').filter((l) => l.includes('"level":"error"')).map((l) => JSON.parse(l).event), ['alert.raised'], 'no error in the log but the alert that it was away');

	await proofs(i, token, w);

	// Killed and started: it goes on where the witness is.
	i.server.kill('SIGKILL');
	await i.ended;
	await i.serve();
	await letter();
	await settled();
	await signed(w, 'after a kill of the log');
	await i.stop();
	for (const x of w)
		same(await x.stop(), 0, 'a witness stops with 0');
}

main(async () => {
	await alone();
	await instance();
});
