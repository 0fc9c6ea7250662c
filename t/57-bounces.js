#!/usr/bin/env node
// Goal: what mail servers bring back over LMTP for a notice (delivery reports as real servers write them, plain bounces) sets the
// recipient's state with the server's words, once; a delay is entered and changes nothing; absence notes change nothing; addresses that
// nobody gave out are refused; nothing names a person in the journal.
'use strict';
const fs = require('fs');
const path = require('path');
const { Instance, check, same, until, wholeHour, main, freePort, TMP } = require('./lib/pli.js');
const { Smtp, lines } = require('./lib/smtp.js');
const { Relay } = require('./lib/relay.js');

let i, port, token, relay;
const DOMAIN = 'bounces.example.org';
const lmtp = () => Smtp.open({ port }, 'LHLO mx.example.org');
const get = async (id) => (await i.request('GET', '/api/v1/letters/' + id, { token })).json;
const events = (name) => i.one(`SELECT COUNT(*) FROM journal WHERE event = '${name}'`);
const entries = (letter) => i.sql(`SELECT event, CAST(entry AS TEXT) AS entry FROM journal WHERE letter = X'${letter.replace(/-/g, '')}' ORDER BY seq`).map((r) => ({ event: r.event, ...JSON.parse(r.entry) }));

// A letter to these; resolves to its id and the return address of each mail.
async function letter(to) {
	const made = (await i.json('POST', '/api/v1/letters', token, { to, subject: 'Hello', message: 'x' })).json;
	const from = {};
	for (const address of to)
		from[address] = (await until('the notice to ' + address, () => relay.to(address)[0])).from;
	await until('they are entered', async () => (await get(made.id)).recipients.every((r) => r.state === 'sent'));
	return { id: made.id, from };
}

const dsn = (fields, { words = 'Sorry.', type = 'multipart/report; report-type=delivery-status', more = [] } = {}) => lines(
	'From: MAILER-DAEMON@mx.example.net (Mail Delivery System)', 'To: someone@example.org', 'Subject: Undelivered Mail Returned to Sender',
	`Message-ID: <dsn${++count}@mx.example.net>`, 'MIME-Version: 1.0', `Content-Type: ${type}; boundary="B"`, ...more, '', 'This is a MIME message.', '', '--B', 'Content-Type: text/plain; charset=us-ascii', '', words, '',
	'--B', 'Content-Type: message/delivery-status', '', 'Reporting-MTA: dns; mx.example.net', 'Arrival-Date: Sun, 22 Nov 2026 03:00:00 +0000', '', ...fields, '',
	'--B', 'Content-Type: message/rfc822', '', 'From: x@example.org', 'Subject: Hello', '', 'the notice', '--B--');
let count = 0;

