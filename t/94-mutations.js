#!/usr/bin/env node
// Goal: no forgery passes, and each is refused with words of its own.  `pli proof attack` makes over a hundred single mutations of a
// sender's and of a recipient's proof of a real server (bytes, files, their order, words, signers, a forger's own keys); each is refused by
// `pli proof verify` with just the words that were foretold, at least sixty different ones; a choice of every kind is refused by verify.sh
// under dash and busybox.  Then what only two true proofs make possible: another letter's, another recipient's, an older state's parts.  Last, documents beside the
// proof: they may be there or not, all or some, and are what was deposited.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');
const { Instance, check, same, main, TMP, PLI } = require('./lib/pli.js');
const { unzip, zip } = require('./lib/zip.js');

const MISSING = 'no such forgery';
let pins, script, serial = 0;

function program(file) {
	const r = spawnSync(PLI, ['proof', 'verify', file, ...pins], { encoding: 'utf8' });
	return { status: r.status, failed: r.stdout.split('\n').filter((l) => l.startsWith('FAILED: ')).map((l) => l.slice(8)), out: r.stdout + r.stderr };
}

function shell(files, which) {
	const dir = path.join(TMP, 'd' + serial++);
	for (const f of files) {
		fs.mkdirSync(path.dirname(path.join(dir, f.name)), { recursive: true });
		fs.writeFileSync(path.join(dir, f.name), f.data);
	}
	const [command, ...args] = which.split(' ');
	const r = spawnSync(command, [...args, script, dir, ...pins], { cwd: TMP, encoding: 'utf8' });
	fs.rmSync(dir, { recursive: true });
	return { status: r.status, last: r.stdout.trim().split('\n').pop() };
}

// What cannot be seen any more once the archive is a folder.
const inFolder = (f) => f.target !== 'ZIP' && !['twice', 'escape', 'order'].includes(f.act);

function attack(what, proof) {
	const dir = path.join(TMP, 'forged-' + what), r = spawnSync(PLI, ['proof', 'attack', proof, '--keep', dir, '--json'], { encoding: 'utf8' });
	same(r.status, 0, `${what}: every forgery is caught: ${r.stderr}`);
	const said = JSON.parse(r.stdout), files = fs.readdirSync(dir).sort();
	check(said.count >= 100 && said.caught === said.count, `${what}: over a hundred forgeries, all caught`, [said.count, said.caught]);
	same(files.length, said.count, what + ': each is kept');
	const words = new Set(), acts = {};
	for (const f of said.forgeries) {
		const file = path.join(dir, files[f.n - 1]), got = program(file), name = `${what} ${f.n}, ${f.act} ${f.target}`;
		check(got.status === 65 && got.failed.length === f.failed && got.failed.length > 0, name + ': refused', got.out);
		// Which token or key a forger made differs from run to run, what is said of it does not.
		same(got.failed.join(' · '), f.text, name + ': with the words foretold');
		words.add(f.text);
		(acts[f.act] = acts[f.act] || []).push({ ...f, file });
	}
	check(words.size >= 60, what + ': at least sixty different reasons', words.size);
	same(Object.keys(acts).sort(), ['add', 'certify', 'cut', 'drop', 'edit', 'escape', 'flip', 'grow', 'head', 'key', 'order', 'reseal', 'stamp', 'swap', 'twice', 'unsign'], what + ': every kind');
	return acts;
}

function scripts(what, acts) {
	let n = 0;
	for (const list of Object.values(acts)) {
		const able = list.filter(inFolder), step = Math.max(1, Math.floor(able.length / 3));
		for (const f of able.filter((_, k) => k % step === 0).slice(0, 3)) {
			const which = n++ % 2 ? 'busybox sh' : 'dash', r = shell(unzip(fs.readFileSync(f.file)), which);
			check(r.status === 1 && r.last.startsWith('FAIL '), `${what}, ${which}: ${f.act} ${f.target}`, r.last);
		}
	}
	check(n >= 25, what + ': enough of them were tried', n);
}

