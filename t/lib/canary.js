// Looks for words where they must not be: in bytes as they are, in base64 at each alignment, in hexadecimal, percent-encoded or
// as UTF-16, and in all of these again inside gzip, zlib and ZIP streams that stand anywhere in the bytes.
'use strict';
const fs = require('fs');
const path = require('path');
const zlib = require('zlib');

// The base64 of a word standing at offset 0, 1 or 2 of a group: the characters that depend on the word alone.
function base64Of(word) {
	const out = [];
	for (let before = 0; before < 3; before++) {
		const text = Buffer.concat([Buffer.alloc(before), word]).toString('base64').replace(/=+$/, '');
		const from = before === 0 ? 0 : before + 1, to = (before + word.length) % 3 === 0 ? text.length : text.length - 1;
		out.push(text.slice(from, to));
	}
	return [...out, ...out.map((t) => t.replace(/\+/g, '-').replace(/\//g, '_'))];
}

// [{name, bytes, fold}]: fold means that the text is compared without regard to case.
function needlesOf(words) {
	const needles = [], seen = new Set();
	const add = (name, bytes, fold) => {
		const key = name + (fold ? '~' : '=') + bytes.toString('hex');
		if (!seen.has(key))
			seen.add(key) && needles.push({ name, bytes, fold });
	};
	for (const [name, value] of Object.entries(words)) {
		const binary = Buffer.isBuffer(value), forms = binary ? [value] : [...new Set([value, value.toLowerCase(), value.toUpperCase()])].map((t) => Buffer.from(t));
		if (!binary) {
			add(name, Buffer.from(value.toLowerCase()), true);
			add(name + ' (UTF-16)', Buffer.from(value, 'utf16le'), false);
			add(name + ' (percent)', Buffer.from(encodeURIComponent(value).toLowerCase()), true);
		} else {
			add(name, value, false);
		}
		for (const form of forms) {
			add(name + ' (hex)', Buffer.from(form.toString('hex')), true);
			for (const text of base64Of(form))
				add(name + ' (base64)', Buffer.from(text), false);
		}
	}
	return needles;
}

function fold(bytes) {
	const out = Buffer.from(bytes);
	for (let i = 0; i < out.length; i++)
		if (out[i] >= 65 && out[i] <= 90)
			out[i] += 32;
	return out;
}

function plainHits(bytes, needles, where) {
	const folded = fold(bytes), hits = [];
	for (const n of needles) {
		const at = (n.fold ? folded : bytes).indexOf(n.bytes);
		if (at >= 0)
			hits.push({ what: n.name, where, at });
	}
	return hits;
}

const tolerant = { finishFlush: zlib.constants.Z_SYNC_FLUSH, maxOutputLength: 64 << 20 };

function inflated(bytes, at, how) {
	try {
		return how(bytes.subarray(at, at + (32 << 20)), tolerant);
	} catch (e) {
		return null;
	}
}

// Where the compressed bytes of a gzip member begin (RFC 1952 section 2.3).
function gzipBody(bytes, at) {
	const flags = bytes[at + 3];
	let p = at + 10;
	if (flags & 4)
		p += 2 + (p + 2 <= bytes.length ? bytes.readUInt16LE(p) : 0);
	for (const flag of [8, 16])
		if (flags & flag)
			p = bytes.indexOf(0, p) + 1 || bytes.length;
	return p + (flags & 2 ? 2 : 0);
}

// Whatever can be inflated from some place on.
function* streamsIn(bytes) {
	for (let at = bytes.indexOf(Buffer.from([0x1f, 0x8b, 8])); at >= 0; at = bytes.indexOf(Buffer.from([0x1f, 0x8b, 8]), at + 1))
		yield ['gzip', at, inflated(bytes, gzipBody(bytes, at), zlib.inflateRawSync)];
	for (let at = bytes.indexOf(0x78); at >= 0; at = bytes.indexOf(0x78, at + 1))
		if ([0x01, 0x5e, 0x9c, 0xda].includes(bytes[at + 1]))
			yield ['zlib', at, inflated(bytes, at, zlib.inflateSync)];
	for (let at = bytes.indexOf('PK\x03\x04', 0, 'latin1'); at >= 0; at = bytes.indexOf('PK\x03\x04', at + 1, 'latin1'))
		if (at + 30 < bytes.length && bytes.readUInt16LE(at + 8) === 8)
			yield ['zip', at, inflated(bytes, at + 30 + bytes.readUInt16LE(at + 26) + bytes.readUInt16LE(at + 28), zlib.inflateRawSync)];
}

function hitsIn(bytes, needles, where, depth = 2) {
	const hits = plainHits(bytes, needles, where);
	if (depth > 0)
		for (const [kind, at, inner] of streamsIn(bytes))
			if (inner && inner.length >= 4)
				hits.push(...hitsIn(inner, needles, `${where}, ${kind} at ${at}`, depth - 1));
	return hits;
}

// All regular files below dir; skip(relative path) leaves one out.  File names are looked at too.
function hitsBelow(dir, needles, skip = () => false) {
	const hits = [], counted = { files: 0, bytes: 0 };
	for (const entry of fs.readdirSync(dir, { recursive: true, withFileTypes: true })) {
		const file = path.join(entry.parentPath || entry.path, entry.name), name = path.relative(dir, file);
		if (skip(name))
			continue;
		hits.push(...plainHits(Buffer.from(name), needles, 'the name ' + name));
		if (!entry.isFile())
			continue;
		const bytes = fs.readFileSync(file);
		counted.files++;
		counted.bytes += bytes.length;
		hits.push(...hitsIn(bytes, needles, name));
	}
	return { hits, ...counted };
}

// The writable memory of a process.
function* memoryOf(pid) {
	const fd = fs.openSync(`/proc/${pid}/mem`, 'r');
	try {
		for (const line of fs.readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
			const m = /^([0-9a-f]+)-([0-9a-f]+) (rw..) \S+ \S+ \S+\s*(.*)$/.exec(line);
			if (!m)
				continue;
			const from = parseInt(m[1], 16), bytes = Buffer.alloc(parseInt(m[2], 16) - from);
			let n = 0;
			try {
				while (n < bytes.length) {
					const got = fs.readSync(fd, bytes, n, Math.min(1 << 20, bytes.length - n), from + n);
					if (got <= 0)
						break;
					n += got;
				}
			} catch (e) {
				if (e.code !== 'EIO' && e.code !== 'EFAULT')
					throw e;
			}
			yield { name: m[4] || 'anonymous', from, bytes: bytes.subarray(0, n) };
		}
	} finally {
		fs.closeSync(fd);
	}
}

// Like plainHits, with something of what stands around it.
function hitsInMemory(pid, needles) {
	const hits = [];
	let size = 0;
	for (const area of memoryOf(pid)) {
		size += area.bytes.length;
		const folded = fold(area.bytes);
		for (const n of needles) {
			const where = n.fold ? folded : area.bytes;
			for (let at = where.indexOf(n.bytes); at >= 0; at = where.indexOf(n.bytes, at + 1)) {
				const around = area.bytes.subarray(Math.max(0, at - 96), at + n.bytes.length + 96).toString('latin1').replace(/[^ -~]/g, '.');
				hits.push({ what: n.name, where: `${area.name} ${(area.from + at).toString(16)}`, around });
			}
		}
	}
	return { hits, size };
}

module.exports = { needlesOf, hitsIn, hitsBelow, hitsInMemory };
