#!/usr/bin/env node
// Goal: a letter is written and sent in a real browser, with and without JavaScript, in French and English, on a phone and a desktop:
// recipients, copies, subject, message, documents, password, date; the last look; sent once however often the button is pressed.  A wrong
// entry costs nobody a word or a file.  With JavaScript documents go up by themselves, can be paused and taken out, and go on after a
// break.  Forms of another session or site are refused.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { PASSWORD, Instance, check, same, until, main, TMP } = require('./lib/pli.js');
const browser = require('./lib/browser.js');
const desk = require('./lib/desk.js');

const file = (name, bytes) => {
	const at = path.join(TMP, name);
	fs.writeFileSync(at, bytes);
	return at;
};

main(async () => {
	const i = new Instance().make({ entity: 'Mairie', conf: '[signin]\npolicy = password\n' });
	await i.serve();
	i.entity('New York', '000000000');
	const token = i.user('sender@example.org', 'editor', { name: 'Sender Name', password: PASSWORD });
	const letters = async () => (await i.request('GET', '/api/v1/letters?limit=200', { token })).json.letters;
	const bytes = crypto.randomBytes(300000);
	const plan = file('Plan n° 3.pdf', bytes), note = file('note.txt', 'a note');

	const chrome = await browser.launch();
	try {
		for (const way of desk.WAYS) {
			const context = await browser.open(chrome, i, { ...way.options, name: way.name });
			const page = await context.newPage();
			const press = async (selector, url) => Promise.all([page.waitForURL(url), page.click(selector)]);
			const say = (text) => check(text !== null && text !== '', `${way.name}: it says what is wrong`);
			await browser.signIn(page, i, 'sender@example.org', PASSWORD, '/letters');
			await desk.look(page, way, 'letters before');
			await press('a.act', '**/letters/new');
			await desk.look(page, way, 'new letter');

			// Something wrong in every field: each time the words and the files stay.
			await page.fill('#to', `a@${way.name}.example, not an address`);
			await page.click('.copies summary');
			await page.fill('#cc', `b@${way.name}.example`);
			await page.fill('#bcc', `c@${way.name}.example`);
			await page.fill('#message', 'Bonjour,\n\nvoici le **plan**.');
			await page.setInputFiles('#file', [plan, note]);
			if (way.js)
				await until('both files are up', async () => (await page.$$('#uploads input[name=uploads]')).length === 2);
			await press('button[value=review]', '**/edit?check=1');
			say(await page.textContent('#to-fault'));
			check((await page.textContent('#to-fault')).includes('not an address'), `${way.name}: which address`, await page.textContent('#to-fault'));
			same(await page.getAttribute('#to', 'aria-invalid'), 'true', `${way.name}: the field is marked`);
			same([await page.inputValue('#to'), await page.inputValue('#cc'), await page.inputValue('#bcc')],
				[`a@${way.name}.example, not an address`, `b@${way.name}.example`, `c@${way.name}.example`], `${way.name}: addresses are kept`);
			same((await page.inputValue('#message')).replace(/\r\n/g, '\n'), 'Bonjour,\n\nvoici le **plan**.', `${way.name}: the message is kept`);
			same(await page.$$eval('.attached .file-name', (all) => all.map((e) => e.textContent).filter((t) => t)), ['Plan n° 3.pdf', 'note.txt'], `${way.name}: the files are kept`);
			await desk.look(page, way, 'something to mend');
			await page.fill('#to', `a@${way.name}.example`);
			await press('button[value=review]', '**/edit?check=1');
			say(await page.textContent('#subject-fault'));
			await page.fill('#subject', `Plan pour ${way.name}`);
			await press('.attached button[aria-label$="note.txt"]', '**/edit#files');
			same(await page.$$eval('.attached .file-name', (all) => all.map((e) => e.textContent).filter((t) => t)), ['Plan n° 3.pdf'], `${way.name}: a file is taken out`);
			same(await page.inputValue('#subject'), `Plan pour ${way.name}`, `${way.name}: and nothing else is lost`);
			if (!await page.isVisible('#expires'))
				await page.click('.options > summary');
			await page.fill('#expires', '2001-01-01');
			await page.fill('#password', 'Sésame');
			await press('button[value=review]', '**/edit?check=1');
			say(await page.textContent('#expires-fault'));
			const later = new Date(Date.now() + 20 * 86400000).toISOString().slice(0, 10);
			await page.fill('#expires', later);
			await press('button[value=review]', '**/review');

			// The last look.
			await desk.look(page, way, 'last look');
			const text = await page.textContent('main');
			for (const word of [`a@${way.name}.example`, `b@${way.name}.example`, `c@${way.name}.example`, `Plan pour ${way.name}`, 'Plan n° 3.pdf', 'Sender Name'])
				check(text.includes(word), `${way.name}: the last look shows "${word}"`);
			check(text.includes(crypto.createHash('sha256').update(bytes).digest('hex')), `${way.name}: and the fingerprint that the proof will have`);
			same(await page.textContent('.message strong'), 'plan', `${way.name}: the message as it will be read`);
			same(await page.$$eval('.crosses li', (l) => l.length), 5, `${way.name}: what the proof will not establish`);
			same((await letters()).filter((l) => l.subject === `Plan pour ${way.name}`), [], `${way.name}: nothing is sent yet`);
			await page.click('button.main', { clickCount: 2, noWaitAfter: true });
			await until('the letter\'s page', () => page.url().includes('sent=1'));
			await page.waitForLoadState();
			await desk.look(page, way, 'just sent');
			check(/n°\s?\d+|no\. \d+/.test(await page.textContent('.note.good')), `${way.name}: the number of the deposit`, await page.textContent('.note.good'));
			const [download] = await Promise.all([page.waitForEvent('download'), page.click('.note.good a')]);
			const proof = path.join(TMP, way.name + '.asice');
			await download.saveAs(proof);
			same(i.run(['proof', 'verify', proof, '--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')]).status, 0, `${way.name}: the proof verifies`);

			const made = (await letters()).filter((l) => l.subject === `Plan pour ${way.name}`);
			same(made.length, 1, `${way.name}: sent once`);
			same([made[0].has_password, made[0].expires.slice(0, 10), made[0].parts.map((p) => [p.name, p.sha256])],
				[true, later, [['Plan n° 3.pdf', crypto.createHash('sha256').update(bytes).digest('hex')]]], `${way.name}: as it was written`);
			same(made[0].recipients.map((r) => [r.kind, r.address]), [['to', `a@${way.name}.example`], ['cc', `b@${way.name}.example`], ['bcc', `c@${way.name}.example`]], `${way.name}: to whom`);
			await page.goBack();
			await page.goto(i.url + `/letters/${made[0].id}/review`);
			check(page.url().endsWith('/letters/' + made[0].id), `${way.name}: the draft's pages lead to the letter`, page.url());
			await context.close();
		}

		// Documents under way: a pause, a break, one taken out, the button pressed before the end.
		const context = await browser.open(chrome, i, { ...browser.DESKTOP, name: 'uploads', locale: 'en-GB' }, ['net::ERR', 'Failed to load resource']);
		const page = await context.newPage();
		await browser.signIn(page, i, 'sender@example.org', PASSWORD, '/letters/new');
		const big = crypto.randomBytes(24 * 1024 * 1024), large = file('large.bin', big), other = file('other.bin', big.subarray(0, 9 * 1024 * 1024));
		let broken = 0;
		await page.route('**/uploads/*', async (route) => {
			if (route.request().method() === 'PATCH' && broken < 2 && ++broken)
				await route.abort('connectionreset');
			else
				await route.continue();
		});
		await page.fill('#to', 'uploads@example.org');
		await page.fill('#subject', 'Uploads');
		await page.setInputFiles('#file', [large]);
		const row = page.locator('#uploads li').first();
		await row.locator('.pause').click();
		await until('it says so', async () => /paused/.test(await row.locator('.speed').textContent()));
		await page.setInputFiles('#file', [other]);
		await page.locator('#uploads li').nth(1).locator('.drop-it').click();
		same(await page.locator('#uploads li').count(), 1, 'uploads: one is taken out');
		await row.locator('.pause').click();
		await page.click('button[value=review]', { noWaitAfter: true });
		await page.waitForURL('**/review', { timeout: 60000 });
		check(broken === 2, 'uploads: the way was broken twice', broken);
		await Promise.all([page.waitForURL('**/letters/*?sent=1'), page.click('button.main')]);
		const sent = (await letters()).find((l) => l.subject === 'Uploads');
		same(sent.parts.map((p) => [p.name, p.size, p.sha256]), [['large.bin', big.length, crypto.createHash('sha256').update(big).digest('hex')]], 'uploads: whole and identical');
		await until('what was taken out is given back', () => i.one('SELECT COUNT(*) FROM upload WHERE state = \'open\'') === 0);
		await context.close();

		const s = await i.signedIn('sender@example.org');
		const made = await i.multipart('/api/v1/drafts', token, [['to', 'x@example.org'], ['subject', 'For axe'], ['message', 'Hello'], ['file', { filename: 'a.txt', bytes: 'a' }]]);
		const wrong = await i.multipart('/api/v1/drafts', token, [['to', 'x'], ['subject', 'For axe'], ['password', 'p'], ['expires', 'soon']]);
		await desk.accessible(chrome, i, s.cookie, ['/', '/letters/new', `/letters/${made.json.id}/edit`, `/letters/${wrong.json.id}/edit?check=1`, `/letters/${made.json.id}/review`]);
	} finally {
		await chrome.close();
	}

	// By hand: the form's key, other sites, sixteen presses at once.
	const s = await i.signedIn('sender@example.org');
	const post = (target, fields, headers = {}) => i.multipart(target, undefined, fields, { Cookie: s.cookie, ...headers });
	const before = i.counts();
	for (const [what, fields, headers] of [['no key', [['subject', 'x']]], ['a file before the key', [['file', { filename: 'a', bytes: 'a' }], ['form', s.form]]], ['a wrong key', [['form', 'x'.repeat(64)], ['subject', 'x']]],
		['nothing at all', []], ['another site', [['form', s.form], ['subject', 'x']], { 'Sec-Fetch-Site': 'cross-site' }], ['another origin', [['form', s.form], ['subject', 'x']], { Origin: 'https://evil.example' }]])
		same((await post('/letters/new', fields, headers)).status, 403, 'refused: ' + what);
	same((await post('/letters/new', [['form', s.form], ['subjekt', 'x']])).status, 422, 'refused: a field that is not one');
	for (const headers of [{}, { 'X-Form': 'x'.repeat(64) }, { 'X-Form': s.form, 'Sec-Fetch-Site': 'cross-site' }])
		same((await i.request('POST', '/uploads', { headers: { Cookie: s.cookie, 'Tus-Resumable': '1.0.0', 'Upload-Length': '4', ...headers } })).status, 403, 'an upload without the key of the form');
	same(i.counts(), before, 'nothing of it was stored');
	const fields = (n) => [['form', s.form], ['key', 'k' + n], ['to', 'many@example.org'], ['subject', 'Many presses'], ['file', { filename: 'a.txt', bytes: 'abc' }], ['act', 'review']];
	const all = await Promise.all([...Array(8)].map(() => post('/letters/new', fields(1))));
	same([...new Set(all.map((a) => a.status + ' ' + a.headers.location))].length, 1, 'eight presses on a new letter make one draft', all.map((a) => a.status + ' ' + a.headers.location));
	const id = /letters\/([^/]*)\/review/.exec(all[0].headers.location)[1];
	const draft = (await i.request('GET', '/api/v1/drafts/' + id, { token })).json;
	same(draft.parts.length, 1, 'with its file once');
	const sends = await Promise.all([...Array(16)].map(() => s.post(`/letters/${id}/send`, { version: String(draft.version) })));
	check(sends.every((a) => a.status === 303 && a.headers.location.startsWith('/letters/' + id)), 'sixteen presses on Send all lead to the letter', sends.map((a) => a.status + ' ' + a.headers.location));
	same((await letters()).filter((l) => l.subject === 'Many presses').length, 1, 'which was sent once');
	await until('its mail is there', () => i.mails('many@example.org').length > 0);

	// Longer than anything: what was typed comes back.
	const long = await post('/letters/new', [['form', s.form], ['key', 'long'], ['to', 'x@example.org'], ['subject', 'Too long'], ['message', 'm'.repeat(1024 * 1024 + 1)], ['file', { filename: 'kept.txt', bytes: 'kept' }], ['act', 'save']]);
	check(long.status === 413 && long.text.includes('m'.repeat(1024 * 1024 + 1)) && long.text.includes('kept.txt') && long.text.includes('Too long'), 'a message that is too long comes back whole, with the file', long.status + ' ' + long.text.length);
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
