#!/usr/bin/env node
// Goal: who is not known cannot make the server hold large bodies; a journal table is whole, and tables do not keep letters
// waiting; a browser that never speaks of its user is asked once and gets in.
'use strict';
const tls = require('tls');
const { Instance, check, same, until, main, pause } = require('./lib/pli.js');
const { memoryOf } = require('./lib/memory.js');

const BODY = 2 * 1024 * 1024, STRANGERS = 60;

// Sends all but the last bytes of a large body with a token that nobody has, and keeps the connection.
function stranger(i) {
	return new Promise((done, failed) => {
		const socket = tls.connect({ port: i.port, host: '127.0.0.1', ca: i.ca, servername: 'localhost' }, () => {
			socket.write('POST /api/v1/letters HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer nobody\r\n' +
				`Content-Type: application/json\r\nContent-Length: ${BODY}\r\n\r\n`);
			socket.write(Buffer.alloc(BODY - 10, 'x'));
			setTimeout(() => done(socket), 300);
		});
		socket.on('error', () => done(socket));
		socket.resume();
		setTimeout(() => failed(new Error('a stranger could not connect')), 60000).unref();
	});
}

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const token = i.user('sender@example.org'), auditor = i.user('auditor@example.org', 'auditor');

	const front = i.children()['pli-front'], before = memoryOf(front);
	const sockets = [];
	for (let n = 0; n < STRANGERS; n++)
		sockets.push(await stranger(i));
	const grown = memoryOf(front) - before;
	check(grown < 24 * 1024 * 1024, `${STRANGERS} strangers with bodies of 2 MiB cost ${(grown / 1048576).toFixed(1)} MiB`);
	for (const s of sockets)
		s.destroy();
	same((await i.json('POST', '/api/v1/letters', token, { to: ['a@example.org'], subject: 'Long', message: 'x'.repeat(1024 * 1024) })).status, 201,
		'a message of 1 MiB from one who is known');

	for (let n = 0; n < 30; n++)
		same((await i.json('POST', '/api/v1/letters', token, { to: [`a${n}@example.org`], subject: 'S' })).status, 201, 'a letter');
	const table = (headers) => i.request('GET', '/api/v1/journal', { token: auditor, headers: { Accept: 'text/csv', ...headers } });
	await until('notices are out', () => i.one('SELECT COUNT(*) FROM notice WHERE due IS NOT NULL') === 0);
	const rows = (await table()).body.toString().trim().split('\r\n').length - 1;
	check(rows >= 93, `the table has ${rows} rows, all that were written`);
	const answers = await Promise.all(Array.from({ length: 12 }, () => table()));
	check(answers.every((a) => a.status === 200 || a.status === 503), 'tables at once', answers.map((a) => a.status));
	check(answers.some((a) => a.status === 200), 'one of them is written');

	const target = await i.link('a@example.org');
	const silent = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Site': 'same-origin' };
	const asked = await i.postForm(target + '/open', { form: await i.form(target) }, silent);
	same(asked.status, 200, 'asked to confirm');
	const hidden = Object.fromEntries([...asked.body.toString().matchAll(/<input type="hidden" name="(\w+)" value="(\w+)">/g)].map((m) => [m[1], m[2]]));
	same((await i.postForm(target + '/open', hidden, silent)).status, 303, 'confirmed once, in');
	await pause(10);
});
