// Every page that a recipient can meet, once in each language, as the server answered it: {name, lang, path, status, headers, html}.
// The answers can be shown in a browser again and again without a try or a visit being spent: see show().
'use strict';
const { check, same, until } = require('./pli.js');

const LANGS = ['fr', 'en'];
const LONG = 'Rapport_annuel_consolidé_du_groupement_de_commandes_pour_la_fourniture_de_matériel_informatique_version_définitive_relue_par_la_direction_juridique_2026-11-21';
const MESSAGE = `Bonjour,

Veuillez trouver ci-joint **les pièces** de votre dossier. Merci de les lire *avant le 30 novembre*.

# Ce qui est joint

1. le contrat,
2. son annexe,
3. une [note](https://example.org/note).

> Toute réserve nous parvient par écrit.

\`\`\`
référence : 2026/000123-A — ${'x'.repeat(90)}
\`\`\`

Bien à vous,
Claire Martin`;
const PASSWORD = 'Mot-de-passe-9';

async function letter(i, token, fields) {
	const made = await i.multipart('/api/v1/letters', token, fields);
	if (made.status !== 201)
		throw new Error('deposit: ' + made.brief);
	return made.json;
}

function words(i, lang, headers = {}) {
	return { 'Accept-Language': lang, ...headers };
}

async function lock(i, link) {
	const form = await i.form(link);
	for (let n = 0; n < 10; n++)
		await i.postForm(link + '/open', { form, password: 'wrong-' + n });
}

// A new link to the same address, as often as allowed; resolves to the last link, which is locked.
async function renewAll(i, address, link) {
	for (let n = 2; n <= 4; n++) {
		await i.postForm(link + '/renew', { form: await i.form(link) });
		link = await i.link(address, n);
		await lock(i, link);
	}
	return link;
}

function files(count, name) {
	return Array.from({ length: count }, (_, n) => ['file', { filename: name(n), bytes: 'x'.repeat(1 + n * n * n * 700) }]);
}

async function collect(i, token) {
	const pages = [];
	const add = (name, wanted, lang, path, answer) => {
		same(answer.status, wanted, `${name}, ${lang}: status`);
		pages.push({ name, lang, path, status: answer.status, headers: answer.headers, html: answer.text });
	};
	const get = async (name, wanted, path, headers = {}) => {
		for (const lang of LANGS)
			add(name, wanted, lang, path, await i.request('GET', path, { headers: words(i, lang, headers) }));
	};
	const post = async (name, wanted, path, fields, headers = {}) => {
		for (const lang of LANGS)
			add(name, wanted, lang, path, await i.postForm(path, fields, words(i, lang, headers)));
	};
	const to = (address, more = []) => letter(i, token, [['to', address], ['subject', 'Marché 2026-14, pièces à lire'], ...more]);
	const soon = new Date(Date.now() + 15000).toISOString();

	await to('expired@example.org', [['expires', soon]]);
	const expired = await i.link('expired@example.org');
	await to('plain@example.org', [['message', MESSAGE], ['cc', 'mairie@example.org, prefecture@example.org'], ...files(1, () => 'contrat.pdf')]);
	await to('empty@example.org', [['subject', 'Sans rien']].slice(1));
	await to('first@example.org', [['to', Array.from({ length: 12 }, (_, n) => `prenom.nom-de-famille-${n}@service.collectivite-territoriale.example.org`).join(',')],
		['cc', 'copie@example.org'], ['message', 'Vingt documents.'], ['bcc', 'hidden@example.org'], ...files(20, (n) => (n % 3 ? `pièce ${n + 1}.pdf` : `${LONG}_${n}.pdf`))]);
	await to('locked@example.org', [['password', PASSWORD]]);
	await to('guess@example.org', [['password', PASSWORD]]);

	const plain = await i.link('plain@example.org'), guess = await i.link('guess@example.org'), first = await i.link('locked@example.org');
	await get('sign-in', 200, '/sign-in');
	await get('about', 200, '/about');
	await get('landing', 200, plain);
	await get('landing-password', 200, guess);
	await post('landing-wrong-password', 403, guess + '/open', { form: await i.form(guess), password: 'wrong' });
	await post('landing-old-form', 403, plain + '/open', { form: 'x' });
	await post('landing-old-form-password', 403, guess + '/open', { form: 'x', password: PASSWORD });
	const machine = { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Site': 'same-origin' };
	await post('confirm', 200, plain + '/open', { form: await i.form(plain) }, machine);
	await post('confirm-password', 200, guess + '/open', { form: await i.form(guess), password: PASSWORD }, machine);

	const cookies = {};
	for (const [name, address] of [['letter-one-file', 'plain'], ['letter-empty', 'empty'], ['letter-many', 'first'], ['letter-bcc', 'hidden']]) {
		const link = await i.link(address + '@example.org');
		const opened = await i.open(link);
		cookies[address] = { link, cookie: opened.cookie };
		await get(name, 200, link + '/letter', { Cookie: opened.cookie });
	}
	await get('landing-again', 200, plain);
	await get('no-such-file', 404, plain + '/files/9', { Cookie: cookies.plain.cookie });

	await lock(i, first);
	await get('locked', 423, first);
	const last = await renewAll(i, 'locked@example.org', first);
	await get('replaced', 410, first);
	await post('renewed-too-many', 429, last + '/renew', { form: await i.form(last) });
	await lock(i, guess);
	for (const lang of LANGS) {
		// In each language a link of its own, since the first press ends it.
		const link = lang === 'fr' ? guess : await until('the second link', async () => {
			const all = i.mails('guess@example.org');
			return all.length >= 2 ? new URL(all[1].links[0]).pathname : null;
		});
		if (lang === 'en')
			await lock(i, link);
		add('renewed', 200, lang, link + '/renew', await i.postForm(link + '/renew', { form: await i.form(link) }, words(i, lang)));
	}
	await get('unknown', 404, '/l/' + 'a'.repeat(52));
	await get('nothing', 404, '/nowhere');
	await post('method', 405, '/about', {});
	await post('other-site', 403, plain + '/open', { form: 'x' }, { 'Sec-Fetch-Site': 'cross-site' });
	await post('too-large', 413, plain + '/open', { form: 'x'.repeat(70000) });
	await post('bad-form', 422, plain + '/open', { form: 'x', strange: '1' });
	for (const lang of LANGS)
		add('wrong-type', 415, lang, plain + '/open', await i.request('POST', plain + '/open', { headers: words(i, lang, { 'Content-Type': 'application/xml' }), body: '<a/>' }));
	await until('a letter expired', async () => (await i.request('GET', expired)).status === 410, 20);
	await get('expired', 410, expired);
	check(pages.every((p) => /^text\/html/.test(p.headers['content-type'])), 'every page is HTML', pages.filter((p) => !/^text\/html/.test(p.headers['content-type'])).map((p) => p.name));
	return { pages, cookies };
}

// Shows the stored answer in the browser's page, with its own headers; what it loads comes from the server.
async function show(page, i, stored) {
	const url = i.url + stored.path;
	const headers = Object.fromEntries(Object.entries(stored.headers).filter(([k]) => !['content-length', 'connection', 'date', 'set-cookie', 'keep-alive'].includes(k)));
	const serve = (route) => route.fulfill({ status: stored.status, headers, body: stored.html });

	await page.route(url, serve);
	await page.goto(url, { waitUntil: 'load' });
	await page.unroute(url, serve);
}

module.exports = { collect, show, LANGS, PASSWORD };
