#!/usr/bin/env node
// Goal: wrong input gets the right 4xx, as a problem document that names the field, and leaves nothing behind: the counts of
// rows, blobs and mails are equal before and after.  60 hostile file names are taken and made harmless everywhere they appear.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const { Instance, check, same, until, wholeHour, main, TMP } = require('./lib/pli.js');

const BAD_ADDRESSES = ['a', 'a@', '@b.example', 'a b@c.example', 'a@b c.example', 'a@b..example', 'a@.example', 'a@-b.example', 'a@b-.example',
	'.a@b.example', 'a.@b.example', 'a..b@c.example', 'a@b.example\rBcc: x@y.example', 'a@b.example\r\nBcc: x@y.example', 'a@b.example\nRCPT TO:<x@y.example>',
	'a@b.example\0x', 'a@b.example\u2028x', 'a@b.example\u0085x', '<a@b.example', 'a@b.example>', '<<a@b.example>>', 'x <a@b.example> y', '"a@b.example',
	'a@b.example (comment', 'a@[127.0.0.1', 'a@[', 'a@b.example:c@d.example', '@x,@y:a@b.example', 'group: a@b.example;', 'a@b.example\t\u202ex', '|/bin/sh @b.example',
	'-oQ/tmp -X/tmp/x a@b.example', 'a@' + 'b'.repeat(64) + '.example', 'a'.repeat(65) + '@b.example', 'a@' + ('b'.repeat(60) + '.').repeat(5) + 'example',
	'a@b_c.example', 'a@b.example;;,;\u0001', 'a@xn--a.example\u200b', 'a@b.exa\u0000mple', '=?utf-8?q?a b?=@b.example', 'a@b@c.example', 'a\\@b.example', '\u{1F4A9}@b.example\u{E0001}'];

const HOSTILE = ['../../etc/passwd', '..\\..\\windows\\system.ini', '/etc/shadow', 'C:\\boot.ini', '\\\\host\\share\\x', '.', '..', '...', '', ' ', '   ', '.htaccess',
	'a/b', 'a\\b', 'a\u2215b', 'a\u2044b', 'a\uff0fb', 'a\uff3cb', 'CON', 'con.txt', 'PRN', 'aux.pdf', 'NUL', 'nul.tar.gz', 'COM1', 'com9.txt', 'LPT1', 'CLOCK$',
	'a\0b.txt', 'a\rb', 'a\nb', 'a\r\nSet-Cookie: x=1', 'a\tb', 'a\x1bb', 'a\x7fb', 'a\u0085b', 'a\u2028b', 'a\u2029b', 'exe.\u202efdp.scr', 'a\u200eb', 'a\u2066b\u2069',
	'a\u200bb', '\ufeffa', 'a\u00adb', 'a"b', 'a\'b', 'a;b', 'a:b', 'a|b', 'a?b*c', '<script>alert(1)</script>.html', '"><img src=x onerror=alert(1)>', '-rf', '--help',
	'a'.repeat(300) + '.pdf', '\u00e9'.repeat(200) + '.pdf', 'x.'.repeat(150), 'name. ', 'name...', '%2e%2e%2fa', '$(reboot)', '`id`', '~root', 'a\u0301'.repeat(5), '\u{1F600}'.repeat(80), 'desktop.ini\u00a0', 'x'.repeat(255) + '\u{1F600}'];

const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|clock\$|conin\$|conout\$)(\..*)?$/i;

