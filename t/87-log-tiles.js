#!/usr/bin/env node
// Goal: the journal's tree is readable over HTTPS as C2SP tlog-tiles, and what is read there gives the signed root: by a reader that
// shares no code with the program, and by `pli journal verify --url`, which also names a log that was set back, forked or damaged.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { Instance, check, same, until, main, TMP } = require('./lib/pli.js');
const tlog = require('./lib/tlog.js');

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const token = i.user('sender@example.org');
	const letter = async (count) => {
		const to = Array.from({ length: count }, (_, k) => `r${k}@example.net`).join(',');
		const a = await i.multipart('/api/v1/letters', token, [['to', to], ['subject', 'S'], ['file', { filename: 'a.txt', bytes: 'x' }]]);
		same(a.status, 201, 'a letter');
	};
	const size = () => i.one('SELECT MAX(seq) + 1 FROM journal');
	const settled = () => until('notices are out and signed', () => i.one('SELECT COUNT(*) FROM notice WHERE due IS NOT NULL') === 0 &&
		i.one('SELECT MAX(size) FROM head') === size());
	const vkey = (await i.request('GET', '/log/key')).text;
	const key = tlog.parseVkey(vkey);
	same([key.name, key.type], ['localhost/j/1', 1], 'the verifier key names the log');
	check(key.raw.equals(tlog.rawOf(fs.readFileSync(path.join(i.dir, 'public/log.pub')))), 'and is the published key');

	// A whole reading: level 0 gives the root, every other level is what the one below gives.
	const read = async () => {
		const answer = await i.request('GET', '/log/checkpoint');
		same([answer.status, answer.headers['content-type'], answer.headers['cache-control']], [200, 'text/plain; charset=utf-8', 'public, max-age=2'], 'checkpoint: type, kept for a moment');
		const note = tlog.parseNote(answer.text);
		check(tlog.signedBy(answer.text, vkey), 'checkpoint: signed by the key');
		let below = null;
		for (let level = 0, count = note.size; count > 0; level++, count = Math.floor(count / 256)) {
			const hashes = [];
			for (let n = 0; n * 256 < count; n++) {
				const width = Math.min(256, count - n * 256);
				const tile = await i.request('GET', '/log/' + tlog.tilePath(level, n, width));
				same([tile.status, tile.headers['content-type'], tile.headers['cache-control'], tile.body.length],
					[200, 'application/octet-stream', 'public, max-age=31536000, immutable', width * 32], `tile ${level}/${n}.p/${width}`);
				for (let k = 0; k < width; k++)
					hashes.push(tile.body.subarray(k * 32, k * 32 + 32));
			}
			if (below === null)
				check(tlog.root(hashes).equals(note.root), `the leaves give the root of ${note.size}`);
			else
				check(Buffer.concat(hashes).equals(Buffer.concat(below)), `level ${level} is what level ${level - 1} gives`);
			if (level === 0)
				note.leaves = hashes;
			below = [];
			for (let k = 0; k + 256 <= hashes.length; k += 256)
				below.push(tlog.root(hashes.slice(k, k + 256)));
		}
		return note;
	};
	await letter(2);
	await settled();
	const first = await read();
	check(first.size < 256, 'at first one partial tile', first.size);
	const rows = i.sql('SELECT CAST(entry AS TEXT) AS entry FROM journal ORDER BY seq');
	check(rows.length === first.size && rows.every((r, k) => tlog.leafHash(Buffer.from(r.entry)).equals(first.leaves[k])), 'the leaves are the entries\' hashes');

	await letter(300);
	await letter(120);
	await settled();
	const later = await read();
	check(later.size > 512, 'then full tiles and an upper level', later.size);
	check(Buffer.concat(later.leaves.slice(0, first.size)).equals(Buffer.concat(first.leaves)), 'what was there stays');
	const wholePart = await i.request('GET', '/log/tile/0/000.p/200');
	check(wholePart.status === 200 && wholePart.body.equals(Buffer.concat(later.leaves.slice(0, 200))), 'a partial tile stays when the full one is there');

	// Nothing but the forms of the specification, nothing beyond the head, no entries.
	for (const bad of ['0/999', '0/000.p/256', '0/000.p/0', '0/000.p/01', '0/000.p/', '0/0', '0/0000', '0/x000/000', '0/x001', '00/000', '64/000', '1/000', '7/000.p/1', '-1/000',
		'0/000.p/1/', '0/000.p/1.p/1', 'entries/000', 'entries/000.p/1', '0/001.p/+1', '0/x999/x999/x999/x999/x999/x999/x999/999', '0/' + 'x001/'.repeat(60) + '001', '0/%30%30%30.p/300'])
		same((await i.request('GET', '/log/tile/' + bad)).status, 404, `no tile ${bad}`);
	same((await i.request('GET', '/log/' + tlog.tilePath(0, Math.floor(later.size / 256), later.size % 256 + 1))).status, 404, 'no hash beyond the head');
	same((await i.request('POST', '/log/checkpoint', { body: 'x' })).status, 405, 'nothing is written there');
	for (const p of ['checkpoint', 'tile/0/000.p/9'])
		check(!/r0@|sender@|"ev"/.test((await i.request('GET', '/log/' + p)).body.toString('latin1')), `${p} holds nothing of letters`);
});
