#!/usr/bin/env node
// Goal: the same letter by API (JSON, form), command line, mail program and page is the same letter: the sender's proof, the recipients'
// proofs and the API's answer have the same files, the same fields and, but for ids, times, digests of keys and the door's name, the
// same values; each proof verifies.
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const { PASSWORD, Instance, same, until, wholeHour, main, freePort, TMP } = require('./lib/pli.js');
const { Smtp, lines } = require('./lib/smtp.js');

const ME = 'sender@example.org', TO = 'to@example.net', CC = 'cc@example.net', BCC = 'hidden@example.net';
const SUBJECT = 'Délibération n° 7', TEXT = 'Bonjour à tous.', FILE = { filename: 'acte.txt', bytes: 'Le même acte.\n', type: 'application/octet-stream' };

// What differs by nature: ids, times, numbers, digests, tokens.
function plain(text) {
	return text.replace(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, 'ID').replace(/\b[0-9a-f]{64}\b/g, 'HASH')
		.replace(/\b[0-9a-f]{32}\b/g, 'HEX').replace(/[A-Za-z0-9+\/]{43}=/g, 'HASH').replace(/\d+/g, 'N');
}

function shape(value) {
	if (Array.isArray(value))
		return value.map(shape);
	if (value && typeof value === 'object')
		return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, k === 'ch' || k === 'channel' ? 'DOOR' : k === 'm' || k === 'method' || k === 'lvl' || k === 'level' ? 'HOW' : shape(v)]));
	return typeof value === 'string' ? plain(value) : typeof value;
}

// Of the receipt: each line's field, and its value unless the door has to do with it.
function fields(text) {
	return text.split('\n').map((l) => {
		const at = l.indexOf(': ');
		return at < 0 ? plain(l) : plain(l.slice(0, at)) + ': ' + (/\b(api|smtp|web|api-token|password)\b/.test(l) ? 'HOW' : plain(l.slice(at + 2)));
	});
}

function proofShape(bytes, name) {
	const file = path.join(TMP, name + '.asice'), dir = path.join(TMP, name + '.d'), out = {};
	fs.writeFileSync(file, bytes);
	execFileSync('unzip', ['-q', '-o', file, '-d', dir]);
	for (const n of execFileSync('unzip', ['-Z1', file], { encoding: 'utf8' }).trim().split('\n')) {
		const data = fs.readFileSync(path.join(dir, n));
		out[n] = /\.json$/.test(n) ? shape(JSON.parse(data)) : /receipt\.txt$/.test(n) ? fields(data.toString()) : /receipt\.xml$/.test(n) ? data.toString().match(/<[A-Za-z][\w:]*/g) : 'there';
	}
	return { file, out };
}

