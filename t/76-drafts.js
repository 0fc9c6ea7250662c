#!/usr/bin/env node
// Goal: drafts in a real browser: kept, found again, changed, given up; two pages of one draft do not overwrite each other unseen.  The
// nine rows that a known product shows for one letter (begun, changed, sent, read by two) come out exactly, played through a draft in the
// browser, in French and English.  A draft is its author's alone.
'use strict';
const { PASSWORD, Instance, check, same, until, main } = require('./lib/pli.js');
const browser = require('./lib/browser.js');
const desk = require('./lib/desk.js');

const SUBJECT = 'Création fiche produit';
const ROWS = {
	fr: [['Action sur un document', '', 'Reçu', 'Tous les destinataires ont consulté le message'], ['Mail sécurisé', '', 'Consulté', 'A a consulté le document'],
		['Action sur un document', '', 'Reçu partiellement', 'Un destinataire a consulté le message'], ['Mail sécurisé', '', 'Consulté', 'B a consulté le document'],
		['Action sur un document', 'Sender Name', 'Envoyé', 'Le document a été envoyé'], ['Mail sécurisé', '', 'Envoyé', 'Mail sécurisé envoyé à B'],
		['Mail sécurisé', '', 'Envoyé', 'Mail sécurisé envoyé à A'], ['Action sur un document', 'Sender Name', 'En cours de rédaction', 'Modification du document'],
		['Action sur un document', 'Sender Name', 'Créé', 'Création du document']],
	en: [['Action on a document', '', 'Received', 'All recipients have opened the message'], ['Secure mail', '', 'Opened', 'A has opened the document'],
		['Action on a document', '', 'Partly received', 'One recipient has opened the message'], ['Secure mail', '', 'Opened', 'B has opened the document'],
		['Action on a document', 'Sender Name', 'Sent', 'The document has been sent'], ['Secure mail', '', 'Sent', 'Secure mail sent to B'],
		['Secure mail', '', 'Sent', 'Secure mail sent to A'], ['Action on a document', 'Sender Name', 'Draft', 'Document changed'],
		['Action on a document', 'Sender Name', 'Created', 'Document created']],
};