// What real servers write: name, fields or a whole message, the words that must be shown (parts of them).
const FAILURES = [
	['postfix', dsn(['Final-Recipient: rfc822; TO', 'Original-Recipient: rfc822;TO', 'Action: failed', 'Status: 5.1.1', 'Remote-MTA: dns; mx.example.net',
		'Diagnostic-Code: smtp; 550 5.1.1 <TO>: Recipient address', '    rejected: User unknown in virtual mailbox table']), '550 5.1.1 <(address)>: Recipient address rejected: User unknown'],
	['exim', dsn(['Action: failed', 'Final-Recipient: rfc822;TO', 'Status: 5.0.0', 'Remote-MTA: dns; mx.example.net', 'Diagnostic-Code: smtp; 550-Verification failed for <x@example.org>'], { more: ['X-Failed-Recipients: TO', 'Auto-Submitted: auto-replied'] }), '550-Verification failed for <(address)>'],
	['sendmail', dsn(['Original-Recipient: rfc822;TO', 'Final-Recipient: RFC822; TO', 'Action: failed', 'Status: 5.7.1', 'Diagnostic-Code: SMTP; 554 5.7.1 Service unavailable; blocked using list.example', 'Last-Attempt-Date: Sun, 22 Nov 2026 03:00:00 GMT']), '554 5.7.1 Service unavailable; blocked'],
	['exchange', dsn(['Original-Recipient: rfc822;TO', 'Final-Recipient: rfc822;TO', 'Action: failed', 'Status: 5.1.10', 'Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient TO not found by SMTP address lookup'], { type: 'multipart/report; differences=Content-Transfer-Encoding; report-type="delivery-status"' }), 'RESOLVER.ADR.RecipientNotFound; Recipient (address) not found'],
	['expired', dsn(['Final-Recipient: rfc822; TO', 'Action: failed', 'Status: 4.4.7', 'Diagnostic-Code: X-Postfix; delivery temporarily suspended: connect to mx.example.net: timed out']), 'connect to mx.example.net: timed out'],
	['no action', dsn(['Final-Recipient: rfc822; TO', 'Status: 5.2.2 (mailbox full)']), ''],
	['qmail', lines('From: MAILER-DAEMON@qmail.example', 'Subject: failure notice', '', 'Hi. This is the qmail-send program at qmail.example.', "I'm afraid I wasn't able to deliver your message.", '',
		'<TO>:', '198.51.100.7 does not like recipient.', 'Remote host said: 550 5.1.1 No such user TO here', 'Giving up on 198.51.100.7.'), '550 5.1.1 No such user (address) here'],
	['old exim', lines('From: Mail Delivery System <Mailer-Daemon@mx.example.net>', 'X-Failed-Recipients: TO', 'Subject: Mail delivery failed', '', '  TO', '    SMTP error from remote mail server: 550 unknown user'), ''],
];
const DELAYS = [
	['postfix', dsn(['Final-Recipient: rfc822; TO', 'Action: delayed', 'Status: 4.4.1', 'Diagnostic-Code: X-Postfix; connect to mx.example.net[198.51.100.1]:25: Connection timed out', 'Will-Retry-Until: Fri, 27 Nov 2026 03:00:00 +0000'])],
	['plain', lines('From: postmaster@mx.example.net', 'Subject: Warning: could not send message for past 4 hours', '', 'Deferred: 451 4.7.1 Greylisted, please come back later')],
];
const OTHERS = [
	['an absence note', lines('From: A <TO>', 'Subject: Out of office', 'Auto-Submitted: auto-replied (vacation)', '', 'I am away until 5.1.1. My number: 550 123.')],
	['an absence note that does not say so', lines('From: A <TO>', 'Subject: Absence', '', 'Back on Monday. Room 550 5.1.1 is closed.')],
	['a delivery', dsn(['Final-Recipient: rfc822; TO', 'Action: delivered', 'Status: 2.0.0'])],
	['relayed on', dsn(['Final-Recipient: rfc822; TO', 'Action: relayed', 'Status: 2.0.0'])],
	['a report without a recipient', dsn([])],
	['a reading receipt', lines('From: TO', 'Subject: Read: Hello', 'MIME-Version: 1.0', 'Content-Type: multipart/report; report-type=disposition-notification; boundary=B', '', '--B', '', 'It was read.', '--B', 'Content-Type: message/disposition-notification', '', 'Final-Recipient: rfc822; TO', 'Disposition: manual-action/MDN-sent-manually; displayed', '--B--')],
	['an advertisement', lines('From: seller@example.com', 'Subject: Status: 5.1.1', '', '550 5.1.1 reasons to buy')],
];

async function failures() {
	let n = 0;
	for (const [name, message, words] of FAILURES) {
		const to = `fail${++n}@example.net`, other = `other${n}@example.net`;
		const made = await letter([to, other]), s = await lmtp(), before = events('notice.failed');
		check(/^bounce\+[a-z2-7]{26}\.[a-z2-7]{16}@bounces\.example\.org$/.test(made.from[to]), 'a return address of its own', made.from[to]);
		const text = message.replaceAll('TO', to);
		same((await s.send('', [made.from[to]], text)).code, 250, name + ' is taken');
		const r = await get(made.id);
		same(r.recipients.map((x) => x.state), ['failed', 'sent'], name + ': that recipient, no other');
		check((r.recipients[0].reply || '').includes(words), name + ': the server\'s words: ' + words, r.recipients[0]);
		same(events('notice.failed'), before + 1, name + ': one entry');
		const entry = entries(made.id).find((e) => e.event === 'notice.failed');
		check(!JSON.stringify(entry).includes('@'), name + ': the entry names nobody', entry);
		same([entry.ch, entry.d.via], ['smtp', 'report'], name + ': how it was learnt');
		same((await s.send('', [made.from[to].toUpperCase()], text)).code, 250, name + ' again, in capitals');
		same((await s.send('mailer@mx.example.net', [made.from[to]], text.replace('Sorry', 'Very sorry'))).code, 250, name + ' in other words');
		same(events('notice.failed'), before + 1, name + ': still one entry');
		same((await s.send('', [made.from[other]], text)).code, 250, name + ' for the other one');
		same((await get(made.id)).state, 'failed', name + ': the document could be sent to nobody');
		s.close();
	}
	same(events('document.failed'), FAILURES.length, 'which is entered once each');
}

