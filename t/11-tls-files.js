#!/usr/bin/env node
// Goal: a certificate or key that cannot be used stops the start with one message that names the file and says what to do.
'use strict';
const fs = require('fs');
const path = require('path');
const { Instance, check, same, main } = require('./lib/pli.js');

main(async () => {
	const i = new Instance().make(), other = new Instance('other').make();
	const cert = path.join(i.dir, 'tls/cert.pem'), key = path.join(i.dir, 'tls/key.pem');
	const good = { cert: fs.readFileSync(cert), key: fs.readFileSync(key) };
	const spoilt = [
		['a key that is none', () => fs.writeFileSync(key, 'nonsense\n'), 'tls/key.pem', 'Put the PEM key'],
		['an empty key', () => fs.writeFileSync(key, ''), 'tls/key.pem', 'Put the PEM key'],
		['another\'s key', () => fs.writeFileSync(key, fs.readFileSync(path.join(other.dir, 'tls/key.pem'))), 'tls/key.pem', 'Put the PEM key'],
		['no key', () => fs.rmSync(key), 'tls/key.pem', 'missing'],
		['a certificate that is none', () => fs.writeFileSync(cert, 'nonsense\n'), 'tls/cert.pem', 'Put the server\'s certificate'],
	];
	for (const [what, spoil, file, advice] of spoilt) {
		spoil();
		const r = i.run(['serve', i.dir]);
		const last = r.stderr.split('\n').filter((l) => l && !l.startsWith('{')).join(' ');
		check(r.status > 0, what + ': the start fails', r.status);
		check(last.includes(file) && last.includes(advice), what + ': said so', r.stderr);
		fs.writeFileSync(cert, good.cert);
		fs.writeFileSync(key, good.key);
		for (const f of [cert, key])
			fs.chownSync(f, fs.statSync(path.dirname(f)).uid, fs.statSync(path.dirname(f)).gid);
		fs.chmodSync(key, 0o600);
	}
	await i.serve();
	same((await i.request('GET', '/readyz')).status, 200, 'with the good pair it serves');
	await i.stop();
});
