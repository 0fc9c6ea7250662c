#!/usr/bin/env node
// Goal: a mail handed over by a mail program (SMTP over TLS, an API token as the password) is a letter like any other: recipients by
// envelope and headers, words, attachments byte for byte, the proof with the same fields, refusals in clear words.  A mail repeated is
// one letter.  Lines that end in other ways than CRLF end the connection; guesses of tokens and slow clients are limited; when the
// process that reads mails dies in the middle, nothing half is visible and the next one works.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');
const { Instance, check, same, until, wholeHour, pause, main, freePort, TMP } = require('./lib/pli.js');
const { Smtp, stuffed, lines } = require('./lib/smtp.js');

const ME = 'sender@example.org';
let i, port, token;

const open = (hello) => Smtp.open({ port, ca: i.ca }, hello);
async function signedIn() {
	const s = await open();
	const r = await s.auth(ME, token);
	if (r.code !== 235)
		throw new Error('AUTH: ' + r.all);
	return s;
}
let ids = 0;
const mail = (to, subject, body, more = []) => lines(`From: Sender <${ME}>`, `To: ${to}`, `Subject: ${subject}`,
	`Message-ID: <m${++ids}.${process.pid}@test.example>`, 'MIME-Version: 1.0', ...more, '', body);
const letters = () => i.one('SELECT COUNT(*) FROM letter');
const newest = async () => (await i.request('GET', '/api/v1/letters', { token })).json.letters[0];
const get = async (id) => (await i.request('GET', '/api/v1/letters/' + id, { token })).json;
const kinds = (letter) => letter.recipients.map((r) => `${r.kind}:${r.address}`);

// The text and files of a letter as its recipient gets them.
async function received(address, n = 1) {
	const link = await i.link(address, n), opened = await i.open(link);
	const page = await i.request('GET', link + '/letter', { headers: { Cookie: opened.cookie } });
	const zip = await i.request('GET', link + '/files.zip', { headers: { Cookie: opened.cookie } });
	const file = path.join(TMP, 'all.zip'), dir = path.join(TMP, 'all');
	fs.writeFileSync(file, zip.body);
	fs.rmSync(dir, { recursive: true, force: true });
	spawnSync('unzip', ['-q', file, '-d', dir]);
	return { page: page.text, dir };
}

