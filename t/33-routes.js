#!/usr/bin/env node
// Goal: every route answers every viewer and every method as t/routes.tsv says, bodies included: who may not see a letter
// sees no word of it, and the hidden recipient appears only to sender, auditor and himself.
'use strict';
const fs = require('fs');
const path = require('path');
const { Instance, PASSWORD, check, same, until, main } = require('./lib/pli.js');

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];
const SUBJECT = 'Zinnober-Kassenbericht', MESSAGE = 'Ultramarin-Nachricht', FILE = 'Ocker-Anlage.txt';
const DRAFT = 'Terracotta-Entwurf';
const TO = 'to@vermillon.example', CC = 'cc@vermillon.example', BCC = 'bcc@vermillon.example', OTHER = 'other@vermillon.example';
const SECRETS = [SUBJECT, DRAFT, MESSAGE, 'Ocker-Anlage', 'the content of the file', TO, CC, BCC];
// Of a timestamp over 32 zeros (RFC 3161).
const QUERY = Buffer.from('30360201013031300d060960864801650304020105000420' + '00'.repeat(32), 'hex');
const TITLES = { 401: 'Not signed in', 403: 'Not your right', 404: 'Not found', 405: 'Method not allowed' };

function readTable() {
	const lines = fs.readFileSync(path.join(__dirname, 'routes.tsv'), 'utf8').split('\n').filter((l) => l && !l.startsWith('#'));
	const names = lines.shift().split('\t');
	return { viewers: names.slice(2, -1), rows: lines.map((line) => {
		const cells = line.split('\t');
		if (cells.length !== names.length)
			throw new Error(`routes.tsv: ${cells.length} columns: ${line}`);
		return { methods: cells[0].split('+'), address: cells[1], cells: cells.slice(2, -1), word: cells[cells.length - 1] };
	}) };
}

