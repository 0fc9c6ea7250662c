#!/usr/bin/env node
// Goal: a registered letter is accepted, refused or left unclaimed, by each recipient once and for good.  Two forms of equal weight;
// nothing is shown before acceptance, and with the profile fr-lre not even who wrote: neither page, mail, redirect nor refusal names the
// sender.  Every step is in the journal under its ETSI name, in state and proof, and the proofs verify with and without Pli.
'use strict';
const { spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');
const { Instance, check, same, until, wholeHour, main, TMP } = require('./lib/pli.js');

main(async () => {
	await wholeHour(90);	// at an hour's end visits are entered
	const i = new Instance().make({ conf: '[registered]\nreminders = 3, 9\n' });
	await i.serve();
	const token = i.user('sender@example.org', 'editor', { name: 'Ondine Vasseur' });
	const get = async (id) => (await i.request('GET', '/api/v1/letters/' + id, { token })).json;
	const events = async (id) => (await i.request('GET', `/api/v1/journal?limit=200&letter=${id}`, { token })).json.entries.reverse();
	const send = async (fields) => {
		const a = await i.multipart('/api/v1/letters', token, [['subject', 'Résiliation'], ['message', 'Le corps du courrier'], ...fields, ['file', { filename: 'contrat.pdf', bytes: 'x' }]]);
		same(a.status, 201, 'deposited: ' + a.brief);
		return a.json;
	};
	const states = async (id) => { const l = await get(id); return [l.state, ...l.recipients.map((r) => r.state)]; };
	const sent = (id) => until('sent', async () => (await get(id)).state === 'sent');

	// What may be asked.
	const before = i.counts();
	for (const [what, fields, type] of [['a class that is none', { class: 'registred' }, 'bad-class'], ['a profile of a simple letter', { class: 'simple', profile: 'fr-lre' }, 'bad-profile'],
		['a profile that is none', { class: 'registered', profile: 'it-pec' }, 'bad-profile'], ['a registered letter for a week', { class: 'registered', expires: new Date(Date.now() + 7 * 86400000).toISOString() }, 'expires-early']]) {
		const a = await i.json('POST', '/api/v1/letters', token, { to: ['a@example.org'], subject: 'S', ...fields });
		check(a.status === 422 && a.json.type.endsWith(type), what + ': 422 ' + type, a.brief);
	}
	same(i.counts(), before, 'refused requests leave nothing');
	const simple = (await i.json('POST', '/api/v1/letters', token, { to: ['simple@example.org'], subject: 'S' })).json;
	same([simple.class, simple.profile], ['simple', undefined], 'without a word a letter is simple');

	// The letter: one accepts, one refuses, a hidden one does nothing.
	const made = await send([['to', 'a@example.org'], ['cc', 'b@example.org'], ['bcc', 'c@example.org'], ['class', 'registered']]);
	same([made.class, made.profile], ['registered', undefined], 'its class');
	check(new Date(made.expires) - new Date(made.created) > 366 * 86400000, 'kept for more than a year', made.expires);
	await sent(made.id);
	const fresh = await get(made.id);
	for (const r of fresh.recipients) {
		const first = new Date(r.first_sent), end = new Date(r.accept_until);
		// 15 whole days follow the day of the notice; a change of summer time may add or take an hour.
		check(end - first > 15 * 86400000 - 3700000 && end - first <= 16 * 86400000 + 3700000, 'the window of ' + r.address, [r.first_sent, r.accept_until]);
		same(new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Paris', hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(end), '00:00:00', 'it ends with a day in Paris');
		same([r.decision, r.decided_at], [null, null], 'nothing is decided');
	}
	const a = await i.link('a@example.org'), b = await i.link('b@example.org'), c = await i.link('c@example.org');
	const page = await i.request('GET', a + '?lang=fr');
	same(page.status, 200, 'the landing page');
	same((page.text.match(/<form class="card" method="post" action="\/l\/[a-z0-9]+\/(open|refuse)">/g) || []).length, 2, 'two forms');
	const buttons = page.text.match(/<button[^>]*>/g);
	check(buttons.length === 2 && buttons[0] === buttons[1], 'two equal buttons', buttons);
	check(!/autofocus|tabindex/.test(page.text), 'no order but that of the page');
	check(page.text.includes('Envoi recommandé électronique non qualifié') && page.text.includes('Ondine Vasseur'), 'it says what it is and from whom', page.text);
	for (const secret of ['Résiliation', 'Le corps du courrier', 'contrat.pdf'])
		check(!page.text.includes(secret), 'nothing of the content: ' + secret);
	for (const what of ['letter', 'files/1', 'files.zip', 'proof'])
		same((await i.request('GET', `${a}/${what}`)).status, 303, what + ' before acceptance');
	same(await states(made.id), ['sent', 'sent', 'sent', 'sent'], 'looking decides nothing');
	same((await i.request('GET', a + '/refuse')).status, 405, 'nor does GET');

	const accepted = await i.open(a);
	same(accepted.status, 303, 'accepted');
	same(await states(made.id), ['partly_received', 'opened', 'sent', 'sent'], 'after one has accepted');
	const letter = await i.request('GET', a + '/letter', { headers: { Cookie: accepted.cookie } });
	check(letter.text.includes('Le corps du courrier') && letter.text.includes('Accepté le'), 'he reads it', letter.brief);
	same((await i.postForm(a + '/refuse', { form: await i.form(a) })).status, 303, 'to refuse what is accepted');
	same((await get(made.id)).recipients[0].decision, 'accepted', 'changes nothing');
	check((await i.request('GET', a)).text.includes('/open'), 'he may come back');

	const form = await i.form(b);
	const byScript = await i.postForm(b + '/refuse', { form }, { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Dest': 'document' });
	check(byScript.status === 200 && byScript.text.includes('name="confirmed"') && byScript.text.includes('/refuse'), 'a script is asked again', byScript.brief);
	same((await i.postForm(b + '/refuse', {})).status, 403, 'a form without its key');
	same((await i.postForm(b + '/refuse', { form }, { Origin: 'https://elsewhere.example' })).status, 403, 'another site\'s form');
	same((await get(made.id)).recipients[1].decision, null, 'still nothing');
	same((await i.postForm(b + '/refuse', { form })).status, 303, 'refused');
	const shut = await i.request('GET', b + '?lang=fr');
	check(shut.status === 410 && shut.text.includes('Vous avez refusé') && !shut.text.includes('<form'), 'the link says so and offers nothing', shut.brief);
	same((await i.postForm(b + '/open', { form })).status, 410, 'a refusal is final');
	same((await i.postForm(b + '/refuse', { form })).status, 410, 'a second one finds it done');
	same(await states(made.id), ['partly_received', 'opened', 'refused', 'sent'], 'after one has refused');
	same((await i.json('POST', `/api/v1/letters/${made.id}/resend`, token, { recipients: ['b@example.org'] })).status, 409, 'he is not written to again');

	// A reminder, then time runs out for the third.
	i.sqlWrite(`UPDATE recipient SET remind = ${Date.now() - 1000}000 WHERE remind IS NOT NULL`);
	await i.stop();
	await i.serve();
	const reminder = await i.mail('c@example.org', 2);
	check(/^Rappel/.test(reminder.headers.find((h) => h.name === 'subject').value), 'a reminder says that it is one', reminder.headers);
	same(new URL(reminder.links[0]).pathname, c, 'with the same link');
	await until('the reminder is entered', async () => (await events(made.id)).some((e) => e.event === 'lre.reminder'));
	same(i.mails('a@example.org').length + i.mails('b@example.org').length, 2, 'who has decided is not reminded');
	i.sqlWrite(`UPDATE recipient SET window_end = ${Date.now() - 60000}000 WHERE kind = 'bcc'`);
	const late = await i.postForm(c + '/open', { form: await i.form(c) });
	same(late.status, 410, 'too late, also before anything is entered');
	check((await i.request('GET', c + '?lang=fr')).text.includes('Le délai est passé'), 'the page says so');
	await i.stop();
	await i.serve();
	await until('the end is entered', async () => (await get(made.id)).recipients[2].decision === 'unclaimed', 30);
	same(await states(made.id), ['partly_received', 'opened', 'refused', 'not_received'], 'accepted, refused, unclaimed');
	same((await i.postForm(c + '/refuse', { form })).status, 410, 'nor can it be refused any more');

	const rows = await events(made.id);
	const of = (address) => rows.filter((e) => e.message.includes(address)).map((e) => [e.event, e.etsi, e.state]);
	same(of('a@example.org'), [['consigned', 'ContentConsignment', 'pending'], ['lre.notice.sent', 'NotificationForAcceptance', 'sent'], ['lre.accepted', 'ConsignmentAcceptance', 'accepted'],
		['handover', 'ContentHandover', 'opened']], 'the chain of who accepted');
	same(of('b@example.org').slice(2), [['lre.refused', 'ConsignmentRejection', 'refused']], 'of who refused');
	same(of('c@example.org').slice(2), [['lre.reminder', 'NotificationForAcceptance', 'resent'], ['lre.unclaimed', 'AcceptanceRejectionExpiry', 'not_received']], 'of who did nothing');
	check(rows.some((e) => e.message === 'b@example.org a refusé l’envoi recommandé'), 'a sentence of it', rows.map((e) => e.message));
	const entry = (ev) => JSON.parse(i.one(`SELECT entry FROM journal WHERE event = '${ev}'`));
	for (const ev of ['lre.accepted', 'lre.refused'])
		check(entry(ev).d.at < entry(ev).d.until && entry(ev).act.lvl === 1, `${ev} says when, and until when it could be`, entry(ev));
	same((await i.request('GET', '/api/v1/journal?state=accepted', { token })).json.entries.length, 1, 'the journal can be asked for it');

	// Proofs.
	const proof = async (id, what, name) => {
		const got = await i.request('GET', `/api/v1/letters/${id}/proof${what}`, { token });
		same(got.status, 200, 'a proof: ' + name);
		const file = path.join(TMP, name + '.asice'), dir = path.join(TMP, name);
		fs.writeFileSync(file, got.body);
		const v = i.run(['proof', 'verify', file, '--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')]);
		check(v.status === 0 && v.stdout.includes('VERIFIED'), name + ' verifies', v.stdout + v.stderr);
		spawnSync('unzip', ['-q', file, '-d', dir]);
		const sh = spawnSync('sh', [path.join(dir, 'verify.sh'), dir, '--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')], { encoding: 'utf8' });
		check(sh.status === 0 && sh.stdout.includes('VERIFIED'), name + ' verifies without Pli', sh.stdout + sh.stderr);
		return fs.readFileSync(path.join(dir, 'receipt.txt'), 'utf8');
	};
	const whole = await proof(made.id, '', 'sender');
	for (const ev of ['lre.notice.sent', 'lre.accepted', 'handover', 'lre.refused', 'lre.unclaimed', 'lre.reminder'])
		check(whole.includes(`, ${ev}, `), 'the sender\'s proof has ' + ev);
	check(whole.includes('Class: registered'), 'and the class');
	const his = await proof(made.id, '?recipient=b@example.org', 'refuser');
	check(!his.includes('Résiliation') && !his.includes('contrat.pdf') && /^Withheld: sha256 [0-9a-f]{64}$/m.test(his), 'he learns nothing of the letter by refusing it', his);
	check(his.includes('lre.refused') && !his.includes('c@example.org') && !his.includes('lre.unclaimed'), 'the refuser\'s has his refusal and nobody else', his);

	// All refuse; nobody claims.
	const two = await send([['to', 'd@example.org, e@example.org'], ['class', 'registered']]);
	await sent(two.id);
	for (const who of ['d', 'e']) {
		const link = await i.link(who + '@example.org');
		same((await i.postForm(link + '/refuse', { form: await i.form(link) })).status, 303, who + ' refuses');
		same((await get(two.id)).state, who === 'd' ? 'sent' : 'refused', 'the letter after ' + who);
	}
	same((await events(two.id)).slice(-1).map((e) => [e.event, e.state, e.message])[0], ['doc.refused', 'refused', 'Tous les destinataires ont refusé le document'], 'its last row');
	same((await i.request('GET', '/api/v1/letters?state=refused', { token })).json.letters.map((l) => l.id), [two.id], 'the list of refused letters');
	same((await i.json('POST', `/api/v1/letters/${two.id}/resend`, token, {})).status, 409, 'nobody is left to be written to');
	const none = await send([['to', 'f@example.org'], ['class', 'registered']]);
	await sent(none.id);
	i.sqlWrite(`UPDATE recipient SET window_end = ${Date.now() - 60000}000 WHERE decision IS NULL AND window_end IS NOT NULL`);

	// With the profile: who wrote is told after acceptance alone.
	const hidden = await send([['to', 'g@example.org, h@example.org'], ['class', 'fr-lre'], ['password', 'mot de passe']]);
	same([hidden.class, hidden.profile], ['registered', 'fr-lre'], 'the profile\'s name stands for both');
	await sent(hidden.id);
	same((await get(hidden.id)).recipients[0].decision, null, 'not over with the others');
	const g = await i.link('g@example.org'), h = await i.link('h@example.org');
	const NAMES = ['New York', 'Ondine', 'Vasseur', 'sender@example.org'];
	const silent = (text, what) => check(!NAMES.some((n) => text.includes(n)), what + ' names no sender', text);
	const mail = i.mails('g@example.org')[0];
	silent(fs.readFileSync(mail.file, 'latin1') + JSON.stringify(mail), 'the mail');
	check(mail.text === undefined || /non qualifié/.test(mail.text), 'it says what it is not', mail.text);
	const key = await i.form(g);
	silent((await i.request('GET', g)).text, 'the landing page');
	silent((await i.request('GET', g + '?lang=en')).text, 'the landing page in English');
	silent((await i.postForm(g + '/open', { form: key, password: 'wrong' })).text, 'a wrong password');
	silent((await i.postForm(g + '/open', { form: 'old' })).text, 'an old form');
	silent((await i.postForm(g + '/open', { form: key }, { 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Site': 'same-origin' })).text, 'the page that asks again');
	const hKey = await i.form(h);
	for (let n = 0; n < 10; n++)
		await i.postForm(h + '/open', { form: hKey, password: 'wrong' });
	const lock = await i.request('GET', h);
	same(lock.status, 423, 'ten wrong passwords');
	silent(lock.text, 'a locked link');
	same((await i.postForm(h + '/refuse', { form: hKey })).status, 303, 'he can still refuse');
	const over = await i.request('GET', h);
	same(over.status, 410, 'refused');
	silent(over.text, 'a refused letter');
	const opened = await i.open(g, 'mot de passe');
	same(opened.status, 303, 'accepted with the password');
	const read = await i.request('GET', g + '/letter', { headers: { Cookie: opened.cookie } });
	check(read.text.includes('Ondine Vasseur') && read.text.includes('New York'), 'now he knows', read.brief);
	check((await i.request('GET', g)).text.includes('New York'), 'and the link\'s page says it');

	await i.stop();
	await i.serve();
	await until('nobody claimed it', async () => (await get(none.id)).state === 'not_received', 30);
	same((await events(none.id)).slice(-2).map((e) => [e.event, e.state]), [['lre.unclaimed', 'not_received'], ['doc.expired', 'not_received']], 'its last rows');
	await proof(none.id, '', 'unclaimed');
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