async function dialogue() {
	const s = await open();
	same(s.greeting.code, 220, 'a greeting');
	for (const word of ['PIPELINING', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES', 'AUTH PLAIN LOGIN', 'SIZE 67108864'])
		check(s.hello.all.includes(word), 'EHLO says ' + word, s.hello.all);
	same((await s.cmd('MAIL FROM:<' + ME + '>')).code, 530, 'MAIL before AUTH');
	same((await s.cmd('NOOP')).code, 250, 'NOOP');
	same((await s.cmd('VRFY a@b.example')).code, 252, 'VRFY tells nothing');
	same((await s.cmd('STARTTLS')).code, 502, 'STARTTLS');
	same((await s.cmd('XYZZY')).code, 500, 'an unknown command');
	same((await s.cmd('LHLO x')).code, 500, 'LHLO is of another protocol');
	same((await s.cmd('AUTH GSSAPI')).code, 504, 'an unknown mechanism');
	same((await s.cmd('AUTH LOGIN')).code, 334, 'AUTH LOGIN asks for the name');
	same((await s.cmd(Buffer.from(ME).toString('base64'))).code, 334, 'then for the password');
	same((await s.cmd(Buffer.from(token).toString('base64'))).code, 235, 'and lets in');
	same((await s.auth(ME, token)).code, 503, 'AUTH twice');
	same((await s.cmd('DATA')).code, 503, 'DATA without a sender');
	same((await s.cmd('RCPT TO:<a@example.net>')).code, 503, 'RCPT without a sender');
	same((await s.cmd('MAIL FROM:<other@example.org>')).code, 550, 'another sender');
	same((await s.cmd('MAIL FROM:<>')).code, 550, 'no sender');
	same((await s.cmd(`MAIL FROM:<${ME}> SIZE=99999999999`)).code, 552, 'announced too large');
	same((await s.cmd(`MAIL FROM:<${ME}> RET=FULL`)).code, 555, 'a parameter that is not offered');
	same((await s.cmd(`MAIL FROM:<${ME}> SIZE=1000 BODY=8BITMIME SMTPUTF8`)).code, 250, 'MAIL');
	same((await s.cmd(`MAIL FROM:<${ME}>`)).code, 503, 'MAIL twice');
	same((await s.cmd('DATA')).code, 554, 'DATA without a recipient');
	for (const bad of ['', 'nobody', 'a@b', '"a b"@example.net', 'a@[127.0.0.1]', '@x.example:a@example.net', 'a@example.net;x', 'a@example.net,b@example.net', 'a@example.net>x'])
		check((await s.cmd(`RCPT TO:<${bad}>`)).code >= 500, 'a bad recipient: ' + bad);
	same((await s.cmd('RSET')).code, 250, 'RSET');
	same((await s.cmd('RCPT TO:<a@example.net>')).code, 503, 'RSET forgets the sender');
	same((await s.cmd('QUIT')).code, 221, 'QUIT');
	check(await s.ended(), 'and the end');
}

async function simple() {
	const s = await signedIn(), before = letters();
	const text = 'Bonjour,\r\n\r\n* une liste\r\n1. un *mot* <b>gras</b>\r\n.un point\r\n    du code\r\nFin';
	const r = await s.send(ME, ['to1@example.net', 'to2@example.net', 'cc@example.net', 'hidden@example.net'],
		mail('"Un, Premier" <to1@example.net>, to2@example.net, outside@example.net', '=?utf-8?Q?D=C3=A9lib=C3=A9ration_n=C2=B0_1?=', text, ['Cc: "Le Copié" <CC@Example.NET>']));
	same(r.code, 250, 'a mail is taken');
	same(letters(), before + 1, 'one letter');
	const letter = await get((await newest()).id);
	check(r.text.includes('letter ' + letter.number), 'the reply names the letter', r.text);
	same(letter.subject, 'Délibération n° 1', 'subject');
	same(kinds(letter), ['to:to1@example.net', 'to:to2@example.net', 'cc:CC@example.net', 'bcc:hidden@example.net'], 'To, Cc, and the rest hidden');
	const got = await received('to1@example.net');
	for (const part of ['* une liste', '1. un *mot* &lt;b&gt;gras&lt;/b&gt;', '.un point', 'du code', 'Fin'])
		check(got.page.includes(part), 'the page shows as typed: ' + part, got.page.slice(got.page.indexOf('Bonjour') - 200, got.page.indexOf('Bonjour') + 600));
	check(!/<(li|strong|em|pre|code)>/.test(got.page.slice(got.page.indexOf('Bonjour'))), 'and nothing of it as markup');
	same((await s.send(ME, ['one@example.net'], mail('one@example.net', 'Again', 'x'))).code, 250, 'a second one on the same connection');
	same((await s.send(ME, ['seen@example.net', 'secret@example.net'], mail('seen@example.net', 'A Bcc line', 'x', ['Bcc: Secret <secret@example.net>', 'Bcc: nobody@example.net']))).code, 250, 'a mail program that leaves its Bcc line in');
	same(kinds(await get((await newest()).id)), ['to:seen@example.net', 'bcc:secret@example.net'], 'hides it all the same');
	const seen = await received('seen@example.net');
	check(!seen.page.includes('secret@') && !spawnSync('grep', ['-r', 'secret@', seen.dir], { encoding: 'utf8' }).stdout, 'from the others');
	const rows = (await i.request('GET', '/api/v1/journal?limit=50', { token })).json;
	const accepted = (rows.entries || rows.lines || rows.journal || Object.values(rows)[0]).find((e) => e.event === 'deposit.accepted');
	same([accepted.channel, accepted.ip, /^TLSv1\.[23]$/.test(accepted.tls)], ['smtp', '127.0.0.1', true], 'the entry says by which door');
	s.close();
}

async function attachments() {
	const s = await signedIn();
	const bytes = crypto.randomBytes(300000), base64 = bytes.toString('base64').replace(/.{76}/g, '$&\r\n');
	const body = lines('--outer', 'Content-Type: multipart/alternative; boundary=inner', '', '--inner', 'Content-Type: text/plain; charset=iso-8859-1', 'Content-Transfer-Encoding: quoted-printable', '',
		'D=E9j=E0 =', 'vu', '--inner', 'Content-Type: text/html; charset=utf-8', '', '<p>HTML only</p>', '--inner--',
		'--outer', 'Content-Type: application/x-thing; name="x"', 'Content-Disposition: attachment; filename*=UTF-8\'\'..%2F%C3%A9t%C3%A9%20%C2%AB2026%C2%BB.bin', 'Content-Transfer-Encoding: base64', '', base64,
		'--outer', 'Content-Type: message/rfc822', '', 'From: a@b.example', 'Subject: inside', '', 'the forwarded one', '--outer', 'Content-Type: text/plain', 'Content-Disposition: attachment; filename="notes.txt"', '', 'attached text', '--outer--');
	const r = await s.send(ME, ['files@example.net'], mail('files@example.net', 'With files', body, ['Content-Type: multipart/mixed; boundary=outer']));
	same(r.code, 250, 'with attachments');
	const letter = await get((await newest()).id);
	same(letter.parts.map((p) => p.name), ['été «2026».bin', 'message.eml', 'notes.txt'], 'their names, made harmless');
	same(letter.parts[0].sha256, crypto.createHash('sha256').update(bytes).digest('hex'), 'the bytes are those of the file');
	const got = await received('files@example.net');
	check(got.page.includes('Déjà vu'), 'the plain words, in their character set');
	check(!got.page.includes('HTML only'), 'the other form of them is left out');
	const found = fs.readdirSync(got.dir, { recursive: true }).find((n) => String(n).endsWith('notes.txt'));
	check(found && fs.readFileSync(path.join(got.dir, String(found)), 'utf8').startsWith('attached text'), 'a text that is attached is a file');
	const html = lines('<html><head><style>p{color:red}</style><title>T</title></head><body><p>Bonjour &agrave; <b>tous</b>,</p><ul><li>un<li>deux</ul>',
		'<a href="https://example.org/x?a=1&amp;b=2">le lien</a><script>alert(1)</script><img src="https://tracker.example/p.gif"></body></html>');
	same((await s.send(ME, ['html@example.net'], mail('html@example.net', 'Only HTML', html, ['Content-Type: text/html; charset=utf-8']))).code, 250, 'HTML alone');
	const page = (await received('html@example.net')).page;
	for (const part of ['Bonjour à tous,', '- un', '- deux', 'le lien (https://example.org/x?a=1&amp;b=2)'])
		check(page.includes(part), 'HTML as text: ' + part, page.slice(page.indexOf('Bonjour') - 100, page.indexOf('Bonjour') + 500));
	check(!/alert|tracker|color:red/.test(page), 'nothing of its scripts, styles and pictures');
	s.close();
}

async function refusals() {
	const s = await signedIn(), before = i.counts();
	const tries = [
		['an empty subject', mail('a@example.net', '', 'x'), 550, 'subject'],
		['no subject', lines(`From: ${ME}`, 'To: a@example.net', '', 'x'), 550, 'subject'],
		['another From', mail('a@example.net', 'S', 'x').replace(`<${ME}>`, '<boss@example.org>'), 550, 'Send as ' + ME],
		['two in From', mail('a@example.net', 'S', 'x').replace(`<${ME}>`, `<${ME}>, x@example.org`), 550, 'From'],
		['no From', mail('a@example.net', 'S', 'x').replace(/From: .*\r\n/, ''), 550, 'From'],
		['a subject that is too long', mail('a@example.net', 'é'.repeat(200), 'x'), 550, 'subject'],
		['a text that is too long', mail('a@example.net', 'S', 'word '.repeat(230000).replace(/.{70} /g, '$&\r\n')), 550, '1 MiB'],
		['too many parts', mail('a@example.net', 'S', '--b\r\n\r\nx\r\n'.repeat(1500) + '--b--', ['Content-Type: multipart/mixed; boundary=b']), 550, 'parts'],
		['too many files', mail('a@example.net', 'S', '--b\r\nContent-Type: image/png\r\n\r\nx\r\n'.repeat(600) + '--b--', ['Content-Type: multipart/mixed; boundary=b']), 550, '500 files'],
		['too many header lines', mail('a@example.net', 'S', 'x', Array(1200).fill('X-A: b')), 550, 'header'],
		['parts within parts', mail('a@example.net', 'S', Array.from({ length: 60 }, (_, k) => `--b${k}\r\nContent-Type: multipart/mixed; boundary=b${k + 1}\r\n\r\n`).join(''), ['Content-Type: multipart/mixed; boundary=b0']), 550, 'parts'],
		['nothing at all', '', 550, 'From'],
	];
	for (const [what, message, code, words] of tries) {
		const r = await s.send(ME, ['a@example.net'], message);
		same(r.code, code, what + ': ' + r.text);
		check(r.text.includes(words), what + ' is said: ' + words, r.text);
	}
	const after = i.counts();
	delete before.mails;
	delete after.mails;
	same(after, before, 'nothing was left behind by them');
	const many = await signedIn();
	await many.cmd(`MAIL FROM:<${ME}>`);
	many.write(Array.from({ length: 1001 }, (_, k) => `RCPT TO:<r${k}@example.net>\r\n`).join(''));
	let last;
	for (let k = 0; k < 1001; k++)
		last = await many.reply();
	same(last.code, 452, 'the 1,001st recipient');
	many.close();
	s.close();
}

// The same words by a mail program that is not ours: the widest used client library there is.
async function curl() {
	const file = path.join(TMP, 'curl.eml'), before = letters();
	fs.writeFileSync(file, mail('curl@example.net', 'By curl', 'x'));
	const args = ['-sS', '--ssl-reqd', '--url', `smtps://localhost:${port}`, '--cacert', path.join(i.dir, 'tls/ca.pem'), '--user', `${ME}:${token}`,
		'--mail-from', ME, '--mail-rcpt', 'curl@example.net', '--upload-file', file];
	const r = spawnSync('curl', args, { encoding: 'utf8' });
	same([r.status, r.stderr], [0, ''], 'curl sends');
	same(letters(), before + 1, 'its letter is there');
	same(spawnSync('curl', args, { encoding: 'utf8' }).status, 0, 'curl sends the same mail again');
	same(letters(), before + 1, 'which makes no second letter');
	const swaks = spawnSync('swaks', ['--server', 'localhost', '--port', String(port), '--tls-on-connect', '--auth', 'LOGIN', '--auth-user', ME, '--auth-password', token,
		'--from', ME, '--to', 'swaks@example.net', '--header', 'Subject: By swaks', '--body', 'Hello.', '--attach-type', 'text/plain', '--attach-name', 'a.txt', '--attach', '@' + __filename], { encoding: 'utf8' });
	same(swaks.status, 0, 'swaks sends: ' + swaks.stdout.slice(-300) + swaks.stderr);
	const letter = await get((await newest()).id);
	same([letter.subject, letter.parts.length], ['By swaks', 1], 'its letter is there, with its file');
}

async function again() {
	const s = await signedIn(), before = letters();
	const message = mail('again@example.net', 'Once', 'the same');
	const first = await s.send(ME, ['again@example.net'], message);
	const second = await s.send(ME, ['again@example.net'], message);
	same([first.code, second.text], [250, first.text], 'the same mail gives the same answer');
	same(letters(), before + 1, 'and one letter');
	const other = await s.send(ME, ['again@example.net'], message.replace('the same', 'another'));
	check(other.code >= 500, 'another mail under that Message-ID is refused', other.all);
	const bare = lines(`From: ${ME}`, 'To: a@example.net', 'Subject: No id', '', 'x');
	same((await s.send(ME, ['noid@example.net'], bare)).code, 250, 'a mail without Message-ID');
	same((await s.send(ME, ['noid@example.net'], bare)).code, 250, 'again');
	same(letters(), before + 2, 'is one letter too');
	const at_once = mail('atonce@example.net', 'At once', 'x');
	const all = await Promise.all(Array.from({ length: 8 }, async () => {
		const c = await signedIn();
		const r = await c.send(ME, ['atonce@example.net'], at_once);
		c.close();
		return r.code;
	}));
	check(all.includes(250) && all.every((c) => c === 250 || c === 451), 'eight times at once: taken, or later', all);
	same(letters(), before + 3, 'and one letter');
	s.close();
}

// Every way to end a line or a message that some program takes for an end.  After each the server must have said 5xx and closed, or
// must still be waiting for the real end; never may what follows be a second message.
async function smuggling() {
	const inner = `MAIL FROM:<${ME}>\r\nRCPT TO:<inner@example.net>\r\nDATA\r\n${mail('inner@example.net', 'Inner', 'x')}.\r\nQUIT\r\n`;
	const ends = ['\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r', '\r.\r\n', '\r\n.\r', '\n.\r', '\r.\n', '\r\r\n.\r\r\n', '\n\n.\n\n', '\r\n\0.\r\n', '\r\n.\0\r\n', '\r\n.\r\r\n', '\r\n.\n\r\n', '\x85.\r\n', '\r\n. \r\n'];
	const before = letters();
	for (const end of ends) {
		const s = await signedIn();
		await s.cmd(`MAIL FROM:<${ME}>`);
		await s.cmd('RCPT TO:<smuggled@example.net>');
		await s.cmd('DATA');
		const head = mail('smuggled@example.net', 'Outer', 'x').trimEnd();
		s.write(Buffer.from(head + end + inner, 'latin1'));
		const r = await s.reply(60), name = JSON.stringify(end);
		if (end === '\x85.\r\n' || end === '\r\n. \r\n') {
			same(r.code, 250, name + ' is text: the first real end counts');
			check((await s.reply(60)).code === 221, name + ': only QUIT is read behind it');
		} else {
			same(r.code, 521, name + ' is refused');
			check(await s.ended(60), name + ' ends the connection');
			same(s.text, '', name + ': nothing behind it is answered');
		}
		s.close();
	}
	same(letters(), before + 2, 'no letter was smuggled: two came, with odd text');
	same(i.mails('inner@example.net').length, 0, 'and nobody inside was written to');
	for (const line of ['NOOP\n', 'NOOP\r', 'NO\rOP\r\n', 'NOOP\n\r\n']) {
		const s = await open();
		s.write(line + 'NOOP\r\n');
		same((await s.reply(60)).code, 521, JSON.stringify(line) + ' as a command');
		check(await s.ended(60), 'ends the connection');
	}
	const long = await open();
	long.write('NOOP ' + 'x'.repeat(5000) + '\r\n');
	same((await long.reply(60)).code, 521, 'a line that is too long');
	check(await long.ended(60), 'ends the connection');
	// The end in pieces, byte by byte, and everything at once.
	const s = await signedIn();
	const all = `MAIL FROM:<${ME}>\r\nRCPT TO:<pieces@example.net>\r\nDATA\r\n`;
	for (const c of all + stuffed(mail('pieces@example.net', 'Pieces', '..\r\n.a\r\n.')).toString('latin1'))
		s.write(c);
	const codes = [];
	for (let k = 0; k < 4; k++)
		codes.push((await s.reply()).code);
	same(codes, [250, 250, 354, 250], 'byte by byte');
	const page = (await received('pieces@example.net')).page;
	check(page.includes('..<br') && page.includes('.a<br'), 'dots at line starts come through', page.slice(page.indexOf('..') - 100, page.indexOf('..') + 100));
	s.close();
}

async function strangers() {
	const wrong = async (user, password) => {
		const s = await open();
		const r = await s.auth(user, password);
		s.close();
		return r;
	};
	const reader = i.user('reader@example.org', 'reader');
	const a = await wrong(ME, 'pli_wrong'), b = await wrong('nobody@example.org', token), c = await wrong(ME, reader);
	same([a.code, b.code, c.code], [535, 535, 535], 'a wrong token, a wrong name, another\'s token');
	same([b.text, c.text], [a.text, a.text], 'with the same words');
	const r = await open();
	same((await r.auth('reader@example.org', reader)).code, 235, 'a reader may sign in');
	same((await r.cmd('MAIL FROM:<reader@example.org>')).code, 550, 'but not write');
	r.close();
	const s = await open();
	same((await s.auth(ME, 'pli_1')).code, 535, 'first guess');
	same((await s.auth(ME, 'pli_2')).code, 535, 'second');
	same((await s.auth(ME, 'pli_3')).code, 421, 'third: the end');
	check(await s.ended(), 'of the connection');
	for (const bad of ['AUTH PLAIN', 'AUTH PLAIN !!!', 'AUTH PLAIN AA==', 'AUTH PLAIN ' + Buffer.from('x\0' + ME + '\0' + token).toString('base64')]) {
		const t = await open();
		let q = await t.cmd(bad);
		if (q.code === 334)
			q = await t.cmd('*');
		same(q.code, 501, bad.slice(0, 14) + ' malformed or given up');
		t.close();
	}
	const brief = i.user('brief@example.org'), again = i.token('brief@example.org');
	const idsOf = () => JSON.parse(i.verb('token', 'list', i.dir, '--json')).filter((x) => x.email === 'brief@example.org' && !x.revoked).map((x) => x.token);
	same(idsOf().length, 2, 'two tokens');
	const t = await open(), u = await open();
	same([(await t.auth('brief@example.org', brief)).code, (await u.auth('brief@example.org', again)).code], [235, 235], 'each signs in');
	await u.cmd('MAIL FROM:<brief@example.org>');
	await u.cmd('RCPT TO:<a@example.net>');
	same((await u.cmd('DATA')).code, 354, 'one has begun to send');
	for (const id of idsOf())
		i.verb('token', 'revoke', i.dir, id);
	same((await t.cmd('MAIL FROM:<brief@example.org>')).code, 530, 'a token that is revoked ends the right at once');
	u.write(stuffed(mail('a@example.net', 'Too late', 'x').replace(ME, 'brief@example.org')));
	same((await u.reply()).code, 530, 'also in the middle of a mail');
	t.close();
	u.close();
	// A browser that is led here by another name in the same certificate.
	const h = await open(null);
	h.write('POST / HTTP/1.1\r\nHost: localhost\r\n\r\n');
	same((await h.reply()).code, 554, 'HTTP is refused');
	check(await h.ended(), 'and ends the connection');
	const alpn = await Smtp.open({ port, ca: i.ca, alpn: ['http/1.1'] }, null);
	same(alpn.greeting.code, 0, 'who asks for HTTP in the handshake gets none');
}

// Deaths of the reader of mails in the middle of a message: 451 or a closed connection, nothing visible, and the same mail again is one letter.
async function deaths() {
	i.deathsExpected = true;
	const big = crypto.randomBytes(20 << 20).toString('base64').replace(/.{76}/g, '$&\r\n');
	const before = letters();
	let killed = 0, tries = 0;
	for (; killed < 3 && tries < 12; tries++) {
		const s = await signedIn();
		const message = mail('death@example.net', 'Death ' + tries, lines('--b', '', 'text', '--b', 'Content-Type: application/octet-stream', 'Content-Transfer-Encoding: base64', '', big, '--b--'),
			['Content-Type: multipart/mixed; boundary=b']);
		const pid = await until('who reads mails is there', () => i.children()['pli-mail']);
		let over = false;
		const sending = s.send(ME, ['death@example.net'], message).then((r) => { over = true; return r; });
		// From when its memory grows, the message is there.
		const rss = () => { try { return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]); } catch (e) { return 1 << 30; } };
		const start = rss();
		while (!over && rss() < start + 4000 * (1 + tries % 4))
			await pause(1);
		const count = letters();
		process.kill(pid, 'SIGKILL');
		const r = await sending;
		if (r.code === 250)	/* it was done already */
			continue;
		killed++;
		check(r.code === 451 || r.code === 0, 'killed in the middle: later, or cut', r.all);
		same(letters(), count, 'nothing of it is visible');
		s.close();
		const second = await until('its successor reads', async () => {
			const t = await signedIn().catch(() => null), q = t && await t.send(ME, ['death@example.net'], message);
			if (t)
				t.close();
			return q && q.code === 250 ? q : null;
		});
		same(second.code, 250, 'the same mail again');
	}
	check(killed === 3, 'it was killed in the middle three times', `${killed} of ${tries}`);
	same(letters(), before + tries, 'one letter a mail');
	await until('staged bytes are given back', () => i.one("SELECT COUNT(*) FROM object WHERE letter IS NULL") === 0);
	// One that does not end by itself: stopped, it is ended from outside once its time is over; others wait, and go on.
	const out = i.children();
	check(out['pli-mail'] && out['pli-front'], 'all are there', out);
}

