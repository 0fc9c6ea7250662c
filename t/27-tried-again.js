#!/usr/bin/env node
// Goal: what clients try again does no harm: notices sent again under one Idempotency-Key go out once (the scope is the letter),
// a deposit repeated after its letter has expired gets its first answer, and a PATCH longer than its upload is refused before a
// byte counts.
'use strict';
const { Instance, check, same, until, main } = require('./lib/pli.js');

const TUS = { 'Tus-Resumable': '1.0.0' }, BYTES = { 'Content-Type': 'application/offset+octet-stream' };

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const token = i.user('sender@example.org');
	const key = (k) => ({ 'Idempotency-Key': k });
	const post = (v, k) => i.json('POST', '/api/v1/letters', token, v, key(k));
	const notices = () => i.one('SELECT COUNT(*) FROM notice');

	// Over when the rest has been seen.
	const soon = { to: ['d@example.org'], subject: 'Soon over', expires: new Date(Date.now() + 10000).toISOString() };
	const made = await post(soon, 'e1');
	same(made.status, 201, 'a letter that expires soon');
	await i.mail('d@example.org');

	// Notices again.
	const one = await post({ to: ['a@example.org', 'b@example.org'], subject: 'S' }, 'l1'), two = await post({ to: ['c@example.org'], subject: 'T' }, 'l2');
	const again = (letter, v, k) => i.json('POST', letter.headers.location + '/resend', token, v, k ? key(k) : {});
	const before = notices();
	const first = await again(one, {}, 'r1');
	same(first.status, 202, 'sent again');
	for (const v of [{}, { recipients: ['b@example.org', 'A@example.org'] }]) {
		const repeat = await again(one, v, 'r1');
		same([repeat.status, repeat.text], [202, first.text], 'the same once more');
	}
	same(notices(), before + 2, 'two notices');
	const other = await again(one, { recipients: ['a@example.org'] }, 'r1');
	same([other.status, other.json.type], [422, 'urn:pli:problem:idempotency-mismatch'], 'others under the key');
	same((await again(two, {}, 'r1')).status, 202, 'another letter: another scope');
	same((await again(one, { recipients: ['a@example.org'] })).status, 202, 'no key');
	const many = await Promise.all(Array.from({ length: 10 }, () => again(one, { recipients: ['b@example.org'] }, 'r2')));
	check(many.some((a) => a.status === 202) && many.every((a) => a.status === 202 || (a.status === 409 && a.headers['retry-after'])), '10 at once: 202, or 409 with Retry-After', many.map((a) => a.status).join(' '));
	same(notices(), before + 5, 'one more each');
	same((await again(one, {}, 'x'.repeat(256))).status, 422, 'a key that is too long');

	// More bytes than were announced.
	const length = 2000000, body = Buffer.alloc(length, 7);
	const create = (more, rest = {}) => i.request('POST', '/api/v1/uploads', { token, headers: { ...TUS, ...more }, ...rest });
	const where = new URL((await create({ 'Upload-Length': length })).headers.location, i.url).pathname;
	const patch = (offset, bytes) => i.request('PATCH', where, { token, headers: { ...TUS, ...BYTES, 'Upload-Offset': offset }, body: bytes });
	const offset = async () => Number((await i.request('HEAD', where, { token, headers: TUS })).headers['upload-offset']);
	same((await patch(0, body.subarray(0, 1000000))).status, 204, 'the first half');
	const long = await patch(1000000, Buffer.alloc(1000001, 7));
	same([long.status, long.json.type], [413, 'urn:pli:problem:upload-too-long'], 'one byte too many');
	same(await offset(), 1000000, 'nothing of it counts');
	same((await patch(0, Buffer.alloc(3000000, 7))).status, 409, 'at a wrong offset: that first');
	same((await patch(1000000, body.subarray(1000000))).status, 204, 'the second half');
	same(await offset(), length, 'whole');
	const uploads = i.one('SELECT COUNT(*) FROM upload');
	same((await create({ 'Upload-Length': 10, ...BYTES }, { body: Buffer.alloc(11) })).status, 413, 'created with too many bytes');
	same(i.one('SELECT COUNT(*) FROM upload'), uploads, 'is not created');

	// After the expiry.
	await until('it has expired', () => Date.now() > Date.parse(soon.expires) + 20);
	const repeat = await post(soon, 'e1');
	same([repeat.status, repeat.text, repeat.headers.location], [201, made.text, made.headers.location], 'repeated after its expiry');
	same((await post(soon, 'e2')).status, 422, 'under a new key it is too late');
	await i.stop();
});