main(async () => {
	const i = new Instance().make();
	await i.serve();
	i.entity('Elsewhere');
	const password = PASSWORD;
	const tokens = { sender: i.user('sender@example.org', 'editor', { password }), 'same-entity-editor': i.user('second@example.org'),
		reader: i.user('reader@example.org', 'reader', { password }), auditor: i.user('auditor@example.org', 'auditor', { password }),
		admin: i.user('people@example.org', 'admin', { password }), 'foreign-editor': i.user('foreign@example.org', 'editor', { entity: 'Elsewhere', password }) };
	tokens['expired-token'] = i.token('sender@example.org', '--name', 'old');
	const past = (Date.now() - 1000) * 1000;
	// A token cannot be made for less than a day: its row is aged.
	const aged = require('child_process').execFileSync('sqlite3', ['-cmd', '.timeout 5000', path.join(i.dir, 'data/pli.db'),
		`UPDATE api_token SET expires = ${past} WHERE created = (SELECT MAX(created) FROM api_token); SELECT changes();`], { encoding: 'utf8' });
	same(aged.trim(), '1', 'one token is made to have expired');

	const letter = async (token, to, cc, bcc, subject) => {
		const answer = await i.multipart('/api/v1/letters', token, [['to', to], ...(cc ? [['cc', cc]] : []), ...(bcc ? [['bcc', bcc]] : []),
			['subject', subject], ['message', MESSAGE], ['file', { filename: FILE, bytes: 'the content of the file\n' }]]);
		if (!same(answer.status, 201, 'a letter is taken'))
			throw new Error(answer.text);
		return answer.json.id;
	};
	const ids = { '': await letter(tokens.sender, TO, CC, BCC, SUBJECT), foreign: await letter(tokens['foreign-editor'], 'x@example.net', null, null, 'Foreign'),
		nobody: '01890000-0000-7000-8000-000000000000' };
	await letter(tokens.sender, OTHER, null, null, 'Another');
	const people = JSON.parse(i.verb('user', 'list', i.dir, '--json'));
	ids.user = people.find((p) => p.email === 'second@example.org').account;
	ids.stranger = people.find((p) => p.email === 'foreign@example.org').account;
	ids.entity = people.find((p) => p.email === 'foreign@example.org').entity;
	const links = { '': await i.link(TO), cc: await i.link(CC), bcc: await i.link(BCC), nobody: '/l/' + 'a'.repeat(52) };
	const otherLink = await i.link(OTHER);

	// Reading cookies: each viewer sends his own, and its value under the name of every other link's cookie.
	const own = {};
	for (const [who, link] of [['to', links['']], ['cc', links.cc], ['bcc', links.bcc], ['other-recipient', otherLink]]) {
		const answer = await i.open(link);
		same(answer.status, 303, `${who} opens`);
		own[who] = answer.cookie;
	}
	const names = Object.values(own).map((c) => c.split('=')[0]);
	same(new Set(names).size, 4, 'cookies of four names');
	const cookies = (who) => own[who] === undefined ? undefined
		: [own[who], ...names.filter((n) => n !== own[who].split('=')[0]).map((n) => n + '=' + own[who].split('=')[1])].join('; ');

	// Sessions of the browser: whose, and how they were opened.
	const strong = true;
	const sessions = {};
	const enter = { session: ['sender', { strong }], 'session-reader': ['reader', { strong }], 'session-auditor': ['auditor', { strong }],
		'session-admin': ['people', { strong }], 'session-foreign': ['foreign', { strong }], 'revoked-session': ['sender', { strong }],
		'no-factor': ['sender', {}], 'stale-factor': ['sender', { strong, seen: 3600000 }] };
	const signIn = async (viewer) => { sessions[viewer] = await i.signedIn(enter[viewer][0] + '@example.org', enter[viewer][1]); };
	for (const viewer of Object.keys(enter))
		await signIn(viewer);
	const cookie = sessions['revoked-session'].cookie;
	same((await sessions['revoked-session'].post('/sign-out', {})).status, 303, 'a session is ended');
	Object.defineProperty(sessions['revoked-session'], 'cookie', { value: cookie });

	const upload = async () => {
		const made = await i.request('POST', '/api/v1/uploads', { token: tokens.sender, headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': '4' } });
		if (made.status !== 201)
			throw new Error('upload: ' + made.brief);
		return made.headers.location.split('/').pop();
	};

	const draft = async () => {
		const made = await i.json('POST', '/api/v1/drafts', tokens.sender, { to: [TO], subject: DRAFT });
		if (made.status !== 201)
			throw new Error('draft: ' + made.brief);
		return made.json.id;
	};

	const form = await i.form(links['']);
	// A good request for this method and address: what is refused is refused for its sender alone.
	const multipart = (fields) => ({ headers: { 'Content-Type': 'multipart/form-data; boundary=xyz' },
		body: Object.entries(fields).map(([k, v]) => `--xyz\r\nContent-Disposition: form-data; name="${k}"\r\n\r\n${v}\r\n`).join('') + '--xyz--\r\n' });
	const body = (method, address, key) => {
		if (method === 'POST' && /^\/letters\/.*(new|edit)$/.test(address))
			return multipart({ form: key, subject: 'x', ...(address.endsWith('new') ? { key: Math.random().toString(36) } : {}) });
		if (method === 'POST' && address === '/verify')
			return multipart({ act: 'verify' });
		if (method === 'POST' && address.startsWith('/letters'))
			return { headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: 'version=1&form=' + key };
		if (address.startsWith('/uploads'))
			return { headers: { 'Tus-Resumable': '1.0.0', 'X-Form': key, ...(method === 'PATCH' ? { 'Upload-Offset': '0', 'Content-Type': 'application/offset+octet-stream' } : { 'Upload-Length': '4' }) },
				body: method === 'PATCH' ? 'abcd' : undefined };
		if (method === 'POST' && address === '/api/v1/certificates')
			return { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ letters: [ids['']] }) };
		if (method === 'POST' && address.endsWith('/letters'))
			return { headers: { 'Content-Type': 'application/json' }, body: '{"to":["z@example.net"],"subject":"x"}' };
		if (address.startsWith('/api/v1/drafts') && /^(POST|PATCH)$/.test(method) && !address.endsWith('/send'))
			return { headers: { 'Content-Type': 'application/json' }, body: '{"message":"x"}' };
		if (method === 'POST' && address.startsWith('/l/'))
			return { headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: 'form=' + form };
		if (address.startsWith('/api/v1/uploads') && method === 'PATCH')
			return { headers: { 'Tus-Resumable': '1.0.0', 'Upload-Offset': '0', 'Content-Type': 'application/offset+octet-stream' }, body: 'abcd' };
		if (address.startsWith('/api/v1/uploads'))
			return { headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': '4' } };
		if (method === 'POST' && address === '/tsa')
			return { headers: { 'Content-Type': 'application/timestamp-query' }, body: QUERY };
		return { headers: {} };
	};

	const table = readTable();
	const asked = new Map();
	let upload_now = await upload();
	ids.draft = await draft();

	const target = (address) => address.replace(/\{(\w+)(?:@(\w+))?(?:=([^}]*))?\}/g, (_, name, who, value) =>
		name === 'id' ? ids[who || ''] : name === 'token' && value === undefined ? links[who || ''].slice(3) : name === 'upload' ? upload_now : value)
		.replace('=TO', '=' + TO).replace('=BCC', '=' + BCC);

	async function ask(row, method, viewer, cell) {
		const what = `${method} ${row.address} as ${viewer}`;
		const status = Number(/^\d+/.exec(cell)[0]), flag = cell.replace(/^\d+/, '');
		const request = body(method, row.address, sessions[viewer] ? sessions[viewer].form : 'x');
		if (own[viewer])
			request.headers.Cookie = cookies(viewer);
		if (sessions[viewer])
			request.headers.Cookie = sessions[viewer].cookie;
		// A page's form: with the session's key; what stands before a session gets a key that is none.
		if (method === 'POST' && request.body === undefined && !/^\/(api|uploads)/.test(row.address)) {
			request.headers['Content-Type'] = 'application/x-www-form-urlencoded';
			request.body = 'form=' + (sessions[viewer] ? sessions[viewer].form : 'x');
		}
		const answer = await i.request(method, target(row.address), { ...request, token: tokens[viewer] });
		check(answer.status === status, `${what}: ${status}`, answer.brief);
		const text = answer.body.toString('latin1');
		const word = row.word.replace('SUBJECT', SUBJECT).replace('DRAFT', DRAFT).replace('TO', TO);
		if (method === 'HEAD') {
			same(text, '', `${what}: no body`);
		} else if (status === 200) {
			check(text.includes(word) === (flag !== '-') || row.word === '-', `${what}: ${flag === '-' ? 'without' : 'with'} "${word}"`, answer.brief);
			check(text.includes(BCC) === (flag === 'b'), `${what}: ${flag === 'b' ? 'names' : 'does not name'} the hidden recipient`, answer.brief);
		}
		if (status !== 200 && status !== 201)
			for (const secret of SECRETS.filter((x) => !target(row.address).includes(x)))
				check(!text.includes(secret), `${what}: a refusal says nothing of the letter`, secret);
		if (TITLES[status] && row.address.startsWith('/api/') && method !== 'HEAD') {
			same(answer.headers['content-type'], 'application/problem+json', `${what}: a problem document`);
			same([answer.json.status, answer.json.title], [status, TITLES[status]], `${what}: its status and title`);
			check(/^urn:pli:problem:/.test(answer.json.type) && answer.json.detail && answer.json.hint, `${what}: type, detail and hint`, answer.text);
		}
		if (status === 401)
			check(/^Bearer/.test(answer.headers['www-authenticate'] || ''), `${what}: WWW-Authenticate`);
		if (status === 405)
			same(answer.headers.allow, row.word, `${what}: Allow`);
		if (status === 303 && method !== 'POST' && row.address.startsWith('/l/'))
			same(answer.headers.location, target(row.address).split('/').slice(0, 3).join('/'), `${what}: back to the landing page`);
		else if (status === 303 && method !== 'POST')
			check((answer.headers.location || '').startsWith(viewer === 'stale-factor' && !row.address.startsWith('/sign-in') ? '/step-up' : '/sign-in'), `${what}: to sign in, or to prove it again`, answer.headers.location);
		if (status === 303 && row.address === '/sign-out' && sessions[viewer] && viewer !== 'revoked-session')
			await signIn(viewer);
		for (const [name, wanted] of [['x-content-type-options', 'nosniff'], ['referrer-policy', 'no-referrer'], ['content-security-policy', 'default-src \'none\'']])
			check((answer.headers[name] || '').startsWith(wanted), `${what}: ${name}`, answer.headers[name]);
		if (status !== 200 || !/^\/(assets\/|log\/(checkpoint|tile))/.test(row.address))
			same(answer.headers['cache-control'], 'no-store', `${what}: not to be stored`);
		if (row.address.includes('{upload}') && status === 204)
			upload_now = await upload();
		if (row.address.startsWith('/letters/{id@draft}') && method === 'POST' && status === 303 && sessions[viewer])
			ids.draft = await draft();
		if (row.address.startsWith('/api/v1/drafts/{id') && ((method === 'DELETE' && status === 204) || (method === 'POST' && status === 201)))
			ids.draft = await draft();
	}

	for (const row of table.rows)
		if (row.methods[0] !== '*')
			for (const m of row.methods)
				asked.set(m + ' ' + row.address.replace(/\?.*/, '').replace(/@\w+|=[^}]*/g, ''), true);
	for (const row of table.rows) {
		const plain = row.address.replace(/@\w+|=[^}]*/g, '');
		const methods = row.methods[0] === '*' ? METHODS.filter((m) => !asked.has(m + ' ' + plain)) : row.methods;
		for (const m of methods)
			for (const [k, viewer] of table.viewers.entries())
				await ask(row, m, viewer, row.cells[k]);
	}

	// Rights that end, end at once: a revoked token, a disabled user.
	const list = i.run(['token', 'list', i.dir, '--json']);
	const gone = i.user('gone@example.org');
	const brief = i.user('brief@example.org');
	same((await i.request('GET', '/api/v1/letters', { token: gone })).status, 200, 'a new token is good');
	same((await i.request('GET', '/api/v1/letters', { token: brief })).status, 200, 'another new token is good');
	check(list.status === 0 && !list.stdout.includes(tokens.sender), 'token list never shows a token');
	const row = JSON.parse(i.run(['token', 'list', i.dir, '--json']).stdout).find((t) => t.email === 'brief@example.org');
	i.verb('token', 'revoke', i.dir, row.token);
	i.verb('user', 'disable', i.dir, 'gone@example.org');
	same((await i.request('GET', '/api/v1/letters', { token: brief })).status, 401, 'a revoked token is dead');
	same((await i.request('GET', '/api/v1/letters', { token: gone })).status, 401, 'a disabled user\'s token is dead');
	const answers = [];
	for (const t of ['', 'pli_x', tokens.sender.slice(0, -1), tokens.sender + 'a', tokens.sender.toUpperCase(), tokens['expired-token'], brief, gone])
		answers.push((await i.request('GET', '/api/v1/letters', { token: t })).text);
	check(new Set(answers.slice(1)).size === 1, 'dead, expired, unknown and malformed tokens get the same answer', [...new Set(answers)]);

	await until('the resent mails are out', () => i.mails(TO).length >= 2);
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
