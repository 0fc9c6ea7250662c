#!/usr/bin/env node
// Goal: a machine that looks at a mail does not read the letter.  GET, HEAD and Range on every address below the link, by
// programs of many names, link scanners' forms of the link, and a headless browser that loads the page, runs its scripts, follows
// every link and presses the button by script, all three times over: no "read" anywhere, the link stays good, visits are counted
// apart.  Then a person presses the button: one reading.
'use strict';
const { Instance, check, same, until, wholeHour, main } = require('./lib/pli.js');
const browser = require('./lib/browser.js');

const AGENTS = ['Mozilla/5.0 (compatible; bingbot/2.0)', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120 Safari/537.36', 'curl/7.88', 'python-requests/2', 'Barracuda Sentinel', 'Outlook-iOS', ''];

main(async () => {
	const i = new Instance().make();
	await wholeHour(120);	// at an hour's end its visits are entered
	await i.serve();
	const token = i.user('sender@example.org');
	const made = await i.multipart('/api/v1/letters', token, [['to', 'a@example.org'], ['cc', 'b@example.org'], ['subject', 'S'], ['message', 'M'], ['file', { filename: 'a.txt', bytes: 'x' }]]);
	const id = made.json.id, link = await i.link('a@example.org');
	await until('sent', async () => (await i.request('GET', '/api/v1/letters/' + id, { token })).json.state === 'sent');
	const entries = () => i.one('SELECT COUNT(*) FROM journal');
	const state = async () => {
		const l = (await i.request('GET', '/api/v1/letters/' + id, { token })).json;
		return [l.state, ...l.recipients.map((r) => `${r.state} ${r.read} ${r.read_at}`)];
	};
	const quiet = ['sent', 'sent false null', 'sent false null'];
	const before = entries();

	let visits = 0;
	for (let round = 0; round < 3; round++) {
		for (const agent of AGENTS)
			for (const method of ['HEAD', 'GET'])
				for (const headers of [{}, { Range: 'bytes=0-99' }, { Range: 'bytes=-1', 'If-Range': '"x"' }, { Purpose: 'prefetch', 'Sec-Purpose': 'prefetch;prerender' }])
					for (const what of ['', '/letter', '/files/1', '/files.zip', '/proof', '/open', '/renew']) {
						const a = await i.request(method, link + what, { headers: { 'User-Agent': agent, ...headers } });
						const wanted = what === '' ? [200, 206] : /open|renew/.test(what) ? [405] : [303];
						check(wanted.includes(a.status), `${method} ${what || 'the link'} by ${agent}: ${wanted}`, a.brief);
						visits += what === '' ? 1 : 0;
					}
		// Rewritten links: capitals, a query that a scanner adds, a trailing blank cut off.
		for (const l of ['/l/' + link.slice(3).toUpperCase(), link + '?utm_source=scan', link + '?lang=en']) {
			same((await i.request('GET', l)).status, 200, 'a rewritten link still leads there: ' + l.slice(-20));
			visits++;
		}
		for (const method of ['OPTIONS', 'PUT', 'DELETE', 'PATCH'])
			same((await i.request(method, link)).status, 405, method + ' is refused');
	}
	same(await state(), quiet, 'after GET, HEAD and Range');
	same(entries(), before, 'and no entry');

	// A POST that no person sent: without the form, and one that a script sent.
	same((await i.postForm(link + '/open', {})).status, 403, 'POST without the form\'s key');
	const form = await i.form(link);
	visits++;
	const scripted = await i.postForm(link + '/open', { form }, { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Dest': 'document' });
	same(scripted.status, 200, 'POST by a script: a page that asks again');
	check(!scripted.headers['set-cookie'], 'and no cookie');
	same(await state(), quiet, 'after POSTs that no person sent');

	const chrome = await browser.launch();
	try {
		for (let round = 0; round < 3; round++) {
			const context = await browser.open(chrome, i, { name: 'robot' });
			const page = await context.newPage();
			await page.goto(i.url + link, { waitUntil: 'networkidle' });
			const links = await page.$$eval('a[href], link[href], area[href], iframe[src], img[src], script[src]', (all) => all.map((a) => a.href || a.src));
			check(links.length > 0, 'there are links to follow', links);
			for (const url of new Set(links.map((u) => u.split('#')[0])))
				if (url.startsWith(i.url)) {
					const p = await context.newPage();
					await p.goto(url, { waitUntil: 'load' });
					await p.close();
				}
			// A script of the robot's own in the page submits the form: no person was there, and the browser says so.
			const presser = await context.newPage();
			await presser.addInitScript((where) => {
				if (location.pathname === where)
					addEventListener('load', () => document.forms[0].requestSubmit());
			}, link);
			await presser.goto(i.url + link, { waitUntil: 'load' });
			await presser.waitForURL('**/open');
			check(await presser.$('form[action$="/open"]'), 'a form submitted by script leads to a page that asks again');
			same(await state(), quiet, 'after the headless browser, round ' + (round + 1));
			await context.close();
		}
		same(entries(), before, 'still no entry');
		const counted = i.one('SELECT SUM(visits) FROM visit');
		check(counted >= visits, 'visits are counted apart', `${counted} of at least ${visits}`);

		// A person.
		const context = await browser.open(chrome, i, { name: 'person' });
		const page = await context.newPage();
		await page.goto(i.url + link);
		await Promise.all([page.waitForNavigation(), page.click('form[action$="/open"] button[type=submit]')]);
		check(page.url().endsWith('/letter'), 'the button opens the letter', page.url());
		await context.close();
	} finally {
		await chrome.close();
	}
	const after = await state();
	check(after[0] === 'partly_received' && /^opened true 20/.test(after[1]) && after[2] === 'sent false null', 'one reading, by the person', after);
	same(i.sql('SELECT event FROM journal ORDER BY seq').slice(before).map((r) => r.event), ['handover', 'doc.partial'], 'its two entries');

	// A second opening is no second reading.
	same((await i.open(link)).status, 303, 'opening again');
	same((await state()), after, 'changes no state');
	same(i.one('SELECT COUNT(*) FROM journal WHERE event = \'handover\''), 1, 'one handover');
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
