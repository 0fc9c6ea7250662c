#!/usr/bin/env node
// Goal: a demonstration is a living place: caught mails can be read, newest first, and their links lead to the letters; an address whose
// name can never exist is refused in a mail server's words, and that is shown; any other instance has no such page.  `make run`'s three
// ready letters are read, waiting and refused.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawn } = require('child_process');
const { PASSWORD, PLI, TMP, Instance, check, same, until, main, freePort } = require('./lib/pli.js');
const browser = require('./lib/browser.js');
const desk = require('./lib/desk.js');

async function demonstration(chrome) {
	const demo = path.join(TMP, 'demo'), port = freePort();
	const run = spawn('tools/run-demo', [], { cwd: path.join(__dirname, '..'), env: { ...process.env, PLI, DEMO: demo, PORT: String(port) }, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
	let said = '';
	run.stdout.on('data', (p) => { said += p; });
	try {
		await until('the demonstration says what now', () => said.includes('start afresh') || run.exitCode !== null, 120);
		const url = /serves the demonstration on {2}(\S+)/.exec(said)[1], password = fs.readFileSync(path.join(demo, 'tokens/password'), 'utf8').trim();
		const i = { url, port: new URL(url).port };
		const context = await browser.open(chrome, i, { ...browser.DESKTOP, name: 'demo' });
		const page = await context.newPage();
		await browser.signIn(page, i, 'alice@example.org', password, '/letters');
		const lines = () => page.$$eval('.line', (all) => all.map((l) => [l.querySelector('.subject').textContent, l.querySelector('.badge').textContent]));
		await until('the three letters are there', async () => {
			await page.reload();
			return JSON.stringify(await lines()) === JSON.stringify([['Arrêté municipal n° 12', 'Erreur'], ['Mise en demeure', 'Envoyé'], ['Convention 2026-114', 'Reçu']]);
		}, 30);
		await browser.shot(page, 'demo-letters');
		await Promise.all([page.waitForURL('**/letters/*'), page.click('.line')]);
		check((await page.textContent('.card.wide')).includes('550 5.1.2'), 'the refusal, in the words of a mail server', await page.textContent('.card.wide'));
		await browser.shot(page, 'demo-refused');
		await page.goto(url + '/');
		await browser.shot(page, 'demo-home');
		await context.close();
	} finally {
		process.kill(-run.pid, 'SIGTERM');
		await until('it has ended', () => run.exitCode !== null || run.signalCode !== null, 20);
	}
}

main(async () => {
	const i = new Instance().make({ entity: 'Mairie', more: ['--demo'] });
	await i.serve();
	const token = i.user('sender@example.org', 'editor', { entity: 'Mairie', name: 'Sender Name', password: PASSWORD });
	for (const to of ['first@example.org', 'second@example.org', 'nobody@nowhere.invalid'])
		same((await i.json('POST', '/api/v1/letters', token, { to: [to], subject: 'À ' + to })).status, 201, 'a letter to ' + to);
	await i.link('second@example.org');
	const refused = await until('the refusal is known', async () => (await i.request('GET', '/api/v1/letters?state=failed', { token })).json.letters[0]);
	same(refused.recipients.map((r) => [r.address, r.state, r.sends]), [['nobody@nowhere.invalid', 'failed', 0]], 'refused, and not sent');
	same(i.mails('nobody@nowhere.invalid'), [], 'no mail is caught for it');

	const chrome = await browser.launch();
	try {
		for (const way of desk.WAYS) {
			const context = await browser.open(chrome, i, { ...way.options, name: way.name });
			const page = await context.newPage();
			await browser.signIn(page, i, 'sender@example.org', PASSWORD, '/outbox');
			await desk.look(page, way, 'outbox');
			const mails = await page.$$eval('.mail', (all) => all.map((m) => [m.querySelector('.mail-to').textContent, m.querySelector('.mail-text').textContent]));
			same(mails.slice(-2).map((m) => m[0]), ['second@example.org', 'first@example.org'], `${way.name}: newest first`);
			check((await page.$$eval('.mail-date', (all) => all.map((d) => d.textContent))).every((d) => (way.lang === 'fr' ? /^\d\d\/\d\d\/\d{4} \d\d:\d\d:\d\d$/ : /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/).test(d)), `${way.name}: when, as everywhere`);
			check(mails.at(-2)[1].includes('Sender Name'), `${way.name}: its words`, mails.at(-2)[1]);
			same(await page.$$eval('.mail', (all) => all.map((m) => m.querySelectorAll('.mail-text a').length)), mails.map(() => 1), `${way.name}: one link each`);
			if (await page.locator('.mail').nth(mails.length - 2).getAttribute('open') === null)
				await page.locator('.mail summary').nth(mails.length - 2).click();
			await Promise.all([page.waitForURL('**/l/*'), page.locator('.mail').nth(mails.length - 2).locator('a').click()]);
			check((await page.textContent('main')).includes('Sender Name'), `${way.name}: the link leads to the letter`);
			await context.close();
		}
		const s = await i.signedIn('sender@example.org');
		await desk.accessible(chrome, i, s.cookie, ['/outbox']);
		await demonstration(chrome);
	} finally {
		await chrome.close();
	}
	await i.stop();
});
