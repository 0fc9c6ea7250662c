#!/usr/bin/env node
// Goal: a letter is registered from every door, by what its sender says or else by what its entity is set to; who is set to must show once more who he
// is before he sends one; and nowhere, in no text, page, mail or proof, is it called what only a qualified service may call it.  To declare
// the service qualified is refused while its certificates are not.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');
const { Instance, check, same, main, freePort, TMP } = require('./lib/pli.js');
const { Smtp, lines } = require('./lib/smtp.js');

// What may be said: that it is not.
const DENIED = [/a qualified registered delivery: this one is not qualified/g, /(?:non|pas) qualifiée?s?/g, /not (?:a )?qualified/g, /Not-Established: a qualified registered delivery service/g,
	/Non-etabli: un service d'envoi recommandé électronique qualifié/g, /envoi recommandé qualifié.: celui-ci ne l’est pas/g,
	/^- Un service d'envoi recommandé électronique qualifié au sens du règlement/gm, /^- A qualified electronic registered delivery service in the sense/gm];
const claims = (text) => {
	let rest = text;
	for (const phrase of DENIED)
		rest = rest.replace(phrase, '');
	return [...(rest.match(/.{0,40}(?:qualifi(?:é|ed)|lettre recommandée électronique).{0,40}/gi) || []), ...(rest.match(/.{0,40}\bLRE\b.{0,40}/g) || [])];
};

main(async () => {
	const smtp = freePort();
	const i = new Instance().make({ conf: `[submission]\nlisten = 127.0.0.1:${smtp}\n[registered]\nstep_up = yes\n` });
	await i.serve();
	const token = i.user('sender@example.org');
	const get = async (id) => (await i.request('GET', '/api/v1/letters/' + id, { token })).json;
	const deposit = async (fields) => {
		const a = await i.json('POST', '/api/v1/letters', token, { to: ['a@example.org'], subject: 'S', ...fields });
		return a.status === 201 ? [a.json.class, a.json.profile || ''] : [a.status];
	};

	// What the entity is set to holds where the sender says nothing.
	same(await deposit({}), ['simple', ''], 'at first: simple');
	check(i.run(['entity', 'class', i.dir, 'New York', 'certified']).status !== 0, 'a class that is none is refused');
	const once = () => i.json('POST', '/api/v1/letters', token, { to: ['a@example.org'], subject: 'Once' }, { 'Idempotency-Key': 'once' });
	const first = await once();
	i.verb('entity', 'class', i.dir, 'New York', 'fr-lre');
	const again = await once();
	same([again.status, again.text], [201, first.text], 'a request repeated under its key is the same letter, whatever the entity is set to meanwhile');
	same(await deposit({}), ['registered', 'fr-lre'], 'the entity\'s');
	same(await deposit({ class: 'simple' }), ['simple', ''], 'the sender\'s word is stronger');
	same(await deposit({ class: 'registered' }), ['registered', ''], 'registered alone has no profile');
	same(await deposit({ profile: 'none' }), ['registered', ''], 'nor with none');
	const multi = await i.multipart('/api/v1/letters', token, [['to', 'a@example.org'], ['subject', 'S'], ['class', 'registered'], ['profile', 'fr-lre']]);
	same([multi.json.class, multi.json.profile], ['registered', 'fr-lre'], 'as a form');
	const file = path.join(TMP, 'token');
	fs.writeFileSync(file, token + '\n');
	const cli = (...more) => i.run(['send', '--server', i.url, '--ca', path.join(i.dir, 'tls/ca.pem'), '--token-file', file, '--to', 'b@example.org', '--subject', 'S', ...more]);
	for (const [more, wanted] of [[[], ['registered', 'fr-lre']], [['--class', 'registered'], ['registered', '']], [['--class', 'simple'], ['simple', '']]]) {
		const sent = cli(...more);
		same(sent.status, 0, `pli send ${more.join(' ')}: ${sent.stderr}`);
		const l = await get(sent.stdout.trim());
		same([l.class, l.profile || ''], wanted, `pli send ${more.join(' ')}`);
	}
	check(cli('--class', 'other').status !== 0, 'pli send refuses another class');
	const draft = (await i.json('POST', '/api/v1/drafts', token, { to: ['d@example.org'], subject: 'S', class: 'registered' })).json;
	same(draft.class, 'registered', 'a draft says its class');
	same((await i.json('PATCH', '/api/v1/drafts/' + draft.id, token, { class: 'simple' })).json.class, 'simple', 'which can be changed');
	same((await i.json('PATCH', '/api/v1/drafts/' + draft.id, token, { class: 'registered' })).json.class, 'registered', 'and changed again');
	const fromDraft = (await i.json('POST', `/api/v1/drafts/${draft.id}/send`, token, {})).json;
	same([fromDraft.class, fromDraft.profile || ''], ['registered', ''], 'sent, it has it');
	const odd = (await i.json('POST', '/api/v1/drafts', token, { to: ['d@example.org'], subject: 'S', class: 'other' })).json;
	same((await i.json('POST', `/api/v1/drafts/${odd.id}/send`, token, {})).status, 422, 'a draft takes any word, sending does not');
	const s = await Smtp.open({ port: smtp, ca: i.ca });
	same((await s.auth('sender@example.org', token)).code, 235, 'a mail program');
	const done = await s.send('sender@example.org', ['m@example.org'], lines('From: <sender@example.org>', 'To: m@example.org', 'Subject: By mail', 'Message-ID: <1@test.example>', 'MIME-Version: 1.0', '', 'Body'));
	same(done.code, 250, 'a mail becomes a letter');
	const byMail = (await i.request('GET', '/api/v1/letters', { token })).json.letters[0];
	same([byMail.subject, byMail.class, byMail.profile], ['By mail', 'registered', 'fr-lre'], 'of the entity\'s class');
	await i.stop();
	await i.serve();
	same(await deposit({}), ['registered', 'fr-lre'], 'after a restart too');
	same(JSON.parse(i.one("SELECT entry FROM journal WHERE event = 'entity.class'")).d, { class: 'fr-lre' }, 'the journal has the change');

	// Who sends a registered letter shows once more who he is.
	const old = await i.signedIn('sender@example.org', { strong: true, seen: 20 * 60000 });
	const page = async (cls) => {
		const made = await i.multipart('/letters/new', undefined, [['form', old.form], ['key', 'k' + cls], ['to', 'p@example.org'], ['subject', 'P'], ['message', 'M'], ['class', cls], ['act', 'review']],
			{ Cookie: old.cookie });
		same(made.status, 303, `a letter is written: ${cls}`);
		return /letters\/([0-9a-f-]+)\/review/.exec(made.headers.location)[1];
	};
	const simple = await page('simple'), registered = await page('registered');
	same((await old.get(`/letters/${simple}/review`)).status, 200, 'a simple letter is looked at');
	const review = await old.get(`/letters/${registered}/review`);
	same([review.status, review.headers.location], [303, `/step-up?next=/letters/${registered}/review`], 'a registered one leads to the question');
	same((await old.post(`/letters/${registered}/send`, { version: '1' })).headers.location, `/step-up?next=/letters/${registered}/review`, 'nor is it sent');
	same((await get(registered)).status, 404, 'it is not a letter');
	same((await old.post('/step-up', { password: 'Trois-oiseaux-gris-7', next: `/letters/${registered}/review` })).headers.location, `/letters/${registered}/review`, 'shown, he is led back');
	const last = await old.get(`/letters/${registered}/review?lang=fr`);
	check(last.status === 200 && /Envoi recommandé électronique non qualifié/.test(last.text), 'the last look says what it is', last.brief);
	same((await old.post(`/letters/${registered}/send`, { version: '1' })).headers.location, `/letters/${registered}?sent=1`, 'and it is sent');

	// No claim anywhere.
	check(claims('Lettre recommandée électronique').length && claims('qualified').length && claims('une LRE').length && !claims('non qualifié; lre.accepted').length, 'the search finds what it looks for');
	for (const lang of ['fr', 'en'])
		for (const line of fs.readFileSync(path.join(__dirname, `../web/locale/${lang}.txt`), 'utf8').split('\n'))
			if (line.includes(' = ') && !line.startsWith('registered.kind_qualified'))
				same(claims(line.slice(line.indexOf(' = '))), [], `${lang}: ${line.split(' ')[0]}`);
	const link = await i.link('p@example.org'), other = await i.link('m@example.org');
	const opened = await i.open(link);
	same(opened.status, 303, 'accepted');
	same((await i.postForm(other + '/refuse', { form: await i.form(other) })).status, 303, 'refused');
	for (const lang of ['fr', 'en']) {
		for (const at of ['/letters/new', `/letters/${registered}`, '/letters', '/journal', '/statistics', '/about', '/settings'])
			same(claims((await old.get(at + '?lang=' + lang)).text), [], `${at}, ${lang}`);
		for (const [at, headers] of [[link, {}], [other, {}], [await i.link('d@example.org'), {}], [link + '/letter', { Cookie: opened.cookie }]])
			same(claims((await i.request('GET', at + '?lang=' + lang, { headers })).text), [], `below the link, ${lang}`);
	}
	for (const m of i.mails())
		same(claims(fs.readFileSync(m.file, 'utf8').replace(/=\r?\n/g, '').replace(/=([0-9A-F]{2})/g, (_, h) => String.fromCharCode(parseInt(h, 16)))), [], 'a mail');
	const proof = await i.request('GET', `/api/v1/letters/${registered}/proof`, { token });
	const zip = path.join(TMP, 'p.asice'), dir = path.join(TMP, 'p');
	fs.writeFileSync(zip, proof.body);
	spawnSync('unzip', ['-q', zip, '-d', dir]);
	for (const name of fs.readdirSync(dir, { recursive: true }).filter((n) => /\.(txt|json|md|xml)$/.test(n)))
		same(claims(fs.readFileSync(path.join(dir, name), 'utf8')), [], 'in the proof: ' + name);
	await i.stop();

	// Declared without certificates for it.
	fs.appendFileSync(path.join(i.dir, 'pli.conf'), '\n[evidence]\nqualified = yes\n');
	const served = i.run(['serve', i.dir]);
	check(served.status !== 0 && /qualified/.test(served.stderr), 'the server does not start', [served.status, served.stderr.slice(0, 600)]);
	const checked = i.run(['check', i.dir, 'evidence']);
	check(checked.status !== 0 && /seal\.pem is not a qualified/.test(checked.stdout) && /tsa\.pem is not a qualified/.test(checked.stdout), 'pli check says why', checked.stdout + checked.stderr);
});
