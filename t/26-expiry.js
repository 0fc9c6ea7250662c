#!/usr/bin/env node
// Goal: after its time a letter's content is gone for its recipients, read or not: link, form, cookie and files answer 410 or lead
// there, notices stop; states and entries say so (expired when nobody read, else the state stays and who did not read has not
// received); sender and recipient's evidence stays, and the proof says it.
'use strict';
const fs = require('fs');
const path = require('path');
const { Instance, check, same, until, main, TMP } = require('./lib/pli.js');

// Letters for some seconds, of which some are read in time.  null: the machine was too slow for that.
async function begun(i, token, seconds) {
	const end = Date.now() + seconds * 1000, expires = new Date(end).toISOString();
	const send = async (name) => {
		const a = await i.multipart('/api/v1/letters', token, [['to', name + '-a@example.org'], ['cc', name + '-b@example.org'], ['subject', 'S'], ['expires', expires], ['file', { filename: 'a.txt', bytes: 'x' }]]);
		if (a.status !== 201 && Date.now() > end - 500)
			throw new Error('too late');
		same(a.status, 201, `a letter for ${seconds} seconds`);
		same(a.json.expires, expires, 'it says until when');
		return a.json.id;
	};
	const open = async (who) => (await i.open(await i.link(who + '@example.org')));
	try {
		const ids = { unread: await send('unread'), half: await send('half'), read: await send('read') };
		const halfLink = await i.link('half-a@example.org'), opened = await i.open(halfLink), both = [await open('read-a'), await open('read-b')];
		const unreadLink = await i.link('unread-a@example.org'), form = await i.form(unreadLink);
		const file = await i.request('GET', halfLink + '/files/1', { headers: { Cookie: opened.cookie } });
		if (Date.now() > end - 500)
			return null;
		same([opened.status, ...both.map((a) => a.status), file.status], [303, 303, 303, 200], 'one reads, both read, in time the file comes');
		return { ...ids, halfLink, opened, unreadLink, form, end };
	} catch (e) {
		if (Date.now() < end - 500)
			throw e;
		return null;
	}
}

main(async () => {
	let i, token, b = null;
	for (let seconds = 6; !b && seconds < 200; seconds *= 3) {
		i = new Instance('instance' + seconds).make();
		await i.serve();
		token = i.user('sender@example.org');
		b = await begun(i, token, seconds);
		if (!b)
			await i.stop();
	}
	const { unread, half, read, halfLink, opened, unreadLink, form, end } = b;
	const get = async (id) => (await i.request('GET', '/api/v1/letters/' + id, { token })).json;
	const events = async (id) => (await i.request('GET', `/api/v1/journal?limit=200&letter=${id}`, { token })).json.entries;
	const long = (await i.json('POST', '/api/v1/letters', token, { to: ['long@example.org'], subject: 'S' })).json;
	check(Math.abs(new Date(long.expires) - Date.now() - 30 * 86400000) < 60000, 'else thirty days', long.expires);
	const later = new Date(Date.now() + 73 * 86400000).toISOString().slice(0, 10);
	const day = (await i.json('POST', '/api/v1/letters', token, { to: ['day@example.org'], subject: 'S', expires: later })).json;
	check(day.expires > later && new Date(day.expires) - new Date(later) <= 26 * 3600000, 'a day alone is that day to its end', day.expires);

	const cookie = { Cookie: opened.cookie };
	await until('the time is over', () => Date.now() > end + 200, 200);
	// At once, before anything is swept.
	for (const link of [unreadLink, halfLink]) {
		const page = await i.request('GET', link);
		same(page.status, 410, 'the link is gone');
		check(page.text.includes('New York') && !page.text.includes('/open'), 'the page says whose letter it was, and offers nothing', page.text.slice(0, 3000));
	}
	same((await i.postForm(unreadLink + '/open', { form })).status, 410, 'opening is over');
	for (const what of ['letter', 'files/1', 'files.zip']) {
		const a = await i.request('GET', `${halfLink}/${what}`, { headers: cookie });
		check([303, 410].includes(a.status) && !a.headers['content-disposition'], `${what}: not any more`, a.brief);
	}
	same((await i.json('POST', `/api/v1/letters/${unread}/resend`, token, {})).status, 409, 'no notices any more');

	// Then the journal says so.
	await i.stop();
	await i.serve();
	await until('states follow', async () => (await get(unread)).state === 'expired', 30);
	const states = async (id) => { const l = await get(id); return [l.state, ...l.recipients.map((r) => r.state)]; };
	same(await states(unread), ['expired', 'not_received', 'not_received'], 'nobody read: expired');
	same(await states(half), ['partly_received', 'opened', 'not_received'], 'one read: the state stays');
	same(await states(read), ['received', 'opened', 'opened'], 'all read: nothing changes');
	same((await states(long.id))[0], 'sent', 'the other letter goes on');
	for (const [id, wanted] of [[unread, ['expired', 'Délai expiré']], [half, ['not_received', 'Délai expiré']]]) {
		const last = (await events(id))[0];
		same([last.event, last.state, last.message], ['doc.expired', ...wanted], 'its entry');
	}
	same((await events(read)).filter((e) => e.event === 'doc.expired').length, 0, 'none where all had read');
	same((await i.request('GET', '/api/v1/letters?state=expired', { token })).json.letters.map((l) => l.id), [unread], 'the list of expired letters');

	// Evidence stays.
	for (const [id, what] of [[unread, ''], [half, ''], [half, '?recipient=half-a@example.org']]) {
		const proof = await i.request('GET', `/api/v1/letters/${id}/proof${what}`, { token });
		same(proof.status, 200, 'a proof after the end');
		const file = path.join(TMP, 'proof.asice');
		fs.writeFileSync(file, proof.body);
		const v = i.run(['proof', 'verify', file, '--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')]);
		check(v.status === 0 && v.stdout.includes('VERIFIED'), 'it verifies', v.stdout + v.stderr);
		if (!what)
			check(proof.body.includes('doc.expired'), 'and says that the time ran out');
	}
	const v = i.verify();
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
