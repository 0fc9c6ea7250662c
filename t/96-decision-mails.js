#!/usr/bin/env node
// Goal: who sends registered letters is mailed when one is refused or not collected, when one is accepted too if he wants it, or never; the mail says
// which letter and leads to its page, and names neither subject nor recipient; many recipients at once make one mail.
'use strict';
const fs = require('fs');
const { Instance, check, same, until, main } = require('./lib/pli.js');

const SENDER = 'sender@example.org';

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const token = i.user(SENDER, 'editor', { name: 'Ondine Vasseur' });
	i.user('reader@example.org', 'reader');
	const send = async (to, cls = 'registered') => {
		const a = await i.json('POST', '/api/v1/letters', token, { to, subject: 'Résiliation du bail', message: 'x', class: cls });
		same(a.status, 201, 'a letter: ' + a.brief);
		return { ...a.json, links: await Promise.all(to.map((who) => i.link(who))) };
	};
	const act = async (link, what) => same((await i.postForm(`${link}/${what}`, { form: await i.form(link) })).status, 303, what);
	const subjects = () => i.mails(SENDER).map((m) => m.headers.find((h) => h.name === 'subject').value);

	// At first: what did not go well.
	const first = await send(['a@example.org', 'b@example.org'], 'fr-lre');
	await act(first.links[0], 'open');
	await act(first.links[1], 'refuse');
	const mail = await i.mail(SENDER);
	same(subjects(), [`Courrier n° ${first.number}\u00a0: refusé (localhost:${i.port})`], 'a refusal is told, an acceptance is not');
	check(mail.text.includes(`${i.url}/letters/${first.id}`) && mail.text.includes(`n° ${first.number}`), 'it leads to the letter', mail.text);
	for (const word of ['Résiliation', 'b@example.org', 'a@example.org'])
		check(!fs.readFileSync(mail.file, 'utf8').includes(word) && !mail.text.includes(word), 'it does not say: ' + word, mail.text);

	// As he likes.
	const session = await i.signedIn(SENDER);
	const choose = async (decisions) => same((await session.post('/settings', { name: 'Ondine Vasseur', own_lang: 'en', decisions })).status, 303, decisions);
	check(/value="closed" checked/.test((await session.get('/settings')).text), 'his settings say so');
	await choose('all');
	check(/value="all" checked/.test((await session.get('/settings')).text), 'chosen');
	const second = await send(['c@example.org']);
	await act(second.links[0], 'open');
	await i.mail(SENDER, 2);
	await choose('none');
	const third = await send(['d@example.org']);
	await act(third.links[0], 'refuse');
	await choose('other');
	check(/value="none" checked/.test((await session.get('/settings')).text), 'a word that is none changes nothing');
	await choose('closed');

	// Forty at once.
	const many = await send(Array.from({ length: 40 }, (_, n) => `many${n}@example.org`));
	await until('sent', async () => (await i.request('GET', '/api/v1/letters/' + many.id, { token })).json.state === 'sent', 30);
	i.sqlWrite(`UPDATE recipient SET window_end = ${Date.now() - 60000}000 WHERE decision IS NULL AND window_end IS NOT NULL`);
	await i.stop();
	await i.serve();
	await until('the end is entered', async () => (await i.request('GET', '/api/v1/letters/' + many.id, { token })).json.state === 'not_received', 30);
	await i.mail(SENDER, 3);
	const fourth = await send(['e@example.org']);
	await act(fourth.links[0], 'refuse');
	await i.mail(SENDER, 4);
	same(subjects().slice(1), [`Letter no. ${second.number}: accepted (localhost:${i.port})`, `Letter no. ${many.number}: not collected (localhost:${i.port})`, `Letter no. ${fourth.number}: refused (localhost:${i.port})`],
		'in his language; nothing while he wanted nothing; one for forty');
	same(i.one('SELECT COUNT(*) FROM account_mail'), 0, 'nothing stays behind');
	const reader = await (await i.signedIn('reader@example.org')).get('/settings');
	check(reader.status === 200 && !reader.text.includes('name="decisions"'), 'who writes no letters is not asked');
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
