#!/usr/bin/env node
// Goal: an archive's letters become letters of another instance: the same bytes, the same proofs, for the right people; all of them or
// none, also when the server is killed in the middle; nothing that was altered; the same archive twice is taken once.
'use strict';
const { execFileSync, spawn } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { Instance, check, same, until, main, TMP, PLI } = require('./lib/pli.js');

const sha256 = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');
const member = (tar, name) => execFileSync('tar', ['xOf', tar, name], { maxBuffer: 1 << 26 });
const files = (dir) => fs.readdirSync(dir, { withFileTypes: true }).flatMap((e) => e.isDirectory() ? files(path.join(dir, e.name)) : [path.join(dir, e.name)]);

main(async () => {
	// Where they come from.
	const a = new Instance('from').make();
	await a.serve();
	const tokens = {};
	for (const [who, role] of [['sender', 'editor'], ['auditor', 'auditor']]) {
		tokens[who] = path.join(TMP, who + '.token');
		fs.writeFileSync(tokens[who], a.user(who + '@example.org', role) + '\n');
	}
	const token = a.tokens['sender@example.org'], BIG = crypto.randomBytes(3 << 20), LONG = 'Mot '.repeat(10000);
	const send = async (subject, message, more = [], bytes = []) => {
		const answer = await a.multipart('/api/v1/letters', token, [['to', 'to@example.net'], ['bcc', 'hidden@example.net'], ['subject', subject], ['message', message], ...more,
			...bytes.map((b, n) => ['file', { filename: `é ${n}.bin`, bytes: b }])]);
		same(answer.status, 201, 'a letter: ' + answer.brief);
		return answer.json;
	};
	const one = await send('Première', 'Des mots', [], [BIG, Buffer.from('petit')]), two = await send('Seconde', LONG), three = await send('Masquée', 'Vers', [['class', 'fr-lre']]);
	await until('mails are out', () => a.one('SELECT COUNT(*) FROM notice WHERE due IS NOT NULL') === 0);
	same((await a.open(await a.link('to@example.net', 1))).status, 303, 'the first is read');
	const archive = (who, name, ...more) => {
		const file = path.join(TMP, name);
		a.verb('archive', 'export', file, '--server', a.url, '--ca', path.join(a.dir, 'tls/ca.pem'), '--token-file', tokens[who], ...more);
		return file;
	};
	const all = archive('sender', 'all.tar'), evidence = archive('auditor', 'evidence.tar', '--letter', two.id);
	same(a.run(['archive', 'import', all, a.dir, '--entity', 'New York', '--json']).stdout.replace(/"content_until.*/, ''), '{"imported":0,"known":3,"without_content":0,\n', 'where they are already nothing is taken');
	a.entity('Paris');
	const other = a.run(['archive', 'import', all, a.dir, '--entity', 'Paris']);
	check(other.status !== 0 && /another entity's/.test(other.stderr), 'nor for another entity of the same instance', other.stderr);
	same([a.one('SELECT COUNT(*) FROM letter'), a.verify().status], [3, 0], 'its journal is as it was');
	const anchors = ['--root', path.join(TMP, 'root.pem'), '--log-key', path.join(TMP, 'log.pub')];
	fs.copyFileSync(path.join(a.dir, 'public/root.pem'), anchors[1]);
	fs.copyFileSync(path.join(a.dir, 'public/log.pub'), anchors[3]);
	await a.stop();

	// Where they come to.
	const b = new Instance('to').make({ entity: 'Archives' });
	await b.serve();
	const who = {};
	for (const [name, role] of [['sender', 'editor'], ['stranger', 'editor'], ['reader', 'reader'], ['auditor', 'auditor']])
		who[name] = b.user(name + '@example.org', role, { entity: 'Archives' });
	b.verb('entity', 'set', b.dir, 'Archives', '--retention', 'vault', '--content-days', '3650', '--evidence-days', '7300');
	const get = (name, target) => b.request('GET', target, { token: who[name] });
	const take = (file, ...more) => b.run(['archive', 'import', file, b.dir, '--entity', 'Archives', '--retention', 'vault', ...anchors, ...more]);
	const empty = (what) => {
		same([b.one('SELECT COUNT(*) FROM letter'), b.one("SELECT COUNT(*) FROM journal WHERE event = 'archive.imported'"), b.one('SELECT COUNT(*) FROM archived_proof'),
			b.one("SELECT COUNT(*) FROM object WHERE state = 'committed'")], [0, 0, 0, 0], what + ': nothing was taken');
		same(files(path.join(b.dir, 'data/blobs')).length, b.one('SELECT COUNT(*) FROM object WHERE inline IS NULL'), what + ': no file without a row');
	};
	let r = b.run(['archive', 'import', all, b.dir, '--entity', 'Archives']);
	check(r.status !== 0 && /root given/.test(r.stderr), 'not under another root than one\'s own, or the one given', r.stderr);
	empty('a foreign root');
	const bytes = fs.readFileSync(all);
	const ofFile = bytes.indexOf(BIG.subarray(1 << 20, (1 << 20) + 64)), ofMessage = bytes.indexOf(LONG) + 20000;
	for (const [what, faults, ...places] of [['a byte of a file', 1, ofFile], ['bytes of a file and of a message', 2, ofFile, ofMessage], ['the end', 0, bytes.length - 2000]]) {
		const copy = Buffer.from(bytes);
		for (const at of places)
			copy[at] ^= 1;
		fs.writeFileSync(path.join(TMP, 'bad.tar'), copy);
		const refused = take(path.join(TMP, 'bad.tar'));
		check(refused.status !== 0 && ((refused.stdout + refused.stderr).match(/it is not the (file|message) that was deposited/g) || []).length === faults, what + ' changed: refused', refused.stdout + refused.stderr);
		same(b.one('SELECT COUNT(*) FROM object'), 0, what + ': nothing of it is left open');
		empty(what);
	}
	fs.writeFileSync(path.join(TMP, 'bad.tar'), bytes.subarray(0, bytes.length >> 1));
	check(take(path.join(TMP, 'bad.tar')).status !== 0, 'cut: refused');
	empty('cut');

	// Killed when much of it lies staged: a pipe that has given all but the end.
	const pipe = path.join(TMP, 'slow.tar');
	execFileSync('mkfifo', [pipe]);
	b.deathsExpected = true;
	const taking = spawn(PLI, ['archive', 'import', pipe, b.dir, '--entity', 'Archives', ...anchors], { stdio: 'ignore' });
	const over = new Promise((done) => taking.once('close', done));
	const writer = spawn('sh', ['-c', 'head -c "$2" "$1"; exec sleep 600', '-', all, String(bytes.length - 3000)], { stdio: ['ignore', fs.openSync(pipe, 'r+'), 'ignore'], detached: true });
	let writing = true;
	const endWriter = () => {		/* the shell's group: nobody would end what it waits for */
		if (writing)
			process.kill(-writer.pid, 'SIGKILL');
		writing = false;
	};
	process.on('exit', endWriter);
	await until('much of it is staged', () => b.one('SELECT COUNT(*) FROM object') >= 4, 120);
	process.kill(b.children()['pli-front'], 'SIGKILL');
	endWriter();
	check(await over !== 0, 'the import fails');
	await b.ready(30);
	await b.stop();
	await b.serve();		/* so that the sweep need not be waited for */
	await until('the sweep has been', () => b.one('SELECT COUNT(*) FROM object') === 0, 180);
	empty('killed');

	// Taken.
	r = take(all, '--json');
	same(r.stdout.replace(/"content_until.*/, ''), '{"imported":3,"known":0,"without_content":0,\n', 'taken: ' + r.stderr);
	r = take(all, '--json');
	same(r.stdout.replace(/"content_until.*/, ''), '{"imported":0,"known":3,"without_content":0,\n', 'a second time none: ' + r.stderr);
	const list = (await get('sender', '/api/v1/letters?state=archived')).json.letters;
	same(list.map((l) => [l.id, l.subject, l.state, l.archive.log, l.archive.number, l.archive.state]).sort(), [one, two, three].map((l) => [l.id, l.subject, 'archived', 'localhost/j/1', l.number, l === one ? 'partly_received' : 'sent']).sort(), 'the sender has them');
	const letter = (await get('sender', '/api/v1/letters/' + one.id)).json;
	check(letter.recipients.every((x) => x.reading === undefined), 'degrees of reading are in its proofs, not here', letter.recipients);
	check(Math.abs(Date.parse(letter.created) - Date.parse(one.created)) < 10000, 'the time of its deposit', [letter.created, one.created]);
	same([letter.retention.name, letter.parts, letter.recipients.map((x) => [x.address, x.kind, x.state, x.sends, x.read])],
		['vault', one.parts, [['to@example.net', 'to', 'opened', 1, true], ['hidden@example.net', 'bcc', 'sent', 1, false]]], 'as it was');
	for (const name of ['sender', 'reader']) {
		same((await get(name, `/api/v1/letters/${one.id}/message`)).text, 'Des mots', `the ${name} reads it`);
		check((await get(name, `/api/v1/letters/${one.id}/files/1`)).body.equals(BIG), `the ${name} has its file`);
	}
	same((await get('sender', `/api/v1/letters/${two.id}/message`)).text, LONG, 'a long message');
	const shown = await get('reader', '/api/v1/letters/' + one.id);
	check(!shown.text.includes('hidden@'), 'a reader does not see the hidden copy');
	same([shown.json.state, shown.json.archive.state], ['archived', 'received'], 'nor that not everybody has read');
	for (const l of [one, two, three])
		for (const [query, name] of [['', 'sender'], ['?recipient=to@example.net', 'recipient-1'], ['?recipient=hidden@example.net', 'recipient-2']])
			for (const by of ['sender', 'auditor'])
				same(sha256((await get(by, `/api/v1/letters/${l.id}/proof${query}`)).body), sha256(member(all, `letters/${l.id}/${name}.asice`)), `${by}: the proof that came along, ${name}`);
	const proof = path.join(TMP, 'proof.asice');
	fs.writeFileSync(proof, (await get('auditor', `/api/v1/letters/${one.id}/proof`)).body);
	r = b.run(['proof', 'verify', proof, ...anchors]);
	same(r.status, 0, 'and it verifies: ' + r.stdout + r.stderr);
	same([(await get('stranger', '/api/v1/letters/' + one.id)).status, (await get('auditor', `/api/v1/letters/${one.id}/message`)).status, (await get('reader', `/api/v1/letters/${one.id}/proof`)).status], [404, 403, 403], 'nobody else');
	const resend = await b.request('POST', `/api/v1/letters/${one.id}/resend`, { token: who.sender });
	const receipt = await get('sender', `/api/v1/letters/${one.id}/proof.pdf`), again = await get('auditor', '/api/v1/archive/list?letter=' + one.id);
	same([resend.status, resend.json.type, receipt.status, receipt.json.type, again.status], [409, 'urn:pli:problem:archived', 409, 'urn:pli:problem:archived', 409], 'it is not sent again, and nothing new is proved of it');
	same((await get('sender', '/api/v1/letters?q=premi%C3%A8re')).json.letters.map((l) => l.id), [one.id], 'it is found');
	const s = await b.signedIn('sender@example.org'), page = await s.get('/letters/' + one.id);
	check(page.status === 200 && /class="badge[^>]*>Archivé</.test(page.text) && page.text.includes(`localhost/j/1, n° ${one.number}`) && !page.text.includes('proof.pdf') && page.text.includes(`/letters/${one.id}/proof"`) && !page.text.includes('<summary>Envoyer à nouveau'), 'its page', page.text);
	check((await s.get('/letters')).text.includes('Archivé'), 'the list of letters');
	const journal = (await get('auditor', '/api/v1/journal?letter=' + one.id)).json.entries;
	same(journal.map((e) => [e.event, e.message]), [['archive.imported', `Lettre reprise d’une archive (localhost/j/1, n° ${one.number})`]], 'the journal says so');
	const entry = JSON.parse(b.sql(`SELECT CAST(entry AS TEXT) AS e FROM journal WHERE event = 'archive.imported' AND letter = x'${one.id.replace(/-/g, '')}'`)[0].e);
	same([entry.d, entry.h.list, entry.h.proof], [{ log: 'localhost/j/1', number: one.number }, sha256(member(all, 'lists/001/list.txt')), sha256(member(all, `letters/${one.id}/sender.asice`))], 'and binds what came');
	same(b.verify().status, 0, 'it verifies');
	r = b.run(['scrub', b.dir, '--json', '--rate', '0']);
	same([r.status, JSON.parse(r.stdout).letters, JSON.parse(r.stdout).objects, JSON.parse(r.stdout).orphans], [0, 3, 14, 0], 'all of it can be read, proofs too: ' + r.stderr);
	same((await b.request('DELETE', '/api/v1/letters/' + one.id, { token: who.sender })).status, 409, 'it is under retention');
	check(b.run(['letter', 'hold', b.dir, one.id, '--reason', 'Litige']).status === 0 && b.run(['letter', 'release', b.dir, one.id]).status === 0, 'it can be held');

	// Its retention ends: first the content, then the rest.
	const blob = b.one('SELECT COUNT(*) FROM object WHERE inline IS NULL');
	await b.stop();
	b.sqlWrite(`UPDATE letter SET content_until = 1, expires = 1, retention_due = 1 WHERE letter = x'${one.id.replace(/-/g, '')}'; SELECT 1;`);
	await b.serve();
	await until('its content is gone', async () => (await get('sender', `/api/v1/letters/${one.id}/message`)).status === 410 && b.one('SELECT COUNT(*) FROM object WHERE inline IS NULL') < blob, 180);
	same(sha256((await get('auditor', `/api/v1/letters/${one.id}/proof`)).body), sha256(member(all, `letters/${one.id}/sender.asice`)), 'its proofs stay');
	r = b.run(['scrub', b.dir, '--json', '--rate', '0']);
	same([r.status, JSON.parse(r.stdout).letters, JSON.parse(r.stdout).objects], [0, 3, 11], 'and can still be read: ' + r.stderr);
	await b.stop();

	// Evidence without content, with the server stopped.
	const c = new Instance('evidence').make({ entity: 'Archives' });
	r = c.run(['archive', 'import', evidence, c.dir, '--entity', 'Archives', ...anchors]);
	check(r.status === 0 && /^1 letters taken, 1 of them without content/.test(r.stdout), 'an auditor\'s archive: ' + r.stdout, r.stderr);
	same(c.verify().status, 0, 'verifies');
});