// The keeper does not answer: later, whatever has happened; the same mail again is one letter.
async function uncertain() {
	const s = await signedIn(), before = letters(), message = mail('uncertain@example.net', 'Uncertain', 'x'), keeper = i.children()['pli-keeper'];
	process.kill(keeper, 'SIGSTOP');
	const r = await s.send(ME, ['uncertain@example.net'], message);
	same(r.code, 451, 'without the keeper: later');
	try { process.kill(keeper, 'SIGCONT'); } catch (e) { /* it was replaced */ }
	await i.ready(30);
	same((await until('it is taken', async () => { const q = await s.send(ME, ['uncertain@example.net'], message); return q.code === 250 ? q : null; }, 30)).code, 250, 'then it is');
	same(letters(), before + 1, 'and is one letter');
	s.close();
}

// New settings and a new certificate hold for new connections; too little room is said before a byte is sent.
async function reload(old) {
	const conf = path.join(i.dir, 'pli.conf'), before = fs.readFileSync(conf, 'utf8');
	const certificate = (s) => s.socket.getPeerCertificate().fingerprint256, first = certificate(old);
	fs.appendFileSync(conf, '\n[storage]\nreserve_deposit = 100T\n');
	i.verb('reload', i.dir);
	same((await old.cmd(`MAIL FROM:<${ME}>`)).code, 452, 'no room: later');
	fs.writeFileSync(conf, before);
	const key = path.join(i.dir, 'tls/key.pem'), cert = path.join(i.dir, 'tls/cert.pem');
	const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert]);
	same(made.status, 0, 'a new certificate');
	i.verb('reload', i.dir);
	same((await old.cmd(`MAIL FROM:<${ME}>`)).code, 250, 'room again, on the old connection');
	const s = await Smtp.open({ port, ca: fs.readFileSync(cert) });
	same(s.greeting.code, 220, 'a new connection');
	check(certificate(s) !== first, 'has the new certificate');
	s.close();
	old.close();
}