// Both verifiers refuse, with these words.
function refused(name, files, words, script_words = words) {
	const file = path.join(TMP, 'mixed.asice');
	fs.writeFileSync(file, zip(files));
	const got = program(file);
	check(got.status === 65 && got.failed.some((t) => t.includes(words)), 'program: ' + name, got.out);
	for (const which of ['dash', 'busybox sh']) {
		const r = shell(files, which);
		check(r.status === 1 && r.last.includes(script_words), `${which}: ${name}`, r.last);
	}
}

const take = (files, other, ...names) => files.map((f) => names.includes(f.name) ? { ...f, data: (other.find((g) => g.name === f.name) || { data: Buffer.from(MISSING) }).data } : f);

function mixed(older, newer, other, recipients) {
	const changed = (name) => `manifest: ${name} is not the file that was sealed`;
	refused('an older checkpoint', take(newer, older, 'checkpoint.txt', 'checkpoint.tst'), 'proof: ', 'manifest: ');
	refused('an older token', take(newer, older, 'checkpoint.tst'), changed('checkpoint.tst'));
	refused('the token over another receipt', take(newer, older, 'receipt.tst'), changed('receipt.tst'));
	refused('an older receipt', take(newer, older, 'receipt.txt', 'receipt.p7s', 'receipt.tst', 'receipt.xml'), 'receipt: ', 'manifest: receipt.txt');
	refused('list and seal of an older state', take(newer, older, 'META-INF/ASiCManifest.xml', 'META-INF/signature.p7s'), 'manifest: receipt.txt', 'files: ');
	refused('seal of another letter', take(newer, other, 'META-INF/signature.p7s'), 'seal: seal does not hold', 'seal: the signature over META-INF/ASiCManifest.xml does not hold');
	refused('another letter\'s entry', take(newer, other, 'journal/001.json'), changed('journal/001.json'));
	const [a, b] = recipients;
	refused('another recipient\'s token', take(a, b, 'receipt.tst'), changed('receipt.tst'));
	refused('another recipient\'s token over the journal', take(a, b, 'checkpoint.tst', 'checkpoint.txt'), 'proof: journal/001.tlog-proof has another checkpoint', 'manifest: ');
	refused('another recipient\'s sheet', take(a, b, 'sheet.json', 'sheet.salt'), 'binding: entry', 'manifest: sheet.json');
	refused('another recipient\'s receipt', take(a, b, 'receipt.txt', 'receipt.p7s', 'receipt.tst'), 'receipt: line', 'manifest: receipt.txt');
	refused('a manifest that leaves a file out', newer.map((f) => f.name === 'META-INF/ASiCManifest.xml' ? { ...f, data: Buffer.from(f.data.toString().replace(/^<DataObjectReference URI="sheet-002.json".*\n/m, '')) } : f),
		'manifest: lists sheet-002.salt where sheet-002.json must be', 'files: sheet-002.json does not belong here');
}

