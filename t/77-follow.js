#!/usr/bin/env node
// Goal: letters followed in a real browser: the list with its choices, words and pages; a letter's sheet with its eight rows, the six
// columns of its recipients, entity and role, what happened; notices again to one, to those who have not read, to all; a lock undone;
// proofs that verify; documents identical.  Each role sees what it may: readers no hidden copy, auditors no content.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { PASSWORD, Instance, check, same, until, main, TMP } = require('./lib/pli.js');
const browser = require('./lib/browser.js');
const desk = require('./lib/desk.js');

const COLUMNS = { fr: ['Email', 'Type', 'Date d’envoi', 'Dernier envoi', 'Nombre d’envois', 'Lecture'], en: ['E-mail', 'Type', 'Sent', 'Last sent', 'Times sent', 'Read'] };
const SHEET = { fr: ['Destinataire(s)', 'Copie à', 'Copie cachée à', 'Mot de passe', 'Confirmation', 'Objet', 'Message', 'Document attaché'],
	en: ['To', 'Copy to', 'Blind copy to', 'Password', 'Confirmation', 'Subject', 'Message', 'Documents attached'] };

main(async () => {
	const i = new Instance().make({ entity: 'Mairie', conf: '[signin]\npolicy = password\n' });
	await i.serve();
	i.entity('New York', '000000000');
	const token = i.user('sender@example.org', 'editor', { name: 'Sender Name', password: PASSWORD });
	for (const role of ['reader', 'auditor', 'admin'])
		i.user(`the-${role}@example.org`, role, { password: PASSWORD });
	const bytes = crypto.randomBytes(123456);
	const send = async (subject, to, cc, bcc, more = []) => {
		const a = await i.multipart('/api/v1/letters', token, [['to', to], ...(cc ? [['cc', cc]] : []), ...(bcc ? [['bcc', bcc]] : []), ['subject', subject], ['message', 'Bonjour **vous**'],
			['file', { filename: 'Pièce.pdf', bytes, type: 'application/pdf' }], ...more]);
		same(a.status, 201, 'a letter: ' + subject);
		return a.json.id;
	};
	const letter = async (id) => (await i.request('GET', '/api/v1/letters/' + id, { token })).json;

	const chrome = await browser.launch();
	try {
		for (const way of desk.WAYS) {
			const [a, b, c] = ['a', 'b', 'c'].map((x) => `${x}@${way.name}.example`);
			const id = await send('Suivi de ' + way.name, a, b, c);
			await until('it is sent', async () => (await letter(id)).state === 'sent');
			await i.open(await i.link(b));
			const context = await browser.open(chrome, i, { ...way.options, name: way.name });
			const page = await context.newPage();
			await browser.signIn(page, i, 'sender@example.org', PASSWORD, '/');
			await desk.look(page, way, 'home');
			same(await page.$$eval('.waits a', (all) => all.map((x) => new URL(x.href).search)), ['?state=waiting', '?state=failed', '?state=drafts'], `${way.name}: what waits`);
			await Promise.all([page.waitForURL('**/letters?state=waiting'), page.click('.waits a')]);
			check((await page.textContent('.lines')).includes('Suivi de ' + way.name), `${way.name}: it waits`);
			check(/1 (sur|of) 3/.test(await page.textContent('.lines')), `${way.name}: how far, in words`);
			await page.fill('#q', 'suivi ' + way.name.slice(0, 5));
			await Promise.all([page.waitForURL('**/letters?*q=*'), page.click('.find button')]);
			await desk.look(page, way, 'found');
			const journal = (await i.request('GET', '/api/v1/journal?letter=' + id, { token })).json.entries.filter((e) => e.timestamp);
			await page.click(`.line[href$="${id}"]`);
			await page.waitForURL('**/letters/' + id);
			await desk.look(page, way, 'letter');
			const clocks = await page.$$eval('.timeline li', (all) => all.map((li) => [...li.querySelectorAll('time')].map((t) => t.dateTime).join(' ')));
			check(journal.length > 3 && journal.every((e) => clocks.includes(`${e.date} ${e.timestamp}`)), `${way.name}: both clocks of what happened`, clocks);

			same(await page.$$eval('.card.wide thead th', (all) => all.map((x) => x.textContent).slice(0, 6)), COLUMNS[way.lang], `${way.name}: six columns`);
			const rows = async () => page.$$eval('.card.wide tbody tr', (all) => all.map((r) => [...r.querySelectorAll('td')].slice(0, 6).map((x) => x.textContent.trim())));
			const first = await rows(), api = await letter(id);
			same(first.map((r) => r[0]), [a, b, c], `${way.name}: recipients`);
			same(first.map((r) => r[4]), ['1', '1', '1'], `${way.name}: times sent`);
			same(first.map((r) => r[5].split(/\s/)[0]), way.lang === 'fr' ? ['Non', 'Oui', 'Non'] : ['No', 'Yes', 'No'], `${way.name}: read or not`);
			same(await page.$$eval('.card.wide time', (all) => all.map((t) => t.dateTime)), api.recipients.filter((r) => r.read).map((r) => r.read_at), `${way.name}: when it was read`);
			check(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$|^\d\d\/\d\d\/\d{4} \d\d:\d\d:\d\d$/.test(first[0][2]), `${way.name}: when it was sent`, first[0][2]);
			same(await page.$$eval('.two .facts > dt', (all) => all.map((x) => x.textContent)), SHEET[way.lang], `${way.name}: the sheet's eight rows`);
			check((await page.textContent('.two .facts')).includes(way.lang === 'fr' ? '(aucun)' : '(none)'), `${way.name}: no password is said`);
			same(await page.textContent('.sheet-head .quiet'), way.lang === 'fr' ? 'Mail sécurisé de New York' : 'Secure mail from New York', `${way.name}: whose mail`);
			same(await page.$$eval('[aria-labelledby=entities-title] td', (all) => all.map((x) => x.textContent.trim())), ['New York SIREN 000000000', way.lang === 'fr' ? 'éditeur' : 'editor'], `${way.name}: entity and role`);

			const [download] = await Promise.all([page.waitForEvent('download'), page.click('.files a')]);
			const at = path.join(TMP, way.name + '.pdf');
			await download.saveAs(at);
			check(fs.readFileSync(at).equals(bytes), `${way.name}: the document is identical`);
			for (const [n, who] of [[0, null], [1, a], [3, c]]) {
				if (!await page.$eval('.menus .menu', (m) => m.open))
					await page.click('.menus .menu summary');
				const [proof] = await Promise.all([page.waitForEvent('download'), page.click(`.menus .menu li:nth-child(${n + 1}) a`)]);
				const to = path.join(TMP, `${way.name}-${n}.asice`);
				await proof.saveAs(to);
				const v = i.run(['proof', 'verify', to, '--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')]);
				check(v.status === 0 && v.stdout.includes('VERIFIED'), `${way.name}: proof ${n} verifies`, v.stdout + v.stderr);
				if (who && who !== c)
					check(!fs.readFileSync(to).includes(c), `${way.name}: the proof of a visible recipient says nothing of the hidden one`);
			}

			// What happens while the page is looked at shows there, without being loaded again.
			const link = await i.link(c);
			await page.focus('button[value="' + c + '"]');
			await i.open(link);
			if (way.js) {
				await until(`${way.name}: an opening shows by itself`, async () => /2 (sur|of) 3/.test(await page.textContent('.state')));
				same((await rows())[2][5].split(/\s/)[0], way.lang === 'fr' ? 'Oui' : 'Yes', `${way.name}: in the table, too`);
				check((await page.textContent('.timeline li')).includes(way.lang === 'fr' ? 'Un destinataire' : 'One recipient'), `${way.name}: and among what happened`, await page.textContent('.timeline li'));
				same(await page.evaluate(() => document.activeElement.value), c, `${way.name}: who stands on a button stays there`);
			}

			// Again: to one, to those who have not read, to all; each time once, however often it is pressed.
			const again = async (what, act, wanted) => {
				await act();
				await page.waitForURL('**/letters/*?done=resent');
				await until(`${way.name}: ${what}`, async () => JSON.stringify((await letter(id)).recipients.map((r) => r.sends)) === JSON.stringify(wanted));
				await page.goto(i.url + '/letters/' + id);
				same((await rows()).map((r) => Number(r[4])), wanted, `${way.name}: ${what}`);
			};
			await again('again to one', () => page.click(`button[value="${a}"]`), [2, 1, 1]);
			await again('again to who has not read', async () => { await page.click('.menus .menu:nth-child(2) summary'); await page.click('button[value=unread]'); }, [3, 1, 1]);
			await again('again to all', async () => { await page.click('.menus .menu:nth-child(2) summary'); await page.click('button[value=all]'); }, [4, 2, 2]);
			check((await page.$$eval('.timeline .sentence', (all) => all.map((x) => x.textContent))).some((t) => (/renvoyé à|sent again to/).test(t)), `${way.name}: and it happened`);
			await context.close();
		}

		// A lock, seen and undone.
		const locked = await send('Verrouillé', 'locked@example.org', null, null, [['password', 'Sésame']]);
		const link = await i.link('locked@example.org');
		for (let n = 0; n < 10; n++)
			await i.open(link, 'wrong');
		same((await i.request('GET', link)).status, 423, 'the link is locked');
		const s = await i.signedIn('sender@example.org');
		const page = await s.get('/letters/' + locked);
		check(page.text.includes('name="unlock"'), 'the sender sees the lock');
		same((await s.post(`/letters/${locked}/resend`, { unlock: 'locked@example.org' })).headers.location, `/letters/${locked}?done=unlocked`, 'and undoes it');
		same((await i.request('GET', link)).status, 200, 'the link is open again');
		const key = /name="key" value="([^"]*)"/.exec(page.text)[1];
		const presses = await Promise.all([...Array(6)].map(() => s.post(`/letters/${locked}/resend`, { key, which: 'all' })));
		check(presses.every((a) => a.status === 303 && /done=resent/.test(a.headers.location)), 'six presses', presses.map((a) => a.status + ' ' + a.headers.location));
		await until('the notice went again', async () => (await letter(locked)).recipients[0].sends === 2);
		same(i.one(`SELECT COUNT(*) FROM notice WHERE kind = 'resend' AND letter = X'${locked.replace(/-/g, '')}'`), 1, 'and once');

		// A page that asks by itself is nobody's presence: the session ends all the same.
		i.sqlWrite('UPDATE session SET seen = seen - 120000000');
		const kept = () => i.one('SELECT MAX(seen) FROM session'), was = kept();
		same((await s.get('/letters/' + locked, { 'X-Follow': '1' })).status, 200, 'a page that follows');
		same(kept(), was, 'does not keep the session');
		same((await s.get('/letters/' + locked)).status, 200, 'who loads it');
		check(kept() > was, 'does');

		// What came to nothing is not said in the colour of success.
		const nobody = await s.post(`/letters/${locked}/resend`, { recipient: 'nobody@nowhere.example' });
		same(nobody.headers.location, `/letters/${locked}?done=not-resent`, 'nobody is written to who was not');
		check(/class="note wait" role="status">\S/.test((await s.get(nobody.headers.location)).text), 'and that looks like what it is');

		// Other roles.
		const id = await send('Rôles', 'to@roles.example', 'cc@roles.example', 'hidden@roles.example');
		await i.link('hidden@roles.example');
		for (const [role, sees, content, resend] of [['reader', false, true, false], ['auditor', true, false, false]]) {
			const r = await i.signedIn(`the-${role}@example.org`);
			const got = await r.get('/letters/' + id);
			same([got.status, got.text.includes('hidden@roles.example'), got.text.includes('<strong>vous</strong>'), got.text.includes('value="all"')], [200, sees, content, resend], role + ': hidden copy, content, notices again');
			same((await r.get('/letters')).text.includes('Rôles'), true, role + ' sees the letters of the entity');
			same((await r.get('/')).text.includes('/letters/new'), false, role + ' is not asked to write');
			same((await r.get(`/letters/${id}/files/1`)).status, content ? 200 : 403, role + ': the document');
		}
		const admin = await i.signedIn('the-admin@example.org');
		same([(await admin.get('/')).status, (await admin.get('/letters')).status], [200, 403], 'an administrator of people has a home, and no letters');
		for (let n = 0; n < 27; n++)
			same((await i.json('POST', '/api/v1/letters', token, { to: ['many@example.org'], subject: 'Page ' + n })).status, 201, 'many letters');
		const seen = [];
		for (let at = '/letters?state=all'; at;) {
			const got = await s.get(at);
			seen.push(...[...got.text.matchAll(/class="line" href="\/letters\/([^"]*)"/g)].map((m) => m[1]));
			at = (/class="button" href="([^"]*cursor=[^"]*)"/.exec(got.text) || [])[1];
			at = at && at.replace(/&amp;/g, '&');
		}
		same(seen, (await i.request('GET', '/api/v1/letters?limit=200', { token })).json.letters.map((l) => l.id), 'pages add up to the whole, newest first');
		await desk.accessible(chrome, i, s.cookie, ['/', '/letters', '/letters?state=read', '/letters?q=zzz', '/letters/' + id, '/letters/' + locked + '?sent=1']);
	} finally {
		await chrome.close();
	}
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
