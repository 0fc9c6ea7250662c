#!/usr/bin/env node
// Goal: until its retention ends no content is deleted, by nobody: each attempt is refused and stands in the journal.  A letter is kept as
// its entity's span says, or the one it names; a registered one for a year at least.  A legal hold is placed and ended by an auditor on
// the letter's page or by the operator; while it lasts nothing goes.  pli check says how old the newest backup is.
'use strict';
const path = require('path');
const { Instance, check, same, until, main, TMP } = require('./lib/pli.js');

const DAY = 86400000;

main(async () => {
	const i = new Instance().make({ conf: '[retention]\ncontent_days = 10\nevidence_days = 20\n[registered]\nkeep_days = 400\n' });
	await i.serve();
	const token = i.user('sender@example.org'), reader = i.user('reader@example.org', 'reader'), auditor = i.user('auditor@example.org', 'auditor');
	const set = (...args) => i.run(['entity', 'set', i.dir, 'New York', ...args]);
	const get = async (l) => (await i.request('GET', '/api/v1/letters/' + l.id, { token })).json;
	const entries = async (l) => (await i.request('GET', '/api/v1/journal?limit=200&letter=' + l.id, { token: auditor })).json.entries;
	const post = (value) => i.json('POST', '/api/v1/letters', token, { to: ['a@example.org'], subject: 'S', message: 'Secret words', ...value });
	const days = (l, what) => Math.round((new Date(l.retention[what]) - Date.now()) / DAY);

	// Spans.
	same(set('--retention', 'broker-6y', '--content-days', '2192', '--evidence-days', '3000').status, 0, 'a span of its own');
	for (const [args, why] of [[['--retention', 'x', '--content-days', '30', '--evidence-days', '10'], 'evidence shorter than content'],
		[['--retention', 'registered', '--content-days', '30', '--evidence-days', '30'], 'registered under a year'],
		[['--retention', 'No Name', '--content-days', '3', '--evidence-days', '3'], 'a bad name'],
		[['--retention', 'x', '--content-days', '0', '--evidence-days', '3'], 'no days']])
		check(set(...args).status !== 0, why + ' is refused');
	const listed = i.verb('entity', 'retention', i.dir, 'New York');
	check(/broker-6y +content +2192 days, evidence +3000 days\n?/.test(listed) && /simple +content +10 days.*of the instance/.test(listed) && /registered +content +400/.test(listed), 'they are listed', listed);
	const simple = (await post({})).json, broker = (await post({ retention: 'broker-6y' })).json, registered = (await post({ class: 'registered', retention: 'simple' })).json;
	same([simple, broker, registered].map((l) => [l.retention.name, days(l, 'content_until'), days(l, 'evidence_until')]),
		[['simple', 10, 20], ['broker-6y', 2192, 3000], ['simple', 400, 400]], 'each says until when it is kept');
	const pages = await i.signedIn('sender@example.org'), span = async (l) => ((await pages.get('/letters/' + l.id)).text.match(/<dl class="key".*?<\/dl>/s) || [''])[0];
	check(/(contenu jusqu’au|content until) .*(preuves jusqu’au|proofs until) /s.test(await span(broker)), 'its page too', await span(broker));
	check(!/contenu jusqu|content until/.test(await span(simple)) && /<dd>(preuves jusqu’au|proofs until) /.test(await span(simple)), 'which says a day once', await span(simple));
	const unknown = await post({ retention: 'nonsense' });
	same([unknown.status, unknown.json.type.split(/[:/#]/).pop()], [422, 'unknown-retention'], 'a span that is not there');

	// Write-once.
	const remove = (l, by = token) => i.request('DELETE', '/api/v1/letters/' + l.id, { token: by });
	const refused = await remove(simple);
	same([refused.status, /under-retention/.test(refused.text)], [409, true], 'no content goes before its time: ' + refused.brief);
	same([(await remove(simple, reader)).status, (await remove(simple, auditor)).status], [403, 403], 'nor by others');
	same(i.run(['letter', 'delete', i.dir, simple.id]).status !== 0, true, 'not by the operator either');
	const told = (await entries(simple)).filter((e) => e.event === 'delete.refused');
	same(told.map((e) => e.channel), ['cli', 'api'], 'each attempt is in the journal');
	i.sqlWrite(`UPDATE letter SET content_until = 1 WHERE lower(hex(letter)) = '${broker.id.replace(/-/g, '')}'`);
	same((await remove(broker)).status, 204, 'after its time it may go before its links expire');
	same((await remove(broker)).status, 204, 'again is no error');
	check((await get(broker)).retention.purged, 'it says so');
	same((await i.request('GET', await i.link('a@example.org', 2))).status, 410, 'its link is over');
	const proof = await i.request('GET', `/api/v1/letters/${broker.id}/proof`, { token });
	check(proof.status === 200 && proof.body.includes('content.purged'), 'its proof says so');

	// A hold, on the page.
	const held = (await post({ to: ['b@example.org'] })).json, page = await i.signedIn('auditor@example.org'), at = '/letters/' + held.id;
	check((await page.get(at)).text.includes(`action="${at}/hold"`), 'an auditor is offered a hold');
	check(!(await (await i.signedIn('sender@example.org')).get(at)).text.includes(`${at}/hold`), 'its sender is not');
	same((await page.post(at + '/hold', { reason: '' })).status, 422, 'a hold has a reason');
	same((await page.post(at + '/hold', { reason: 'Procès <b>A</b>' })).status, 303, 'placed');
	same((await page.post(at + '/hold', { reason: 'twice' })).status, 303, 'twice is once');
	const shown = (await page.get(at)).text;
	check(shown.includes('Procès &lt;b&gt;A&lt;/b&gt;') && shown.includes('Name of auditor'), 'why, and by whom');
	check((await get(held)).retention.held, 'the API says it is held');
	// Its time has come, by the clock of the database.
	i.sqlWrite(`UPDATE letter SET content_until = 1, expires = 1 WHERE lower(hex(letter)) = '${held.id.replace(/-/g, '')}'`);
	const still = await remove(held);
	same([still.status, /under-hold/.test(still.text)], [409, true], 'under a hold nothing is deleted');
	await i.stop();
	await i.serve();
	await until('housekeeping has run', async () => (await get(held)).state === 'expired', 60);
	check(!(await get(held)).retention.purged, 'its content is still there');
	same((await page.post(at + '/hold', { release: '1' })).status, 303, 'released');
	i.sqlWrite(`UPDATE letter SET retention_due = 1 WHERE lower(hex(letter)) = '${held.id.replace(/-/g, '')}'`);
	await i.stop();
	await i.serve();
	await until('then it goes', async () => (await get(held)).retention.purged, 60);
	const events = (await entries(held)).map((e) => e.event);
	check(['hold.placed', 'hold.released', 'content.purged'].every((e) => events.includes(e)), 'all of it is in the journal', events);
	same(events.filter((e) => e === 'hold.placed').length, 1, 'the second press was none');
	check(!JSON.stringify(await entries(held)).includes('Proc'), 'the reason is not');
	same(i.verify().status, 0, 'the journal verifies');

	// What pli check says.
	const say = (part) => { const r = i.run(['check', i.dir, part]); return { stdout: r.stdout + r.stderr }; };
	check(/no backup was ever made/.test(say('backup').stdout), 'no backup yet', say('backup').stdout);
	i.verb('backup', i.dir, path.join(TMP, 'b'));
	check(/0 hours old/.test(say('backup').stdout), 'then there is one', say('backup').stdout);
	check(/no content is kept beyond its retention/.test(say('retention').stdout), 'and nothing is overdue', say('retention').stdout);
	i.sqlWrite(`UPDATE letter SET retention_due = 1 WHERE lower(hex(letter)) = '${registered.id.replace(/-/g, '')}'`);
	check(/content of 1 letters should be gone/.test(say('retention').stdout), 'what is overdue is told', say('retention').stdout);
	await i.stop();
});
