#!/usr/bin/env node
// Goal: /verify says of a proof what `pli proof verify` says, check by check, to anybody and without JavaScript; each command that it
// shows really repeats the check; what is handed in is bounded, stays in memory and leaves nothing behind; words that it holds stay
// words.  In a browser: a proof is dropped, documents are compared without one byte of them being sent.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');
const { Instance, check, same, until, main, TMP, PLI } = require('./lib/pli.js');
const browser = require('./lib/browser.js');
const { SCREENS, look } = require('./lib/look.js');
const PAYLOADS = require('./lib/payloads.js');
const { unzip, zip } = require('./lib/zip.js');
const { needlesOf, hitsBelow } = require('./lib/canary.js');

const SECRET = 'Kanarienvogel-im-Schacht-7';
const hand = (i, bytes, { name = 'proof.asice', fields = [], headers = {}, more = [] } = {}) =>
	i.multipart('/verify', undefined, [...fields, ['proof', { filename: name, bytes }], ...more], headers);
const words = (html) => html.replace(/<[^>]*>/g, ' ').replace(/&#39;/g, "'").replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&amp;/g, '&');
const entities = (s) => s.replace(/&#(\d+);/g, (_, n) => String.fromCharCode(n)).replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&amp;/g, '&');
// What the page says: [{id, result, detail, command}] in its order.
const checksOf = (html) => [...html.matchAll(/<li class="check (\w+)">([^]*?)<\/li>/g)].map(([, result, inner]) => ({ result,
	detail: entities((/class="detail"><code>([^]*?)<\/code>/.exec(inner) || [])[1] || ''), command: entities((/<pre[^>]*><code>([^]*?)<\/code>/.exec(inner) || [])[1] || '') }));
const verdictOf = (html) => (/<section class="verdict (\w+)"/.exec(html) || [])[1];

function program(bytes, ...more) {
	const file = path.join(TMP, 'one.asice');
	fs.writeFileSync(file, bytes);
	const r = spawnSync(PLI, ['proof', 'verify', file, '--json', ...more], { encoding: 'utf8' });
	return { status: r.status, ...JSON.parse(r.stdout) };
}

// The page and the program, of the same bytes.
async function both(i, bytes, what) {
	const page = await hand(i, bytes, { headers: { 'Accept-Language': 'en' } });
	const said = program(bytes);
	same(page.status, 200, what + ': the page answers');
	if (verdictOf(page.text) === 'bad' && !/<li class="check/.test(page.text)) {
		same(said.verified, false, what + ': not a proof at all');
		return { page, said };
	}
	same(checksOf(page.text).map((c) => [c.result, c.detail]), said.checks.map((c) => [c.result, c.result === 'fails' ? c.text : '']), what + ': the same checks as the program');
	same(checksOf(page.text).map((c) => c.command), said.checks.map((c) => c.command), what + ': the same commands');
	same(verdictOf(page.text) !== 'bad', said.verified, what + ': the same verdict');
	return { page, said };
}

function flip(bytes, word, by = 1) {
	const out = Buffer.from(bytes), at = out.indexOf(word);
	if (at < 0)
		throw new Error('no ' + word);
	out[at + word.length - 1] ^= by;
	return out;
}

function otherArchive() {
	const dir = path.join(TMP, 'archive');
	fs.mkdirSync(dir, { recursive: true });
	fs.writeFileSync(path.join(dir, 'photo.txt'), 'a picture');
	spawnSync('zip', ['-q', 'other.zip', 'photo.txt'], { cwd: dir });
	return fs.readFileSync(path.join(dir, 'other.zip'));
}

async function verdicts(i, other, sender, recipient) {
	for (const [what, bytes] of [['the sender\'s proof', sender], ['a recipient\'s proof', recipient]]) {
		const { page, said } = await both(i, bytes, what);
		same(verdictOf(page.text), 'good', what + ' is genuine');
		check(said.checks.length >= 11 && said.checks.every((c) => c.result === 'holds'), 'every check holds', said.checks);
		check(page.text.includes(said.root.match(/.{8}/g).join(' ')), 'the fingerprint of the root is shown');
		for (const p of said.parts)
			check(page.text.includes(`data-sha256="${p.sha256}"`), 'each document with its fingerprint');
		for (const e of said.entries)
			check(page.text.includes(`<time datetime="${e.date}">`) && page.text.includes(`<time datetime="${e.timestamp}">`), 'each entry with both clocks', e);
	}
	same(verdictOf((await hand(other, sender)).text), 'wait', 'a proof of another service is not called genuine');
	// One file of the archive changed: its checksum in the archive is wrong.
	const broken = await both(i, flip(sender, '"subject":"Objet'), 'a changed byte');
	same(verdictOf(broken.page.text), 'bad', 'a changed byte is noticed');
	for (const [what, bytes] of [['words', Buffer.from('Just words.')], ['an empty archive', Buffer.concat([Buffer.from('PK\x05\x06'), Buffer.alloc(18)])], ['half of a proof', sender.subarray(0, sender.length >> 1)],
		['zeros', Buffer.alloc(1 << 20)], ['a proof and something behind it', Buffer.concat([sender, Buffer.from('x')])]])
		same(verdictOf((await both(i, bytes, what)).page.text), 'bad', what + ' is no proof');
	for (const [what, bytes] of [['a document', Buffer.from('%PDF-1.4\n1 0 obj\n<< >>\nendobj\n%%EOF\n')], ['another archive', otherArchive()]]) {
		const page = (await both(i, bytes, what)).page.text;
		check(page.includes('This is not a proof') && !/<li class="check/.test(page), what + ': is said to be no proof, not to be forged');
	}
	same((await i.request('GET', '/verify')).status, 200, 'the form');
	same((await i.multipart('/verify', undefined, [['act', 'verify']])).status, 422, 'without a file: said beside the field');
	same((await hand(i, '')).status, 422, 'an empty file: the same');
	same((await hand(i, sender, { more: [['proof', { filename: 'b', bytes: 'b' }]] })).status, 422, 'two files are one too many');
	same((await hand(i, sender, { fields: [['unknown', 'x']] })).status, 422, 'unknown fields are refused');
	same((await hand(i, sender, { headers: { Origin: 'https://evil.example' } })).status, 403, 'not from another site');
	const en = await hand(i, sender, { fields: [['lang', 'en']] }), fr = await hand(i, sender, { fields: [['lang', 'fr']] });
	check(/genuine and unchanged/.test(en.text) && /authentique et intacte/.test(fr.text), 'in both languages');
}

// Each command in the unzipped proof, as it stands on the page.
async function commands(i, sender) {
	const dir = path.join(TMP, 'unzipped'), file = path.join(TMP, 'c.asice');
	fs.mkdirSync(dir);
	fs.writeFileSync(file, sender);
	spawnSync('unzip', ['-q', file, '-d', dir]);
	const list = checksOf((await hand(i, sender)).text).map((c) => c.command);
	check(list.length >= 11 && list.every((c) => c), 'each check has a command', list);
	for (const command of list) {
		const r = spawnSync('sh', ['-c', command], { cwd: dir, encoding: 'utf8' });
		check(r.status === 0 && !/CHANGED|error|unable/i.test(r.stdout + r.stderr), 'the command works: ' + command, r.stdout + r.stderr);
	}
	// And it notices.
	fs.appendFileSync(path.join(dir, 'receipt.txt'), 'x');
	fs.appendFileSync(path.join(dir, 'checkpoint.txt'), 'x');
	const noticing = list.filter((command) => {
		const r = spawnSync('sh', ['-c', command], { cwd: dir, encoding: 'utf8' });
		return r.status !== 0 || /CHANGED/.test(r.stdout);
	});
	check(noticing.length >= 3, 'manifest, timestamp and script notice changed files', noticing);
}

// The same forgeries as the program's, each caught.
async function attacked(i, sender) {
	const file = path.join(TMP, 'attacked.asice');
	fs.writeFileSync(file, sender);
	const said = JSON.parse(spawnSync(PLI, ['proof', 'attack', file, '--json'], { encoding: 'utf8' }).stdout);
	const page = await hand(i, sender, { fields: [['act', 'attack'], ['lang', 'en']] });
	const shown = [...page.text.matchAll(/<span class="status good">Caught<\/span> <code>([^<]*)<\/code>/g)].map((m) => entities(m[1]));
	same([page.status, verdictOf(page.text), shown.length], [200, 'good', said.count], 'every forgery stands on the page, caught');
	check(shown.length >= 60 && page.text.includes(`${said.count} forgeries made just now, ${said.count} caught`), 'and they are counted', shown.length);
	same(shown.slice().sort(), said.forgeries.map((f) => f.target).sort(), 'the same ones');
	same(/id="attack"/.test((await hand(i, Buffer.from('x'), { fields: [['act', 'attack']] })).text), false, 'what does not hold needs no forger');
	// All shares are spent on cheap looks; from then on one comes back each second, enough for a look and long not for an attack.
	await until('looks are limited', async () => (await Promise.all(Array.from({ length: 20 }, () => hand(i, Buffer.from('x'))))).some((a) => a.status === 429), 60);
	await until('an attack costs more than a look', async () => {
		const a = await hand(i, sender, { fields: [['act', 'attack']] });
		return a.status === 429 && Number(a.headers['retry-after']) > 1;
	}, 120);
}

async function bounds(i, sender) {
	same((await hand(i, Buffer.alloc((16 << 20) + (1 << 16)))).status, 413, 'more than 16 MiB are refused');
	// A bomb: 1 GiB of zeros in a megabyte.
	const zip = path.join(TMP, 'bomb.zip');
	spawnSync('sh', ['-c', 'mkdir -p bomb && cd bomb && head -c 1073741824 /dev/zero > receipt.txt && zip -q -9 ../bomb.zip receipt.txt && rm receipt.txt'], { cwd: TMP });
	const bomb = await hand(i, fs.readFileSync(zip));
	same([bomb.status, verdictOf(bomb.text)], [200, 'bad'], 'an archive that unpacks to a gigabyte is refused');
	if (process.getuid() === 0)	/* nobody else may look into these processes */
		check(i.pss() < 400 << 20, 'and nobody unpacked it', i.pss());
	const all = await Promise.all(Array.from({ length: 150 }, () => hand(i, sender)));
	const codes = all.map((a) => a.status);
	check(codes.includes(429) && codes.every((c) => [200, 429, 503].includes(c)), 'whoever asks too much is told to wait', codes.join(' '));
	const late = all.find((a) => a.status === 429);
	check(late && Number(late.headers['retry-after']) >= 1, 'and how long', late && late.headers);
	same((await i.request('GET', '/readyz')).status, 200, 'everybody else is served');
}

async function nothingStays(i, needles) {
	// The server knows of this letter nothing: it was made elsewhere.
	same(hitsBelow(i.dir, needles).hits.map((h) => h.where + ': ' + h.what), [], 'nothing of a proof that was handed in is on the disk');
	check(!fs.readFileSync(i.log, 'utf8').includes(SECRET), 'nor in the log');
}

// In a browser: names that a proof holds are names; a proof is dropped, documents are compared, nothing is sent.
async function pages(i, sender, broken, hostile, bytes) {
	const files = Object.fromEntries(Object.entries({ 'proof.asice': sender, 'broken.asice': broken, 'hostile.asice': hostile, 'contrat.txt': bytes, 'other.txt': bytes + ' ',
		'words.txt': 'no proof' }).map(([name, content]) => {
		const file = path.join(TMP, 'files', name);
		fs.mkdirSync(path.dirname(file), { recursive: true });
		fs.writeFileSync(file, content);
		return [name, file];
	}));
	const chrome = await browser.launch();
	try {
		for (const screen of SCREENS) {
			const context = await browser.open(chrome, i, { ...screen, bypassCSP: false }, ['status of 422']);
			const page = await context.newPage();
			const send = async (name) => {
				await page.goto(i.url + '/verify');
				await page.setInputFiles('#proof', files[name]);
				await Promise.all([page.waitForSelector('#verdict'), page.click('button.main')]);
			};
			await page.goto(i.url + '/verify');
			await look(page, 'verify ' + screen.name, screen);
			for (const [name, verdict] of [['words.txt', 'bad'], ['broken.asice', 'bad'], ['proof.asice', 'good']]) {
				await send(name);
				same(await page.$eval('#verdict', (e) => e.className), 'verdict ' + verdict, `${screen.name}: ${name}`);
				await page.$$eval('details', (all) => all.forEach((d) => { d.open = true; }));
				await look(page, `verify-${name.split('.')[0]} ${screen.name}`, screen);
			}
			const script = screen.javaScriptEnabled !== false;
			same(await page.isVisible('#documents'), script, screen.name + ': documents are asked for where they can be compared');
			if (script)
				await documents(page, i, files, screen.name);
			await send('hostile.asice');
			const names = await page.$$eval('#parts .file-name', (all) => all.map((e) => e.textContent));
			check(names.length > 120 && names.filter((n) => /[<>"=(]/.test(n)).length > 60, screen.name + ': payloads are names', names.length);
			same(await page.evaluate(() => [document.querySelectorAll('script').length, document.querySelectorAll('iframe, object, embed, base, img, video, audio, style, math, form form').length,
				[...document.querySelectorAll('*')].filter((e) => [...e.attributes].some((a) => /^on|^style$/.test(a.name))).length]), [1, 0, 0], screen.name + ': and nothing else');
			await context.close();
		}
	} finally {
		await chrome.close();
	}
}

async function documents(page, i, files, what) {
	const sent = [];
	const hear = (r) => sent.push(r.method() + ' ' + new URL(r.url()).pathname);
	page.on('request', hear);
	const settled = async (n) => page.waitForFunction((k) => Number(document.getElementById('documents-drop').dataset.done) >= k, n);
	await page.setInputFiles('#documents', [files['contrat.txt'], files['other.txt']]);
	await settled(2);
	same(await page.$$eval('#parts li', (all) => all.map((e) => !e.querySelector('.match').hidden)), [true, false], what + ': the document is recognised, the message is not there');
	check((await page.textContent('#strangers')).includes('other.txt'), what + ': one that was changed is none of them');
	// Lengths around the blocks of the digest, against the system's.
	const crypto = require('crypto');
	for (const n of [0, 55, 56, 63, 64, 65, 119, 120, 5000000]) {
		const big = path.join(TMP, 'files', n + '.bin'), content = crypto.randomBytes(n), hex = crypto.createHash('sha256').update(content).digest('hex');
		fs.writeFileSync(big, content);
		await page.evaluate((h) => { document.querySelector('#parts li').dataset.sha256 = h; document.querySelector('#parts li .match').hidden = true; }, hex);
		const done = Number(await page.$eval('#documents-drop', (e) => e.dataset.done));
		await page.setInputFiles('#documents', big);
		await settled(done + 1);
		check(await page.isVisible('#parts li:first-child .match'), `${what}: the digest of ${n} bytes is right`);
	}
	same(sent, [], what + ': nothing was sent');
	page.off('request', hear);
	// A proof that is dropped is handed in.
	await page.goto(i.url + '/verify');
	const data = await page.evaluateHandle((b) => {
		const t = new DataTransfer();
		t.items.add(new File([Uint8Array.from(atob(b), (c) => c.charCodeAt(0))], 'proof.asice'));
		return t;
	}, fs.readFileSync(files['proof.asice']).toString('base64'));
	await Promise.all([page.waitForSelector('#verdict'), page.dispatchEvent('#drop', 'drop', { dataTransfer: data })]);
	same(await page.$eval('#verdict', (e) => e.className), 'verdict good', what + ': a proof is dropped');
}

// A letter whose files bear the names that have run as program somewhere.
async function hostileProof(i, token) {
	const made = await i.multipart('/api/v1/letters', token, [['to', '"<b>x</b>" <hostile@example.org>'], ['subject', PAYLOADS[0]], ['message', 'M'],
		...PAYLOADS.map((p) => ['file', { filename: p.replace(/"/g, '%22').replace(/\r/g, '%0D').replace(/\n/g, '%0A'), bytes: 'x' }])]);
	same(made.status, 201, 'a letter with hostile names');
	return (await i.request('GET', `/api/v1/letters/${made.json.id}/proof`, { token })).body;
}

// As names of files in the container they are words in a message, or refused.
async function hostileNames(i, sender) {
	const files = unzip(sender);
	for (const p of PAYLOADS.filter((_, k) => k % 6 === 0)) {
		const page = await hand(i, zip([...files, { ...files[1], name: p }]));
		same([page.status, verdictOf(page.text)], [200, 'bad'], 'a file named ' + p);
		check(!page.text.includes('<script>alert') && !/<[a-z]+[^>]* on[a-z]+=/i.test(page.text), 'is words', page.text.slice(0, 2000));
	}
}

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const other = new Instance('other').make({ entity: SECRET });	// on another port
	await other.serve();
	const deposit = async (where, token, subject, name) => {
		const made = await where.multipart('/api/v1/letters', token, [['to', 'to@example.org'], ['subject', subject], ['message', 'M'], ['file', { filename: name, bytes: 'the bytes' }]]);
		same(made.status, 201, 'a letter');
		const link = await where.link('to@example.org'), opened = await where.open(link);
		return { sender: (await where.request('GET', `/api/v1/letters/${made.json.id}/proof`, { token })).body,
			recipient: (await where.request('GET', link + '/proof', { headers: { Cookie: opened.cookie } })).body };
	};
	const mine = await deposit(i, i.user('sender@example.org'), 'Objet du courrier', 'contrat.txt');
	other.entity('E2');
	const hostile = await hostileProof(i, i.tokens['sender@example.org']);
	await pages(i, mine.sender, flip(mine.sender, 'Objet du'), hostile, 'the bytes');
	await hostileNames(i, mine.sender);
	const foreign = await deposit(other, other.user('sender@example.org', 'editor', { entity: SECRET }), 'Objet ' + SECRET, SECRET + '.txt');
	await verdicts(i, other, mine.sender, mine.recipient);
	await commands(i, mine.sender);
	const shown = await hand(i, foreign.sender);
	check(words(shown.text).includes(SECRET), 'what the proof of another says is shown');
	await attacked(other, foreign.sender);
	await bounds(i, mine.sender);
	await nothingStays(i, needlesOf({ secret: SECRET }));
	await i.stop();
	await other.stop();
	await nothingStays(i, needlesOf({ secret: SECRET }));
});