function harmless(name) {
	return name.length > 0 && Buffer.byteLength(name) <= 255 && !/[/\\\u2215\u2044\uff0f\uff3c<>:"|?*]/.test(name) && !/\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}|\p{Cs}/u.test(name) &&
		!/^[. -]|[. ]$/.test(name) && !RESERVED.test(name) && name === name.normalize('NFC');
}

main(async () => {
	const i = new Instance().make();
	await wholeHour(120);	// at an hour's end its visits are entered
	await i.serve();
	i.entity('Elsewhere');
	const token = i.user('sender@example.org'), foreign = i.user('foreign@example.org', 'editor', { entity: 'Elsewhere' });
	const other = i.user('other@example.org');

	// Something to be wrong about.
	const good = await i.json('POST', '/api/v1/letters', token, { to: ['good@example.org'], subject: 'Good' });
	same(good.status, 201, 'a good letter');
	const theirs = (await i.json('POST', '/api/v1/letters', foreign, { to: ['x@example.org'], subject: 'Theirs' })).json.id;
	const link = await i.link('good@example.org');
	await i.mail('x@example.org');
	const upload = async (t, length, bytes) => {
		const made = await i.request('POST', '/api/v1/uploads', { token: t, headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': String(length),
			'Content-Type': 'application/offset+octet-stream' }, body: bytes });
		if (made.status !== 201)
			throw new Error('upload: ' + made.brief);
		return made.headers.location.split('/').pop();
	};
	const done = await upload(token, 4, 'abcd'), half = await upload(token, 8, 'abcd'), others = await upload(other, 4, 'abcd');
	await until('the journal is quiet', async () => (await i.request('GET', '/api/v1/letters/' + good.json.id, { token })).json.state === 'sent');
	await until('the other letter, too', async () => (await i.request('GET', '/api/v1/letters/' + theirs, { token: foreign })).json.state === 'sent');
	const before = i.counts();

	let number = 0;
	async function refused(what, answer, wanted, field) {
		const a = await answer;
		number++;
		const all = Array.isArray(wanted) ? wanted : [wanted];
		if (!check(all.includes(a.status), `${what}: ${all.join(' or ')}`, a.brief))
			return;
		if (a.headers['content-type'] !== 'application/problem+json') {
			check(false, `${what}: a problem document`, a.headers['content-type'] + ' ' + a.brief);
			return;
		}
		const p = a.json;
		check(p.status === a.status && /^urn:pli:problem:[a-z0-9-]+$/.test(p.type) && p.title && p.detail && p.hint, `${what}: type, status, title, detail, hint`, p);
		if (field !== undefined)
			same(p.field, field, `${what}: names the field`);
	}
	const json = (value, headers) => i.json('POST', '/api/v1/letters', token, value, headers);
	const raw = (body, type = 'application/json') => i.request('POST', '/api/v1/letters', { token, headers: { 'Content-Type': type }, body });
	const multi = (fields, headers) => i.multipart('/api/v1/letters', token, fields, headers);
	const letter = { to: ['a@example.org'], subject: 'S' };

	// --- subject, recipients
	for (const subject of ['', ' ', '   ', '\u00a0', '\u200b\u3000', undefined, null])
		await refused(`subject ${JSON.stringify(subject)}`, json({ ...letter, subject }), 422, 'subject');
	for (const subject of ['a\rb', 'a\nb', 'a\r\nBcc: x@y.example', 'a\u2028b', 'a\u0085b', 'a\u0007b', 'x'.repeat(256), '\u00e9'.repeat(128)])
		await refused(`subject ${JSON.stringify(subject).slice(0, 40)}`, json({ ...letter, subject }), 422, 'subject');
	await refused('NUL in the subject', json({ ...letter, subject: 'a\0b' }), [400, 422]);
	await refused('NUL in the message', json({ ...letter, message: 'a\0b' }), [400, 422]);
	await refused('NUL in a multipart subject', multi([['to', 'a@example.org'], ['subject', 'a\0b']]), [400, 422]);
	await refused('NUL in a multipart message', multi([['to', 'a@example.org'], ['subject', 'a'], ['message', 'a\0b']]), [400, 422]);
	for (const value of [{}, { to: [] }, { to: [], cc: [], bcc: [] }, { to: [''] }, { to: [' , ;'] }])
		await refused('no recipient ' + JSON.stringify(value), json({ subject: 'S', ...value }), 422);
	await refused('no recipient, multipart', multi([['subject', 'S']]), 422);
	check(BAD_ADDRESSES.length >= 40, 'forty bad addresses');
	for (const address of BAD_ADDRESSES) {
		const what = 'address ' + JSON.stringify(address).slice(0, 60);
		await refused(what, json({ ...letter, to: [address] }), address.includes('\0') ? [400, 422] : 422);
		await refused(what + ' as Bcc beside a good one', json({ ...letter, bcc: [address] }), address.includes('\0') ? [400, 422] : 422);
		await refused(what + ', multipart', multi([['to', 'a@example.org'], ['cc', address], ['subject', 'S']]), address.includes('\0') ? [400, 422] : 422);
	}
	await refused('10,000 recipients', json({ ...letter, to: Array.from({ length: 10000 }, (_, k) => `a${k}@example.org`) }), 422);
	await refused('10,000 recipients in one field', multi([['to', Array.from({ length: 10000 }, (_, k) => `a${k}@example.org`).join(',')], ['subject', 'S']]), 422);
	await refused('1,001 recipients', json({ subject: 'S', to: Array.from({ length: 500 }, (_, k) => `a${k}@example.org`), cc: Array.from({ length: 501 }, (_, k) => `b${k}@example.org`) }), 422);

	// --- other fields
	for (const expires of ['yesterday', '2020-01-01', '2020-01-01T00:00:00Z', '2026-13-01', '2027-02-30', '9999-12-31', '2026-12-31T25:00:00Z', '-1', '2026-12-31\n', '99999999999999'])
		await refused('expires ' + expires, json({ ...letter, expires }), 422, 'expires');
	await refused('password of 257 characters', json({ ...letter, password: 'x'.repeat(257) }), 422, 'password');
	await refused('password with a line end', json({ ...letter, password: 'a\nb' }), 422, 'password');
	await refused('message of more than 1 MiB', json({ ...letter, message: 'x'.repeat(1048577) }), 413, 'message');
	await refused('message of more than 1 MiB, multipart', multi([['to', 'a@example.org'], ['subject', 'S'], ['message', 'x'.repeat(1048577)]]), 413);
	await refused('JSON of 3 MiB', json({ ...letter, message: 'x'.repeat(3 << 20) }), 413);
	for (const key of ['x'.repeat(256), '']) {
		if (key)
			await refused('Idempotency-Key of 256 characters', json(letter, { 'Idempotency-Key': key }), 422, 'Idempotency-Key');
	}

	// --- types and forms of JSON
	for (const [name, values] of [['to', [1, true, {}, [1], [null], [['a@example.org']], [{}]]], ['subject', [1, true, [], {}, ['S']]], ['message', [1, [], {}]],
		['password', [1, [], true]], ['expires', [1790000000, [], {}]], ['uploads', ['x', 1, [1], [{}]]], ['bcc', [false, 0, 'x']]])
		for (const value of values)
			await refused(`${name} is ${JSON.stringify(value)}`, json({ ...letter, [name]: value }), 422, name);
	for (const name of ['subjet', 'Subject', 'from', 'id', 'entity', 'account', 'number', '__proto__', 'file', '', 'to\0'])
		await refused(`unknown member ${JSON.stringify(name)}`, raw(JSON.stringify(letter).replace('{', `{${JSON.stringify(name)}:"x",`)), [400, 422]);
	const whole = JSON.stringify({ ...letter, message: 'x' });
	for (let n = 0; n < whole.length; n++)
		await refused(`JSON cut at ${n}`, raw(whole.slice(0, n)), n === 0 ? [400, 415] : 400);
	for (const text of ['[]', '"x"', '1', 'null', 'true', '{"subject":"a","subject":"b"}', '{"to":["a@example.org"],"subject":"S"}x', '{\'to\':1}', '{"subject":NaN}', '{"subject":"\\ud800"}', '{"subject":"\\u0000"}',
		'\ufeff' + whole, '{"a":1e999}', '[' .repeat(100000), '{"to":'.repeat(50000), '{"to":' + '['.repeat(40) + ']'.repeat(40) + '}'])
		await refused('JSON ' + text.slice(0, 40), raw(text), [400, 422]);
	for (const bytes of [[0xff], [0xc0, 0xaf], [0xe0, 0x80, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc3], [0x80], [0xf0, 0x82, 0x82, 0xac]]) {
		const bad = Buffer.from(bytes), hex = bad.toString('hex');
		await refused('bad UTF-8 in JSON ' + hex, raw(Buffer.concat([Buffer.from('{"to":["a@example.org"],"subject":"'), bad, Buffer.from('"}')])), 400);
		await refused('bad UTF-8 in a subject ' + hex, multi([['to', 'a@example.org'], ['subject', bad]]), 400);
		await refused('bad UTF-8 in a message ' + hex, multi([['to', 'a@example.org'], ['subject', 'S'], ['message', bad]]), 400);
		await refused('bad UTF-8 in an address ' + hex, multi([['to', Buffer.concat([bad, Buffer.from('@example.org')])], ['subject', 'S']]), [400, 422]);
	}

	// --- content types
	for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'application/jsonx', 'json', 'application/json-patch+json', 'application/offset+octet-stream', 'multipart/mixed; boundary=x'])
		await refused('content type ' + type, raw(whole, type), 415);
	await refused('no content type', i.request('POST', '/api/v1/letters', { token, body: whole }), 415);
	await refused('a content encoding', i.request('POST', '/api/v1/letters', { token, headers: { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }, body: whole }), [400, 415]);

	// --- multipart
	const part = (head, value) => `--b\r\n${head}\r\n\r\n${value}\r\n`;
	const field = (name, value) => part(`Content-Disposition: form-data; name="${name}"`, value);
	const file = (name, value) => part(`Content-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: text/plain`, value);
	const base = field('to', 'a@example.org') + field('subject', 'S');
	const form = (body, type = 'multipart/form-data; boundary=b') => raw(body, type);
	const big = 'x'.repeat(100000);
	for (const [what, body, type, wanted] of [['no boundary', base + '--b--\r\n', 'multipart/form-data'], ['an empty boundary', base, 'multipart/form-data; boundary='],
		['a long boundary', base, 'multipart/form-data; boundary=' + 'b'.repeat(71)], ['another boundary', base + '--b--\r\n', 'multipart/form-data; boundary=c'],
		['an empty body', '', undefined, [400, 415]], ['no end', base], ['no end after a file', base + file('a.txt', big)], ['a cut file', base + file('a.txt', big).slice(0, 50000)],
		['a cut end', base + file('a.txt', big) + '--b-'], ['bytes behind the end', base + file('a.txt', big) + '--b--\r\nx'], ['bare LF', base.replace(/\r\n/g, '\n') + '--b--\n'],
		['a part without a name', base + part('Content-Disposition: form-data', 'x') + '--b--\r\n'], ['a part without disposition', base + part('Content-Type: text/plain', 'x') + '--b--\r\n'],
		['a NUL in a head', base + part('Content-Disposition: form-data; name="to\0"', 'x') + '--b--\r\n'], ['a CR in a file name', base + file('a\rb', 'x') + '--b--\r\n'],
		['an unknown field', base + field('subjet', 'x') + '--b--\r\n', undefined, 422], ['a file in another field', base + file('a', 'x').replace('name="file"', 'name="files"') + '--b--\r\n', undefined, 422],
		['two subjects', base + field('subject', 'T') + '--b--\r\n', undefined, [400, 422]], ['a transfer encoding', base + part('Content-Disposition: form-data; name="message"\r\nContent-Transfer-Encoding: base64', 'eA==') + '--b--\r\n'],
		['a folded head', base + part('Content-Disposition: form-data;\r\n name="message"', 'x') + '--b--\r\n'], ['a good file and a bad subject', field('to', 'a@example.org') + file('a', big) + field('subject', ' ') + '--b--\r\n', undefined, 422],
		['a good file and a bad address', file('a', big) + field('to', 'a@') + field('subject', 'S') + '--b--\r\n', undefined, 422],
		['501 files', base + file('a', 'x').repeat(501) + '--b--\r\n', undefined, 422], ['3,000 fields', base + field('to', 'a@example.org').repeat(3000) + '--b--\r\n', undefined, [413, 422]]])
		await refused('multipart: ' + what, form(body, type), wanted || [400, 415]);

	// --- ids
	const nobody = '01890000-0000-7000-8000-000000000000';
	for (const id of [nobody, theirs, 'x', '1', '-1', '%27', '0189', nobody + '0', nobody.toUpperCase() + 'x', '%00', 'a%0d%0ab', '..%2fx', '%ff', 'null', 'x'.repeat(300)]) {
		const wanted = /%00|%0d|%ff|%2f/.test(id) ? [400, 404] : 404;
		await refused('letter ' + id.slice(0, 40), i.request('GET', '/api/v1/letters/' + id, { token }), wanted);
		await refused('proof of ' + id.slice(0, 40), i.request('GET', `/api/v1/letters/${id}/proof`, { token }), wanted);
		await refused('resend of ' + id.slice(0, 40), i.json('POST', `/api/v1/letters/${id}/resend`, token, {}), wanted);
		await refused('upload ' + id.slice(0, 40), i.request('DELETE', '/api/v1/uploads/' + id, { token, headers: { 'Tus-Resumable': '1.0.0' } }), wanted);
		await refused('journal of ' + id.slice(0, 40), i.request('GET', '/api/v1/journal?letter=' + id, { token }), [400, 404, 422]);
	}
	for (const [what, uploads, wanted] of [['unknown', [nobody], 422], ['malformed', ['x'], 422], ['another user\'s', [others], 422], ['unfinished', [half], [409, 422]], ['twice the same', [done, done], 422], ['good and unknown', [done, nobody], 422]])
		await refused('uploads: ' + what, json({ ...letter, uploads }), wanted, 'uploads');
	await refused('resend to a stranger', i.json('POST', `/api/v1/letters/${good.json.id}/resend`, token, { recipients: ['stranger@example.org'] }), 422);
	await refused('resend to nobody', i.json('POST', `/api/v1/letters/${good.json.id}/resend`, token, { recipients: [] }), 422);
	await refused('resend, wrong type', i.json('POST', `/api/v1/letters/${good.json.id}/resend`, token, { recipients: 1 }), 422);
	await refused('proof of a stranger', i.request('GET', `/api/v1/letters/${good.json.id}/proof?recipient=stranger@example.org`, { token }), [404, 422]);
	for (const query of ['limit=0', 'limit=201', 'limit=x', 'cursor=x', 'state=x', 'x=1', 'limit=1&limit=2', '%ff=1', 'limit=%', 'state=%00'])
		await refused('list?' + query, i.request('GET', '/api/v1/letters?' + query, { token }), [400, 422]);
	for (const target of ['/api/v1/../v1/letters', '/api/v1/./letters', '/api/v1/%2e%2e/letters', '/api//v1/letters', '/api/v1/letters/', '/api/v1/letters%2f', '/api/v2/letters', '/api/v1/letters%00', '/API/v1/letters'])
		check([400, 404].includes((await i.request('GET', target, { token })).status), 'path ' + target);

	// --- tus
	const tus = { 'Tus-Resumable': '1.0.0' };
	const create = (headers) => i.request('POST', '/api/v1/uploads', { token, headers });
	const append = (id, headers, body = 'abcd') => i.request('PATCH', '/api/v1/uploads/' + id, { token, headers: { ...tus, 'Content-Type': 'application/offset+octet-stream', ...headers }, body });
	await refused('tus: no version', create({ 'Upload-Length': '4' }), [412]);
	await refused('tus: another version', create({ 'Tus-Resumable': '0.9', 'Upload-Length': '4' }), [412]);
	for (const length of ['-1', 'x', '1.5', '1e3', '0x10', '', ' ', '18446744073709551616', '+4', undefined])
		await refused('tus: length ' + length, create({ ...tus, ...(length === undefined ? {} : { 'Upload-Length': length }) }), [400, 413]);
	await refused('tus: more than 1 TiB', create({ ...tus, 'Upload-Length': String((1n << 40n) + 1n) }), 413);
	for (const metadata of ['filename', 'filename !', 'filename YQ==,filename YQ==', ',', 'filename YQ== x', 'filename YQ=', 'f\u00e9 YQ=='])
		if (metadata !== 'filename')
			await refused('tus: metadata ' + metadata, create({ ...tus, 'Upload-Length': '4', 'Upload-Metadata': Buffer.from(metadata).toString('latin1') }), 400);
	await refused('tus: first bytes too many', i.request('POST', '/api/v1/uploads', { token, headers: { ...tus, 'Upload-Length': '2', 'Content-Type': 'application/offset+octet-stream' }, body: 'abcd' }), [400, 413]);
	await refused('tus: wrong offset', append(half, { 'Upload-Offset': '3' }), 409);
	await refused('tus: offset beyond', append(half, { 'Upload-Offset': '5' }), 409);
	await refused('tus: bad offset', append(half, { 'Upload-Offset': '-4' }), 400);
	await refused('tus: no offset', append(half, {}), 400);
	await refused('tus: too many bytes', append(half, { 'Upload-Offset': '4' }, 'abcdefgh'), 413);
	await refused('tus: wrong type', i.request('PATCH', '/api/v1/uploads/' + half, { token, headers: { ...tus, 'Upload-Offset': '4', 'Content-Type': 'text/plain' }, body: 'abcd' }), 415);
	await refused('tus: wrong checksum', append(half, { 'Upload-Offset': '4', 'Upload-Checksum': 'sha256 ' + crypto.createHash('sha256').update('x').digest('base64') }), [400, 460]);
	await refused('tus: unknown checksum', append(half, { 'Upload-Offset': '4', 'Upload-Checksum': 'crc32 AAAA' }), 400);
	await refused('tus: another user\'s upload', append(others, { 'Upload-Offset': '4' }), 404);
	const stands = await i.request('HEAD', '/api/v1/uploads/' + half, { token, headers: tus });
	same(stands.headers['upload-offset'], '4', 'tus: the half upload still stands where it stood');

	// --- heads
	const line = (extra, target = '/api/v1/letters') => `GET ${target} HTTP/1.1\r\nHost: localhost:${i.port}\r\nAuthorization: Bearer ${token}\r\n${extra}\r\n`;
	const first = (text) => Number((/^HTTP\/1\.1 (\d+)/.exec(text) || [])[1]);
	same(first((await i.raw(line('X: ' + 'x'.repeat(200 << 10) + '\r\n'))).text), 431, 'a head of 200 KiB');
	same(first((await i.raw(line(Array.from({ length: 20000 }, (_, k) => `X${k}: y\r\n`).join('')))).text), 431, 'a head of 20,000 fields');
	check([414, 431].includes(first((await i.raw(line('', '/' + 'x'.repeat(200 << 10)))).text)), 'a target of 200 KiB');
	same(first((await i.raw(line('X: a\0b\r\n'))).text), 400, 'NUL in a field');
	same(first((await i.raw(line('Idempotency-Key: a\rb\r\n'))).text), 400, 'CR in a field');
	for (const host of ['evil.example', 'localhost.evil.example', 'localhost@evil.example', '', 'local host', '127.0.0.2', '[::2]'])
		check([400, 421].includes(first((await i.raw(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).text)), 'Host ' + host);
	same(first((await i.raw(`GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n`)).text), 421, 'an unknown Host');

	// --- the recipient's forms
	for (const [what, fields] of [['no form key', {}], ['a wrong form key', { form: 'x' }], ['another form key', { form: 'a'.repeat(64) }]])
		same((await i.postForm(link + '/open', fields)).status, 403, 'open with ' + what);
	const key = await i.form(link);
	for (const headers of [{ Origin: 'https://evil.example' }, { Origin: 'null', 'Sec-Fetch-Site': 'cross-site' }, { 'Sec-Fetch-Site': 'cross-site' }, { 'Sec-Fetch-Site': 'same-site' }])
		same((await i.postForm(link + '/open', { form: key }, headers)).status, 403, 'open from another site: ' + JSON.stringify(headers));
	check([400, 422].includes((await i.postForm(link + '/open', { form: key, extra: 'x' })).status), 'open with an unknown field');
	same((await i.request('POST', link + '/open', { headers: { 'Content-Type': 'application/json' }, body: '{}' })).status, 415, 'open with JSON');
	same((await i.postForm(link + '/open', { form: key, password: 'x'.repeat(70000) })).status, 413, 'open with a long password');
	same((await i.request('POST', link + '/open', { headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: 'form=%zz' })).status, 400, 'open with bad percent encoding');
	for (const l of ['/l/x', '/l/' + '1'.repeat(52), '/l/' + 'a'.repeat(53), link.slice(0, -1), link + 'a', '/l/%00', '/l/' + 'a'.repeat(52)])
		check([400, 404].includes((await i.request('GET', l)).status), 'link ' + l.slice(0, 30));
	await i.request('GET', link);	// its visits are counted, which is no entry before the hour closes

	await until('what was staged is given back', () => JSON.stringify(i.counts()) === JSON.stringify(before), 10).catch(() => 0);
	same(i.counts(), before, `after ${number} refusals: rows, blobs and mails are as before`);

	// --- hostile file names: taken, and harmless
	check(HOSTILE.length >= 60, 'sixty hostile names');
	const names = async (id, address) => {
		const l = await i.link(address), opened = await i.open(l), got = [];
		const letter = (await i.request('GET', '/api/v1/letters/' + id, { token })).json;
		const page = (await i.request('GET', l + '/letter', { headers: { Cookie: opened.cookie } })).text;
		check(!/<script>alert|<img src=x/.test(page), 'no markup of a name on the page');
		for (const p of letter.parts) {
			const answer = await i.request('HEAD', `${l}/files/${p.n}`, { headers: { Cookie: opened.cookie } });
			const disposition = answer.headers['content-disposition'] || '';
			const star = /filename\*=UTF-8''([A-Za-z0-9%!#$&+.^_`|~-]+)$/.exec(disposition);
			check(/^attachment; /.test(disposition) && star && decodeURIComponent(star[1]) === p.name, `Content-Disposition of ${JSON.stringify(p.name)}`, disposition);
			check(!answer.headers['set-cookie'], 'no header of a name\'s making');
			got.push(p.name);
		}
		const zip = path.join(TMP, address + '.zip');
		fs.writeFileSync(zip, (await i.request('GET', l + '/files.zip', { headers: { Cookie: opened.cookie } })).body);
		const list = execFileSync('unzip', ['-Z1', zip], { encoding: 'utf8' }).trim().split('\n');
		check(list.every((n) => !n.startsWith('/') && !n.split('/').includes('..') && !n.includes('\\')), 'the archive\'s names stay inside', list);
		same(new Set(list.map((n) => n.toLowerCase())).size, list.length, 'the archive\'s names differ');
		return got;
	};
	const all = await multi([['to', 'names@example.org'], ['subject', 'Names'], ...HOSTILE.filter((n) => !/[\0\r\n]/.test(n))
		.map((n) => ['file', { filename: n.replace(/"/g, '%22').slice(0, 2000), bytes: n }])]);
	same(all.status, 201, 'hostile names by multipart');
	if (all.status === 201)
		for (const n of await names(all.json.id, 'names@example.org'))
			check(harmless(n), 'harmless: ' + JSON.stringify(n));
	const uploads = [];
	for (const n of HOSTILE) {
		const made = await i.request('POST', '/api/v1/uploads', { token, headers: { ...tus, 'Upload-Length': '1', 'Content-Type': 'application/offset+octet-stream',
			'Upload-Metadata': 'filename ' + Buffer.from(n).toString('base64') }, body: 'x' });
		if (check(made.status === 201, 'tus takes ' + JSON.stringify(n).slice(0, 60), made.brief))
			uploads.push(made.headers.location.split('/').pop());
	}
	const by = await json({ to: ['tusnames@example.org'], subject: 'Names', uploads });
	same(by.status, 201, 'hostile names by tus');
	if (by.status === 201)
		for (const n of await names(by.json.id, 'tusnames@example.org'))
			check(harmless(n), 'harmless: ' + JSON.stringify(n));

	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