// Over its life a process reads many: no descriptor and no memory stays behind.
async function many() {
	const s = await signedIn(), pid = i.children()['pli-mail'];
	// As nobody but root may look into a process that is not dumpable, an ordinary user counts none.
	const open = (of) => process.getuid() === 0 ? fs.readdirSync(`/proc/${of}/fd`).length : 0;
	const fds = () => open(pid), front = () => open(i.children()['pli-front']);
	const send = async (k) => same((await s.send(ME, ['many@example.net'], mail('many@example.net', 'Many ' + k, 'x'))).code, 250, 'mail ' + k);
	for (let k = 0; k < 20; k++)
		await send(k);
	const before = [fds(), front()];
	for (let k = 20; k < 120; k++)
		await send(k);
	await until('no descriptor stays open', () => fds() <= before[0] && front() <= before[1] + 8).catch(() => check(false, 'no descriptor stays open', [fds(), front(), before]));
	s.close();
}

async function slow() {
	const s = await signedIn();
	await s.cmd(`MAIL FROM:<${ME}>`);
	await s.cmd('RCPT TO:<slow@example.net>');
	await s.cmd('DATA');
	const timer = setInterval(() => s.closed || s.write('x'), 200), begin = Date.now();
	const r = await s.reply(100);
	clearInterval(timer);
	check((r.code === 421 || r.code === 0) && Date.now() - begin < 90000, 'a mail that trickles in is cut off', r.all);
	const wait = await Smtp.open({ port, ca: i.ca });
	const other = await signedIn();
	same((await other.send(ME, ['fast@example.net'], mail('fast@example.net', 'Fast', 'x'))).code, 250, 'others are served meanwhile');
	other.close();
	wait.close();
	s.close();
}

