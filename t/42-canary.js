#!/usr/bin/env node
// Goal: what is secret stands in clear nowhere.  Words that occur nowhere else are written into every place that a letter, an
// account and a link have, and used in every way, wrongly too; then neither the instance directory (caught mails aside) nor the
// log, nor what the processes show in /proc, holds one of them, in plain, base64, hexadecimal or compressed, running or stopped.
// The processes are not dumpable, leave no core, and have wiped passwords and links from their memory after use.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const zlib = require('zlib');
const { spawn, spawnSync } = require('child_process');
const { Instance, check, same, until, pause, main, TMP, PLI } = require('./lib/pli.js');
const { needlesOf, hitsIn, hitsBelow, hitsInMemory } = require('./lib/canary.js');

const ROOT = process.getuid() === 0;
// A word of 20 letters that occurs once in the world; upper case is kept where texts keep it.
const word = (of) => of + crypto.randomBytes(16).toString('latin1').replace(/[^]/g, (c) => 'abcdefghijkmnopqrstuvwxyz'[c.charCodeAt(0) % 25]);
const WORDS = {};
for (const name of ['subject', 'message', 'filename', 'tusname', 'zipname', 'content', 'largecontent', 'tuscontent', 'toaddress', 'ccaddress', 'bccaddress', 'toname', 'sendername',
	'senderaddress', 'entityname', 'adminpassword', 'accountpassword', 'letterpassword', 'wrongpassword', 'tokenname', 'idempotencykey', 'badaddress', 'badsubject', 'query', 'refusedtoken', 'refusedfile', 'clisubject',
	'climessage', 'clipassword', 'clifile'])
	WORDS[name] = word('Kn' + name.slice(0, 3));

const TUS = { 'Tus-Resumable': '1.0.0' };
const address = (name) => `${WORDS[name].toLowerCase()}@example.net`;
const sender = address('senderaddress');

// A search that finds nothing must be one that would find: everything, in every form, at every alignment.
function searchFinds() {
	const needles = needlesOf({ here: 'Kanarienvogel-im-Schacht', raw: Buffer.from('f00d00ff10aa55cc', 'hex') });
	const forms = { plain: (b) => b, upper: (b) => Buffer.from(b.toString('latin1').toUpperCase(), 'latin1'), hex: (b) => Buffer.from(b.toString('hex')), HEX: (b) => Buffer.from(b.toString('hex').toUpperCase()),
		gzip: (b) => zlib.gzipSync(b), deflate: (b) => zlib.deflateSync(b), 'gzip in gzip': (b) => zlib.gzipSync(zlib.gzipSync(b)), 'base64 in gzip': (b) => zlib.gzipSync(b.toString('base64')) };
	for (let n = 0; n < 3; n++) {
		forms['base64, ' + n] = (b) => Buffer.from(Buffer.concat([crypto.randomBytes(n), b, crypto.randomBytes(5)]).toString('base64'));
		forms['base64url, ' + n] = (b) => Buffer.from(Buffer.concat([crypto.randomBytes(n), b, crypto.randomBytes(5)]).toString('base64url'));
	}
	for (const [form, make] of Object.entries(forms))
		for (const [what, text] of [['here', Buffer.from('Kanarienvogel-im-Schacht')], ['raw', Buffer.from('f00d00ff10aa55cc', 'hex')]])
			if (what === 'here' || form !== 'upper')
				check(hitsIn(Buffer.concat([crypto.randomBytes(100), make(text), crypto.randomBytes(100)]), needles, 'x').some((h) => h.what.startsWith(what)), `the search finds ${form} of ${what}`);
	same(hitsIn(crypto.randomBytes(1 << 20), needles, 'x'), [], 'and nothing in random bytes');
}

const fileIn = (name, text) => {
	const file = path.join(TMP, name);
	fs.writeFileSync(file, text, { mode: 0o600 });
	return file;
};

