#!/usr/bin/env node
// Goal: towards the relay TLS is what the settings ask for, never less: without STARTTLS, with a wrong or unknown certificate nothing leaves;
// version and peer stand in the entry; sign-in by a password file, a wrong password costs no notice; the confined courier finds its
// relay by name, also after the resolver's files have changed.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');
const { Instance, check, same, until, pause, main } = require('./lib/pli.js');
const { nameServer } = require('./lib/name_server.js');
const { Relay, HANG, pair } = require('./lib/relay.js');

let count = 0;

async function served(relay, more, { scheme = 'smtp', host = '127.0.0.1', program } = {}) {
	const i = new Instance('instance' + ++count).make({ lang: 'en', more: ['--mail', `${scheme}://${host}:${relay.port}`], conf: '[mail]\ntimeout_s = 5\nretry = 1s\n' + more });
	await i.serve({ program });
	i.token('admin@example.org');
	i.sender = i.user('sender@example.org');
	return i;
}

async function letter(i, to) {
	const a = await i.json('POST', '/api/v1/letters', i.sender, { to: [to], subject: 'A letter' });
	same(a.status, 201, 'a deposit');
	return a.headers.location;
}

const recipient = async (i, where) => (await i.request('GET', where, { token: i.sender })).json.recipients[0];
const sent = (i, where, seconds = 30) => until(`${where} is sent`, async () => (await recipient(i, where)).state === 'sent' && recipient(i, where), seconds);
const waits = (i, where, words) => until(`${where} waits: ${words}`, async () => words.test((await recipient(i, where)).reply || '') && recipient(i, where), 30);
const newest = (i) => JSON.parse(i.one("SELECT entry FROM journal WHERE event = 'notice.sent' ORDER BY seq DESC LIMIT 1"));
const spoken = (relay, verb) => relay.log.filter((l) => l[1] === verb).length;

async function starttls() {
	const good = pair('good'), other = pair('other', 'DNS:other.example.org'), stranger = pair('stranger');
	const both = path.join(process.env.TMP, 'both.pem');
	fs.writeFileSync(both, Buffer.concat([good.cert, other.cert]));
	const relay = await new Relay({ tls: good }).listen();
	const i = await served(relay, `tls = required\nca_file = ${both}\n`);
	const one = await letter(i, 'one@example.org');
	const r = await sent(i, one);
	same(r.tls, 'TLSv1.3', 'the version beside the recipient');
	same([newest(i).tls, newest(i).d.peer], ['TLSv1.3', `127.0.0.1 [127.0.0.1]:${relay.port}`], 'version and peer in the entry');
	same(relay.mails[0].tls, 'TLSv1.3', 'what the relay saw');
	const rows = (await i.request('GET', '/api/v1/journal?letter=' + path.basename(one), { token: i.sender })).json.entries;
	same(rows.find((e) => e.event === 'notice.sent').tls, 'TLSv1.3', 'and in the journal\'s row');
	const drop = () => [...relay.open].forEach((s) => s.socket.destroy());

	// Stripped: no word of the mail is spoken.
	relay.tls = null;
	drop();
	relay.clear();
	const two = await letter(i, 'two@example.org');
	await waits(i, two, /offers no TLS/);
	same([spoken(relay, 'mail'), relay.taken.length], [0, 0], 'STARTTLS stripped: nothing was sent');
	// Offered, then refused.
	relay.tls = good;
	relay.script = (verb) => verb === 'starttls' ? '454 4.7.0 TLS not available' : undefined;
	await waits(i, two, /^454 4\.7\.0/);
	same(spoken(relay, 'mail'), 0, 'STARTTLS refused: nothing was sent');
	relay.script = (verb) => verb === 'starttls' ? HANG : undefined;
	await waits(i, two, /fell silent at STARTTLS/);
	same(spoken(relay, 'mail'), 0, 'STARTTLS never answered: nothing was sent');
	relay.script = null;
	// Somebody else's certificate, and one that nobody vouches for.
	for (const [bad, what] of [[other, 'another name'], [stranger, 'an unknown signer']]) {
		relay.tls = bad;
		relay.clear();
		await until('the handshake was tried', () => spoken(relay, 'starttls') > 0, 40);
		await waits(i, two, /no TLS with the relay/);
		same(spoken(relay, 'mail'), 0, what + ': nothing was sent');
	}
	// What comes in clear behind the answer to STARTTLS is no part of the conversation.
	relay.tls = good;
	relay.clear();
	await sent(i, two, 40);
	same([relay.taken.length, relay.taken[0].tls], [1, 'TLSv1.3'], 'the right one: sent, once');
	same(i.one('SELECT COUNT(*) FROM notice WHERE tries > 0'), 0, 'no try counted against it');
	// An older version is named as what it is, and the oldest are not spoken.
	relay.tlsOptions = { maxVersion: 'TLSv1.2' };
	drop();
	await sent(i, await letter(i, 'three@example.org'));
	same(newest(i).tls, 'TLSv1.2', 'TLS 1.2');
	await i.stop();
	await relay.close();

	const implicit = await new Relay({ tls: good, implicit: true }).listen();
	const j = await served(implicit, `ca_file = ${good.file}\n`, { scheme: 'smtps', host: 'localhost' });
	await sent(j, await letter(j, 'four@example.org'));
	same([implicit.mails[0].tls, newest(j).tls, newest(j).d.peer], ['TLSv1.3', 'TLSv1.3', `localhost [127.0.0.1]:${implicit.port}`], 'smtps');
	await j.stop();
	await implicit.close();

	// Towards this machine TLS is taken when offered, whoever signed it.
	const here = await new Relay({ tls: stranger }).listen();
	const k = await served(here, '');
	await sent(k, await letter(k, 'five@example.org'));
	same(newest(k).tls, 'TLSv1.3', 'auto: as offered');
	here.tls = null;
	[...here.open].forEach((s) => s.socket.destroy());
	await sent(k, await letter(k, 'six@example.org'));
	same(newest(k).tls, undefined, 'auto: and without');
	await k.stop();
	await here.close();
}

