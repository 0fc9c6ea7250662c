#!/usr/bin/env node
// Goal: /api/openapi.json is a valid OpenAPI 3.1 document that names every route for programs and every method, and what the server
// really answers is what it says: bodies fit their schemas, codes and headers are among those promised, refusals have a type that
// is listed for their code.
'use strict';
const fs = require('fs');
const path = require('path');
const Ajv = require(path.join(__dirname, 'node_modules/ajv/dist/2020.js'));
const formats = require(path.join(__dirname, 'node_modules/ajv-formats'));
const { Instance, check, same, until, main } = require('./lib/pli.js');

const TUS = { 'Tus-Resumable': '1.0.0' };
let api, ajv;
const compiled = new Map(), seen = new Set();

// "/api/v1/letters/{id}" for a path that was asked for.
function operation(method, target) {
	const asked = target.split('?')[0].split('/');
	for (const [pattern, item] of Object.entries(api.paths)) {
		const parts = pattern.split('/');
		if (parts.length === asked.length && parts.every((p, k) => p === asked[k] || (p.startsWith('{') && asked[k])))
			return { pattern, op: item[method.toLowerCase()] || (method === 'HEAD' && item.get) };
	}
	return {};
}

function validator(pointer, schema) {
	if (!compiled.has(pointer))
		compiled.set(pointer, ajv.compile({ ...schema, components: api.components }));
	return compiled.get(pointer);
}

const deref = (x) => (x && x.$ref ? x.$ref.split('/').slice(1).reduce((at, key) => at[key.replace(/~1/g, '/')], api) : x);

// What came, against what is promised.
function fits(method, target, answer) {
	const { pattern, op } = operation(method, target), what = `${method} ${target}: ${answer.status}`;
	if (!check(op, what + ': the operation is described'))
		return answer;
	seen.add(`${method} ${pattern} ${answer.status}`);
	const promised = deref(op.responses[answer.status]);
	if (!check(promised, what + ': the code is promised', Object.keys(op.responses)))
		return answer;
	for (const [name, header] of Object.entries(promised.headers || {}))
		if (deref(header).required)
			check(answer.headers[name.toLowerCase()] !== undefined, `${what}: header ${name}`, answer.headers);
	const type = (answer.headers['content-type'] || '').split(';')[0];
	if (method === 'HEAD' || !answer.body.length)
		return answer;
	const media = (promised.content || {})[type];
	if (!check(media, `${what}: type ${type} is promised`, Object.keys(promised.content || {})))
		return answer;
	if (!type.endsWith('json'))
		return answer;
	const valid = validator(`${pattern} ${method} ${answer.status} ${type}`, media.schema);
	check(valid(answer.json), what + ': fits its schema', JSON.stringify(valid.errors) + ' ' + answer.text);
	return answer;
}

