#!/usr/bin/env node
// Goal: the page of statistics says what an independent count over the journal says, in figures, charts, table and file, for each viewer
// his own; a bad date keeps what was typed; `pli stats` prints the same; and it looks right everywhere.
'use strict';
const { Instance, check, same, until, wholeHour, main, PASSWORD } = require('./lib/pli.js');
const B = require('./lib/browser.js');
const { lookAtAll } = require('./lib/look.js');

// What the journal itself holds, counted by nothing of the statistics.
async function count(i, token) {
	const entries = [];
	for (let cursor = ''; ;) {
		const answer = (await i.request('GET', '/api/v1/journal?limit=200' + (cursor && '&cursor=' + cursor), { token })).json;
		entries.push(...answer.entries);
		if (!answer.next)
			break;
		cursor = answer.next;
	}
	const of = (event) => entries.filter((e) => e.event === event).length;
	let bytes = 0;
	for (let cursor = ''; ;) {
		const answer = (await i.request('GET', '/api/v1/letters?limit=200' + (cursor && '&cursor=' + cursor), { token })).json;
		for (const letter of answer.letters)
			bytes += letter.parts.reduce((sum, p) => sum + p.size, 0);
		if (!answer.next)
			break;
		cursor = answer.next;
	}
	return { sent: of('document.sent'), delivered: of('notice.sent'), read: of('handover'), failures: of('notice.failed'), bytes };
}

const digits = (text) => Number(text.replace(/[^0-9]/g, ''));

