#!/usr/bin/env node
// Goal: a keeper that lives but does not work (SIGSTOP) is noticed: /readyz says so within seconds and without waiting, the pages
// go on, the keeper is ended and comes back by itself, deposits succeed again, nothing is lost or made twice.
'use strict';
const { Instance, check, same, until, main } = require('./lib/pli.js');

main(async () => {
	const i = new Instance().make();
	await i.serve();
	i.deathsExpected = true;
	const token = i.user('sender@example.org');
	const deposit = (n) => i.json('POST', '/api/v1/letters', token, { to: [`a${n}@example.net`], subject: 'L' + n }, { 'Idempotency-Key': 'k' + n });
	const timed = async (what) => {
		const begin = Date.now();
		return [(await what()).status, Date.now() - begin];
	};
	const readyz = () => timed(() => i.request('GET', '/readyz', { agent: false }));
	same((await deposit(1)).status, 201, 'a letter');

	const keeper = i.children()['pli-keeper'], begin = Date.now();
	// A keeper that has only just come is given a moment.
	await until('the keeper has settled', () => Date.now() - begin > 5500, 10);
	process.kill(keeper, 'SIGSTOP');
	const stopped = Date.now(), waiting = deposit(2);
	const [status, ms] = await readyz();
	check(status === 503 && ms < 20000, 'not ready, and that is said', { status, ms });
	await until('the sign of life is overdue', () => Date.now() - stopped > 3500, 5);
	// One that waits for the keeper takes seconds, each time; the machine may stand still for one.
	const often = [];
	for (let n = 0; n < 5; n++)
		often.push(await readyz());
	check((often[0][0] === 503 || i.children()['pli-keeper'] !== keeper) && Math.min(...often.map(([, t]) => t)) < 500, 'then at once', often);
	same((await i.request('GET', '/about')).status, 200, 'pages go on');
	const first = await waiting;
	check([201, 503].includes(first.status), 'a deposit is answered', first.brief);

	await until('another keeper', () => i.children()['pli-keeper'] && i.children()['pli-keeper'] !== keeper, 20);
	await i.ready(10);
	check(Date.now() - stopped < 60000, 'it serves again by itself', Date.now() - stopped + ' ms');
	const again = await deposit(2);
	same(again.status, 201, 'the deposit again');
	same(i.one('SELECT COUNT(*) FROM letter'), 2, 'two letters');
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