async function others() {
	for (const [name, message] of DELAYS) {
		const to = `delay-${name}@example.net`, made = await letter([to]), s = await lmtp(), before = events('notice.delayed');
		same((await s.send('', [made.from[to]], message.replaceAll('TO', to))).code, 250, name + ': a delay is taken');
		same((await s.send('', [made.from[to]], message.replaceAll('TO', to))).code, 250, name + ': and again');
		same([(await get(made.id)).recipients[0].state, events('notice.delayed')], ['sent', before + 1], name + ': entered once, state unchanged');
		s.close();
	}
	const to = 'quiet@example.net', made = await letter([to]), before = i.one('SELECT COUNT(*) FROM journal'), s = await lmtp();
	for (const [name, message] of OTHERS)
		same((await s.send('', [made.from[to]], message.replaceAll('TO', to))).code, 250, name + ' is taken');
	same([(await get(made.id)).recipients[0].state, i.one('SELECT COUNT(*) FROM journal')], ['sent', before], 'and changes nothing');
	s.close();
}

async function opened() {
	const to = 'opened@example.net', made = await letter([to]);
	const mail = relay.to(to)[0].data.toString('latin1').replace(/=\r\n/g, '');
	const link = new URL(/^https:\/\/\S+\/l\/[a-z2-7]+/m.exec(mail)[0].replace('=3D', '=')).pathname;
	same((await i.open(link)).status, 303, 'the recipient opens the letter');
	const s = await lmtp();
	same((await s.send('', [made.from[to]], FAILURES[0][1].replaceAll('TO', to))).code, 250, 'a late bounce');
	same((await get(made.id)).recipients[0].state, 'opened', 'does not undo his opening');
	check(entries(made.id).some((e) => e.event === 'notice.failed'), 'but is entered');
	s.close();
}

async function forged() {
	const made = await letter(['real@example.net']), real = made.from['real@example.net'], s = await lmtp(), before = i.one('SELECT COUNT(*) FROM journal');
	same(s.hello.code, 250, 'LHLO');
	check(!/AUTH|STARTTLS/.test(s.hello.all), 'offers no sign-in', s.hello.all);
	same((await s.cmd('EHLO x')).code, 500, 'EHLO is of another protocol');
	same((await s.cmd('RCPT TO:<' + real + '>')).code, 503, 'RCPT before MAIL');
	await s.cmd('MAIL FROM:<>');
	const flip = (at) => real.slice(0, at) + (real[at] === 'a' ? 'b' : 'a') + real.slice(at + 1);
	for (const bad of [flip(8), flip(20), flip(36), flip(49), real.replace(DOMAIN, 'example.org'), real.replace('bounce+', 'bounces+'), 'postmaster@' + DOMAIN, 'admin@example.org', real.slice(0, 30), `bounce+@${DOMAIN}`, `"${real.split('@')[0]}"@${DOMAIN}`])
		same((await s.cmd(`RCPT TO:<${bad}>`)).code, 550, 'refused at RCPT: ' + bad);
	same((await s.cmd('DATA')).code, 554, 'no recipient was taken');
	same((await s.cmd(`RCPT TO:<${real}>`)).code, 250, 'the right one is');
	same((await s.cmd('DATA')).code, 354, 'DATA');
	s.write('From: MAILER-DAEMON@x.example\r\n\r\n550 5.1.1 no\r\n.\nMAIL FROM:<>\r\n');
	same((await s.reply()).code, 521, 'a bare LF is refused here too');
	check(await s.ended(), 'and ends the connection');
	same(i.one('SELECT COUNT(*) FROM journal'), before, 'nothing was entered');
	const big = await lmtp();
	same((await big.send('', [real], 'From: a@b.example\r\n\r\n' + ('x'.repeat(70) + '\r\n').repeat(80000))).code, 552, 'a bounce that is too large');
	same((await big.cmd('NOOP')).code, 250, 'leaves the connection in order');
	const two = await letter(['two1@example.net', 'two2@example.net']);
	await big.cmd('MAIL FROM:<>');
	for (const a of [two.from['two1@example.net'], flip(8), two.from['two2@example.net']])
		await big.cmd(`RCPT TO:<${a}>`);
	await big.cmd('DATA');
	big.write(FAILURES[0][1].replaceAll('TO', 'x@example.net') + '.\r\n');
	same([(await big.reply()).code, (await big.reply()).code], [250, 250], 'one reply for each recipient that was taken');
	same((await get(two.id)).recipients.map((r) => r.state), ['failed', 'failed'], 'both are entered');
	big.close();
}

