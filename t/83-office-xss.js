#!/usr/bin/env node
// Goal: what anybody writes stays text on the pages of journal, statistics and administration and in their files: each payload as subject,
// file name, recipient's name, person's name and entity's name, shown in a browser that would run it, with and without the policy; and as
// what was typed into their forms and addresses.  The elements of these pages are exactly those of a harmless instance.
'use strict';
const { Instance, check, same, together, main, PASSWORD } = require('./lib/pli.js');
const B = require('./lib/browser.js');
const PAYLOADS = require('./lib/payloads.js');

const cut = (text, bytes) => {
	let s = text;
	while (Buffer.byteLength(s) > bytes)
		s = [...s].slice(0, -1).join('');
	return s.trim();
};

// Runs in the page: what may not be there whatever was written.
function odd() {
	return [...document.querySelectorAll('*')].filter((e) => /^(SCRIPT|IFRAME|OBJECT|EMBED|STYLE|BASE|MATH|IMG|VIDEO|AUDIO|MARQUEE|FOREIGNOBJECT|ANIMATE|SET|USE|IMAGE)$/i.test(e.tagName)
		|| [...e.attributes].some((a) => /^on|^style$|^srcdoc$/i.test(a.name)) || (e.href && typeof e.href === 'string' && !/^(https:\/\/localhost|mailto:)/.test(e.href))
		|| (e.action && typeof e.action === 'string' && !e.action.startsWith('https://localhost'))).map((e) => e.outerHTML.slice(0, 160));
}

main(async () => {
	const i = new Instance().make({ conf: '[limits]\nidle_s = 120' });
	await i.serve();
	i.user('boss@example.org', 'admin', { name: 'Béatrice Ollier', password: PASSWORD });
	i.sqlWrite('UPDATE account SET instance_admin = 1 WHERE created = (SELECT MAX(created) FROM account); SELECT 1');
	i.user('auditor@example.org', 'auditor', { name: 'Dominique Auger', password: PASSWORD });
	const token = i.user('camille@example.org', 'editor', { name: 'Camille Roux', password: PASSWORD });
	const here = JSON.parse(i.verb('user', 'list', i.dir, '--json'))[0].entity;
	const boss = await i.signedIn('boss@example.org');

	// Everywhere that something can be written.
	const taken = { subject: 0, person: 0, entity: 0 };
	await together(4, PAYLOADS, async (payload, n) => {
		const text = cut(payload, 120);
		const letter = await i.multipart('/api/v1/letters', token, [['to', `"${text.replace(/["\\]/g, '\\$&')}" <p${n}@mairie.example>`], ['subject', text], ['file', { filename: text.replace(/["\r\n]/g, '') + '.txt', bytes: 'x' }]]);
		const again = letter.status === 201 ? letter : await i.multipart('/api/v1/letters', token, [['to', `p${n}@mairie.example`], ['subject', text]]);
		taken.subject += again.status === 201;
		const person = await boss.post('/admin/users/new', { name: text, email: `x${n}@example.org`, role: 'reader', entity: here });
		const entity = await boss.post('/admin/entities/new', { name: text });
		taken.person += person.status === 303;
		taken.entity += entity.status === 303;
		for (const [what, answer] of [['person', person], ['entity', entity]])
			check([303, 422].includes(answer.status), `${what} ${n}: ${answer.status}`);
	});
	check(PAYLOADS.length >= 120 && taken.subject > 110 && taken.person > 110 && taken.entity > 100, 'most of them are names that may be', taken);

	const browser = await B.launch();
	// Each way is a browser's own session; both go side by side.
	await Promise.all([false, true].map(async (bypassCSP) => {
		const context = await B.open(browser, i, { ...B.DESKTOP, bypassCSP, locale: 'en-GB', name: bypassCSP ? 'without the policy' : '' }, ['status of 422', 'status of 404', 'does not conform']);
		const page = await context.newPage();
		const see = async (what, target) => {
			await page.goto(i.url + target);
			same(await page.evaluate(odd), [], `${what}: nothing but our own elements`);
		};
		await B.signIn(page, i, 'auditor@example.org', PASSWORD, '/journal');
		const seen = new Set();
		for (let n = 0; n < 40; n++) {
			same(await page.evaluate(odd), [], `journal, page ${n}: nothing but our own elements`);
			for (const text of await page.$$eval('table.journal td.doc', (tds) => tds.map((td) => td.textContent)))
				seen.add(text);
			const older = await page.$('a[rel=next]');
			if (!older)
				break;
			await Promise.all([page.waitForNavigation(), older.click()]);
		}
		same(PAYLOADS.filter((p) => !seen.has(cut(p, 120)) && !seen.has(p.trim())).length <= PAYLOADS.length - taken.subject, true, 'each is shown as it was written', [...PAYLOADS].filter((p) => !seen.has(cut(p, 120))).slice(0, 5));
		if (!bypassCSP)
			for (const row of i.sql("SELECT MIN(seq) + 1 AS n FROM journal WHERE event = 'deposit.accepted' GROUP BY letter"))
				await see('entry ' + row.n, '/journal/' + row.n);
		for (const payload of PAYLOADS) {
			const q = encodeURIComponent(cut(payload, 190));
			await see('journal searched for ' + payload, `/journal?q=${q}&type=${q}&state=${q}&user=${q}&period=${q}&from=${q}&to=${q}`);
			if (!bypassCSP)
				await see('statistics of ' + payload, `/statistics?from=${q}&to=${q}&by=${q}`);
		}
		await context.clearCookies();
		await B.signIn(page, i, 'boss@example.org', PASSWORD, '/admin/users');
		const names = new Set();
		for (const target of ['/admin/users', '/admin/users/new', '/admin/invitations', '/admin/entities']) {
			names.clear();
			for (let at = target; at; at = (await page.$$eval('a.button[href*="?after="]', (as) => as.map((a) => a.getAttribute('href'))))[0]) {
				await see(at, at);
				for (const name of await page.$$eval('table.people td.who', (tds) => tds.map((td) => td.textContent)))
					names.add(name);
			}
		}
		same(PAYLOADS.filter((p) => names.has(cut(p, 120))).length, taken.entity, 'each entity is shown as it was written');
		await page.goto(i.url + '/admin/users/new');
		await page.$eval('form.sheet', (f) => { f.noValidate = true; });
		await page.fill('#name', '');
		await page.fill('#email', '"><img src=x onerror=alert(1)>');
		await Promise.all([page.waitForNavigation(), page.click('form.sheet button[type=submit]')]);
		same([await page.inputValue('#email'), await page.evaluate(odd)], ['"><img src=x onerror=alert(1)>', []], 'what was typed wrongly');
		await context.close();
	}));
	await browser.close();

	// Files: no cell that a spreadsheet would run.
	for (const [who, target] of [['auditor@example.org', '/journal.csv'], ['auditor@example.org', '/statistics.csv']]) {
		const session = await i.signedIn(who);
		for (const lang of ['fr', 'en']) {
			const text = (await session.get(target, { 'Accept-Language': lang })).text.replace(/^\ufeff/, '');
			const cells = text.match(/"(?:[^"]|"")*"|[^;,\r\n"]+/g).map((c) => c.replace(/^"|"$/g, ''));
			same(cells.filter((c) => /^[=+@\t\r\uFF1D]|^-[^\d]/.test(c)), [], `${target} ${lang}: no cell runs`);
			check(cells.length > 30, 'there are cells');
		}
	}
	same(i.verify().status, 0, 'the journal verifies');
});
