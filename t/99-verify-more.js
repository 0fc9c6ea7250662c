#!/usr/bin/env node
// Goal: /verify reads what people really hold: a proof in PDF, by the same checks as the program; the bar codes of a printed one, one after
// the other through a phone's browser, which keeps them to itself until a button is pressed, or typed, in any order and without JavaScript;
// what is missing, mixed, changed or of another service is said in its own words; a mail of which somebody asks whether it is ours. Nothing
// that was handed in stays.
'use strict';
const fs = require('fs');
const https = require('https');
const path = require('path');
const { execFileSync, spawnSync } = require('child_process');
const { Instance, check, same, main, TMP, PLI } = require('./lib/pli.js');
const browser = require('./lib/browser.js');
const { SCREENS, look } = require('./lib/look.js');
const { needlesOf, hitsBelow } = require('./lib/canary.js');

const SECRET = 'Kanarienvogel-im-Schacht-8', NOWHERE = 'Nachtigall-im-Mail-9', XSS = '"><script>alert(1)</script><img src=x onerror=alert(2)>';
const entities = (s) => s.replace(/&#(\d+);/g, (_, n) => String.fromCharCode(n)).replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&quot;/g, '"').replace(/&amp;/g, '&');
const verdictOf = (html) => (/<section class="verdict (\w+)"/.exec(html) || [])[1];
const titleOf = (html) => entities((/<h1>([^<]*)<\/h1>/.exec(html) || [])[1] || '');
const resultsOf = (html) => [...html.matchAll(/<li class="check (\w+)">/g)].map((m) => m[1]);
const detailOf = (html) => entities((/class="detail"><code>([^]*?)<\/code>/.exec(html) || [])[1] || '');
const english = { 'Accept-Language': 'en' };
// Now and then from another address: how much one may ask is tried elsewhere.
let asked = 0;
function from(i) {
	if (asked++ % 10 === 0) {
		i.agent.destroy();
		i.agent = new https.Agent({ keepAlive: true, ca: i.ca, localAddress: `127.1.0.${asked}` });
	}
	return english;
}
const hand = (i, bytes, name) => i.multipart('/verify', undefined, [['proof', { filename: name, bytes }]], from(i));
const type = (i, codes, more = []) => i.multipart('/verify', undefined, [['codes', codes], ...more], from(i));

// What a reader of bar codes gives for a PDF's pages, one text a code.
function scan(pdf, name) {
	const stem = path.join(TMP, name);
	fs.writeFileSync(stem + '.pdf', pdf);
	execFileSync('pdftoppm', ['-r', '150', '-gray', stem + '.pdf', stem]);
	const pages = fs.readdirSync(TMP).filter((n) => n.startsWith(name + '-') && n.endsWith('.pgm')).map((n) => path.join(TMP, n));
	return spawnSync('zbarimg', ['-q', '--raw', ...pages], { encoding: 'utf8' }).stdout.split('\n').filter((l) => l.includes('#p='))
		.sort((a, b) => a.charAt(a.indexOf('#p=') + 3) - b.charAt(b.indexOf('#p=') + 3));
}

// The document itself: all its checks, each with its command; one bit of what is seen or of what is attached, and it falls.
async function documents(i, pdf) {
	const page = await hand(i, pdf, 'receipt.pdf');
	same([page.status, verdictOf(page.text), titleOf(page.text)], [200, 'good', 'This proof is genuine and unchanged'], 'a proof in PDF is genuine');
	const file = path.join(TMP, 'proof.pdf');
	fs.writeFileSync(file, pdf);
	const said = JSON.parse(spawnSync(PLI, ['proof', 'verify', file, '--json'], { encoding: 'utf8' }).stdout);
	same(resultsOf(page.text), said.checks.map((c) => c.result), 'the same checks as the program');
	check(said.checks.some((c) => c.id === 'document' && /^pdfsig /.test(c.command)), 'one of them by pdfsig', said.checks.map((c) => c.command));
	const dir = path.join(TMP, 'document');
	fs.mkdirSync(dir);
	const signed = spawnSync('sh', ['-c', said.checks.find((c) => c.id === 'document').command], { cwd: dir, encoding: 'utf8' });
	check(signed.status === 0 && /Signature is Valid/.test(signed.stdout) && fs.existsSync(path.join(TMP, 'proof.asice')) && fs.readdirSync(dir).length === 0, 'the command on the page works', signed.stdout + signed.stderr);
	for (const [what, at] of [['at its begin', 200], ['in the middle', pdf.length >> 1], ['near its end', pdf.length - 900]]) {
		const broken = Buffer.from(pdf);
		broken[at] ^= 1;
		const answer = await hand(i, broken, 'receipt.pdf');
		same([answer.status, verdictOf(answer.text)], [200, 'bad'], `a bit changed ${what}`);
	}
	same(verdictOf((await hand(i, Buffer.concat([pdf, Buffer.from('\n% more\n')]), 'receipt.pdf')).text), 'bad', 'something behind the seal');
}

async function codes(i, other, receipt, deposit) {
	const all = receipt.join('\n'), good = await type(i, all);
	same([good.status, verdictOf(good.text), titleOf(good.text)], [200, 'good', 'What this paper says is genuine'], 'a printed proof');
	same(resultsOf(good.text), ['holds', 'holds', 'holds', 'holds'], 'all four checks hold');
	for (const words of ['Objet &lt;b&gt;', 'anna@example.net', 'sender@example.org', '<code>handover</code>', '<code>consigned</code>', '>bail.pdf<'])
		check(good.text.includes(words), 'it says ' + words);
	check(!good.text.includes('hidden@'), 'and names nobody else');
	check(!good.text.includes('<b>gras</b>') && !/<script>alert/.test(good.text), 'words stay words');
	const mixed = receipt.slice().reverse().map((c, k) => `code ${k}: "${c}",`).join(' … ');
	same(verdictOf((await type(i, mixed)).text), 'good', 'in any order, whatever stands between');
	same(verdictOf((await hand(i, Buffer.from(all), 'codes.txt')).text), 'good', 'in a file');
	same(verdictOf((await type(i, receipt.map((c) => c.replace(/^.*#/, '')).join('\n'))).text), 'good', 'without the address');
	const d = await type(i, deposit.join('\n'));
	same([verdictOf(d.text), d.text.includes('<code>deposit.accepted</code>'), d.text.includes('anna@')], ['good', true, false], 'a proof of deposit, about two people');
	const fails = async (what, text, verdict, title, words) => {
		const page = await type(i, text);
		same([page.status, verdictOf(page.text), titleOf(page.text)], [200, verdict, title], what);
		check(detailOf(page.text).includes(words), `${what}: ${words}`, detailOf(page.text));
		check(page.text.includes(`>${text.slice(0, 20).replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;').replace(/>/g, '&gt;')}`), what + ': what was typed is still there');
	};
	const incomplete = 'The codes are not complete', broken = 'This paper does not hold';
	await fails('a code less', receipt.slice(1).join('\n'), 'wait', incomplete, `code 1 of ${receipt.length} is missing`);
	await fails('codes of two papers', [receipt[0], ...deposit.slice(1)].join('\n'), 'wait', incomplete, 'codes of different papers');
	await fails('a digit changed', all.replace(/(#p=1\.\d\.\d{40})(\d)/, (_, a, n) => a + (Number(n) + 1) % 10), 'wait', incomplete, '');
	await fails('words', XSS, 'wait', incomplete, 'no code of a proof');
	const elsewhere = await type(other, all);
	same([verdictOf(elsewhere.text), titleOf(elsewhere.text), resultsOf(elsewhere.text)], ['bad', broken, ['holds', 'holds', 'fails', 'unreached']], 'another service does not know it');
	check(detailOf(elsewhere.text).includes('not signed by this key'), 'and says why');
	const fr = await i.multipart('/verify', undefined, [['codes', all], ['lang', 'fr']]);
	check(titleOf(fr.text) === 'Ce que dit ce papier est authentique', 'in French', titleOf(fr.text));
	same((await type(i, '')).status, 422, 'nothing typed');
	same((await type(i, 'p=1.1.'.padEnd(70000, '1'))).status, 413, 'too much typed');
	same((await type(i, all, [['proof', { filename: '', bytes: '' }]])).status, 200, 'an empty file beside it');
}

// ---- mails ----

const ask = async (i, eml, field = 'mail') => i.multipart('/verify', undefined, [[field, { filename: 'suspect.eml', bytes: Buffer.isBuffer(eml) ? eml : Buffer.from(eml, 'latin1') }]], from(i));
const VERDICTS = { ours: ['good', 'Yes, this mail is ours, unchanged'], enclosed: ['wait', 'The mail attached to it is ours; the one that carries it was not examined'], untold: ['wait', 'Whether this mail is ours cannot be told'], journal: ['wait', 'This mail and our journal do not agree'],
	unsigned: ['wait', 'This mail may be ours, but nothing shows it unchanged'], altered: ['bad', 'This mail was altered'], foreign: ['bad', 'No, this mail is not ours'],
	unread: ['wait', 'This cannot be read as a mail'], off: ['wait', 'Mails are not examined here'] };

async function answer(i, what, eml, verdict, words = [], field = 'mail') {
	const page = await ask(i, eml, field);
	same([page.status, verdictOf(page.text), titleOf(page.text)], [200, ...VERDICTS[verdict]], what);
	for (const w of words)
		check(page.text.includes(w), `${what}: says ${w}`, page.text.slice(page.text.indexOf('<main'), page.text.indexOf('id="hand-in"')));
	check(!/anna@|Objet|Kanarien|New York/.test(page.text), what + ': and nothing of whom or what');
	return page;
}

function signedByAnother(content) {
	const key = path.join(TMP, 'other.key'), cert = path.join(TMP, 'other.pem'), text = path.join(TMP, 'other.txt');
	fs.writeFileSync(text, content, 'latin1');
	execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=Mail of localhost', '-addext', 'extendedKeyUsage=emailProtection', '-keyout', key, '-out', cert, '-days', '9'], { stdio: 'ignore' });
	return execFileSync('openssl', ['cms', '-sign', '-in', text, '-signer', cert, '-inkey', key, '-binary', '-crlfeol']).toString('latin1');
}

async function mails(i, other) {
	const eml = fs.readFileSync((await i.mail('anna@example.net')).file, 'latin1'), evil = 'https://localhost:' + i.port + '.evil.example/l/';
	const reader = i.children()['pli-mail'];
	check(reader > 0, 'a process reads them', i.children());
	const head = eml.slice(0, eml.indexOf('MIME-Version:')), inner = /boundary="([^"]*)"\r\n\r\n--/.exec(eml)[1];
	const content = eml.split(`--${inner}\r\n`)[1].replace(/\r\n$/, ''), link = (await i.mail('anna@example.net')).links[0];
	const good = await answer(i, 'a mail as it was sent', eml, 'ours', ['A signature of this service']);
	same(resultsOf(good.text), ['holds', 'holds', 'holds', 'holds'], 'signature, number, head and links');
	await answer(i, 'with the line ends of a file', eml.replace(/\r\n/g, '\n'), 'ours');
	await answer(i, 'with what servers on the way put before it', 'Received: from a by b; Sun, 22 Nov 2026 09:04:37 +0100\r\nX-Spam: no\r\n' + eml, 'ours');
	await answer(i, 'as a mailbox keeps it', 'From a@b Sun Nov 22 09:04:37 2026\n' + eml.replace(/\r\n/g, '\n'), 'ours');
	await answer(i, 'dropped where proofs are', eml, 'ours', [], 'proof');
	await answer(i, 'its subject and sender changed', eml.replace(/^Subject: .*$/m, 'Subject: x').replace(/^From: .*$/m, 'From: x@example.org'), 'ours');
	const forwarded = `From: a@example.net\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=xx\r\n\r\n--xx\r\nContent-Type: text/plain\r\n\r\nIs it? https://elsewhere.example/\r\n--xx\r\nContent-Type: message/rfc822\r\n\r\n${eml}\r\n--xx--\r\n`;
	await answer(i, 'carried by another mail, which nothing speaks for', forwarded, 'enclosed', ['<code>elsewhere.example</code>']);
	await answer(i, 'also when that one leads nowhere', forwarded.replace('https://elsewhere.example/', 'I think so'), 'enclosed');
	const command = entities(/<pre[^>]*><code>(openssl cms [^<]*)<\/code>/.exec(good.text)[1]);
	fs.writeFileSync(path.join(TMP, 'mail.eml'), eml, 'latin1');
	fs.copyFileSync(path.join(i.dir, 'public/root.pem'), path.join(TMP, 'root.pem'));
	same(spawnSync('sh', ['-c', command], { cwd: TMP }).status, 0, 'the command on the page works: ' + command);

	// Changed, in ways that a person would not see.
	const flat = content.replace(/=\r\n/g, ''), token = link.slice(-20);
	await answer(i, 'a word changed', eml.replace('Bonjour', 'Bonsoir'), 'altered', ['the content is not what was signed']);
	await answer(i, 'its link changed', eml.replace(`https://localhost:${i.port}/l/`, evil), 'altered', [`<code>localhost:${i.port}.evil.example</code>`]);
	await answer(i, 'its signature taken away', head + content, 'unsigned');
	await answer(i, 'and its link changed', head + flat.split(`https://localhost:${i.port}/l/`).join('https://evil.example/l/'), 'altered', ['<code>evil.example</code>', 'Do not follow its links']);
	await answer(i, 'its marks before other words', head + 'Content-Type: text/html\r\n\r\n<p><a href="https://evil.example/a">https://localhost:' + i.port + '/l/' + token + '</a></p>\r\n', 'altered', ['<code>evil.example</code>']);
	const here = `https://localhost:${i.port}/l/`;
	await answer(i, 'words with a link of ours alone', head + `Content-Type: text/html\r\n\r\n<a href="${here}${token}">x</a>\r\n`, 'unsigned');
	for (const [how, html] of [['spelt in references', '<a href="&#104;ttps://evil.example/">x</a>'], ['behind a blank', '<a href=" \thttps://evil.example/">x</a>'], ['without a scheme', '<a href="//evil.example/a">x</a>'],
		['with other slashes', '<a href="https:\\\\evil.example\\a">x</a>'], ['with fewer slashes', "<a href='https:evil.example/'>x</a>"], ['with line ends inside', '<a href="ht\r\ntps://ev\til.example/">x</a>'], ['on a map', '<map><area href=https://evil.example/></map>'],
		['that a form sends to', `<form action="https://evil.example/"><button formaction="${here}a">x</button></form>`], ['as a base', `<base href="https://evil.example/"><a href="l/${token}">x</a>`],
		['behind a user', `<a href="https://localhost:${i.port}@evil.example/">x</a>`], ['in a drawing', '<svg><a xlink:href="https://evil.example/">x</a></svg>'], ['behind quotes in words', `<p> href="${here}x <a href="https://evil.example/">x</a>`]])
		await answer(i, 'a link elsewhere ' + how, head + `Content-Type: text/html\r\n\r\n<a href="${here}${token}">x</a>${html}\r\n`, 'altered', ['<code>evil.example</code>']).catch((e) => check(false, how, e.stack));
	await answer(i, 'a page with a file name', head + `Content-Type: text/html; name=a.html\r\nContent-Disposition: attachment; filename=a.html\r\n\r\n<a href="https://evil.example/">x</a>\r\n`, 'altered', ['<code>evil.example</code>']);
	await answer(i, 'something added behind', head + `Content-Type: multipart/mixed; boundary=yy\r\n\r\n--yy\r\n${eml.slice(head.length + 19)}\r\n--yy\r\nContent-Type: text/plain\r\n\r\nhttps://evil.example/\r\n--yy--\r\n`, 'altered');
	await answer(i, 'signed by somebody else', head + signedByAnother(content), 'foreign', ['signed, but not by this service']);
	await answer(i, 'a number that nobody gave', head.replace(/<[0-9a-f]{4}/, '<ffff').replace(/^Pli-Checkpoint:.*(\r\n .*)*\r\n/m, '') + content, 'foreign', ['no notice of this number']);
	await answer(i, 'nothing of its own, and links that lead here alone', `From: a@example.net\r\nMessage-ID: <${'0'.repeat(32)}.1@example.net>\r\n\r\nYour password: ${here}${token}\r\n`, 'untold');
	await answer(i, 'a head that nobody signed', 'From: a@example.net\r\nPli-Checkpoint: localhost/j/1 12 ' + Buffer.alloc(32).toString('base64') + ' ' + Buffer.alloc(68).toString('base64') + '\r\n\r\nx\r\n', 'foreign', ['our key has not signed']);
	await answer(i, 'a mail without links or marks', 'From: bank@example.com\r\n\r\nx\r\n', 'foreign');
	await answer(i, 'any other mail', 'From: bank@example.com\r\nSubject: x\r\n\r\nhttps://bank.example/\r\n', 'foreign', ['<code>bank.example</code>', 'change it now']);
	const xss = await answer(i, 'with payloads', `From: <script>alert(1)</script>\r\nMessage-ID: <${XSS}>\r\nContent-Type: text/html\r\n\r\n<a href="https://x&quot;&gt;<script>alert(1)</script>/">x</a> https://&lt;img/src=x onerror=alert(1)&gt;/\r\n`, 'foreign');
	check(!/<script>alert|<img/.test(xss.text), 'they stay words');
	await answer(other, 'where nobody reads them', eml, 'off');
	same((await i.multipart('/verify', undefined, [['mail', { filename: '', bytes: '' }]], from(i))).status, 422, 'no file');
	same((await ask(i, 'A: b\r\n\r\n'.padEnd((4 << 20) + 1, 'x'))).status, 413, 'too large');

	// What is made to hurt whoever reads it.
	const nest = (n) => Array.from({ length: n }, (_, k) => `Content-Type: multipart/mixed; boundary=b${k}\r\n\r\n--b${k}\r\n`).join('') + '\r\nx\r\n';
	const corpus = { 'parts in parts': 'From: a@b\r\n' + nest(90), 'very many parts': 'From: a@b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n' + '--b\r\n\r\n'.repeat(200000),
		'a header of a megabyte': 'From: ' + 'a'.repeat(1 << 20) + '\r\n\r\n', 'a name without an end': 'Subject' + 'x'.repeat(300), 'zeros': 'From: a@b\r\n\r\n' + '\0'.repeat(1 << 16),
		'two megabytes of links': 'From: a@b\r\n\r\n' + Array.from({ length: 90000 }, (_, k) => `https://h${k}.example/`).join(' '), 'one line of schemes': 'From: a@b\r\n\r\n' + '://'.repeat(1 << 18),
		'a broken signature': head + `Content-Type: multipart/signed; boundary=s\r\n\r\n--s\r\n\r\nx\r\n--s\r\n\r\n${'MIIC'.repeat(5000)}\r\n--s--\r\n`, 'half of a mail': eml.slice(0, eml.length >> 1),
		'an unknown character set': 'From: a@b\r\nContent-Type: text/plain; charset="../../x"\r\n\r\n\xff\xfe\r\n', 'mails in mails': 'Content-Type: message/rfc822\r\n\r\n'.repeat(400) + 'x',
		'an address of bytes': Buffer.concat([Buffer.from('Message-ID: <'), Buffer.from([0x80, 0xff, 0xc0, 0x0b]), Buffer.from('>\r\nPli-Checkpoint: \xff\xfe 1 ' + Buffer.alloc(32).toString('base64') + '\r\n\r\n', 'latin1')]) };
	for (const [what, bytes] of Object.entries(corpus)) {
		const page = await ask(i, bytes), title = titleOf(page.text);
		check(page.status === 200 && ['foreign', 'altered', 'unread', 'unsigned'].some((v) => VERDICTS[v][1] === title), what + ' is answered', page.status + ' ' + title);
	}
	same(i.children()['pli-mail'], reader, 'and the reader of mails is still the same');
	await answer(i, 'after all of them', eml, 'ours');

	// A certificate by an authority outside, as operators may put it there: what it signs is ours, too.
	await i.stop();
	const outside = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=letters@example.org', '-addext', 'extendedKeyUsage=emailProtection', '-days', '9'];
	execFileSync('openssl', ['req', '-x509', ...outside, '-keyout', path.join(TMP, 'outside.key'), '-out', path.join(TMP, 'outside.pem')], { stdio: 'ignore' });
	for (const kind of ['key', 'pem'])
		fs.writeFileSync(path.join(i.dir, 'keys/mail.' + kind), fs.readFileSync(path.join(TMP, 'outside.' + kind)));
	await i.serve();
	same((await i.multipart('/api/v1/letters', i.user('late@example.org'), [['to', 'otto@example.net'], ['subject', 'Kanarien'], ['message', 'M']])).status, 201, 'a letter');
	const late = fs.readFileSync((await i.mail('otto@example.net')).file, 'latin1');
	await answer(i, 'signed by a certificate of an authority outside', late, 'ours');
	await answer(i, 'by one that only bears its name', head + signedByAnother(content), 'foreign');
	await answer(i, 'before that', eml, 'ours');

	// The journal is another than the one that the mail bears witness of.
	const size = Number(/^Pli-Checkpoint: \S+ (\d+)/m.exec(eml)[1]);
	i.sqlWrite(`UPDATE head SET root = zeroblob(32) WHERE size = ${size};`);
	await answer(i, 'a mail from before the journal was rewritten', eml, 'journal', ['our key has signed a state of the journal that is not in our journal']);
	return head;
}

// As a phone does it: each code opens a page of its own.
async function phone(chrome, i, receipt, deposit) {
	const context = await browser.open(chrome, i, { ...browser.PHONE, locale: 'en-GB' });
	const sent = [];
	context.on('request', (r) => sent.push(r.method() + ' ' + r.url() + ' ' + (r.postData() || '')));
	const openCode = async (code) => {
		const page = await context.newPage();
		await page.goto(i.url + '/verify' + code.slice(code.indexOf('#')));
		return page;
	};
	const first = await openCode(deposit[0]);
	check((await first.textContent('#paper-say')).includes(`Read so far: code 1 of ${deposit.length}`), 'the first code', await first.textContent('#paper-say'));
	let page = await openCode(receipt[0]);
	check(/another paper.*code 1 of \d\. Still missing: 2/.test(await page.textContent('#paper-say')), 'a code of another paper begins anew', await page.textContent('#paper-say'));
	same(new URL(page.url()).hash, '', 'the address is cleared of it');
	for (const code of receipt.slice(1)) {
		await page.close();
		page = await openCode(code);
	}
	check(/Press the button/.test(await page.textContent('#paper-say')), 'all are there', await page.textContent('#paper-say'));
	same(sent.filter((s) => /\d{40}/.test(s) || s.startsWith('POST')), [], 'nothing of it was sent');
	await look(page, 'verify-paper-codes phone-light-en', { locale: 'en-GB' });
	await Promise.all([page.waitForSelector('#verdict'), page.click('#paper-go')]);
	same(await page.$eval('#verdict', (e) => e.className), 'verdict good', 'the button verifies them');
	same(await page.evaluate(() => localStorage.length), 0, 'and the browser has forgotten them');
	await look(page, 'verify-paper-good phone-light-en', { locale: 'en-GB' });
	// The verdict stays where it is; the next code is read on the same page.
	await page.evaluate((h) => { location.hash = h; }, deposit[0].slice(deposit[0].indexOf('#')));
	await page.waitForFunction(() => /Read so far/.test(document.getElementById('paper-say').textContent));
	await page.click('#paper-forget');
	same(await page.evaluate(() => [localStorage.length, document.getElementById('codes').value, document.getElementById('paper-say').hidden]), [0, '', true], 'forgotten at a press');
	for (const bad of ['#p=1.2.123', '#p=3.2.' + '1'.repeat(60), '#p=1.1.' + encodeURIComponent('<img src=x onerror=alert(1)>')]) {
		const p = await openCode(bad);
		check(/not read whole/.test(await p.textContent('#paper-say')), 'a code that is none: ' + bad);
		same(await p.evaluate(() => localStorage.length), 0, 'is not kept');
		await p.close();
	}
	await context.close();
}

async function looks(chrome, i, receipt, eml, certificate) {
	const file = path.join(TMP, 'look.eml');
	fs.writeFileSync(file, eml.replace(`https://localhost:${i.port}/l/`, 'https://evil.example/l/'), 'latin1');
	for (const screen of SCREENS.filter((s) => ['phone-light-fr-noscript', 'desktop-dark-en'].includes(s.name))) {
		const context = await browser.open(chrome, i, { ...screen, bypassCSP: false });
		const page = await context.newPage();
		for (const [name, text] of [screen.javaScriptEnabled === false ? ['missing', receipt[0]] : ['good', receipt.join('\n')]]) {
			await page.goto(i.url + '/verify');
			await page.fill('#codes', text);
			await Promise.all([page.waitForSelector('#verdict'), page.click('#paper-go')]);
			await look(page, `verify-paper-${name} ${screen.name}`, screen);
		}
		await page.setInputFiles('#mail', file);
		await Promise.all([page.waitForNavigation(), page.click('#mail-go')]);
		same(await page.$eval('#verdict', (e) => e.className), 'verdict bad', screen.name + ': a mail');
		await look(page, `verify-mail ${screen.name}`, screen);
		await page.setInputFiles('#proof', { name: 'c.asice', mimeType: 'application/zip', buffer: certificate });
		await Promise.all([page.waitForNavigation(), page.click('button.main')]);
		same(await page.$eval('#verdict', (e) => e.className), 'verdict good', screen.name + ': a certificate');
		await look(page, `verify-certificate ${screen.name}`, screen);
		await context.close();
	}
}

main(async () => {
	const i = new Instance().make({ more: ['--demo'] });
	await i.serve();
	const other = new Instance('other').make();	// on another port
	await other.serve();
	const sender = i.user('sender@example.org');
	const made = await i.multipart('/api/v1/letters', sender, [['to', '"Anna <i>Martin</i>" <anna@example.net>'], ['bcc', 'hidden@example.net'], ['subject', 'Objet <b>gras</b> ' + SECRET],
		['message', 'Bonjour'], ['file', { filename: 'bail.pdf', bytes: 'x'.repeat(999) }]]);
	same(made.status, 201, 'a letter: ' + made.brief);
	await i.open(await i.link('anna@example.net'));
	const get = async (query) => (await i.request('GET', `/api/v1/letters/${made.json.id}/proof.pdf${query}`, { token: sender })).body;
	const pdf = await get('?kind=receipt&recipient=anna@example.net');
	const receipt = scan(pdf, 'receipt'), deposit = scan(await get('?kind=deposit'), 'deposit');
	if (!check(receipt.length >= 2 && deposit.length >= 2, 'papers of several codes', [receipt.length, deposit.length]))
		return;
	await documents(i, pdf);
	await codes(i, other, receipt, deposit);
	const chrome = await browser.launch();
	try {
		await phone(chrome, i, receipt, deposit);
		const certificate = (await i.json('POST', '/api/v1/certificates', sender, { letters: [made.json.id] })).body;
		await looks(chrome, i, receipt, fs.readFileSync((await i.mail('anna@example.net')).file, 'latin1'), certificate);
	} finally {
		await chrome.close();
	}
	const suspect = await mails(i, other);
	await ask(i, suspect + 'Content-Type: text/plain\r\n\r\n' + NOWHERE + ' https://' + NOWHERE + '.example/\r\n');
	same(hitsBelow(i.dir, needlesOf({ nowhere: NOWHERE })).hits.map((h) => h.where + ': ' + h.what), [], 'nothing of a mail that was handed in is on the disk');
	check(!fs.readFileSync(i.log, 'utf8').includes(NOWHERE), 'nor in the log');
	// The other has seen subject and names of a letter that is not its own.
	await type(other, receipt.join('\n'));
	await hand(other, pdf, 'receipt.pdf');
	const needles = needlesOf({ secret: SECRET, anna: 'anna@example.net' });
	same(hitsBelow(other.dir, needles).hits.map((h) => h.where + ': ' + h.what), [], 'nothing that was handed in is on the disk');
	check(!fs.readFileSync(other.log, 'utf8').includes(SECRET), 'nor in the log');
	await i.stop();
	await other.stop();
});
