#!/usr/bin/env node
// Goal: every form of request on which two parsers might disagree is refused with one answer, the connection ends, and what
// was smuggled behind it is never run: each form carries a valid token and a deposit, and the number of letters stays.
// Its well-formed twin, on the same kind of connection, is accepted.
'use strict';
const { Instance, check, same, until, main } = require('./lib/pli.js');
const { answers, corpus } = require('./lib/smuggling.js');

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const token = i.user('sender@example.org');
	const host = 'localhost:' + i.port;
	const letters = () => i.one('SELECT COUNT(*) FROM letter');
	const { post, smuggled, forms, twins } = corpus(host, token);

	const before = letters();
	for (const [name, [bytes, wanted]] of Object.entries(forms)) {
		// The same bytes, then a deposit that would run if the two ends disagreed where the first one stopped.
		const got = await i.raw(Buffer.concat([Buffer.from(bytes), Buffer.from(smuggled())]), { more: 30000 });
		const statuses = answers(got.text);
		check(statuses.length === 1 && wanted.includes(statuses[0]), `${name}: one answer, ${wanted.join(' or ')}`, `${statuses.join(' ')} ${got.text.slice(0, 300)}`);
		check(got.closed, `${name}: the connection ends`);
		check(!/urn:pli:problem:(bug|io)/.test(got.text), `${name}: not our fault`);
	}
	same(letters(), before, 'no letter came of them');

	let count = letters();
	for (const [name, [bytes, wanted]] of Object.entries(twins)) {
		const many = wanted.filter((s) => s !== 100).length, got = await i.raw(bytes, { enough: (text) => answers(text).filter((s) => s !== 100).length >= many });
		// 100 may be left out when the body is there already.
		same(answers(got.text).filter((s) => s !== 100), wanted.filter((s) => s !== 100), `${name}: accepted`);
		count += wanted.filter((s) => s === 201).length;
		same(letters(), count, `${name}: as many letters as answers`);
		if (/HTTP\/1\.0|Connection: close/.test(bytes))
			check(got.closed, `${name}: then the connection ends`);
	}

	// In pieces of one byte: the same.
	const bytes = Buffer.from(post() + post());
	const got = await i.raw('', { pieces: [...bytes].map((b) => Buffer.from([b])), enough: (text) => answers(text).length >= 2 });
	same(answers(got.text), [201, 201], 'two deposits in pieces of one byte');
	same(letters(), count + 2, 'two more letters');

	// A refused body is drained so that the answer can be read, up to a bound.
	const large = await i.request('POST', '/api/v1/letters', { token, headers: { 'Content-Type': 'text/plain' }, body: Buffer.alloc(1 << 20, 'x'), agent: false });
	same(large.status, 415, 'a refused body of 1 MiB: the answer arrives');

	await until('mails are out', () => i.one('SELECT COUNT(*) FROM notice WHERE due IS NOT NULL') === 0);
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
