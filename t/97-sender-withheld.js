#!/usr/bin/env node
// Goal: with the profile fr-lre nothing that a recipient can get before he accepts names who wrote, about what, or what it contains: neither mail,
// page, redirect, header, refusal, nor a proof in any of its forms (container, its parts, XML, PDF and the text on its pages, bar codes), as it
// stands, in base64, hex or inside compressed streams.  Who refuses or lets the time go by gets his proof by his link all the same; it verifies with
// and without Pli, and binds the sender by a digest that the sender's own proof opens.  After acceptance everything names him.
'use strict';
const crypto = require('crypto');
const { spawnSync } = require('child_process');
const fs = require('fs');
const https = require('https');
const path = require('path');
const { PLI, Instance, check, same, until, main, TMP } = require('./lib/pli.js');
const { needlesOf, hitsIn } = require('./lib/canary.js');

const ENTITY = 'Étude Kermadec & Filles', NAME = 'Ondine Vasseur', ADDRESS = 'ondine@kermadec-notaires.example', SIREN = '552081317';
const SUBJECT = 'Congé du bail Quimperlé', MESSAGE = 'Zinzolin est le mot du message', FILE = 'acte-mordoré.pdf', BYTES = 'Ocre-et-garance '.repeat(40);
let serial = 0;
const tool = (name, ...args) => { const r = spawnSync(name, args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8' }, maxBuffer: 1 << 26 }); return { status: r.status, out: r.stdout + r.stderr }; };
const sha256 = (...parts) => parts.reduce((h, p) => h.update(p), crypto.createHash('sha256')).digest('hex');

main(async () => {
	const i = new Instance().make().unkept();
	await i.serve();
	i.entity(ENTITY, SIREN);
	const token = i.user(ADDRESS, 'editor', { entity: ENTITY, name: NAME });
	const account = i.one("SELECT lower(hex(account)) FROM account ORDER BY created DESC LIMIT 1");
	const uuid = [8, 4, 4, 4, 12].reduce(([out, at], n) => [[...out, account.slice(at, at + n)], at + n], [[], 0])[0].join('-');
	const NEEDLES = needlesOf({ entity: ENTITY, name: NAME, 'family name': 'Vasseur', 'entity\'s name': 'Kermadec', address: ADDRESS, domain: 'kermadec-notaires', SIREN, subject: SUBJECT, 'a word of it': 'Quimperlé',
		message: 'Zinzolin', file: FILE, 'a word of its name': 'mordoré', content: 'Ocre-et-garance', account: uuid, 'network address': '127.9.8.7' });
	const found = (bytes, what) => hitsIn(Buffer.from(bytes), NEEDLES, what).map((h) => h.what + ' in ' + h.where);
	const silent = (bytes, what) => same(found(bytes, what), [], `${what}: names nobody, nothing of the letter`);
	const whole = (answer) => Buffer.concat([Buffer.from(JSON.stringify(answer.headers) + '\n'), answer.body]);
	check(found(Buffer.from(`x${ADDRESS}y`).toString('base64'), 'x').length > 0 && found(require('zlib').deflateSync('abc Vasseur'), 'x').length > 0, 'the search finds what it looks for');

	const made = await i.multipart('/api/v1/letters', token, [['to', 'refuses@example.org, accepts@example.org'], ['bcc', 'sleeps@example.org'], ['subject', SUBJECT], ['message', MESSAGE], ['class', 'fr-lre'],
		['file', { filename: FILE, bytes: BYTES }]]);
	same(made.status, 201, 'a letter: ' + made.brief);
	const id = made.json.id, api = `/api/v1/letters/${id}`, get = async () => (await i.request('GET', api, { token })).json;
	await until('sent', async () => (await get()).state === 'sent');
	const links = {};
	for (const who of ['refuses', 'accepts', 'sleeps'])
		links[who] = await i.link(who + '@example.org');

	// What the sender does about them meanwhile is entered in their chains too.
	const elsewhere = new https.Agent({ ca: i.ca, localAddress: '127.9.8.7' });
	const certified = await i.request('POST', '/api/v1/certificates', { token, agent: elsewhere, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ letters: [id] }) });
	same(certified.status, 200, 'a certificate over them: ' + certified.brief);
	elsewhere.destroy();

	const keep = (bytes, ending) => { const file = path.join(TMP, `p${serial++}${ending}`); fs.writeFileSync(file, bytes); return file; };
	const keys = ['--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')];
	// Everything in it as a map of texts; it verifies with and without Pli.
	const opened = (bytes, what, shell = true) => {
		const file = keep(bytes, '.asice'), dir = file + '.d';
		const v = tool(PLI, 'proof', 'verify', file, ...keys);
		check(v.status === 0 && /VERIFIED/.test(v.out), `${what}: pli proof verify`, v.out);
		same(tool('unzip', '-q', file, '-d', dir).status, 0, what + ': unzips');
		const sh = shell ? tool('dash', path.join(dir, 'verify.sh'), dir, ...keys) : null;
		check(!sh || (sh.status === 0 && /^VERIFIED$/m.test(sh.out)), `${what}: verify.sh`, sh && sh.out);
		return { dir, file, read: (name) => fs.readFileSync(path.join(dir, name), 'utf8'), has: (name) => fs.existsSync(path.join(dir, name)) };
	};
	const paper = (bytes, what) => {
		const file = keep(bytes, '.pdf'), sig = tool('pdfsig', '-nocert', file), text = tool('pdftotext', '-layout', file, '-').out, info = tool('pdfinfo', file).out;
		check(/Signature is Valid/.test(sig.out) && /Total document signed/.test(sig.out), `${what}: pdfsig`, sig.out);
		const v = tool(PLI, 'proof', 'verify', file, ...keys);
		check(v.status === 0 && /VERIFIED/.test(v.out), `${what}: pli proof verify`, v.out);
		same(tool('pdfdetach', '-save', '1', '-o', file + '.asice', file).status, 0, what + ': the proof inside');
		return { file, text: text + info, inside: fs.readFileSync(file + '.asice') };
	};
	const silentFolder = (dir, what) => {
		for (const name of fs.readdirSync(dir, { recursive: true }).filter((n) => fs.statSync(path.join(dir, n)).isFile()))
			silent(fs.readFileSync(path.join(dir, name)), `${what}: ${name}`);
	};

	// Before anything is decided.
	for (const who of Object.keys(links)) {
		for (const m of i.mails(who + '@example.org'))
			silent(fs.readFileSync(m.file), `${who}: the mail`);
		for (const method of ['GET', 'HEAD'])
			for (const at of ['', '?lang=fr', '?lang=en', '/letter', '/files/1', '/files.zip', '/proof', '/receipt.pdf'])
				silent(whole(await i.request(method, links[who] + at)), `${who}: ${method} ${at}`);
		const form = await i.form(links[who]);
		silent(whole(await i.postForm(links[who] + '/open', { form: 'old' })), `${who}: an old form`);
		silent(whole(await i.postForm(links[who] + '/open', { form }, { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Site': 'same-origin' })), `${who}: asked again, to accept`);
		silent(whole(await i.postForm(links[who] + '/refuse', { form }, { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Site': 'same-origin' })), `${who}: asked again, to refuse`);
		silent(whole(await i.postForm(links[who] + '/renew', { form })), `${who}: a new link`);
		const own = opened((await i.request('GET', `${api}/proof?recipient=${who}@example.org`, { token })).body, `${who}: his proof before he decides`, who === 'refuses');
		silentFolder(own.dir, `${who}: his proof before he decides`);
		check(own.has('withheld.sha256') && !own.has('manifest.json') && !own.has('withheld.json'), `${who}: what it binds is there, not what it is`);
	}

	// One refuses: his proof is behind his link.
	const form = await i.form(links.refuses);
	same((await i.postForm(links.refuses + '/refuse', { form })).status, 303, 'one refuses');
	const done = await i.request('GET', links.refuses + '?lang=fr');
	check(done.status === 410 && done.text.includes('Votre preuve') && done.text.includes(links.refuses + '/proof'), 'the page offers his proof', done.brief);
	silent(whole(done), 'the page after refusal');
	const refusal = async (link, word, what) => {
		const got = await i.request('GET', link + '/proof');
		same([got.status, got.headers['content-type']], [200, 'application/vnd.etsi.asic-e+zip'], what + ': his proof');
		silent(whole(got), what + ': his proof');
		const proof = opened(got.body, what);
		silentFolder(proof.dir, what);
		for (const lang of ['fr', 'en']) {
			const pdf = await i.request('GET', `${link}/receipt.pdf?lang=${lang}`);
			same([pdf.status, pdf.headers['content-type']], [200, 'application/pdf'], `${what}: in ${lang}`);
			silent(whole(pdf), `${what}: PDF`);
			const page = paper(pdf.body, `${what}: PDF, ${lang}`);
			silent(page.text, `${what}: the text of the PDF`);
			silentFolder(opened(page.inside, `${what}: in the PDF`, false).dir, `${what}: in the PDF`);
			check(page.text.includes(word[lang]), `${what}: it says what it is`, page.text);
			same(sha256((await i.request('GET', `${link}/receipt.pdf?lang=${lang}`)).body), sha256(pdf.body), `${what}: made once`);
		}
		return proof;
	};
	const refused = await refusal(links.refuses, { fr: 'Preuve de refus', en: 'Proof of refusal' }, 'the refuser');
	check(/, lre\.refused, /.test(refused.read('receipt.txt')) && refused.read('receipt.xml').includes('/Event/ConsignmentRejection<'), 'it proves the refusal');
	const attacked = tool(PLI, 'proof', 'attack', refused.file);
	check(attacked.status === 0 && /withheld\.sha256/.test(attacked.out), 'every forgery of it is noticed', attacked.out);

	// Its photocopy: bar codes alone.
	const stem = path.join(TMP, 'copy');
	fs.writeFileSync(stem + '.pdf', (await i.request('GET', links.refuses + '/receipt.pdf?lang=fr')).body);
	tool('pdftoppm', '-r', '150', '-gray', stem + '.pdf', stem);
	const codes = fs.readdirSync(TMP).filter((n) => /^copy-\d+\.pgm$/.test(n)).map((n) => tool('zbarimg', '-q', '--raw', path.join(TMP, n)).out).join('');
	const code = keep(codes, '.txt'), copy = tool(PLI, 'proof', 'verify', '--paper', code, '--log-key', keys[3]);
	check(copy.status === 0 && copy.out.includes('withheld until acceptance, sha256 ' + refused.read('withheld.sha256')) && /lre\.refused/.test(copy.out) && copy.out.includes('refuses@example.org'),
		'a photocopy says the same', copy.out + codes);
	silent(copy.out, 'a photocopy');
	same((await i.request('GET', links.refuses + '/letter')).status, 303, 'nothing else is there');
	same((await i.request('GET', links.refuses + '/files/1')).status, 303, 'no file');
	same((await i.request('GET', links.accepts + '/proof')).status, 303, 'nor is anything there for who has not decided');

	// The sender's proofs of the refusal name him, as they must.
	const about = await i.request('GET', `${api}/proof.pdf?kind=refusal&recipient=refuses@example.org`, { token, headers: { 'Accept-Language': 'fr' } });
	const sendersPage = paper(about.body, 'the sender\'s PDF');
	for (const word of [NAME, ADDRESS, ENTITY, SIREN, 'refuses@example.org', 'Preuve de refus', FILE])
		check(sendersPage.text.includes(word), `the sender's PDF of the refusal says: ${word}`, sendersPage.text);
	check(!sendersPage.text.includes('accepts@') && !sendersPage.text.includes('sleeps@'), 'and names no other recipient');
	const sender = opened((await i.request('GET', api + '/proof', { token })).body, 'the sender\'s');
	same(sha256(sender.read('withheld.salt'), sender.read('withheld.json')), refused.read('withheld.sha256'), 'what the refuser\'s proof binds, the sender\'s opens');
	same(sha256(sender.read('manifest.json')), JSON.parse(refused.read('sheet.json')).manifest, 'the list of contents too');

	// It cannot be made to say something else.
	for (const [what, name, change] of [['another digest', 'withheld.sha256', (t) => (t[0] === '0' ? '1' : '0') + t.slice(1)],
		['a name put in', 'receipt.txt', (t) => t.replace(/^Withheld: .*$/m, 'Sender-Name: Somebody')]]) {
		const dir = path.join(TMP, 'forged' + serial++);
		fs.cpSync(refused.dir, dir, { recursive: true });
		fs.writeFileSync(path.join(dir, name), change(refused.read(name)));
		const sh = tool('dash', path.join(dir, 'verify.sh'), dir, ...keys);
		check(sh.status === 1 && /^FAIL/m.test(sh.out), `${what}: refused`, sh.out);
	}
	const stolen = path.join(TMP, 'stolen');
	fs.cpSync(refused.dir, stolen, { recursive: true });
	fs.copyFileSync(path.join(sender.dir, 'withheld.json'), path.join(stolen, 'withheld.json'));
	check(/^FAIL files: withheld\.json does not belong here/m.test(tool('dash', path.join(stolen, 'verify.sh'), stolen, ...keys).out), 'a file more is refused');
	const upload = await i.multipart('/verify', undefined, [['proof', { filename: 'p.asice', bytes: fs.readFileSync(refused.file) }]], { 'Accept-Language': 'fr' });
	check(upload.status === 200 && upload.text.includes('non révélé avant l’acceptation'), 'the public page verifies it', upload.brief);
	silent(whole(upload), 'the public page about it');

	// Another accepts: from then on everything names the sender.
	const reading = await i.open(links.accepts);
	same(reading.status, 303, 'another accepts');
	const inside = (at) => i.request('GET', links.accepts + at, { headers: { Cookie: reading.cookie } });
	check((await inside('/letter')).text.includes(NAME), 'he is told who wrote');
	const accepted = opened((await inside('/proof')).body, 'who accepted');
	for (const word of [NAME, ADDRESS, ENTITY, SIREN, SUBJECT])
		check(accepted.read('receipt.txt').includes(word), `his proof says: ${word}`);
	same(tool(PLI, 'proof', 'attack', accepted.file).status, 0, 'every forgery of it is noticed');
	same(accepted.read('withheld.json'), sender.read('withheld.json'), 'he can open what was bound');
	check(accepted.has('manifest.json') && !accepted.has('withheld.sha256'), 'with the list of contents');
	check(accepted.read('receipt.xml').includes('/Event/ConsignmentAcceptance<') && accepted.read('receipt.xml').includes(ADDRESS), 'for machines, too');
	const acceptance = paper((await i.request('GET', `${api}/proof.pdf?kind=acceptance&recipient=accepts@example.org`, { token, headers: { 'Accept-Language': 'en' } })).body, 'the sender\'s PDF of the acceptance');
	check(acceptance.text.includes('Proof of acceptance') && acceptance.text.includes(NAME) && acceptance.text.includes('accepts@example.org'), 'says so', acceptance.text);
	const receipt = paper((await inside('/receipt.pdf?lang=fr')).body, 'his acknowledgement');
	check(receipt.text.includes(NAME) && receipt.text.includes(SUBJECT), 'says it too', receipt.text);
	same(tool('sh', '-c', `cd ${opened((await i.request('GET', `${api}/proof?recipient=accepts@example.org`, { token })).body, 'his proof by the API', false).dir} && ls withheld*`).out, 'withheld.json\nwithheld.salt\n', 'and by the API');

	// The third does nothing.
	i.sqlWrite(`UPDATE recipient SET window_end = ${Date.now() - 60000}000 WHERE kind = 'bcc'`);
	await i.stop();
	await i.serve();
	await until('the end is entered', async () => (await get()).recipients[2].decision === 'unclaimed', 30);
	check((await i.request('GET', links.sleeps + '?lang=fr')).text.includes(links.sleeps + '/proof'), 'his page offers the proof');
	const unclaimed = await refusal(links.sleeps, { fr: 'Preuve de non-réclamation', en: 'Proof of non-collection' }, 'who did nothing');
	check(unclaimed.read('receipt.xml').includes('/Event/AcceptanceRejectionExpiry<') && !unclaimed.read('receipt.txt').includes('refuses@'), 'it proves that time ran out');
	const late = paper((await i.request('GET', `${api}/proof.pdf?kind=unclaimed&recipient=sleeps@example.org`, { token })).body, 'the sender\'s PDF of non-collection');
	check(late.text.includes(NAME) && late.text.includes('sleeps@example.org'), 'names sender and recipient', late.text);
	const tokenFile = path.join(TMP, 'token'), archive = path.join(TMP, 'all.tar');
	fs.writeFileSync(tokenFile, token + '\n');
	same(i.run(['archive', 'export', archive, '--letter', id, '--server', i.url, '--ca', path.join(i.dir, 'tls/ca.pem'), '--token-file', tokenFile]).status, 0, 'an archive of it');
	const checked = i.run(['archive', 'verify', archive, ...keys]);
	same(checked.status, 0, 'verifies: ' + checked.stdout + checked.stderr);
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
