#!/usr/bin/env node
// Goal: `pli check` tells whether the relay takes mail, in its own words, without sending any; it prints the lines of SPF, DKIM and DMARC
// that belong into the DNS, with the keys of the instance, and compares what a name server says.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { spawn, spawnSync } = require('child_process');
const { Instance, check, same, main } = require('./lib/pli.js');
const { nameServer } = require('./lib/name_server.js');
const { Relay, pair } = require('./lib/relay.js');

const TMP = process.env.TMP;

function run(i, wrapper, parts) {
	return new Promise((done) => {
		const p = spawn(wrapper || process.env.PLI, ['check', i.dir, ...parts, '--json'], { env: { PATH: process.env.PATH } });
		let out = '', err = '';
		p.stdout.on('data', (b) => { out += b; });
		p.stderr.on('data', (b) => { err += b; });
		p.on('close', (status) => {
			let rows = [];
			try { rows = JSON.parse(out); } catch (e) { err += out; }
			done({ status, rows: Array.isArray(rows) ? rows : rows.checks || [], err });
		});
	});
}

main(async () => {
	const good = pair('check');
	const relay = await new Relay({ tls: good, auth: ['u', 'p'] }).listen();
	const password = path.join(TMP, 'password');
	fs.writeFileSync(password, 'p\n');
	const i = new Instance().make({ more: ['--mail', 'smtp://127.0.0.1:' + relay.port], conf: `[mail]\ntls = required\nca_file = ${good.file}\nuser = u\npassword_file = ${password}\ndkim = both\nbounce_domain = bounces.pli.test\n` });
	const conf = path.join(i.dir, 'pli.conf');
	fs.writeFileSync(conf, fs.readFileSync(conf, 'utf8').replace(/^from = .*$/m, '').replace(/^mail = /m, 'from = letters@pli.test\nmail = '));
	const one = await run(i, null, ['relay']);
	check(one.rows.length === 1 && one.rows[0].level === 'good' && /TLSv1\.3/.test(one.rows[0].text), 'the relay is good', one);
	same([relay.taken.length, relay.log.filter((l) => l[1] === 'mail').length, relay.log.filter((l) => l[1] === 'rcpt' || l[1] === 'data').length], [0, 1, 0], 'a sender, no mail');
	same(relay.log.filter((l) => l[1] === 'rset').length, 1, 'and it is taken back');
	relay.script = (verb) => verb === 'mail' ? '550 5.7.1 <letters@pli.test>: not from here' : undefined;
	const refused = await run(i, null, ['relay']);
	check(refused.rows[0].level === 'wrong' && /550 5\.7\.1/.test(refused.rows[0].text) && refused.status !== 0, 'a sender refused, in its words', refused);
	relay.script = null;
	fs.writeFileSync(password, 'wrong\n');
	const denied = await run(i, null, ['relay']);
	check(denied.rows[0].level === 'wrong' && /535 5\.7\.8/.test(denied.rows[0].text), 'a wrong password', denied);
	fs.writeFileSync(password, 'p\n');
	relay.tls = pair('somebody', 'DNS:other.example.org');
	check(/no TLS with the relay/.test((await run(i, null, ['relay'])).rows[0].text), 'a wrong certificate');
	await relay.close();
	check(/no connection to the relay/.test((await run(i, null, ['relay'])).rows[0].text), 'nobody there');

	if (process.getuid() !== 0 || spawnSync('unshare', ['-m', 'true']).status !== 0)
		return console.log('no mount namespaces here: the DNS is not tried');
	const conf2 = path.join(TMP, 'resolv.conf'), wrapper = path.join(TMP, 'in-namespace');
	fs.writeFileSync(conf2, 'nameserver 127.0.0.9\n');
	fs.writeFileSync(wrapper, `#!/bin/sh\nexec unshare -m sh -c 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"' sh ${conf2} ${process.env.PLI} "$@"\n`, { mode: 0o755 });
	const none = await run(i, wrapper, ['dns']);
	check(none.rows.some((r) => /does not answer/.test(r.text)) && none.rows.every((r) => r.level !== 'wrong'), 'no name server: said, and no fault', none);
	const records = {}, addresses = {}, mx = {};
	const dns = await nameServer('127.0.0.9', { txt: records, a: addresses, mx });
	const empty = await run(i, wrapper, ['dns']);
	same(empty.rows.map((r) => r.level), ['weaker', 'weaker', 'weaker', 'weaker'], 'nothing is published');
	for (const r of empty.rows) {
		const m = /^Publish: (\S+)\. TXT "(.*)"$/.exec(r.hint);
		if (check(m, 'a line to publish', r))
			records[m[1]] = m[2];
	}
	same(Object.keys(records).sort(), ['_dmarc.pli.test', 'bounces.pli.test', 'pli-rsa._domainkey.pli.test', 'pli._domainkey.pli.test'].sort(), 'their names');
	const ed = crypto.createPublicKey(fs.readFileSync(path.join(i.dir, 'keys/dkim.key'))).export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64');
	same(records['pli._domainkey.pli.test'], 'v=DKIM1; k=ed25519; p=' + ed, 'the instance\'s key');
	const all = await run(i, wrapper, ['dns']);
	same([all.rows.map((r) => r.level), all.status], [['good', 'good', 'good', 'good'], 0], 'published as printed: all is good');
	records['pli._domainkey.pli.test'] = records['pli._domainkey.pli.test'].replace(/p=..../, 'p=AAAA');
	check((await run(i, wrapper, ['dns'])).rows.some((r) => r.level === 'wrong' && /another key/.test(r.text)), 'another key is noticed');
	// What bounces finds its way back, or does not.
	const back = async () => (await run(i, wrapper, ['incoming'])).rows.map((r) => r.level + ' ' + r.text);
	check((await back()).some((r) => /^wrong notices ask for bounces to bounces\.pli\.test, and nothing takes them/.test(r)), 'nothing takes what comes back');
	check((await back()).some((r) => /^wrong what bounces is lost/.test(r)), 'no MX, no address');
	addresses['bounces.pli.test'] = '192.0.2.7';
	check((await back()).some((r) => /^weaker no MX is published for bounces\.pli\.test/.test(r)), 'an address alone');
	mx['bounces.pli.test'] = 'mx.pli.test';
	check((await back()).some((r) => /^wrong mail for bounces\.pli\.test goes to mx\.pli\.test, which has no address/.test(r)), 'an MX that is nowhere');
	addresses['mx.pli.test'] = '192.0.2.8';
	check((await back()).some((r) => /^good mail for bounces\.pli\.test goes to mx\.pli\.test/.test(r)), 'an MX');
	dns.close();
});
