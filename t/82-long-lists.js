#!/usr/bin/env node
// Goal: lists of people and entities are shown page by page, each row once, in order, with the way on and back; a place that is none is the
// beginning; the home page counts all letters.  The program is linked with pages of three rows.
'use strict';
const { Instance, check, same, main, PASSWORD } = require('./lib/pli.js');
const { altered } = require('./lib/altered.js');

main(async () => {
	const program = altered('short-pages', [['src/doors/admin.c', '#define ADMIN_ROWS 100', '#define ADMIN_ROWS 3']]);
	const i = new Instance().make();
	await i.serve({ program });
	const token = i.user('sender@example.org');
	i.user('boss@example.org', 'admin', { name: 'Boss' });
	i.sqlWrite('UPDATE account SET instance_admin = 1 WHERE created = (SELECT MAX(created) FROM account); SELECT 1');
	for (let n = 0; n < 4; n++) {
		i.entity(`Entity ${n}`);
		i.verb('user', 'add', i.dir, `p${n}@example.org`, '--name', `Person ${n}`, '--entity', 'New York', '--role', 'reader');
	}
	const boss = await i.signedIn('boss@example.org', { password: PASSWORD });
	for (const [path, what, all] of [['/admin/users', /href="\/admin\/users\/([0-9a-f-]{36})"/g, 7], ['/admin/entities', /href="\/admin\/entities\/([0-9a-f-]{36})"/g, 5]]) {
		const seen = [];
		let at = path, pages = 0;
		for (; at && pages < 9; pages++) {
			const page = (await boss.get(at + (at.includes('?') ? '&' : '?') + 'lang=en')).text, rows = [...page.matchAll(what)].map((m) => m[1]);
			check(rows.length > 0 && rows.length <= 3 && page.includes(`${seen.length + 1} to ${seen.length + rows.length} of ${all}`), `${path}: where one is`, page.slice(0, 4000));
			same(page.includes(`<a class="button" href="${path}">`), pages > 0, `${path}: back to the beginning`);
			seen.push(...rows);
			at = (/class="button" href="([^"]*\?after=[^"]*)"/.exec(page) || [])[1];
		}
		same([seen.length, new Set(seen).size, pages], [all, all, Math.ceil(all / 3)], `${path}: each row once`);
		const first = [...(await boss.get(path)).text.matchAll(what)].map((m) => m[1]);
		for (const odd of ['x', '01890000-0000-7000-8000-000000000000'])
			same([...(await boss.get(`${path}?after=${odd}`)).text.matchAll(what)].map((m) => m[1]), first, `${path}: a place that is none`);
		same((await boss.get(`${path}?after=${seen[seen.length - 1]}`)).status, 200, `${path}: behind the last`);
	}

	// Home: more letters than were ever counted one by one; copies of a row, since nothing of them is opened.
	for (let n = 0; n < 8; n++)
		same((await i.json('POST', '/api/v1/letters', token, { to: ['a@example.org'], subject: 'S' })).status, 201, 'a letter');
	await i.mail('a@example.org', 8);
	const columns = i.one("SELECT group_concat(name) FROM pragma_table_info('letter') WHERE name NOT IN ('letter', 'number', 'state')");
	i.sqlWrite(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) INSERT INTO letter (letter, number, state, ${columns}) `
		+ `SELECT randomblob(16), -i, CASE WHEN i <= 700 THEN 'sent' WHEN i <= 1300 THEN 'received' ELSE 'failed' END, ${columns} FROM (SELECT * FROM letter ORDER BY number LIMIT 1), n`);
	const home = (await (await i.signedIn('sender@example.org')).get('/?lang=en')).text.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');
	check(/\b708 /.test(home) && /\b200 /.test(home) && !/500\+/.test(home), 'home counts them all', home.slice(0, 1500));
	await i.stop();
});