main(async () => {
	const i = new Instance().make();
	await wholeHour(90);	// all of one day
	await i.serve();
	const token = {};
	for (const [who, role, name] of [['camille', 'editor', 'Camille Roux'], ['other', 'editor', 'Olive Autre'], ['reader', 'reader', 'Rémi Lecteur'], ['auditor', 'auditor', 'Dominique Auger']])
		token[who] = i.user(who + '@example.org', role, { name, password: PASSWORD });
	const empty = await (await i.signedIn('other@example.org')).get('/statistics');
	check(empty.status === 200 && !empty.text.includes('<svg viewBox') && /class="empty"/.test(empty.text), 'nothing yet, and it is said');
	for (let n = 0; n < 9; n++)
		same((await i.multipart('/api/v1/letters', n % 3 ? token.camille : token.other, [['to', `a${n}@mairie.example`], ...(n % 2 ? [['bcc', `hidden${n}@mairie.example`]] : []), ['subject', 'Sujet ' + n],
			['file', { filename: 'f.bin', bytes: 'x'.repeat(1000 * n + 1) }]])).status, 201, 'a letter');
	for (const n of [0, 1, 4])
		same((await i.open(await i.link(`a${n}@mairie.example`))).status, 303, 'is read');
	same((await i.open(await i.link('hidden1@mairie.example'))).status, 303, 'a hidden copy is read');
	await until('all notices are settled', async () => (await count(i, token.auditor)).delivered === 13);

	const today = (await i.request('GET', '/api/v1/statistics', { token: token.auditor })).json;
	same(today.rows.length, 30, 'thirty days');
	for (const who of ['camille', 'other', 'auditor']) {
		const counted = await count(i, token[who]);
		for (const by of ['day', 'week', 'month']) {
			const answer = (await i.request('GET', '/api/v1/statistics?by=' + by, { token: token[who] })).json;
			same(Object.fromEntries(Object.keys(counted).map((k) => [k, answer.total[k]])), counted, `${who} by ${by}: the total is the journal's count`);
			const last = answer.rows[answer.rows.length - 1];
			same(Object.fromEntries(Object.keys(counted).map((k) => [k, last[k]])), counted, `${who} by ${by}: and stands in the last period`);
			same(answer.total.read_rate, Math.round(10000 * counted.read / counted.delivered) / 10000, 'the rate');
		}
	}
	const reader = (await i.request('GET', '/api/v1/statistics', { token: token.reader })).json.total, rows = await count(i, token.reader);
	same([reader.delivered, reader.read], [9, 3], 'a reader: without hidden copies');
	same([reader.delivered, reader.read], [rows.delivered, rows.read], 'which is what his journal holds');

	// The same by the command, the page, the table, the file.
	const cli = JSON.parse(i.run(['stats', '--json', '--by', 'month', '--server', i.url, '--ca', i.dir + '/tls/ca.pem', '--token', token.camille]).stdout);
	const mine = (await i.request('GET', '/api/v1/statistics?by=month', { token: token.camille })).json;
	same(cli, mine, 'pli stats says the same');
	// As text without the days of nothing.
	const days = (await i.request('GET', '/api/v1/statistics', { token: token.camille })).json.rows, some = days.filter((r) => ['sent', 'delivered', 'read', 'failures', 'bytes'].some((k) => r[k]));
	const told = i.run(['stats', '--server', i.url, '--ca', i.dir + '/tls/ca.pem', '--token', token.camille]).stdout.trim().split('\n').map((l) => l.split(' ')[0]);
	check(some.length < days.length, 'there are days of nothing', days);
	same(told, ['period', ...some.map((r) => r.period), 'total'], 'each day on which something happened, and the sum');
	const browser = await B.launch();
	for (const javaScriptEnabled of [true, false]) {
		const context = await B.open(browser, i, { ...B.DESKTOP, javaScriptEnabled, locale: 'en-GB' }, ['status of 422', 'does not conform']);
		const page = await context.newPage();
		await B.signIn(page, i, 'camille@example.org', PASSWORD, '/statistics');
		const tiles = await page.$$eval('.tiles dd', (all) => all.map((e) => e.firstChild.textContent));
		same(tiles.slice(0, 3).map(digits), [mine.total.sent, mine.total.delivered, mine.total.read], 'the figures');
		const foot = await page.$$eval('table.figures tfoot td', (all) => all.map((e) => e.textContent));
		same(foot.slice(0, 3).map(digits), [mine.total.sent, mine.total.delivered, mine.total.read], 'the last row of the table');
		same(await page.$$eval('table.figures tbody tr', (all) => all.length), 30, 'a row for each day');
		same(await page.$$eval('#chart-read + * svg rect.back, #chart-read + * svg rect.front', (all) => all.length), 2, 'one day has a bar, of two parts');
		const high = await page.$$eval('#chart-read + * svg rect', (all) => all.map((e) => Number(e.getAttribute('height'))));
		check(Math.abs(high[1] / high[0] - mine.total.read / mine.total.delivered) < 0.02, 'its parts are in proportion', high);
		await Promise.all([page.waitForNavigation(), page.click('.tabs li:nth-child(3) a')]);
		same(await page.$$eval('table.figures tbody tr', (all) => all.length), 12, 'twelve months');
		await page.fill('#from', '2020-01-01');
		await page.fill('#to', '2019-01-01');
		await Promise.all([page.waitForNavigation(), page.click('form.span button')]);
		same([await page.inputValue('#from'), await page.inputValue('#to'), (await page.innerText('#from-fault')).length > 5], ['2020-01-01', '2019-01-01', true], 'an end before the beginning: said, and kept');
		await page.goto(i.url + '/statistics?by=day&from=1990-01-01').catch(() => {});
		check((await page.innerText('#from-fault')).length > 20, 'too long a time is said');
		await context.close();
	}
	const session = await i.signedIn('camille@example.org');
	for (const [lang, separator] of [['fr', ';'], ['en', ',']]) {
		const csv = await session.get('/statistics.csv?by=month', { 'Accept-Language': lang });
		const lines = csv.text.replace(/^\ufeff/, '').trim().split('\r\n').map((l) => l.split(separator));
		same([csv.status, lines.length, lines[12].slice(0, 4)], [200, 13, [mine.rows[11].period, String(mine.total.sent), String(mine.total.delivered), String(mine.total.read)]], 'the file, ' + lang);
	}
	await lookAtAll(browser, i, 'auditor@example.org', { statistics: '/statistics', 'statistics-week': '/statistics?by=week', 'statistics-nothing': '/statistics?from=2020-01-01&to=2020-01-31' });
	await browser.close();
});
