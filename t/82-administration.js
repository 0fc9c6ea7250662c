#!/usr/bin/env node
// Goal: administrators look after people and entities: an invitation leads to a person who signs in, a role and a closed access count at
// once, each act stands in the journal with who did it, nobody reaches beyond his entity or takes his own rights, what was typed wrongly
// stays, an old proof of identity is asked for anew; with and without JavaScript; and it looks right everywhere.
'use strict';
const { Instance, check, same, main, hiddenFields, PASSWORD } = require('./lib/pli.js');
const B = require('./lib/browser.js');
const { lookAtAll } = require('./lib/look.js');

const NEW_PASSWORD = 'Tilleul-passerelle-77';

main(async () => {
	const i = new Instance().make();
	await i.serve();
	i.entity('Préfecture du Nord', '123456789');
	i.user('boss@example.org', 'admin', { name: 'Béatrice Ollier', password: PASSWORD });
	i.sqlWrite('UPDATE account SET instance_admin = 1 WHERE created = (SELECT MAX(created) FROM account); SELECT 1');
	i.user('people@example.org', 'admin', { name: 'Ada Min', password: PASSWORD });
	i.user('auditor@example.org', 'auditor', { name: 'Dominique Auger', password: PASSWORD });
	i.user('far@example.org', 'editor', { name: 'Fatou Diop', entity: 'Préfecture du Nord', password: PASSWORD });
	const people = () => JSON.parse(i.verb('user', 'list', i.dir, '--json'));
	const one = (email) => people().find((p) => p.email === email);
	const journal = async () => (await (await i.signedIn('auditor@example.org')).get('/journal', { 'Accept-Language': 'en' })).text;

	// An invitation, through the page, to a person who signs in.
	const browser = await B.launch();
	for (const javaScriptEnabled of [false, true]) {
		const tag = javaScriptEnabled ? 'js' : 'plain', email = `new-${tag}@example.org`;
		const context = await B.open(browser, i, { ...B.DESKTOP, javaScriptEnabled, locale: 'fr-FR', name: tag }, ['status of 422', 'status of 403']);
		const page = await context.newPage();
		await B.signIn(page, i, 'people@example.org', PASSWORD, '/admin/users');
		await Promise.all([page.waitForNavigation(), page.click('a.act')]);
		same(await page.$('#entity'), null, 'his own entity is not asked for');
		await page.fill('#name', 'Nouvelle Venue');
		await page.fill('#email', 'auditor@example.org');
		await page.check('input[value=reader]');
		await Promise.all([page.waitForNavigation(), page.click('form.sheet button[type=submit]')]);
		same([await page.inputValue('#name'), await page.inputValue('#email'), await page.isChecked('input[value=reader]')], ['Nouvelle Venue', 'auditor@example.org', true], 'an address that is taken: what was typed stays');
		check((await page.innerText('#email-fault')).includes('déjà'), 'and it is said at the field');
		await page.fill('#email', email);
		await Promise.all([page.waitForNavigation(), page.click('form.sheet button[type=submit]')]);
		same(new URL(page.url()).pathname, '/admin/invitations', 'the invitation is sent');
		check((await page.innerText('table.people')).includes(email), 'and waits in the list');
		const link = new URL((await i.mail(email)).links[0]);
		await Promise.all([page.waitForNavigation(), page.click('.acts-cell button')]);
		const second = new URL((await i.mail(email, 2)).links[0]);
		check(link.pathname !== second.pathname, 'sent again: another link');
		const guest = await B.open(browser, i, { ...B.PHONE, javaScriptEnabled, name: 'guest ' + tag }, ['status of 410', 'status of 404']);
		const theirs = await guest.newPage();
		same((await theirs.goto(link.href)).status(), 410, 'the older link is over');
		await theirs.goto(second.href);
		for (const field of await theirs.$$('input[type=password]'))
			await field.fill(NEW_PASSWORD);
		await Promise.all([theirs.waitForNavigation(), theirs.click('form button.main')]);
		await guest.close();
		const session = await i.signedIn(email, { password: NEW_PASSWORD });
		same((await session.get('/letters')).status, 200, 'the person is in');
		await page.goto(i.url + '/admin/invitations');
		check(!(await page.innerText('main')).includes(email), 'and no longer expected');

		// A role counts at once; a closed access too.
		same((await session.get('/admin/users')).status, 403, 'a reader manages nobody');
		await page.goto(i.url + '/admin/users/' + one(email).account);
		await page.check('input[value=auditor]');
		await Promise.all([page.waitForNavigation(), page.click('form[action$="/role"] button')]);
		same([one(email).role, (await session.get('/journal')).status], ['auditor', 200], 'another role');
		const token = i.token(email);
		same((await i.request('GET', '/api/v1/journal', { token })).status, 200, 'the token works');
		await Promise.all([page.waitForNavigation(), page.click('form[action$="/state"] button.danger')]);
		same([one(email).state, (await session.get('/journal')).status, (await i.request('GET', '/api/v1/journal', { token })).status], ['disabled', 303, 401], 'switched off: session and token end');
		await Promise.all([page.waitForNavigation(), page.click('form[action$="/state"] button')]);
		same([one(email).state, (await i.request('GET', '/api/v1/journal', { token })).status], ['active', 200], 'and on again');
		await context.close();
	}
	const written = await journal();
	for (const sentence of ['User created: Nouvelle Venue', 'Role of Nouvelle Venue: Auditor', 'User disabled: Nouvelle Venue', 'User enabled again: Nouvelle Venue'])
		check(written.includes(sentence), 'the journal says: ' + sentence);
	const actor = one('people@example.org').account.replace(/-/g, '').toUpperCase();
	same(i.one(`SELECT COUNT(*) FROM journal WHERE event IN ('user.created', 'user.changed', 'user.disabled', 'user.enabled') AND hex(account) = '${actor}'`), 8, 'and who did it');

	// Nobody beyond his entity, nobody on himself, nothing that is none.
	const ada = await i.signedIn('people@example.org'), me = one('people@example.org').account, far = one('far@example.org').account;
	const list = (await ada.get('/admin/users')).text;
	check(!list.includes('far@example.org') && !list.includes('Préfecture'), 'other entities are not seen');
	for (const [target, fields] of [[far + '/role', { role: 'admin' }], [far + '/state', { state: 'disabled' }], [far + '/link', {}], ['01890000-0000-7000-8000-000000000000/state', { state: 'disabled' }], ['x/state', { state: 'disabled' }]])
		same((await ada.post('/admin/users/' + target, fields)).status, 404, 'no such person for him: ' + target.slice(36));
	same([one('far@example.org').role, one('far@example.org').state], ['editor', 'active'], 'nothing happened to him');
	for (const [act, fields] of [['role', { role: 'editor' }], ['state', { state: 'disabled' }]])
		same((await ada.post(`/admin/users/${me}/${act}`, fields)).status, 422, 'not oneself: ' + act);
	same([one('people@example.org').role, one('people@example.org').state], ['admin', 'active'], 'still there');
	same((await ada.post(`/admin/users/${far}/role`, { role: 'admin', form: 'x' })).status >= 403, true, 'a foreign form does nothing');
	same((await ada.post('/admin/users/new', { name: 'X', email: 'x@example.org', role: 'emperor' })).status, 422, 'no such role');
	same((await ada.post('/admin/users/new', { name: 'X', email: 'x@example.org', role: 'admin', entity: one('far@example.org').entity })).status, 303, 'another entity in the form');
	same(one('x@example.org').entity, one('people@example.org').entity, 'is not looked at');
	same([(await ada.get('/admin/entities/new')).status, (await ada.post('/admin/entities/new', { name: 'Mine' })).status], [403, 403], 'entities are the instance’s');
	const stale = await i.signedIn('people@example.org', { seen: 3600000 });
	// What was typed is held while it is shown anew, byte for byte, and done only when its own button is pressed.
	const typed = { name: 'Y "><script>alert(1)</script> & Cie', email: 'y@example.org', role: 'reader' };
	const asked = await stale.post('/admin/users/new', typed);
	const kept = hiddenFields(asked.text);
	same([asked.status, kept.to, kept['held.name'], asked.text.includes('<script>alert')], [403, '/admin/users/new', typed.name, false], 'an old proof is asked for anew, what was typed is kept');
	const again = hiddenFields((await stale.post('/step-up', { ...kept, password: 'wrong' })).text);
	same([again, one('y@example.org')], [kept, undefined], 'a wrong password loses nothing and does nothing');
	const held = await stale.post('/step-up', { ...kept, password: PASSWORD });
	const ready = hiddenFields(held.text);
	same([held.status, held.text.includes('action="/admin/users/new"'), { form: ready.form, ...typed }, one('y@example.org')], [200, true, ready, undefined], 'then it stands ready');
	check(held.text.includes('>Envoyer l’invitation</button>'), 'under its own name', held.brief);
	same((await stale.post('/admin/users/new', ready)).status, 303, 'and is done');
	// Each by its name, of what is switched off another than of what is switched on; what the form itself says of it is not asked.
	const named = async (to, fields) => { const a = await stale.post('/step-up', { to, ...fields, password: PASSWORD, next: '/admin/users' }); return [a.status, (a.text.match(/<button class="main" type="submit">([^<]*)</) || [])[1], /href="\/admin\/users">Y renoncer</.test(a.text)]; };
	same(await named(`/admin/users/${far}/state`, { 'held.state': 'disabled', 'held.act': 'x' }), [200, 'Mettre le compte hors service', true], 'an account');
	same(await named(`/admin/users/${far}/state`, { 'held.state': 'active' }), [200, 'Remettre le compte en service', true], 'the other way');
	same(await named(`/admin/users/${far}/state`, { 'held.state': 'x_y' }), [200, 'Modifier l’accès', true], 'no such state');
	same(await named('/settings/tokens', {}), [200, 'Créer le jeton', true], 'a token');
	same(one('y@example.org').name, typed.name, 'as it was typed');
	same((await stale.post('/step-up', { to: '//example.net/', 'held.a': 'b', password: PASSWORD, next: '/admin/users' })).headers.location, '/admin/users', 'nowhere else');

	// Entities, by an administrator of the instance.
	const boss = await i.signedIn('boss@example.org'), here = one('boss@example.org').entity, there = one('far@example.org').entity;
	check((await boss.get('/admin/users')).text.includes('far@example.org'), 'who administers the instance sees everybody');
	const taken = await boss.post('/admin/entities/new', { name: 'préfecture du nord', siren: '111 222 333' });
	check(taken.status === 422 && taken.text.includes('value="préfecture du nord"') && taken.text.includes('value="111 222 333"'), 'a name that exists: said, and what was typed stays', taken.status);
	const wrong = await boss.post('/admin/entities/new', { name: 'Commune', siren: '12' });
	check(wrong.status === 422 && /siren-fault/.test(wrong.text), 'a wrong number: said at its field');
	same((await boss.post('/admin/entities/new', { name: 'Commune de Lys', siren: '111 222 333' })).status, 303, 'a new entity');
	check(/Commune de Lys[\s\S]*111222333/.test((await boss.get('/admin/entities')).text), 'is there');
	const fatou = await i.signedIn('far@example.org'), farToken = i.token('far@example.org');
	same((await boss.post(`/admin/entities/${there}/state`, { state: 'disabled' })).status, 303, 'an entity is switched off');
	same([(await fatou.get('/letters')).status, (await i.request('GET', '/api/v1/letters', { token: farToken })).status], [303, 401], 'nobody of it gets in');
	same((await boss.post('/admin/users/new', { name: 'Z', email: 'z@example.org', role: 'reader', entity: there })).status, 422, 'nobody is invited to it');
	same((await boss.post(`/admin/entities/${here}/state`, { state: 'disabled' })).status, 422, 'not one’s own');
	same((await boss.post(`/admin/entities/${there}/state`, { state: 'active' })).status, 303, 'on again');
	same((await i.request('GET', '/api/v1/letters', { token: farToken })).status, 200, 'and its token works');

	// What holds for the letters of an entity.
	const at = '/admin/entities/' + there, sheet = async (s) => (await s.get(at + '?lang=fr')).text;
	const letter = async (fields) => (await i.json('POST', '/api/v1/letters', farToken, { to: ['someone@example.org'], subject: 'S', message: 'M', ...fields })).json;
	const days = (l) => Math.round((new Date(l.retention.content_until) - new Date(l.created)) / 86400000);
	check((await boss.get('/admin/entities')).text.includes(`href="${at}"`), 'the list leads to each');
	check(/value="simple" checked/.test(await sheet(boss)), 'at first its letters are simple');
	same((await boss.post(at + '/class', { class: 'fr-lre' })).status, 303, 'another class');
	check(/value="fr-lre" checked/.test(await sheet(boss)), 'it is shown');
	const own = await letter({});
	same([own.class, own.profile, (await letter({ class: 'simple' })).class], ['registered', 'fr-lre', 'simple'], 'and holds where the sender says nothing');
	same((await boss.post(at + '/class', { class: 'certified' })).status, 422, 'no other word');
	same((await boss.post(at + '/class', { class: 'simple' })).status, 303, 'and back');
	same((await boss.post(at + '/retention', { retention: 'simple', content_days: '90', evidence_days: '3653' })).status, 303, 'how long contents are kept');
	same([days(await letter({})), days(own) >= 366], [90, true], 'holds for letters from now on');
	same((await boss.post(at + '/retention', { retention: '', name: 'marches-10ans', content_days: '3653', evidence_days: '3660' })).status, 303, 'a span of another name');
	same(days(await letter({ retention: 'marches-10ans' })), 3653, 'is there to be asked for');
	for (const [what, fields, words] of [['registered under a year', { retention: 'registered', content_days: '100', evidence_days: '400' }, 'un an au moins\u00a0: 366 jours'], ['proofs shorter than contents', { retention: 'simple', content_days: '50', evidence_days: '40' }, 'aussi longtemps que le contenu'],
		['no number', { retention: 'simple', content_days: '9x', evidence_days: '40' }, 'nombre de jours entier'], ['a name of capitals', { retention: '', name: 'Dix ans', content_days: '1', evidence_days: '1' }, 'Un nom de 31 caractères'],
		['a long name', { retention: '', name: 'x'.repeat(32), content_days: '1', evidence_days: '1' }, 'Un nom de 31 caractères']]) {
		const a = await boss.post(at + '/retention?lang=fr', fields, { 'Accept-Language': 'fr' });
		check(a.status === 422 && a.text.includes(words) && a.text.includes(`value="${fields.content_days}"`), what + ': said, and what was typed stays', a.brief);
	}
	same(days(await letter({})), 90, 'nothing of it holds');
	const mine = one('people@example.org').entity;
	same([(await ada.get('/admin/entities/' + mine)).status, (await ada.post(`/admin/entities/${mine}/class`, { class: 'registered' })).status, (await ada.post(`/admin/entities/${mine}/class`, { class: 'simple' })).status], [200, 303, 303], 'an administrator of an entity sets his own');
	same([(await ada.get(at)).status, (await ada.post(at + '/class', { class: 'simple' })).status, (await ada.post(at + '/retention', { retention: 'simple', content_days: '1', evidence_days: '1' })).status], [404, 404, 404], 'and no other');
	i.sqlWrite('UPDATE session SET proved = proved - 3600000000');
	same(hiddenFields((await stale.post(`/admin/entities/${mine}/class`, { class: 'simple' })).text).to, `/admin/entities/${mine}/class`, 'an old proof is asked for anew');
	i.sqlWrite('UPDATE session SET proved = proved + 3600000000');
	same(i.one("SELECT COUNT(*) FROM journal WHERE event IN ('entity.class', 'retention.set')"), 6, 'all of it is in the journal');
	same(i.verify().status, 0, 'the journal verifies');

	await lookAtAll(browser, i, 'boss@example.org', { 'admin-users': '/admin/users', 'admin-user-new': '/admin/users/new', 'admin-user': '/admin/users/' + far,
		'admin-invitations': '/admin/invitations', 'admin-entities': '/admin/entities', 'admin-entity': at, 'admin-entity-new': '/admin/entities/new' });
	await browser.close();
});
