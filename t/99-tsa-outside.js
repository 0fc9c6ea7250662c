#!/usr/bin/env node
// Goal: an authority outside stamps the journal's newest head and so everything before it; its tokens are kept only when they hold.  While it is
// away entries wait in a queue that survives a restart, registered letters are refused where the settings say so, who minds the service is told
// once; when it is back one token covers all.
'use strict';
const fs = require('fs');
const http = require('http');
const path = require('path');
const { spawn, spawnSync } = require('child_process');
const { Instance, check, same, until, main, TMP } = require('./lib/pli.js');

const POLICY = '1.2.3.4';
const file = (name) => path.join(TMP, name);
const openssl = (...args) => {
	const r = spawnSync('openssl', args, { cwd: TMP, encoding: 'utf8' });
	if (r.status !== 0)
		throw new Error('openssl ' + args.join(' ') + ': ' + r.stderr);
	return r.stdout;
};

// An authority with a root of its own, and another in the middle.
function authority(name) {
	const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
	const sign = (what, by, ext, serial) => {
		fs.writeFileSync(file('ext.cnf'), ext);
		openssl('x509', '-req', '-in', what + '.csr', '-CA', by + '.pem', '-CAkey', by + '.key', '-out', what + '.pem', '-days', '3000', '-extfile', 'ext.cnf', '-set_serial', String(serial));
	};
	openssl('req', '-x509', ...key, '-keyout', name + '-root.key', '-out', name + '-root.pem', '-subj', `/CN=Root ${name}`, '-days', '3000', '-addext', 'keyUsage=critical,keyCertSign');
	openssl('req', ...key, '-keyout', name + '-mid.key', '-out', name + '-mid.csr', '-subj', `/CN=Between ${name}`);
	sign(name + '-mid', name + '-root', 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n', 2);
	openssl('req', ...key, '-keyout', name + '.key', '-out', name + '.csr', '-subj', `/CN=Time ${name}`);
	sign(name, name + '-mid', 'extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n', 3);
	fs.writeFileSync(file(name + '-chain.pem'), ['', '-mid'].map((n) => fs.readFileSync(file(name + n + '.pem'))).join(''));
	fs.writeFileSync(file(name + '.cnf'), `[tsa]\ndefault_tsa = t\n[t]\nserial = ${file(name)}.serial\nsigner_cert = ${file(name)}.pem\ncerts = ${file(name)}-chain.pem\nsigner_key = ${file(name)}.key
signer_digest = sha256\ndefault_policy = ${POLICY}\nother_policies = 1.2.3.5\ndigests = sha256, sha384, sha512\ness_cert_id_alg = sha256\nordering = no\ntsa_name = no\ness_cert_id_chain = no\n`);
	fs.writeFileSync(file(name + '.serial'), '01\n');
}

// A real server that answers by `openssl ts -reply`.  ways: what it does with the next questions, then `behaviour`.
const asked = [];
const ways = [];
let behaviour = 'good', old = null, serial = 0;
function answer(req, res) {
	const parts = [];
	req.on('data', (p) => parts.push(p));
	req.on('end', () => {
		const query = Buffer.concat(parts), way = ways.shift() || behaviour, name = `q${serial++}`;
		asked.push({ way, type: req.headers['content-type'], auth: req.headers.authorization, query });
		const send = (body, type = 'application/timestamp-reply', status = 200) => {
			res.writeHead(status, { 'Content-Type': type, 'Content-Length': body.length });
			res.end(body);
		};
		if (way === 'broken')
			return send(Buffer.from('no'), 'text/plain', 500);
		if (way === 'silent')
			return res.destroy();
		if (way === 'words')
			return send(Buffer.from('hello'));
		if (way === 'replay' && old)
			return send(old);
		let q = query;
		if (way === 'other data') {
			q = Buffer.from(query);
			q[30] ^= 1;
		}
		fs.writeFileSync(file(name + '.tsq'), q);
		const who = way === 'stranger' ? 'b' : 'a';
		const run = ['openssl', 'ts', '-reply', '-config', file(who + '.cnf'), '-queryfile', file(name + '.tsq'), '-out', file(name + '.tsr'), ...(way === 'other policy' ? ['-tspolicy', '1.2.3.5'] : [])];
		const command = way === 'tomorrow' ? ['faketime', '+1 day', ...run] : run;
		spawn(command[0], command.slice(1), { cwd: TMP, stdio: 'ignore' }).on('exit', () => {
			const reply = fs.readFileSync(file(name + '.tsr'));
			if (way === 'good')
				old = reply;
			send(reply);
		});
	});
}

main(async () => {
	authority('a');
	authority('b');
	const server = http.createServer(answer);
	await new Promise((done) => server.listen(0, '127.0.0.1', done));
	const i = new Instance().make();
	fs.copyFileSync(file('a-root.pem'), path.join(i.dir, 'outside.pem'));
	fs.writeFileSync(path.join(i.dir, 'outside.password'), 'Trois-pommes\n', { mode: 0o600 });
	fs.appendFileSync(path.join(i.dir, 'pli.conf'), `\n[tsa]\nurl = http://localhost:${server.address().port}/tsr\nca_file = outside.pem\npolicy = ${POLICY}\nuser = pli\npassword_file = outside.password
every_s = 1\naway = block\n`);
	await i.serve();
	const token = i.user('ed@example.org');
	const letter = (fields = {}) => i.json('POST', '/api/v1/letters', token, { to: ['a@example.net'], subject: 'L', ...fields });
	const size = () => i.one('SELECT MAX(seq) + 1 FROM journal'), covered = () => i.one('SELECT IFNULL(MAX(size), 0) FROM external_token');
	const allCovered = () => until('everything is covered', () => covered() === size() && i.one('SELECT COUNT(*) FROM external_wait') === 0, 120);
	const wait = () => i.sql('SELECT size, since, tries FROM external_wait')[0];
	const raised = (event) => i.one(`SELECT COUNT(*) FROM journal WHERE event = '${event}' AND CAST(entry AS TEXT) LIKE '%"kind":"tsa"%'`);

	// There: asked as RFC 3161 wants it, with the account, and everything is covered.
	const made = await letter(), id = made.json.id;
	same(made.status, 201, 'a letter');
	await allCovered();
	same([asked[0].type, asked[0].auth], ['application/timestamp-query', 'Basic ' + Buffer.from('pli:Trois-pommes').toString('base64')], 'asked with type and account');
	const stamped = i.sql('SELECT hex(t.token) AS token, hex(h.checkpoint) AS note, CAST(c.pem AS TEXT) AS pem, t.gen_time FROM external_token t JOIN head h ON h.size = t.size JOIN external_chain c ON c.digest = t.chain ORDER BY t.size');
	check(stamped.length > 0 && i.one('SELECT COUNT(*) FROM external_chain') === 1, 'tokens are kept, their certificates once', stamped.length);
	for (const s of stamped) {
		fs.writeFileSync(file('t.tst'), Buffer.from(s.token, 'hex'));
		fs.writeFileSync(file('t.txt'), Buffer.from(s.note, 'hex'));
		fs.writeFileSync(file('t.pem'), s.pem);
		openssl('ts', '-verify', '-in', 't.tst', '-token_in', '-data', 't.txt', '-CAfile', 'a-root.pem', '-untrusted', 't.pem');
		check(Math.abs(s.gen_time / 1000 - Date.now()) < 600000, 'of now');
	}

	// In the proof, and checked by both verifiers.
	const proof = await i.request('GET', `/api/v1/letters/${id}/proof`, { token });
	check(proof.status === 200, 'a proof', proof.brief);
	fs.writeFileSync(file('p.asice'), proof.body);
	fs.mkdirSync(file('p'));
	spawnSync('unzip', ['-q', '../p.asice'], { cwd: file('p') });
	const anchors = ['--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')];
	const receipt = fs.readFileSync(file('p/receipt.txt'), 'utf8');
	const at = (/^External-Time: (.*)$/m.exec(receipt) || [])[1];
	check(at && Math.abs(Date.parse(at) - Date.now()) < 600000 && /External-Time at the latest/.test(receipt) && !/Checkpoint-Time at the latest/.test(receipt), 'the receipt says when', receipt);
	const both = (dir, archive, roots) => [i.run(['proof', 'verify', archive, ...anchors, ...roots]), spawnSync('sh', ['verify.sh', '.', ...anchors, ...roots], { cwd: dir, encoding: 'utf8' })];
	for (const [roots, words] of [[[], 'TO BE COMPARED'], [['--tsa-root', file('a-root.pem')], 'the one given'], [['--tsa-root', file('b-root.pem')], 'TO BE COMPARED']])
		for (const r of both(file('p'), file('p.asice'), roots)) {
			check(r.status === 0, 'verifies', r.stdout + r.stderr);
			check(r.stdout.includes(`external: the head was there on ${at} (token of an authority outside)`) &&
				new RegExp(`external: authority under root: sha256 [0-9a-f]{64}, ${words}`).test(r.stdout), `and says so: ${words}`, r.stdout);
		}
	const report = JSON.parse(i.run(['proof', 'verify', '--json', file('p.asice'), ...anchors]).stdout);
	same([report.external && report.external.time, report.checks.find((c) => c.id === 'external').result], [at, 'holds'], 'in JSON, too');
	const shown = spawnSync('sh', ['-c', report.checks.find((c) => c.id === 'external').command], { cwd: file('p'), encoding: 'utf8' });
	check(shown.status === 0 && /Verification: OK/.test(shown.stdout + shown.stderr), 'its command repeats the check', shown.stdout + shown.stderr);

	// A forger gets no further than with any other proof.
	const attack = i.run(['proof', 'attack', file('p.asice'), '--json']);
	const tried = JSON.parse(attack.stdout);
	check(attack.status === 0 && tried.caught === tried.count && tried.count > 60, 'every forgery is caught', attack.stdout.slice(0, 400) + attack.stderr);
	const pdf = await i.request('GET', `/api/v1/letters/${id}/proof.pdf?kind=deposit&lang=en`, { token });
	fs.writeFileSync(file('p.pdf'), pdf.body);
	const page = spawnSync('pdftotext', [file('p.pdf'), '-'], { encoding: 'utf8' }).stdout.replace(/\s+/g, ' ');
	check(/authority outside the service has stamped/.test(page), 'a proof for people says so, too', pdf.brief.slice(0, 100));
	check(/the entry was there when it stamped/.test(page) && !/The time by any other clock/.test(page), 'and does not say that no other clock shows anything', page);
	same(i.run(['proof', 'verify', file('p.pdf'), ...anchors]).status, 0, 'and verifies');

	// Both clocks for every entry: in the API, on the entry's page, in `pli check`.
	const rows = (await i.request('GET', '/api/v1/journal', { token })).json.entries;
	check(rows.length > 0 && rows.every((r) => r.timestamp && r.external && Math.abs(Date.parse(r.external) - Date.now()) < 600000), 'every entry has both', rows);
	const session = await i.signedIn('ed@example.org'), number = rows[0].number;
	check(/Horodatage d’une autorité extérieure<\/dt><dd><time/.test((await session.get('/journal/' + number)).text), 'on the page of the entry');
	const said = () => i.run(['check', i.dir, 'time']);
	check(said().status === 0 && /has stamped the first \d+ entries/.test(said().stdout), 'pli check says how far', said().stdout);

	// What does not hold is not kept, whatever it is.
	const had = covered();
	ways.push('other data', 'replay', 'stranger', 'other policy', 'tomorrow', 'words', 'broken');
	behaviour = 'silent';
	same((await letter()).status, 201, 'another letter');
	await until('each was tried, and failed', () => ways.length === 0 && asked.some((a) => a.way === 'silent') && (wait() || {}).tries >= 8, 120);
	same(covered(), had, 'nothing of it is kept');
	const logged = fs.readFileSync(i.log, 'utf8').split('\n').filter((l) => l.includes('"event":"tsa.away"')).length;
	check(logged > 0, 'the log says that it is away');

	// Away: registered letters are refused, the others wait; a restart forgets nothing.
	await until('registered letters are refused', async () => (await letter({ class: 'registered' })).status === 503, 120);
	const refused = await letter({ class: 'registered' });
	same([refused.status, refused.json.type, refused.headers['retry-after']], [503, 'urn:pli:problem:time-away', '60'], 'and told so');
	same((await letter()).status, 201, 'a simple letter is not');
	const draft = (await i.json('POST', '/api/v1/drafts', token, { to: ['a@example.net'], subject: 'D', class: 'registered' })).json.id;
	const led = await session.get(`/letters/${draft}/review`);
	same([led.status, led.headers.location], [303, `/letters/${draft}/edit?check=1`], 'a draft goes back to its writer');
	check((await session.get(led.headers.location)).text.includes('L’autorité d’horodatage ne répond pas'), 'who is told why');
	same(i.one("SELECT COUNT(*) FROM letter WHERE class = 'registered'"), 0, 'a refusal writes no letter');
	check(said().status !== 0 && /has failed \d+ times; entries wait/.test(said().stdout), 'pli check says that it is away', said().stdout);
	const waiting = await until('the newest entry has the own token', async () => {
		const newest = (await i.request('GET', '/api/v1/journal', { token })).json.entries[0];
		return newest.timestamp && newest;
	});
	check(waiting.timestamp && waiting.external === null, 'the newest entry has the own token, and is said to wait for the other', waiting);
	check((await session.get('/journal/' + waiting.number)).text.includes('pas encore'), 'on its page, too');
	const since = wait().since;
	await i.stop();
	await i.serve();
	same(wait().since, since, 'entries wait since then');
	same((await letter({ class: 'registered' })).status, 503, 'refused after a restart, too');

	// An hour passes.
	same(raised('alert.raised'), 0, 'nobody is told before time');
	i.sqlWrite('UPDATE external_wait SET since = since - 3600000000');
	await until('an alert', () => raised('alert.raised') === 1, 120);
	const tries = wait().tries;
	await until('more tries', () => wait().tries > tries + 2, 120);
	same(raised('alert.raised'), 1, 'told once');
	check(Date.now() * 1000 - wait().since > 3600e6, 'the wait is an hour');

	// The settings name no authority any more: nobody is away.  Named again, it still is, since then.
	const conf = path.join(i.dir, 'pli.conf'), named = fs.readFileSync(conf, 'utf8');
	check(/^url = .*\n/m.test(named), 'the settings name it');
	await i.stop();
	fs.writeFileSync(conf, named.replace(/^url = .*\n/m, ''));
	await i.serve();
	await until('the alert ends', () => raised('alert.ended') === 1, 60);
	same([raised('alert.raised'), i.one("SELECT COUNT(*) FROM alert WHERE kind = 'tsa' AND ended IS NULL")], [1, 0], 'and is on no more');
	await i.stop();
	fs.writeFileSync(conf, named);
	await i.serve();
	await until('it begins again', () => raised('alert.raised') === 2, 120);

	// Back: one token for everything.
	const last = covered(), waited = wait().size;
	behaviour = 'good';
	await allCovered();
	check(i.one(`SELECT MIN(size) FROM external_token WHERE size > ${last}`) >= waited, 'the first token covers all that waited');
	await until('the end is told', () => raised('alert.ended') === 2, 120);
	same(raised('alert.raised'), 2, 'once');
	same((await letter({ class: 'registered' })).status, 201, 'registered letters are taken again');
	await allCovered();
	await i.stop();

	// The machine is started with a clock that is sixty days ahead of what was known: the authority has the same time, and confirms it.
	i.sqlWrite(`UPDATE instance SET v = '1 another-start 5000000 ${(Date.now() - 60 * 86400000) * 1000} 0 0 0 0 0' WHERE k = 'clock'`);
	await i.serve();
	same((await letter()).status, 201, 'a letter');
	await until('the authority outside confirms the clock', () => i.one("SELECT COUNT(*) FROM journal WHERE event = 'clock.confirmed'") === 1, 120);
	const confirmed = JSON.parse(i.one("SELECT CAST(entry AS TEXT) FROM journal WHERE event = 'clock.confirmed'")).d;
	check(confirmed.by === 'tsa' && Math.abs(confirmed.by_s - 60 * 86400) < 3600, 'the journal says so', confirmed);
	await allCovered();
	await i.stop();
	const whole = i.verify(), count = i.one('SELECT COUNT(*) FROM external_token');
	same([whole.status, whole.stdout.includes(`verified ${count} tokens of the authority outside; the newest covers the first ${covered()} entries`), whole.stdout.includes('ca_file')],
		[0, true, false], 'the journal verifies, and every token from outside: ' + whole.stdout + whole.stderr);
	same(JSON.parse(i.run(['journal', 'verify', i.dir, '--json']).stdout).external, { tokens: count, covered: covered(), rootless: 0 }, 'as JSON, too');

	// Whoever changes one in the database is named.
	const [first, second] = i.sql('SELECT size, hex(token) AS token, hex(chain) AS chain FROM external_token ORDER BY size LIMIT 2');
	const pem = i.sql('SELECT hex(digest) AS digest, hex(pem) AS pem FROM external_chain')[0];
	for (const [what, act, undo, words] of [
		['another time', `UPDATE external_token SET gen_time = gen_time + 1000 WHERE size = ${second.size}`, `UPDATE external_token SET gen_time = gen_time - 1000 WHERE size = ${second.size}`, /says another time than its row/],
		['the token of another head', `UPDATE external_token SET token = x'${first.token}' WHERE size = ${second.size}`, `UPDATE external_token SET token = x'${second.token}' WHERE size = ${second.size}`, /does not hold/],
		['other certificates', `UPDATE external_chain SET pem = CAST('${fs.readFileSync(file('b-root.pem'), 'latin1')}' AS BLOB)`, `UPDATE external_chain SET pem = x'${pem.pem}'`, /others stand in their place/],
		['no certificates', 'DELETE FROM external_chain', `INSERT INTO external_chain (digest, pem) VALUES (x'${pem.digest}', x'${pem.pem}')`, /lacks its authority/],
	]) {
		i.sqlWrite(act);
		const v = i.verify(), number = /chain/.test(act) ? first.size : second.size;
		same([v.status, words.test(v.stderr), v.stdout.includes(`from number ${number} on`)], [65, true, true], `${what}: ${v.stdout}${v.stderr}`);
		i.sqlWrite(undo);
	}
	fs.writeFileSync(conf, named.replace(/^ca_file = .*$/m, `ca_file = ${file('b-root.pem')}`));
	const moved = i.verify();
	same([moved.status, moved.stdout.includes(`of these, ${count} lead to a root that is not in [tsa] ca_file`)], [0, true], 'an authority of before is spoken of: ' + moved.stdout + moved.stderr);
	server.close();
});
