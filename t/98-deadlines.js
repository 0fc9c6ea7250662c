#!/usr/bin/env node
// Goal: on a running server whose clocks the test moves, the window of a registered letter ends where the law ends it: at 23:59:59.999 of the fifteenth
// day after the notice it is accepted and refused, at 00:00 no more, across the change to summer time and the one back; reminders go out
// at nine in the morning, once each; the proof of non-collection is there on the sixteenth day.  A clock set back reopens nothing and sends nothing twice;
// one set forward ends nothing, neither windows nor contents, until it has stood so for a day.  A server that is started anew remembers all that; one that is
// started with the machine believes a clock that a month's absence explains, and another only when the operator says so.
//
// Processes of the server start with an empty environment and no descriptors but their own, so nothing can be loaded into them: the program is linked
// with a clock that reads a file mapped before it is confined, and with housekeeping that goes round all the time and counts its rounds there.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');
const { Instance, check, same, until, main, TMP } = require('./lib/pli.js');
const { altered } = require('./lib/altered.js');

const DAY = 86400000, HOUR = 3600000, FILE = path.join(TMP, 'clock');

// generation, wall clock and steady clock in microseconds (frozen until the test moves them), rounds of housekeeping
class Clocks {
	constructor(wall) {
		fs.writeFileSync(FILE, Buffer.alloc(4096));
		this.fd = fs.openSync(FILE, 'r+');
		this.generation = 0n;
		this.boot = 1000 * DAY;
		this.wall = wall;
		this.set(wall, this.boot);
	}
	put(at, ...values) {
		const bytes = Buffer.alloc(8 * values.length);
		values.forEach((v, n) => bytes.writeBigInt64LE(BigInt(v), 8 * n));
		fs.writeSync(this.fd, bytes, 0, bytes.length, at);
	}
	set(wall, boot) {
		this.put(0, ++this.generation);
		this.put(8, wall * 1000, boot * 1000);
		this.put(0, ++this.generation);
		this.wall = wall;
		this.boot = boot;
	}
	// Time passes, as both clocks see it.
	to(wall) { this.set(wall, this.boot + (wall - this.wall)); }
	// Somebody sets the clock.
	jump(wall) { this.set(wall, this.boot); }
	// The machine is started.
	reboot(wall) {
		this.put(32, this.boots = (this.boots || 0) + 1);
		this.set(wall, 10000);
	}
	get rounds() {
		const bytes = Buffer.alloc(8);
		fs.readSync(this.fd, bytes, 0, 8, 24);
		return Number(bytes.readBigInt64LE());
	}
	// Housekeeping has gone round as a whole since.
	async round() {
		const from = this.rounds;
		await until('housekeeping goes round', () => this.rounds >= from + 2, 30);
	}
}

const parts = (t) => Object.fromEntries(new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Paris', hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' })
	.formatToParts(t).map((p) => [p.type, Number(p.value)]));
const offset = (t) => { const p = parts(t); return Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second) - Math.floor(t / 1000) * 1000; };
// That hour in Paris, so many days after the day of t.
const paris = (t, days, hour) => { const p = parts(t), utc = Date.UTC(p.year, p.month - 1, p.day + days, hour); return utc - offset(utc - offset(utc)); };
const iso = (t) => new Date(t).toISOString();

function changes(from) {
	const found = [];
	for (let t = paris(from, 8, 12); found.length < 2; t = paris(t, 1, 12))
		if (offset(t) !== offset(paris(t, 1, 12)))
			found.push(paris(t, 1, 12));
	return found;
}

