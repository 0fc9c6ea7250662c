// A transparency log seen from outside, written without the program: notes, tiles, Merkle trees (RFC 6962), consistency proofs.
'use strict';
const crypto = require('crypto');

const sha256 = (...parts) => crypto.createHash('sha256').update(Buffer.concat(parts)).digest();
const leafHash = (bytes) => sha256(Buffer.from([0]), bytes);
const node = (l, r) => sha256(Buffer.from([1]), l, r);

// Largest power of two below n.
const split = (n) => { let k = 1; while (k * 2 < n) k *= 2; return k; };
const root = (leaves) => leaves.length === 0 ? sha256() : leaves.length === 1 ? leaves[0]
	: node(root(leaves.slice(0, split(leaves.length))), root(leaves.slice(split(leaves.length))));
// RFC 6962 2.1.2
const subproof = (m, leaves, whole) => {
	const n = leaves.length, k = n > 1 ? split(n) : 0;
	if (m === n)
		return whole ? [] : [root(leaves)];
	return m <= k ? [...subproof(m, leaves.slice(0, k), whole), root(leaves.slice(k))]
		: [...subproof(m - k, leaves.slice(k), false), root(leaves.slice(0, k))];
};
const consistency = (from, leaves) => from === 0 || from === leaves.length ? [] : subproof(from, leaves, true);

const keyId = (name, type, key) => sha256(Buffer.from(name + '\n'), Buffer.from([type]), key).subarray(0, 4);
const vkey = (name, type, key) => `${name}+${keyId(name, type, key).toString('hex')}+${Buffer.concat([Buffer.from([type]), key]).toString('base64')}`;
const publicObject = (raw) => crypto.createPublicKey({ key: Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]), format: 'der', type: 'spki' });
const rawOf = (key) => crypto.createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32);

// A key of one's own.
const newKey = () => {
	const { privateKey } = crypto.generateKeyPairSync('ed25519');
	return { privateKey, raw: rawOf(privateKey) };
};
const parseVkey = (text) => {
	const m = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text.trim());
	const blob = Buffer.from(m[3], 'base64'), key = { name: m[1], id: m[2], type: blob[0], raw: blob.subarray(1) };
	if (keyId(key.name, key.type, key.raw).toString('hex') !== key.id)
		throw new Error('the id of ' + text);
	return key;
};

const signNote = (origin, size, rootHash, key, name = origin) => {
	const text = `${origin}\n${size}\n${rootHash.toString('base64')}\n`;
	const blob = Buffer.concat([keyId(name, 1, key.raw), crypto.sign(null, Buffer.from(text), key.privateKey)]);
	return `${text}\n— ${name} ${blob.toString('base64')}\n`;
};
const parseNote = (note) => {
	const at = note.indexOf('\n\n'), text = note.slice(0, at + 1), lines = text.split('\n');
	const signatures = note.slice(at + 2).split('\n').filter((l) => l).map((l) => {
		const m = /^— (\S+) (\S+)$/.exec(l), blob = Buffer.from(m[2], 'base64');
		return { name: m[1], id: blob.subarray(0, 4).toString('hex'), blob: blob.subarray(4), line: l };
	});
	return { text, origin: lines[0], size: Number(lines[1]), root: Buffer.from(lines[2], 'base64'), signatures };
};
// The signature by that vkey: {time} when it holds, else null.
const signedBy = (note, vkeyText) => {
	const key = parseVkey(vkeyText), parsed = parseNote(note);
	const s = parsed.signatures.find((x) => x.name === key.name && x.id === key.id);
	if (!s)
		return null;
	if (key.type === 1)
		return crypto.verify(null, Buffer.from(parsed.text), publicObject(key.raw), s.blob) ? { time: 0 } : null;
	const time = s.blob.readBigUInt64BE(0);
	return crypto.verify(null, Buffer.from(`cosignature/v1\ntime ${time}\n${parsed.text}`), publicObject(key.raw), s.blob.subarray(8)) ? { time: Number(time) } : null;
};

// A witness's line under a note (C2SP tlog-cosignature, Ed25519).
const cosign = (note, name, key, time) => {
	const at = Buffer.alloc(8);
	at.writeBigUInt64BE(BigInt(time));
	const signature = crypto.sign(null, Buffer.from(`cosignature/v1\ntime ${time}\n${parseNote(note).text}`), key.privateKey);
	return `— ${name} ${Buffer.concat([keyId(name, 4, key.raw), at, signature]).toString('base64')}\n`;
};

const tileNumber = (n) => {
	let s = String(n % 1000).padStart(3, '0');
	for (n = Math.floor(n / 1000); n > 0; n = Math.floor(n / 1000))
		s = 'x' + String(n % 1000).padStart(3, '0') + '/' + s;
	return s;
};
const tilePath = (level, n, width = 256) => `tile/${level}/${tileNumber(n)}${width < 256 ? '.p/' + width : ''}`;

module.exports = { sha256, leafHash, node, root, consistency, keyId, vkey, newKey, rawOf, parseVkey, signNote, cosign, parseNote, signedBy, tilePath };