main(async () => {
	await wholeHour(60);	// letters of one day and hour
	const port = freePort(), i = new Instance().make({ conf: `[submission]\nlisten = 127.0.0.1:${port}\n[signin]\npolicy = password\n` });
	await i.serve();
	const token = i.user(ME, 'editor', { password: PASSWORD });
	const tokenFile = path.join(TMP, 'token'), acte = path.join(TMP, FILE.filename), message = path.join(TMP, 'message');
	fs.writeFileSync(tokenFile, token);
	fs.writeFileSync(acte, FILE.bytes);
	fs.writeFileSync(message, TEXT);
	const newest = async () => (await i.request('GET', '/api/v1/letters', { token })).json.letters[0].id;
	const doors = {
		json: async () => {
			const up = await i.request('POST', '/api/v1/uploads', { token, headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': String(Buffer.byteLength(FILE.bytes)), 'Content-Type': 'application/offset+octet-stream',
				'Upload-Metadata': `filename ${Buffer.from(FILE.filename).toString('base64')},filetype ${Buffer.from(FILE.type).toString('base64')}` }, body: FILE.bytes });
			same(up.status, 201, 'an upload: ' + up.brief);
			const made = await i.json('POST', '/api/v1/letters', token, { to: [TO], cc: [CC], bcc: [BCC], subject: SUBJECT, message: TEXT, uploads: [path.basename(up.headers.location)] });
			same(made.status, 201, 'a letter by JSON: ' + made.brief);
			return made.json.id;
		},
		form: async () => (await i.multipart('/api/v1/letters', token, [['to', TO], ['cc', CC], ['bcc', BCC], ['subject', SUBJECT], ['message', TEXT], ['file', FILE]])).json.id,
		cli: async () => {
			const r = i.run(['send', '--server', i.url, '--ca', path.join(i.dir, 'tls/ca.pem'), '--token-file', tokenFile, '--to', TO, '--cc', CC, '--bcc', BCC,
				'--subject', SUBJECT, '--message', message, '--attach', acte]);
			same(r.status, 0, 'pli send: ' + r.stderr);
			return newest();
		},
		mail: async () => {
			const s = await Smtp.open({ port, ca: i.ca });
			same((await s.auth(ME, token)).code, 235, 'the mail program signs in');
			const r = await s.send(ME, [TO, CC, BCC], Buffer.from(lines(`From: ${ME}`, `To: ${TO}`, `Cc: ${CC}`, `Subject: =?utf-8?B?${Buffer.from(SUBJECT).toString('base64')}?=`, 'Message-ID: <same@test.example>',
				'MIME-Version: 1.0', 'Content-Type: multipart/mixed; boundary=b', '', '--b', 'Content-Type: text/plain; charset=utf-8', '', TEXT, '--b', 'Content-Type: application/octet-stream; name=acte.txt',
				'Content-Disposition: attachment; filename=acte.txt', 'Content-Transfer-Encoding: base64', '', Buffer.from(FILE.bytes).toString('base64'), '--b--')));
			same(r.code, 250, 'the mail is taken: ' + r.text);
			s.close();
			return newest();
		},
		page: async () => {
			const s = await i.signedIn(ME);
			const kept = await i.multipart('/letters/new', undefined, [['form', s.form], ['to', TO], ['cc', CC], ['bcc', BCC], ['subject', SUBJECT], ['message', TEXT], ['act', 'review'], ['file', FILE]], { Cookie: s.cookie });
			same(kept.status, 303, 'the page is kept: ' + kept.brief);
			const review = await s.get(kept.headers.location);
			const version = /name="version" value="(\d+)"/.exec(review.text)[1];
			const sent = await s.post(kept.headers.location.replace('/review', '/send'), { version });
			same(sent.status, 303, 'and sent: ' + sent.brief);
			return newest();
		},
	};
	const shapes = {};
	for (const [door, send] of Object.entries(doors)) {
		const id = await send();
		await until('all is sent by ' + door, async () => (await i.request('GET', '/api/v1/letters/' + id, { token })).json.state === 'sent');
		const letter = (await i.request('GET', '/api/v1/letters/' + id, { token })).json;
		const proof = await i.request('GET', `/api/v1/letters/${id}/proof`, { token });
		same(proof.status, 200, 'the proof of the letter by ' + door);
		const made = proofShape(proof.body, door), verified = i.run(['proof', 'verify', made.file, '--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')]);
		same(verified.status, 0, `which verifies: ${verified.stderr}`);
		const theirs = {};
		for (const who of [TO, CC, BCC]) {
			const one = await i.request('GET', `/api/v1/letters/${id}/proof?recipient=${who}`, { token });
			theirs[who] = proofShape(one.body, `${door}-${who}`);
			same([one.status, i.run(['proof', 'verify', theirs[who].file, '--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')]).status], [200, 0], `that of ${who} verifies`);
		}
		shapes[door] = { theirs: Object.fromEntries(Object.entries(theirs).map(([who, p]) => [who, p.out])), letter: shape(letter), proof: made.out, hashes: letter.parts.map((p) => p.sha256), message: letter.message && letter.message.sha256 };
	}
	for (const door of ['json', 'cli', 'mail', 'page']) {
		same(Object.keys(shapes[door].proof), Object.keys(shapes.form.proof), `by ${door}: the same files in the proof`);
		for (const n of Object.keys(shapes.form.proof))
			same(shapes[door].proof[n], shapes.form.proof[n], `by ${door}: ${n}`);
		for (const who of [TO, CC, BCC])
			for (const n of new Set([...Object.keys(shapes.form.theirs[who]), ...Object.keys(shapes[door].theirs[who])]))
				same(shapes[door].theirs[who][n], shapes.form.theirs[who][n], `by ${door}: ${n} of the proof of ${who}`);
		same([shapes[door].letter, shapes[door].hashes], [shapes.form.letter, shapes.form.hashes], `by ${door}: the same letter`);
	}
	const doorsIn = i.sql("SELECT CAST(entry AS TEXT) AS entry FROM journal WHERE event = 'deposit.accepted' ORDER BY seq").map((r) => JSON.parse(r.entry).ch);
	same(doorsIn, ['api', 'api', 'api', 'smtp', 'web'], 'only the name of the door tells them apart');
	const opened = [];
	for (let n = 1; n <= 5; n++) {
		const link = await i.link(TO, n), o = await i.open(link);
		const page = await i.request('GET', link + '/letter', { headers: { Cookie: o.cookie } });
		opened.push(page.text.includes(TEXT) && page.text.includes(FILE.filename) && page.text.includes(SUBJECT));
	}
	same(opened, [true, true, true, true, true], 'each is read alike');
	same(i.verify().status, 0, 'journal verify');
	await i.stop();
});