main(async () => {
	const program = altered('moved-clock', [
		['src/base/clock.c', '#include "clock.h"\n', `#include "clock.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
struct moved { int64_t generation, wall_us, boot_us, rounds, boots; };
static volatile struct moved *moved;
int64_t clock_test_generation(void);
int64_t clock_test_boots(void);
void clock_test_round(void);
__attribute__((constructor)) static void moved_map(void)
{
	int fd = open("${FILE}", O_RDWR | O_CLOEXEC);
	void *p = fd >= 0 ? mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

	moved = p == MAP_FAILED ? NULL : p;
	if (fd >= 0)
		close(fd);
}
int64_t clock_test_generation(void) { return moved ? moved->generation : 0; }
int64_t clock_test_boots(void) { return moved ? moved->boots : -1; }
void clock_test_round(void) { if (moved) moved->rounds++; }
`],
		['src/base/clock.c', 'int64_t clock_now_us(void)\n{\n\tstruct timespec ts;\n', 'int64_t clock_now_us(void)\n{\n\tstruct timespec ts;\n\n\tif (moved)\n\t\treturn moved->wall_us;\n'],
		['src/base/clock.c', 'int64_t clock_boot_us(void)\n{\n\tstruct timespec ts;\n', 'int64_t clock_boot_us(void)\n{\n\tstruct timespec ts;\n\n\tif (moved)\n\t\treturn moved->boot_us;\n'],
		// Both clocks at one moment.
		['src/office/deadline.c', '#include "office_own.h"\n', '#include "office_own.h"\nint64_t clock_test_generation(void);\n'],
		['src/office/deadline.c', 'now_us = deadline_clock_read(&office->clock, clock_now_us(), clock_boot_us());', `{
		int64_t generation, wall_us, boot_us;

		do {
			generation = clock_test_generation();
			wall_us = clock_now_us();
			boot_us = clock_boot_us();
		} while (generation % 2 || generation != clock_test_generation());
		now_us = deadline_clock_read(&office->clock, wall_us, boot_us);
	}`],
		['src/prog/child_front.c', '#define HOUSEKEEPING_S', 'void clock_test_round(void);\nint64_t clock_test_boots(void);\n#define HOUSEKEEPING_S'],
		['src/prog/child_front.c', 'return *text ? pool_str(pool, text) : NULL;', 'return pool_fmt(pool, "boot-%lld", (long long)clock_test_boots());'],
		['src/prog/child_front.c', 'next.tv_sec += HOUSEKEEPING_S;', 'clock_test_round();\n\t\tnext.tv_nsec += 50000000;\n\t\tif (next.tv_nsec >= 1000000000) {\n\t\t\tnext.tv_sec++;\n\t\t\tnext.tv_nsec -= 1000000000;\n\t\t}'],
	]);
	const i = new Instance().make({ conf: '[registered]\nreminders = 3, 9\n' }).unkept();
	i.user('sender@example.org', 'editor', { name: 'Ondine Vasseur' });
	const token = i.token('sender@example.org', '--days', '1500');
	const clocks = new Clocks(Date.now());
	await i.serve({ program });
	const get = async (id) => (await i.request('GET', '/api/v1/letters/' + id, { token })).json;
	const send = async (fields) => {
		const a = await i.json('POST', '/api/v1/letters', token, { subject: 'Congé', message: 'x', ...fields });
		same(a.status, 201, 'a letter: ' + a.brief);
		await until('it is sent', async () => (await get(a.json.id)).state === 'sent');
		return a.json.id;
	};
	const decisions = async (id) => (await get(id)).recipients.map((r) => r.decision);
	const act = async (link, what) => (await i.postForm(`${link}/${what}`, { form: await i.form(link) })).status;
	// Forms are no longer shown once it is too late: one from elsewhere carries a right key.
	const late = async (link, what, form) => (await i.postForm(`${link}/${what}`, { form })).status;
	const entry = (id, event) => JSON.parse(i.one(`SELECT entry FROM journal WHERE event = '${event}' AND lower(hex(letter)) = '${id.replace(/-/g, '')}' ORDER BY seq LIMIT 1`));
	const jumps = () => i.one("SELECT COUNT(*) FROM journal WHERE event = 'clock.jumped'");

	for (const [n, change] of changes(clocks.wall).entries()) {
		const day = paris(change, -7, 10), end = paris(day, 16, 0), what = `change of ${iso(change).slice(0, 10)}`;
		check(offset(day) !== offset(end), `${what}: the window spans it`);
		check((end - paris(day, 1, 0)) % DAY !== 0, `${what}: it is not so many times 24 hours`);
		clocks.to(day);
		const to = ['accepts', 'refuses', 'late', 'sleeps'].map((who) => `${who}${n}@example.org`), id = await send({ to, class: 'fr-lre' });
		same([...new Set((await get(id)).recipients.map((r) => r.accept_until))], [iso(end)], `${what}: until when`);
		const links = {};
		for (const who of to)
			links[who.replace(/\d@.*/, '')] = await i.link(who);
		const mails = () => to.map((who) => i.mails(who).length);

		// Reminders.
		for (const [days, count] of [[3, 2], [9, 3]]) {
			clocks.to(paris(day, days, 9) - 1);
			await clocks.round();
			same(mails(), to.map(() => count - 1), `${what}: no reminder before nine on day ${days}`);
			clocks.to(paris(day, days, 9));
			await until('the reminder is there', () => mails().every((m) => m >= count), 30);
			await until('and entered', async () => (await get(id)).recipients.every((r) => r.sends === count), 30);
			clocks.jump(clocks.wall - 2 * DAY);
			await clocks.round();
			clocks.jump(clocks.wall + 2 * DAY);
			await clocks.round();
			same(mails(), to.map(() => count), `${what}: once on day ${days}, though the clock went back and forth`);
		}

		// The last millisecond, and the first that is too late.
		clocks.to(end - 1);
		await clocks.round();
		same(await decisions(id), [null, null, null, null], `${what}: at 23:59:59.999 nothing is over`);
		const forms = { late: await i.form(links.late), sleeps: await i.form(links.sleeps) };
		same([await act(links.accepts, 'open'), await act(links.refuses, 'refuse')], [303, 303], `${what}: it is accepted and refused`);
		clocks.to(end);
		same([await late(links.late, 'open', forms.late), await late(links.late, 'refuse', forms.late)], [410, 410], `${what}: at 00:00 no more`);
		check((await i.request('GET', links.late + '?lang=fr')).text.includes('Le délai est passé'), `${what}: the page says so`);
		clocks.jump(end - 3 * DAY);
		same([await late(links.late, 'open', forms.late), (await i.request('GET', links.late)).status], [410, 410], `${what}: nor with a clock set back`);
		await clocks.round();
		clocks.jump(end);
		await clocks.round();
		same(await decisions(id), ['accepted', 'refused', null, null], `${what}: what was on its way may still arrive`);
		clocks.to(end + 10000);
		await until('the end is entered', async () => (await decisions(id)).join() === 'accepted,refused,unclaimed,unclaimed', 30);
		same([entry(id, 'lre.accepted').d, entry(id, 'lre.refused').d.at], [{ at: iso(end - 1), by: 'form', until: iso(end) }, iso(end - 1)], `${what}: the entries say when`);
		const unclaimed = entry(id, 'lre.unclaimed');
		same([unclaimed.d.until, new Date(unclaimed.t) - end < 60000], [iso(end), true], `${what}: entered in the first minute of the sixteenth day`);
		const pdf = await i.request('GET', `/api/v1/letters/${id}/proof.pdf?kind=unclaimed&recipient=${to[3]}`, { token });
		same(pdf.status, 200, `${what}: its proof is there: ${pdf.brief.slice(0, 200)}`);
		const file = path.join(TMP, `unclaimed${n}.pdf`);
		fs.writeFileSync(file, pdf.body);
		const v = spawnSync(program, ['proof', 'verify', file, '--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')], { encoding: 'utf8' });
		check(v.status === 0 && v.stdout.includes('VERIFIED'), `${what}: and verifies`, v.stdout + v.stderr);
		same(mails(), to.map(() => 3), `${what}: nobody is written to again`);
	}

	// A clock set forward.
	const expires = clocks.wall + 20 * DAY;
	const simple = await send({ to: ['simple@example.org'], class: 'simple', expires: iso(expires) });
	const id = await send({ to: ['b@example.org', 'c@example.org'], class: 'registered' });
	const before = clocks.wall, told = jumps();
	clocks.jump(before + 400 * DAY);
	await clocks.round();
	same([await decisions(id), (await get(simple)).state, i.mails('b@example.org').length], [[null, null], 'sent', 1], 'set forward by a year it ends nothing and reminds of nothing');
	same(jumps(), told + 1, 'the journal says that it jumped, once');
	same([await act(await i.link('b@example.org'), 'open'), await act(await i.link('simple@example.org'), 'open')], [303, 303], 'letters are opened');
	clocks.jump(before);
	await clocks.round();
	clocks.jump(before + 30 * DAY);
	await clocks.round();
	same(await decisions(id), ['accepted', null], 'again nothing ends');
	clocks.to(clocks.wall + DAY - HOUR);
	await clocks.round();
	same(await decisions(id), ['accepted', null], 'nor for most of a day');
	clocks.to(clocks.wall + 2 * HOUR);
	await until('it is believed', async () => (await decisions(id))[1] === 'unclaimed', 30);
	await send({ to: ['e@example.org'], class: 'simple' });	// though the journal’s newest entry is a year ahead
	await until('for contents, too', async () => (await i.request('GET', await i.link('simple@example.org'))).status === 410, 30);
	// The clock is set while the server is stopped; then the machine is started with a clock of another year, which is left so for two days.
	clocks.to(before + 401 * DAY);
	const other = await send({ to: ['d@example.org'], class: 'registered' });
	await clocks.round();
	const now = clocks.wall, jumped = jumps();
	await i.stop();
	clocks.jump(now + 25 * DAY);
	await i.serve({ program });
	await clocks.round();
	same([await decisions(other), jumps()], [[null], jumped + 1], 'a start does not make a clock believed that was set before it');
	clocks.jump(now);
	await clocks.round();
	await i.stop();
	clocks.reboot(now + 300 * DAY);
	await i.serve({ program });
	await clocks.round();
	clocks.to(clocks.wall + 2 * DAY);
	await clocks.round();
	same(await decisions(other), [null], 'nor does the machine’s, if no absence explains it; patience does not help');
	await until('the alert is on', () => i.one("SELECT COUNT(*) FROM alert WHERE kind = 'clock' AND ended IS NULL") === 1, 30);
	const c = spawnSync(program, ['clock', 'confirm', i.dir], { encoding: 'utf8' });
	same([c.status, c.stdout.includes(`${300 * 86400} s`)], [0, true], 'the operator confirms it: ' + c.stdout + c.stderr);
	await until('then it ends', async () => (await decisions(other))[0] === 'unclaimed', 30);
	same(i.one("SELECT COUNT(*) FROM journal WHERE event = 'clock.confirmed'"), 1, 'the journal says so');
	// A machine that was off over the holidays.
	const last = await send({ to: ['e@example.org'], class: 'registered' });
	await clocks.round();
	await i.stop();
	clocks.reboot(clocks.wall + 31 * DAY);
	await i.serve({ program });
	await until('what ended meanwhile has ended', async () => (await decisions(last))[0] === 'unclaimed', 30);
	const v = spawnSync(program, ['journal', 'verify', i.dir], { encoding: 'utf8' });
	same(v.status, 0, 'journal verify: ' + v.stdout + v.stderr);
	await i.stop();
});