main(async () => {
	const i = new Instance().make({ conf: '[limits]\nidle_s = 120' });
	await i.serve();
	const token = i.user('ed@example.org'), auditor = i.user('au@example.org', 'auditor');
	const raw = await i.request('GET', '/api/openapi.json');
	same([raw.status, raw.headers['content-type']], [200, 'application/json'], 'everybody may read it');
	api = raw.json;
	ajv = new Ajv({ strict: false, allErrors: true });
	formats(ajv);

	// The document itself.
	const { Validator } = await import(path.join(__dirname, 'node_modules/@seriousme/openapi-schema-validator/index.js'));
	const result = await new Validator().validate(raw.json);
	check(result.valid, 'it is valid OpenAPI 3.1', result.errors);
	same(api.openapi, '3.1.0', 'of that version');
	same(api.servers[0].url, i.url, 'it names this server');
	const ids = Object.values(api.paths).flatMap((item) => Object.values(item).map((op) => op.operationId));
	same(new Set(ids).size, ids.length, 'operations have names of their own: ' + ids);
	check(ids.every(Boolean), 'and all have one: a route under /api/ needs a row in src/doors/openapi_table.c',
		Object.entries(api.paths).flatMap(([p, item]) => Object.entries(item).filter(([, op]) => !op.operationId).map(([m]) => m + ' ' + p)));
	for (const ref of raw.text.match(/"\$ref":\s*"[^"]*"/g))
		check(deref({ $ref: JSON.parse(ref.replace(/^"\$ref":\s*/, '')) }) !== undefined, 'a reference leads somewhere: ' + ref);
	// The types of problems are those of the source, at least the ones that everybody meets.
	const types = (code) => JSON.stringify(api.components.responses[code]);
	for (const [code, type] of [[422, 'empty-subject'], [401, 'bad-token'], [503, 'uncertain'], [507, 'no-space'], [409, 'still-running'], [412, 'tus-version'], [421, 'unknown-host']])
		check(types(code).includes(`"urn:pli:problem:${type}"`), `${code} lists ${type}`, types(code));

	// Every route of the table, and nothing else.
	const table = fs.readFileSync(path.join(__dirname, 'routes.tsv'), 'utf8').split('\n').filter((l) => l && !l.startsWith('#')).map((l) => l.split('\t'))
		.filter(([m, a]) => m !== '*' && /^\/(api\/|tsa$)/.test(a)).flatMap(([m, a]) => m.split('+').filter((x) => x !== 'HEAD' || m === 'HEAD')
			.map((x) => `${x} ${a.split('?')[0].replace(/\{upload\}/, '{id}').replace(/[@=][^}]*/g, '')}`));
	same(Object.entries(api.paths).flatMap(([p, item]) => Object.keys(item).map((m) => m.toUpperCase() + ' ' + p)).sort(), [...new Set(table)].sort(), 'routes and description agree');

	// What the server answers.
	const ask = async (method, target, more = {}) => fits(method, target, await i.request(method, target, { token, ...more }));
	const post = async (target, value, headers = {}) => fits('POST', target, await i.json('POST', target, token, value, headers));
	await ask('GET', '/api/openapi.json', { token: undefined });
	const made = await post('/api/v1/letters', { to: ['a@example.org', '"B" <b@example.org>'], bcc: ['c@example.org'], subject: 'Described', message: 'As *described*.' }, { 'Idempotency-Key': 'one' });
	same(made.status, 201, 'a letter');
	fits('POST', '/api/v1/letters', await i.multipart('/api/v1/letters', token, [['to', 'a@example.org'], ['subject', 'With a file'], ['password', 'Mot-de-passe-long'], ['file', { filename: 'a.txt', bytes: 'x' }]]));
	await post('/api/v1/letters', { to: ['a@example.org'] });
	await post('/api/v1/letters', { to: ['a@example.org'], subject: 'x', colour: 'red' });
	await post('/api/v1/letters', { to: ['a@example.org'], subject: 'Other' }, { 'Idempotency-Key': 'one' });
	await post('/api/v1/letters', 7);
	await ask('POST', '/api/v1/letters', { headers: { 'Content-Type': 'text/plain' }, body: 'x' });
	await ask('POST', '/api/v1/letters', { token: 'pli_nonsense', headers: { 'Content-Type': 'application/json' }, body: '{}' });
	await ask('POST', '/api/v1/letters', { token: auditor, headers: { 'Content-Type': 'application/json' }, body: '{}' });
	await ask('GET', '/api/v1/letters');
	await ask('GET', '/api/v1/letters?limit=1');
	await ask('GET', '/api/v1/letters?limit=0');
	const one = '/api/v1/letters/' + made.json.id;
	await i.mail('c@example.org');
	const opened = await i.open(await i.link('a@example.org'));
	same(opened.status, 303, 'one has read');
	const read = await ask('GET', one);
	check(read.json.recipients.some((r) => r.read && r.read_at), 'and the letter says so', read.text);
	await ask('HEAD', one);
	await ask('GET', '/api/v1/letters/00000000-0000-7000-8000-000000000000');
	await post(one + '/resend', {});
	await post(one + '/resend', { recipients: ['nobody@example.org'] });
	await ask('GET', one + '/proof');
	await ask('GET', one + '/proof?recipient=nobody@example.org');
	await ask('GET', one + '/proof.pdf?kind=deposit&lang=en');
	await ask('GET', one + '/proof.pdf?kind=nothing');
	await post('/api/v1/certificates', { letters: [one.split('/').pop()], deadline: '2001-12-31' });
	await post('/api/v1/certificates', { letters: [] });
	const draft = await post('/api/v1/drafts', { to: ['half'], subject: 'Draft', message: 'So far' });
	same(draft.status, 201, 'a draft');
	await post('/api/v1/drafts', { colour: 'red' });
	await ask('GET', '/api/v1/drafts');
	const written = '/api/v1/drafts/' + draft.json.id;
	await ask('GET', written);
	const change = (value) => ask('PATCH', written, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(value) });
	await change({ version: 99, subject: 'x' });
	await change({ version: draft.json.version, to: ['d@example.org'], expires: '2090-01-01' });
	fits('PATCH', written, await i.multipart(written, token, [['file', { filename: 'd.txt', bytes: 'x' }]], {}, 'PATCH'));
	await post(written + '/send', { version: 99 });
	await change({ expires: '' });
	same((await post(written + '/send', {})).status, 201, 'it becomes a letter');
	await ask('GET', written);
	const given = await post('/api/v1/drafts', {});
	await ask('DELETE', '/api/v1/drafts/' + given.json.id);
	await ask('GET', one + '/message');
	await ask('GET', `/api/v1/letters/${draft.json.id}/files/1`);
	const over = await post('/api/v1/letters', { to: ['over@example.org'], subject: 'Over' });
	same((await ask('DELETE', '/api/v1/letters/' + over.json.id)).status, 409, 'no content goes before its time');
	i.sqlWrite(`UPDATE letter SET content_until = 1 WHERE lower(hex(letter)) = '${over.json.id.replace(/-/g, '')}'`);
	same((await ask('DELETE', '/api/v1/letters/' + over.json.id)).status, 204, 'then it does');
	check((await ask('GET', '/api/v1/letters/' + over.json.id)).json.retention.purged, 'and the letter says so');
	for (const query of ['', '?limit=2', '?letter=' + made.json.id, '?from=2020-01-01&to=2120-01-01', '?state=nonsense', '?colour=red'])
		await ask('GET', '/api/v1/journal' + query);
	await ask('GET', '/api/v1/journal', { headers: { Accept: 'text/csv', 'Accept-Language': 'en' } });
	await ask('GET', '/api/v1/journal', { token: auditor });
	for (const query of ['', '?by=week', '?by=month&from=2026-01-01&to=2026-12-31', '?by=hour', '?from=x', '?colour=red'])
		await ask('GET', '/api/v1/statistics' + query);
	await ask('OPTIONS', '/api/v1/uploads');
	const tsq = { headers: { 'Content-Type': 'application/timestamp-query' }, body: Buffer.from('30360201013031300d060960864801650304020105000420' + '00'.repeat(32), 'hex') };
	await ask('POST', '/tsa', tsq);
	await ask('POST', '/tsa', { ...tsq, token: undefined });
	await ask('POST', '/tsa', { ...tsq, headers: { 'Content-Type': 'text/plain' } });
	const upload = await ask('POST', '/api/v1/uploads', { headers: { ...TUS, 'Upload-Length': '4', 'Upload-Metadata': 'filename ' + Buffer.from('a.txt').toString('base64') } });
	same(upload.status, 201, 'an upload');
	const at = upload.headers.location;
	const wrong = await ask('POST', '/api/v1/uploads', { headers: { 'Tus-Resumable': '0.2.2', 'Upload-Length': '4' } });
	same([wrong.status, wrong.headers['tus-version']], [412, '1.0.0'], 'another version of tus');
	await ask('POST', '/api/v1/uploads', { headers: TUS });
	await ask('HEAD', at, { headers: TUS });
	const bytes = { ...TUS, 'Content-Type': 'application/offset+octet-stream' };
	await ask('PATCH', at, { headers: { ...bytes, 'Upload-Offset': '2' }, body: 'ab' });
	await ask('PATCH', at, { headers: { ...bytes, 'Upload-Offset': '0' }, body: 'abcdefgh' });
	await ask('PATCH', at, { headers: { ...bytes, 'Upload-Offset': '0' }, body: 'abcd' });
	await ask('DELETE', at, { headers: TUS });
	await ask('DELETE', at, { headers: TUS });
	// Where a parameter is described it is taken: no unknown field.
	for (const [pattern, item] of Object.entries(api.paths))
		for (const p of item.get && !pattern.includes('{') ? item.get.parameters.map(deref) : [])
			if (p.in === 'query') {
				const answer = await ask('GET', `${pattern}?${p.name}=1`);
				check(!answer.text.includes('unknown-field'), `${pattern} takes ${p.name}`, answer.text);
			}
	for (const [pattern, item] of Object.entries(api.paths))
		for (const [method, op] of Object.entries(item))
			check(Object.keys(op.responses).some((code) => code < 400 && seen.has(`${method.toUpperCase()} ${pattern} ${code}`)), `${method} ${pattern}: seen to go well`, [...seen]);
	await i.stop();
});