// Message and attachments beside a proof.
function documents(file, bare) {
	const files = unzip(fs.readFileSync(file)), own = files.filter((f) => f.name.startsWith('documents/')), at = (name) => own.find((f) => f.name === name).data;
	same(own.map((f) => [f.name, f.data.toString()]), [['documents/message.md', 'M'], ['documents/001.pdf', 'unone'], ['documents/002.txt', 'deux']], 'message and documents are in it');
	const holds = (name, list) => {
		const mixed = path.join(TMP, 'documents.asice');
		fs.writeFileSync(mixed, zip(list));
		same([program(mixed).status, ...['dash', 'busybox sh'].map((which) => shell(list, which).last)], [0, 'VERIFIED', 'VERIFIED'], name);
	};
	holds('all of them', files);
	holds('one of them', files.filter((f) => !own.includes(f) || f.name === 'documents/002.txt'));
	holds('none', files.filter((f) => !own.includes(f)));
	holds('with another ending', files.map((f) => f.name === 'documents/001.pdf' ? { ...f, name: 'documents/001' } : f));
	const put = (name, data, of = files) => [...of.filter((f) => f.name !== name), { ...files[0], name, data }];
	refused('a changed document', put('documents/001.pdf', Buffer.from('unonE')), 'content: documents/001.pdf is not what was deposited');
	refused('a longer message', put('documents/message.md', Buffer.from('M ')), 'content: documents/message.md is not what was deposited');
	refused('a document of no part', put('documents/003.txt', at('documents/002.txt')), 'content: documents/003.txt is of no part of the letter');
	refused('a document twice', put('documents/001.txt', at('documents/001.pdf')), 'files: documents/001.txt does not belong here');
	refused('a part without its number', put('documents/000.txt', at('documents/001.pdf')), 'files: documents/000.txt does not belong here');
	refused('a name that is none', put('documents/bail.pdf', at('documents/001.pdf')), 'files: documents/bail.pdf does not belong here');
	refused('documents that the proof withholds', put('documents/message.md', Buffer.from('M'), unzip(bare)), 'files: documents/message.md does not belong here');
}

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const token = i.user('sender@example.org');
	const letter = async (name) => {
		const made = await i.multipart('/api/v1/letters', token, [['to', name + '-a@example.org'], ['cc', name + '-b@example.org'], ['bcc', name + '-c@example.org'], ['subject', 'Objet ' + name], ['message', 'M'],
			['file', { filename: 'un.pdf', bytes: 'un' + name }], ['file', { filename: 'deux.txt', bytes: 'deux' }]]);
		const proof = async () => (await i.request('GET', `/api/v1/letters/${made.json.id}/proof`, { token })).body;
		for (const who of 'abc')
			await i.mail(`${name}-${who}@example.org`);
		return { made, proof, link: (who) => i.link(`${name}-${who}@example.org`) };
	};
	const recipient = async (l, who) => {
		const link = await l.link(who), opened = await i.open(link);
		return (await i.request('GET', link + '/proof', { headers: { Cookie: opened.cookie } })).body;
	};
	const one = await letter('one'), two = await letter('two');
	const older = await one.proof(), a = await recipient(one, 'a'), b = await recipient(one, 'b'), newer = await one.proof(), other = await two.proof();
	// By command line; not where the proof withholds what the letter contains.
	const get = (id, ...more) => i.run(['proof', 'get', id, '--documents', '--server', i.url, '--ca', path.join(i.dir, 'tls/ca.pem'), '--token-file', tokenFile, ...more]);
	const tokenFile = path.join(TMP, 'token'), whole = path.join(TMP, 'whole.asice'), refusing = path.join(TMP, 'withheld.asice');
	fs.writeFileSync(tokenFile, token);
	same(get(one.made.json.id, '-o', whole).status, 0, 'a proof with its documents');
	const secret = (await i.multipart('/api/v1/letters', token, [['to', 'secret@example.org'], ['class', 'registered'], ['subject', 'S'], ['message', 'M']])).json.id;
	await i.mail('secret@example.org');
	const bare = (await i.request('GET', `/api/v1/letters/${secret}/proof?recipient=secret@example.org`, { token })).body;
	const none = get(secret, '--recipient', 'secret@example.org', '-o', refusing);
	check(none.status !== 0 && /withholds what the letter contains/.test(none.stderr) && !fs.existsSync(refusing), 'no documents beside a proof that withholds them', none.stderr);
	await i.stop();
	pins = ['--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')];
	script = path.join(TMP, 'verify.sh');
	fs.writeFileSync(script, unzip(newer).find((f) => f.name === 'verify.sh').data);
	for (const [what, bytes] of [['sender', newer], ['recipient', a]]) {
		const file = path.join(TMP, what + '.asice');
		fs.writeFileSync(file, bytes);
		same(program(file).status, 0, what + ': the proof itself verifies');
		same(shell(unzip(bytes), 'dash').last, 'VERIFIED', what + ': by the script too');
		scripts(what, attack(what, file));
	}
	mixed(unzip(older), unzip(newer), unzip(other), [unzip(a), unzip(b)]);
	documents(whole, bare);
});