main(async () => {
	const i = new Instance().make({ entity: 'Mairie', conf: '[signin]\npolicy = password\n' });
	await i.serve();
	i.entity('New York', '000000000');
	const token = i.user('sender@example.org', 'editor', { name: 'Sender Name', password: PASSWORD });
	const colleague = i.user('colleague@example.org', 'editor', { password: PASSWORD });
	const drafts = async (t = token) => (await i.request('GET', '/api/v1/drafts?limit=200', { token: t })).json.drafts;

	const chrome = await browser.launch();
	try {
		for (const way of desk.WAYS) {
			const a = `a@${way.name}.example`, b = `b@${way.name}.example`;
			const context = await browser.open(chrome, i, { ...way.options, name: way.name }, ['status of 409']);
			const page = await context.newPage();
			const press = async (selector, url) => Promise.all([page.waitForURL(url), page.click(selector)]);
			await browser.signIn(page, i, 'sender@example.org', PASSWORD, '/letters?state=drafts');
			await desk.look(page, way, 'no drafts');
			await press('a.act', '**/letters/new');
			await page.fill('#to', a);
			await page.fill('#subject', SUBJECT);
			await press('.buttons button[value=save]', '**/edit?done=draft-saved');
			check((await page.textContent('.note.good')).length > 5, `${way.name}: it says that the draft is kept`);
			const id = /letters\/([^/]+)\/edit/.exec(page.url())[1];
			await page.goto(i.url + '/letters?state=drafts');
			await desk.look(page, way, 'one draft');
			check((await page.textContent('.lines')).includes(SUBJECT), `${way.name}: it stands in the list`);
			await press('.line', '**/edit');
			same([await page.inputValue('#to'), await page.inputValue('#subject')], [a, SUBJECT], `${way.name}: as it was left`);

			// The same draft in another page: the later save is told, and loses nothing.
			const second = await context.newPage();
			await second.goto(page.url());
			await second.fill('#message', 'From the second page');
			await page.click('.copies summary');
			await page.fill('#cc', b);
			await press('.buttons button[value=save]', '**/edit?done=draft-saved');
			await Promise.all([second.waitForNavigation(), second.click('.buttons button[value=save]')]);
			check((await second.textContent('.note.bad')).length > 20, `${way.name}: the second page says that the draft was changed`);
			same(await second.inputValue('#message'), 'From the second page', `${way.name}: what was typed there is still there`);
			await second.close();

			await page.goto(i.url + `/letters/${id}/edit`);
			same([await page.inputValue('#cc'), await page.inputValue('#message')], [b, ''], `${way.name}: nothing was overwritten unseen`);
			await press('.buttons button[value=review]', '**/review');
			await press('button.main', '**/letters/*?sent=1');
			same(page.url().split(/[/?]/)[4], id, `${way.name}: the letter has the draft's id`);
			await until('it is sent', async () => (await i.request('GET', '/api/v1/letters/' + id, { token })).json.state === 'sent');
			for (const who of [b, a])
				same((await i.open(await i.link(who))).status, 303, `${way.name}: ${who} opens`);
			const journal = (await i.request('GET', '/api/v1/journal?limit=200&letter=' + id, { token, headers: { 'Accept-Language': way.lang, Accept: 'text/csv' } })).text;
			const separator = way.lang === 'fr' ? ';' : ',';
			const got = journal.slice(1).split('\r\n').map((l) => l.split(separator)).filter((r) => ROWS[way.lang].some((w) => w[0] === r[2]));
			same(got.map((r) => [r[2], r[3], r[4], r[5], r[6], r[7], r[8]]), ROWS[way.lang].map((w) => [w[0], 'New York', '000000000', w[1], SUBJECT, w[2], w[3].replace(/\bA\b/, a).replace(/\bB\b/, b)]), `${way.name}: the nine rows`);
			await page.goto(i.url + '/letters/' + id);
			const shown = await page.$$eval('.timeline .sentence', (all) => all.map((e) => e.textContent));
			const sentences = ROWS[way.lang].map((w) => w[3].replace(/\bA\b/, a).replace(/\bB\b/, b) + (w[1] ? ` (${w[1]})` : ''));
			same(shown.filter((s) => sentences.includes(s)), sentences, `${way.name}: and on the letter's page, in that order`);

			// Given up.
			await page.goto(i.url + '/letters/new');
			await page.fill('#subject', 'To be given up');
			await page.setInputFiles('#file', [{ name: 'x.bin', mimeType: 'application/octet-stream', buffer: Buffer.alloc(100000) }]);
			if (way.js)
				await until('the file is up', async () => (await page.$$('#uploads input[name=uploads]')).length === 1);
			await press('.buttons button[value=save]', '**/edit?done=draft-saved');
			const blobs = i.counts().blobs;
			await page.click('.give-up summary');
			await desk.look(page, way, 'give up');
			await press('.give-up button', '**/letters?state=drafts&done=draft-deleted');
			same((await drafts()).length, 0, `${way.name}: it is gone`);
			same(i.counts().blobs, blobs - 1, `${way.name}: and its file with it`);
			await context.close();
		}
		const made = await i.json('POST', '/api/v1/drafts', token, { subject: 'Mine alone', to: ['x@example.org'] });
		const own = await i.signedIn('sender@example.org'), other = await i.signedIn('colleague@example.org');
		same((await own.get(`/letters/${made.json.id}/edit`)).status, 200, 'its author finds it');
		same((await other.get(`/letters/${made.json.id}/edit`)).status, 404, 'a colleague does not');
		same((await other.get(`/letters/${made.json.id}/review`)).status, 404, 'nor its last look');
		same((await drafts(colleague)).length, 0, 'nor his list');
		// Who gets the letter is told when it was sent, not when its sender began to write.
		const begun = await i.json('POST', '/api/v1/drafts', token, { subject: 'Long in the making', to: ['late@example.org'], message: 'At last' });
		i.sqlWrite(`UPDATE draft SET created = created - 864000000000 WHERE hex(draft) = '${begun.json.id.replace(/-/g, '').toUpperCase()}'`);
		same((await i.json('POST', `/api/v1/drafts/${begun.json.id}/send`, token, {})).status, 201, 'a draft of ten days ago is sent');
		await until('it is sent', async () => (await i.request('GET', '/api/v1/letters/' + begun.json.id, { token })).json.state === 'sent');
		const link = await i.link('late@example.org'), sent = (await i.request('GET', '/api/v1/letters/' + begun.json.id, { token })).json.recipients[0].first_sent;
		const times = (text) => [...text.matchAll(/<time datetime="([^"]*)"/g)].map((m) => m[1]);
		same(times((await i.request('GET', link)).text)[0], sent, 'the first page says when it was sent');
		const opened = await i.open(link);
		check(times((await i.request('GET', link + '/letter', { headers: { Cookie: opened.cookie } })).text).includes(sent), 'and so does the letter');
		const zip = (await i.request('GET', link + '/files.zip', { headers: { Cookie: opened.cookie } })).body.toString('latin1');
		const date = /\r\nDate: ([^\r]*)/.exec(zip)[1];
		check(Math.abs(new Date(date) - new Date(sent)) < 2000, 'and the mail in the archive', date);
		await desk.accessible(chrome, i, own.cookie, ['/letters?state=drafts', '/letters']);
	} finally {
		await chrome.close();
	}
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
