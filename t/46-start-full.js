#!/usr/bin/env node
// Goal: a server that was stopped cleanly starts also when not a byte is free: pages and journal are there, deposits are refused
// with 507, `journal verify` works on the running and on the stopped instance; with room again it serves by itself.  On a tmpfs
// of its own.
'use strict';
const path = require('path');
const { Instance, check, same, until, main, TMP } = require('./lib/pli.js');
const { SmallDisk } = require('./lib/smalldisk.js');

const MIB = 1 << 20;
const letter = { to: ['a@example.net'], subject: 'Lettre', message: 'Texte' };

SmallDisk.enter();
main(async () => {
	const disk = SmallDisk.mount(path.join(TMP, 'small'), '64m');
	if (!disk) {
		console.log('neither mounting nor a user namespace is allowed here');
		process.exit(77);
	}
	const i = new Instance('small/instance').make({ conf: '[storage]\nreserve_deposit = 4MiB\nreserve_read = 1MiB\n' });
	await i.serve();
	const token = i.user('sender@example.org');
	const made = await i.json('POST', '/api/v1/letters', token, letter);
	same(made.status, 201, 'a letter while there is room');
	await i.mail('a@example.net');
	const link = await i.link('a@example.net');
	await i.stop();

	disk.leave(0);
	same(disk.free(), 0, 'not a byte is free');
	let verify = i.verify();
	same(verify.status, 0, 'journal verify while stopped: ' + verify.stdout + verify.stderr);
	await i.serve({ ready: false });
	const answers = async () => {
		try {
			return (await i.request('GET', '/readyz', { agent: false, timeout: 3000 })).status === 503;
		} catch (e) {
			return Boolean(i.exit);
		}
	};
	await until('it answers', answers);
	if (!check(!i.exit, 'it starts on a full disk', i.logTail()))
		return;
	same((await i.request('GET', '/readyz')).status, 503, 'it is not ready for deposits');
	for (const page of ['/sign-in', '/about', '/ca.pem', link])
		same((await i.request('GET', page)).status, 200, page);
	for (const page of ['/api/v1/letters', made.headers.location, '/api/v1/journal'])
		same((await i.request('GET', page, { token })).status, 200, page);
	same((await i.json('POST', '/api/v1/letters', token, letter)).status, 507, 'a deposit is refused');
	verify = i.verify();
	same(verify.status, 0, 'journal verify while serving: ' + verify.stdout + verify.stderr);

	disk.release();
	check(disk.free() > 8 * MIB, 'room again');
	await i.ready(10);
	same((await i.json('POST', '/api/v1/letters', token, letter)).status, 201, 'a letter again');
	await i.stop();
});