async function full() {
	const begin = i.counts();
	for (let k = 0; k < 30; k++) {
		const s = await open();
		const r = await s.auth(ME, 'pli_guess' + k);
		s.close();
		if (r.code === 421) {
			check(k >= 10 && k <= 21, 'guesses from one network are not even looked at any more', k);
			const right = await open();
			same((await right.auth(ME, token)).code, 421, 'not even a right one, for a while');
			right.close();
			break;
		}
		check(k < 29, 'thirty guesses are too many');
	}
	same(i.counts().letter, begin.letter, 'no letter by guesses');
}

main(async () => {
	await wholeHour(120);	// at an hour's end visits are entered
	port = freePort();
	i = new Instance().make({ conf: `[submission]\nlisten = 127.0.0.1:${port}\n[limits]\nbody_rate_s = 3\nbody_rate = 1K\n`.replace('[limits]', '[limits]') });
	await i.serve();
	const incoming = () => JSON.parse(i.run(['check', i.dir, 'incoming', '--json']).stdout).find((r) => /mail programs/.test(r.text));
	check(incoming().level === 'good' && /under TLSv1\.3/.test(incoming().text), 'pli check reaches it', incoming());
	token = i.user(ME);
	await dialogue();
	await simple();
	await attachments();
	await refusals();
	await curl();
	await again();
	await smuggling();
	await strangers();
	await many();
	await slow();
	await deaths();
	await uncertain();
	const old = await signedIn();
	await full();
	await reload(old);
	same(i.verify().status, 0, 'journal verify after all that');
	await i.stop();
	check(incoming().level === 'weaker' && /does not run/.test(incoming().text), 'and says when the server does not run', incoming());
});