function verbs(i) {
	i.verb('entity', 'add', i.dir, WORDS.entityname);
	i.verb('user', 'add', i.dir, sender, '--name', WORDS.sendername, '--entity', WORDS.entityname, '--role', 'editor', '--password-file', fileIn('account', WORDS.accountpassword + '\n'));
	const token = i.token(sender, '--name', WORDS.tokenname), dead = i.token(sender, '--name', WORDS.tokenname);
	WORDS.apitoken = token;
	WORDS.deadtoken = dead;
	return token;
}

const large = (name) => Buffer.from((WORDS[name] + ' '.repeat(30)).repeat(3000));

async function deposits(i, token) {
	const api = await i.multipart('/api/v1/letters', token, [['to', `${WORDS.toname} <${address('toaddress')}>`], ['cc', address('ccaddress')], ['bcc', address('bccaddress')],
		['subject', 'Objet ' + WORDS.subject], ['message', `# ${WORDS.message}\n\n${WORDS.message}`], ['password', WORDS.letterpassword],
		['file', { filename: WORDS.filename + '.txt', bytes: 'text ' + WORDS.content, type: 'text/plain' }], ['file', { filename: WORDS.zipname + '.gz', bytes: large('largecontent') }]],
	{ 'Idempotency-Key': WORDS.idempotencykey });
	same(api.status, 201, 'a letter by multipart: ' + (api.status === 201 ? '' : api.brief));
	const begun = await i.request('POST', '/api/v1/uploads', { token, headers: { ...TUS, 'Upload-Length': large('tuscontent').length,
		'Upload-Metadata': `filename ${Buffer.from(WORDS.tusname + '.bin').toString('base64')}` } });
	const where = new URL(begun.headers.location, i.url).pathname, bytes = large('tuscontent'), half = 50000;
	// The next piece comes as soon as the last one is answered.
	for (const [from, to] of [[0, 10], [10, 20], [20, 30], [30, half], [half, bytes.length]])
		same((await i.request('PATCH', where, { token, body: bytes.subarray(from, to), headers: { ...TUS, 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': from } })).status, 204, 'an upload goes up');
	const tus = await i.json('POST', '/api/v1/letters', token, { to: [address('toaddress')], subject: WORDS.subject, message: WORDS.message, uploads: [where.split('/').pop()] });
	same(tus.status, 201, 'a letter by JSON and tus: ' + (tus.status === 201 ? '' : tus.brief));
	// One that stays unfinished: its bytes are there too.
	const open = await i.request('POST', '/api/v1/uploads', { token, headers: { ...TUS, 'Upload-Length': 1000000, 'Content-Type': 'application/offset+octet-stream',
		'Upload-Metadata': `filename ${Buffer.from(WORDS.tusname).toString('base64')}` }, body: Buffer.from(WORDS.tuscontent) });
	same(open.status, 201, 'an upload stays unfinished');
	const cli = i.run(['send', '--server', i.url, '--ca', path.join(i.dir, 'tls/ca.pem'), '--token-file', fileIn('token', token + '\n'), '--to', address('toaddress'), '--subject', WORDS.clisubject,
		'--message', fileIn('message', WORDS.climessage), '--attach', fileIn(WORDS.clifile, WORDS.clifile), '--letter-password-file', fileIn('letter-password', WORDS.clipassword + '\n')]);
	same(cli.status, 0, 'a letter by the command line: ' + cli.stderr);
	return [api.json.id, tus.json.id, cli.stdout.trim()];
}

// What is refused must not be told to the log either.
async function wrongly(i, token) {
	const ask = (...a) => i.request(...a).then((r) => r.status);
	same(await ask('GET', '/api/v1/letters', { token: WORDS.refusedtoken }), 401, 'a token that is none');
	same(await ask('GET', '/l/' + crypto.randomBytes(32).toString('hex').slice(0, 52).replace(/[0189]/g, 'a')), 404, 'a link that is none');
	check((await ask('GET', `/api/v1/letters?q=${WORDS.query}&cursor=${WORDS.query}`, { token })) >= 400, 'a query that is none');
	same(await ask('GET', '/' + WORDS.query), 404, 'a path that is none');
	for (const fields of [[['to', WORDS.badaddress + '@'], ['subject', WORDS.badsubject]], [['to', 'a@example.net'], ['subject', WORDS.badsubject + '\r\nX: y']],
		[['to', 'a@example.net'], ['subject', ''], ['file', { filename: WORDS.refusedfile, bytes: WORDS.refusedfile.repeat(5000) }]]])
		check((await i.multipart('/api/v1/letters', token, fields)).status === 422, 'a letter that is refused');
	check((await i.json('POST', '/api/v1/letters', token, { to: [WORDS.badaddress], subject: WORDS.badsubject, [WORDS.query]: 1 })).status >= 400, 'JSON that is refused');
	await i.raw(`GET /${WORDS.query} HTTP/1.1\r\nHost: ${WORDS.query}\r\nAuthorization: Bearer ${WORDS.apitoken}\r\n${WORDS.query}\r\n\r\n`);
	await i.raw(`POST /api/v1/letters HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${WORDS.apitoken}\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"subject":"${WORDS.badsubject}`, { idle: 300 });
	const mal = i.run(['token', 'revoke', i.dir, WORDS.query]);
	check(mal.status !== 0, 'a verb that is refused');
}

async function readings(i, token, ids) {
	const first = address('toaddress');
	const links = {};
	for (const name of ['toaddress', 'ccaddress', 'bccaddress'])
		links[name] = await i.link(address(name));
	WORDS.tolink = links.toaddress.slice(3);
	WORDS.cclink = links.ccaddress.slice(3);
	WORDS.bcclink = links.bccaddress.slice(3);
	for (let k = 0; k < 2; k++)
		same((await i.open(links.toaddress, WORDS.wrongpassword)).status, 403, 'a wrong password');
	for (const link of [links.toaddress, links.bccaddress]) {
		const opened = await i.open(link, WORDS.letterpassword), headers = { Cookie: opened.cookie };
		same(opened.status, 303, 'opened by its password');
		WORDS[link === links.toaddress ? 'tocookie' : 'bcccookie'] = opened.cookie.split('=')[1];
		const page = await i.request('GET', link + '/letter', { headers });
		check(page.text.includes(WORDS.message) && page.text.includes(WORDS.filename), 'the letter is shown');
		for (const what of ['files/1', 'files/2', 'files.zip', 'proof'])
			same((await i.request('GET', `${link}/${what}`, { headers })).status, 200, what);
	}
	const mails = await until('the mails of three letters', () => { const m = i.mails(first); return m.length >= 3 && m; });
	mails.forEach((m, k) => { WORDS['link' + k] = new URL(m.links[0]).pathname.slice(3); });
	// Ten wrong ones, a new link.
	for (let k = 0; k < 11; k++)
		await i.open(links.ccaddress, WORDS.wrongpassword);
	const locked = await i.request('GET', links.ccaddress), form = /name="form" value="([^"]*)"/.exec(locked.text);
	if (check(form, 'a locked link offers a new one', locked.brief)) {
		await i.postForm(links.ccaddress + '/renew', { form: form[1] });
		WORDS.newlink = (await i.link(address('ccaddress'), 2)).slice(3);
		same((await i.open('/l/' + WORDS.newlink, WORDS.letterpassword)).status, 303, 'the new link opens');
	}
	for (const id of ids)
		for (const what of ['', '/proof'])
			same((await i.request('GET', `/api/v1/letters/${id}${what}`, { token })).status, 200, 'the sender looks at it');
	same((await i.request('POST', `/api/v1/letters/${ids[1]}/resend`, { token })).status, 202, 'sent again');
	for (const headers of [{}, { Accept: 'text/csv' }])
		check((await i.request('GET', '/api/v1/journal', { token, headers })).text.includes(WORDS.subject), 'the journal shows the subject to whom it may');
	await until('all notices are handed over', () => i.one('SELECT COUNT(*) FROM notice WHERE due IS NOT NULL') === 0);
}

const base32 = (text) => {
	let bits = '';
	for (const c of text)
		bits += 'abcdefghijklmnopqrstuvwxyz234567'.indexOf(c).toString(2).padStart(5, '0');
	return Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
};

function allNeedles() {
	const words = { ...WORDS };
	for (const [name, value] of Object.entries(WORDS)) {
		if (/link/.test(name))
			words[name + ' (256 bits)'] = base32(value);
		if (/^(apitoken|deadtoken)$/.test(name)) {
			words[name] = value.replace(/^pli_/, '');
			words[name + ' (256 bits)'] = Buffer.from(value.replace(/^pli_/, ''), 'base64url');
		}
	}
	return needlesOf(words);
}

function nothingOnDisk(i, needles, when) {
	const skip = (name) => /^outbox\/[^/]*\.eml$/.test(name), got = hitsBelow(i.dir, needles, skip);
	same(got.hits, [], `${when}: nothing in the instance directory`);
	check(got.files > 20, `${when}: files were looked at`, got);
	const log = fs.readFileSync(i.log);
	check(log.length > 200, 'there is a log');
	same(hitsIn(log, needles, 'log'), [], `${when}: nothing in the log`);
	return got;
}

// Arguments, environment, and what open files have no name any more.
function nothingInProc(i, needles) {
	for (const [name, pid] of [['pli', i.server.pid], ...Object.entries(i.children())]) {
		for (const what of ['cmdline', 'environ', 'status', 'comm'])
			if (ROOT || what !== 'environ')
				same(hitsIn(fs.readFileSync(`/proc/${pid}/${what}`), needles, what), [], `/proc: ${what} of ${name}`);
		if (!ROOT)
			continue;
		for (const fd of fs.readdirSync(`/proc/${pid}/fd`)) {
			const to = fs.readlinkSync(`/proc/${pid}/fd/${fd}`);
			if (/\(deleted\)/.test(to) && fs.statSync(`/proc/${pid}/fd/${fd}`).isFile())
				same(hitsIn(fs.readFileSync(`/proc/${pid}/fd/${fd}`), needles, to), [], `an open file of ${name}: ${to}`);
		}
	}
}

// As the same user, who is not root.
function notReadable(i) {
	const read = (pid, what, owner) => spawnSync('head', ['-c', '1', `/proc/${pid}/${what}`], ROOT ? owner : {});
	for (const [name, pid] of Object.entries(i.children())) {
		const m = (key) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
		const owner = { uid: m('Uid'), gid: m('Gid') };
		const other = spawn('cat', [], { stdio: ['pipe', 'ignore', 'ignore'], ...(ROOT ? owner : {}) });
		same(read(other.pid, 'maps', owner).status, 0, `a process of ${name}'s user can look into another`);
		other.kill();
		for (const what of ['mem', 'maps', 'environ', 'auxv', 'stack'])
			check(read(pid, what, owner).status !== 0, `${name}: /proc/PID/${what} is closed to its own user`);
		const limits = fs.readFileSync(`/proc/${pid}/limits`, 'utf8');
		check(/^Max core file size\s+0\s+0\s/m.test(limits), `${name}: no core`, limits);
	}
	check(/^Max core file size\s+0\s/m.test(fs.readFileSync(`/proc/${i.server.pid}/limits`, 'utf8')), 'pli: no core');
}

// Every process is aborted; nothing is left where it stood, nor where cores usually go.
async function noCores(i) {
	const places = new Set([TMP, i.dir, '/']), find = () => [...places].flatMap((d) => fs.readdirSync(d).filter((n) => /^core|\.core$/.test(n)).map((n) => path.join(d, n)));
	for (const pid of [i.server.pid, ...Object.values(i.children())])
		if (ROOT)
			places.add(fs.readlinkSync(`/proc/${pid}/cwd`));
	const before = find();
	for (const name of ['pli-courier', 'pli-keeper', 'pli-front']) {
		const pid = i.children()[name];
		process.kill(pid, 'SIGABRT');
		await until(name + ' is back', async () => { const now = i.children()[name]; return now && now !== pid && await i.isReady(); });
	}
	i.server.kill('SIGABRT');
	same((await i.ended).signal, 'SIGABRT', 'the parent was aborted');
	same(find(), before, 'no core files');
}

// Passwords and links are not in any process any more when the work is done and the connections are closed.
async function wiped(i, token) {
	// Each of them once more, at the same time, so that what is not wiped has not been written over by something later.
	const name = word('Kn'), pass = WORDS.lastpassword = word('Kn');
	same((await i.multipart('/api/v1/letters', token, [['to', name + '@example.net'], ['subject', 'S'], ['password', pass]])).status, 201, 'one more letter');
	const link = await i.link(name + '@example.net');
	WORDS.lastlink = link.slice(3);
	await Promise.all(Array.from({ length: 5 }, async (_, k) => {
		same((await i.open(link, WORDS.wrongpassword)).status, 403, 'a wrong password');
		WORDS['lastcookie' + k] = (await i.open(link, pass)).cookie.split('=')[1];
	}));
	const words = {};
	for (const [name, value] of Object.entries(WORDS))
		if (/password|link|cookie/.test(name))
			words[name] = value;
	for (const [name, value] of Object.entries(words))
		if (/link/.test(name))
			words[name + ' (256 bits)'] = base32(value);
	const needles = needlesOf(words).filter((n) => !/\((hex|base64|UTF-16|percent)\)/.test(n.name));
	check(hitsInMemory(i.children()['pli-front'], needlesOf({ address: i.url })).hits.length > 0, 'the search sees what is in memory');
	i.agent.destroy();
	let found = [], size = 0;
	for (let tries = 0; tries < 120; tries++) {
		found = [];
		size = 0;
		for (const [name, pid] of [['pli', i.server.pid], ...Object.entries(i.children())]) {
			const got = hitsInMemory(pid, needles);
			size += got.size;
			found.push(...got.hits.map((h) => ({ process: name, ...h })));
		}
		if (found.length === 0)
			break;
		await pause(250);
	}
	check(size > 4 << 20, 'memory was looked at', size);
	if (!check(found.length === 0, 'passwords and links are wiped after use', `${found.length} places`))
		for (const h of found)
			console.log(`  ${h.process}: ${h.what} in ${h.where}: ${h.around}`);
}

main(async () => {
	searchFinds();
	// Cores would be allowed, were they not turned off.
	const program = path.join(TMP, 'pli-with-cores');
	fs.writeFileSync(program, `#!/bin/sh\nulimit -c unlimited 2>/dev/null\nexec '${PLI}' "$@"\n`, { mode: 0o755 });
	const i = new Instance().make({ conf: '[log]\nlevel = debug\n' });
	i.verb('entity', 'add', i.dir, 'Other');
	i.verb('user', 'add', i.dir, 'admin2@example.org', '--name', 'N', '--entity', 'Other', '--role', 'admin', '--password-file', fileIn('admin2', WORDS.adminpassword + '\n'));
	await i.serve({ program });
	i.deathsExpected = true;
	const token = verbs(i), ids = await deposits(i, token);
	await wrongly(i, token);
	await readings(i, token, ids);
	if (ROOT)
		await wiped(i, token);
	const needles = allNeedles();
	// The search sees what is there: the caught mails do hold the links.
	const mails = hitsBelow(path.join(i.dir, 'outbox'), needles);
	check(['tolink', 'cclink', 'newlink'].every((w) => mails.hits.some((h) => h.what === w)), 'the caught mails hold the links, and the search finds them');
	nothingOnDisk(i, needles, 'running');
	nothingInProc(i, needles);
	notReadable(i);
	await noCores(i);
	nothingOnDisk(i, needles, 'after the abort');
	await i.serve({ program });
	await i.stop();
	const got = nothingOnDisk(i, needles, 'stopped');
	console.log(`${needles.length} forms of ${Object.keys(WORDS).length} words looked for in ${got.files} files, ${got.bytes} bytes`);
});