// The reader of mails dies: the mail server keeps its bounce and brings it again.
async function death() {
	i.deathsExpected = true;
	const to = 'death@example.net', made = await letter([to]), s = await lmtp(), text = FAILURES[0][1].replaceAll('TO', to);
	process.kill(i.children()['pli-mail'], 'SIGKILL');
	const first = await s.send('', [made.from[to]], text);
	check([250, 451].includes(first.code), 'right after a death: later, or done by the successor', first.all);
	await until('the bounce is entered', async () => (await s.send('', [made.from[to]], text)).code === 250);
	same((await get(made.id)).recipients[0].state, 'failed', 'it is not lost');
	same(entries(made.id).filter((e) => e.event === 'notice.failed').length, 1, 'nor entered twice');
	process.kill(i.children()['pli-front'], 'SIGKILL');
	await i.ready(20);
	const t = await until('LMTP is back', () => lmtp().then((x) => (x.greeting.code === 220 ? x : null), () => null));
	const after = await letter(['after@example.net']);
	same((await t.send('', [after.from['after@example.net']], text)).code, 250, 'after a death of front too');
	same((await get(after.id)).recipients[0].state, 'failed', 'it is entered');
	t.close();
	s.close();
}

main(async () => {
	await wholeHour(60);	// at an hour's end visits are entered
	port = freePort();
	relay = await new Relay().listen();
	i = new Instance().make({ more: ['--mail', 'smtp://127.0.0.1:' + relay.port], conf: `[mail]\nbounce_domain = ${DOMAIN}\n[lmtp]\nlisten = 127.0.0.1:${port}\n` });
	await i.serve();
	const said = JSON.parse(i.run(['check', i.dir, 'incoming', '--json']).stdout);
	check(said.some((r) => r.level === 'good' && /local mail server is answered/.test(r.text)), 'pli check reaches it', said);
	token = i.user('sender@example.org');
	await failures();
	await others();
	await opened();
	await forged();
	await death();
	same(i.verify().status, 0, 'journal verify after all that');
	await i.stop();
	// A socket file, as local mail servers like it; what a killed server left is replaced, another file is not.
	const file = path.join(TMP, 'lmtp.sock'), conf = path.join(i.dir, 'pli.conf');
	fs.writeFileSync(conf, fs.readFileSync(conf, 'utf8').replace(`listen = 127.0.0.1:${port}`, 'listen = unix:' + file));
	fs.writeFileSync(file, 'mine');
	check(i.run(['serve', i.dir]).status !== 0 && fs.readFileSync(file, 'utf8') === 'mine', 'a file of somebody\'s is not replaced');
	fs.unlinkSync(file);
	await i.serve();
	const u = await Smtp.open({ path: file }, 'LHLO x');
	same([u.greeting.code, u.hello.code], [220, 250], 'LMTP over a socket file');
	u.close();
	await i.stop();
	check(!fs.existsSync(file), 'which is gone after the stop');
	await relay.close();
});
