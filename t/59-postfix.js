#!/usr/bin/env node
// Goal: the whole round with a real mail server: notices leave through Postfix, which cannot deliver some of them and brings its
// reports back over LMTP; the recipients' states and the servers' words show in the letters.  Skipped where there is no Postfix, or no
// right to start one.  It is a Postfix of its own, on ports of its own.
'use strict';
const fs = require('fs');
const os = require('os');
const path = require('path');
const { spawnSync, spawn } = require('child_process');
const { Instance, check, same, until, main, freePort, TMP } = require('./lib/pli.js');
const { Relay } = require('./lib/relay.js');

if (!fs.existsSync('/usr/sbin/postfix') || process.getuid() !== 0) {
	console.log('no Postfix here, or not root');
	process.exit(77);
}
// Not below $TMP, which may be closed to Postfix's users.
const DOMAIN = 'bounces.example.org', dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pli-postfix-'));

function configure(smtp, lmtp, sink) {
	for (const d of ['queue', 'data'])
		fs.mkdirSync(path.join(dir, d), { recursive: true });
	fs.chmodSync(dir, 0o755);
	spawnSync('chown', ['postfix', path.join(dir, 'data')]);
	fs.writeFileSync(path.join(dir, 'main.cf'), `compatibility_level = 3.6
queue_directory = ${dir}/queue
data_directory = ${dir}/data
maillog_file = ${dir}/log
maillog_file_prefixes = ${dir}
myhostname = relay.example.org
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
relay_domains = ${DOMAIN}
transport_maps = inline:{${DOMAIN}=lmtp:inet:127.0.0.1:${lmtp}}
relayhost = [127.0.0.1]:${sink}
notify_classes =
smtp_tls_security_level = none
smtpd_tls_security_level = none
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
delay_warning_time = 1s
default_destination_concurrency_limit = 5
alias_maps =
local_recipient_maps =
`);
	// main.cf's own services, with the port of our own and outside of any chroot.
	const master = fs.readFileSync('/usr/share/postfix/master.cf.dist', 'utf8').replace(/^smtp(\s+inet)/m, `127.0.0.1:${smtp}$1`).split('\n')
		.map((l) => /^\S+\s+(inet|unix|fifo)\s/.test(l) ? l.replace(/^(\S+\s+\S+\s+\S+\s+\S+\s+)\S/, '$1n') : l).join('\n');
	fs.writeFileSync(path.join(dir, 'master.cf'), master + (/^postlog/m.test(master) ? '' : '\npostlog unix-dgram n - n - 1 postlogd\n'));
}

main(async () => {
	const smtp = freePort(), lmtp = freePort();
	const sink = await new Relay({ extensions: ['PIPELINING', '8BITMIME', 'ENHANCEDSTATUSCODES'] }).listen();
	sink.script = (verb, s) => verb !== 'rcpt' ? undefined : /unknown@/i.test(s.line) ? '550 5.1.1 <unknown@example.net>: no such person'
		: /full@/i.test(s.line) ? '552 5.2.2 The box of full@example.net is full' : /later@/i.test(s.line) ? '451 4.7.1 Come back later' : undefined;
	configure(smtp, lmtp, sink.port);
	const postfix = spawn('/usr/sbin/postfix', ['-c', dir, 'start-fg'], { stdio: ['ignore', fs.openSync(path.join(TMP, 'postfix.out'), 'w'), 'inherit'] });
	const gone = new Promise((done) => postfix.once('exit', done));
	try {
		const i = new Instance().make({ more: ['--mail', 'smtp://127.0.0.1:' + smtp], conf: `[mail]\nbounce_domain = ${DOMAIN}\n[lmtp]\nlisten = 127.0.0.1:${lmtp}\n` });
		await i.serve();
		const token = i.user('sender@example.org');
		await until('Postfix listens', () => spawnSync('bash', ['-c', `exec 3<>/dev/tcp/127.0.0.1/${smtp}`]).status === 0, 20);
		const made = (await i.json('POST', '/api/v1/letters', token, { to: ['good@example.net', 'unknown@example.net'], cc: ['full@example.net'], bcc: ['later@example.net'], subject: 'Hello', message: 'x' })).json;
		const look = async () => Object.fromEntries((await i.request('GET', '/api/v1/letters/' + made.id, { token })).json.recipients.map((r) => [r.address.split('@')[0], r]));
		await until('the reports are back', async () => { const r = await look(); return r.unknown.state === 'failed' && r.full.state === 'failed'; }, 60);
		await until('the good one is there', () => sink.to('good@example.net').length === 1, 30);
		await until('the delay is told', () => i.one("SELECT COUNT(*) FROM journal WHERE event = 'notice.delayed'") >= 1, 60);
		const r = await look();
		same([r.good.state, r.unknown.state, r.full.state, r.later.state], ['sent', 'failed', 'failed', 'sent'], 'states');
		check(r.unknown.reply.includes('550 5.1.1 <(address)>: no such person'), 'the words about the unknown one', r.unknown);
		check(r.full.reply.includes('552 5.2.2 The box of (address) is full'), 'about the full box', r.full);
		check(r.later.reply.includes('451 4.7.1 Come back later'), 'about the delay', r.later);
		const entries = i.sql("SELECT CAST(entry AS TEXT) AS entry FROM journal WHERE event IN ('notice.failed', 'notice.delayed')").map((x) => x.entry);
		check(entries.every((e) => !e.includes('@')), 'no entry names anybody', entries);
		same(i.one("SELECT COUNT(*) FROM journal WHERE event = 'notice.failed'"), 2, 'each failure once');
		same(i.verify().status, 0, 'journal verify');
		await i.stop();
	} finally {
		spawnSync('/usr/sbin/postfix', ['-c', dir, 'stop']);
		await gone;
		await sink.close();
		fs.rmSync(dir, { recursive: true, force: true });
	}
});