async function signIn() {
	const good = pair('sign');
	const relay = await new Relay({ tls: good, auth: ['letters@relay', 'pass wörd;1'] }).listen();
	const file = path.join(process.env.TMP, 'relay.password');
	fs.writeFileSync(file, 'wrong\n', { mode: 0o600 });
	const i = await served(relay, `tls = required\nca_file = ${good.file}\nuser = letters@relay\npassword_file = ${file}\n`);
	i.deathsExpected = true;
	const one = await letter(i, 'one@example.org');
	await waits(i, one, /^535 5\.7\.8/);
	same(relay.taken.length, 0, 'a wrong password: nothing leaves');
	relay.script = (verb) => verb === 'auth' ? HANG : undefined;
	await waits(i, one, /fell silent at AUTH/);
	same(relay.taken.length, 0, 'AUTH never answered: nothing leaves');
	relay.script = null;
	// The next courier reads the file again.
	fs.writeFileSync(file, 'pass wörd;1\n');
	process.kill(i.children()['pli-courier'], 'SIGKILL');
	await sent(i, one, 40);
	same([relay.mails[0].user, relay.mails[0].tls], ['letters@relay', 'TLSv1.3'], 'signed in, under TLS');
	same(i.one('SELECT COUNT(*) FROM notice WHERE tries > 0'), 0, 'no try counted');
	check(!fs.readFileSync(i.log, 'utf8').includes('pass w'), 'the password is not in the log');
	await i.stop();
	await relay.close();
}

// A name that stands in files of a mount namespace of its own; then the file is replaced by another, as resolvers' programs do.
async function byName() {
	if (process.getuid() !== 0 || spawnSync('unshare', ['-m', 'true']).status !== 0) {
		console.log('no mount namespaces here: the name is localhost, and no file changes');
		const relay = await new Relay().listen();
		const i = await served(relay, 'tls = auto\n', { host: 'localhost' });
		await sent(i, await letter(i, 'one@example.org'));
		await i.stop();
		return relay.close();
	}
	const tmp = process.env.TMP, good = pair('named', 'DNS:relay.pli.test');
	fs.mkdirSync(path.join(tmp, 'etc'));
	spawnSync('cp', ['-a', '/etc/.', path.join(tmp, 'etc')]);
	const replace = (name, text) => {
		const file = path.join(tmp, 'etc', name);
		fs.writeFileSync(file + '.new', text);
		fs.renameSync(file + '.new', file);
	};
	const hosts = (...lines) => replace('hosts', ['127.0.0.1 localhost', ...lines, ''].join('\n'));
	const resolver = (address) => replace('resolv.conf', `nameserver ${address}\noptions timeout:1 attempts:2\n`);
	fs.rmSync(path.join(tmp, 'etc/resolv.conf'), { force: true });
	replace('nsswitch.conf', 'hosts: files dns\n');
	resolver('127.0.0.4');
	hosts('127.0.0.2 relay.pli.test');
	const wrapper = path.join(tmp, 'in-namespace');
	fs.writeFileSync(wrapper, `#!/bin/sh\nexec unshare -m sh -c 'mount --bind "$1" /etc && shift && exec "$@"' sh ${tmp}/etc ${process.env.PLI} "$@"\n`, { mode: 0o755 });
	const first = await new Relay({ tls: good }).listen(0, '127.0.0.2');
	const second = await new Relay({ tls: good }).listen(first.port, '127.0.0.3');
	const i = await served(first, `tls = required\nca_file = ${good.file}\n`, { host: 'relay.pli.test', program: wrapper });
	await sent(i, await letter(i, 'one@example.org'));
	same([first.mails.length, newest(i).d.peer], [1, `relay.pli.test [127.0.0.2]:${first.port}`], 'found by name, in its confinement');
	hosts('127.0.0.3 relay.pli.test');
	await first.close();
	await sent(i, await letter(i, 'two@example.org'), 40);
	same([second.mails.length, newest(i).d.peer], [1, `relay.pli.test [127.0.0.3]:${first.port}`], 'found again after the file was replaced');

	// From now on by name servers alone; then the resolver changes to another server, which knows another address.
	const old = await nameServer('127.0.0.4', { a: { 'relay.pli.test': '127.0.0.2' } });
	const other = await nameServer('127.0.0.5', { a: { 'relay.pli.test': '127.0.0.3' } });
	const third = await new Relay({ tls: good }).listen(first.port, '127.0.0.2');
	hosts();
	await second.close();
	await sent(i, await letter(i, 'three@example.org'), 40);
	same([third.mails.length, newest(i).d.peer, old.asked > 0, other.asked], [1, `relay.pli.test [127.0.0.2]:${first.port}`, true, 0], 'found by the name server');
	const fourth = await new Relay({ tls: good }).listen(first.port, '127.0.0.3');
	resolver('127.0.0.5');
	old.close();
	await third.close();
	await sent(i, await letter(i, 'four@example.org'), 40);
	same([fourth.mails.length, newest(i).d.peer, other.asked > 0], [1, `relay.pli.test [127.0.0.3]:${first.port}`, true], 'found by the new name server after the resolver has changed');
	await i.stop();
	await fourth.close();
	other.close();
}

main(async () => {
	await starttls();
	await signIn();
	await byName();
});
