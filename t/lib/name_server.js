// A DNS server on port 53 of one loopback address, for root in tests: TXT, A and MX records of the names it is given, NXDOMAIN for the rest.
'use strict';
const dgram = require('dgram');

const TYPE = { A: 1, MX: 15, TXT: 16 };

function question(q) {
	const labels = [];
	let at = 12;
	while (q[at]) {
		labels.push(q.toString('latin1', at + 1, at + 1 + q[at]));
		at += 1 + q[at];
	}
	return { name: labels.join('.').toLowerCase(), type: q.readUInt16BE(at + 1), end: at + 5 };
}

function data(type, value) {
	if (type === TYPE.A)
		return Buffer.from(value.split('.').map(Number));
	if (type === TYPE.MX)
		return Buffer.concat([Buffer.from([0, 10]), ...value.split('.').map((l) => Buffer.concat([Buffer.from([l.length]), Buffer.from(l)])), Buffer.from([0])]);
	return Buffer.concat(value.match(/.{1,200}/g).map((t) => Buffer.concat([Buffer.from([t.length]), Buffer.from(t)])));
}

// The tables are read at each question: whoever holds them may change them. `asked` counts the questions.
function nameServer(host, { txt = {}, a = {}, mx = {} }) {
	return new Promise((done, fail) => {
		const s = dgram.createSocket('udp4');
		s.asked = 0;
		s.on('message', (q, from) => {
			const { name, type, end } = question(q);
			const value = type === TYPE.TXT ? txt[name] : type === TYPE.A ? a[name] : type === TYPE.MX ? mx[name] : undefined;
			const known = txt[name] !== undefined || a[name] !== undefined || mx[name] !== undefined;
			const parts = [Buffer.from([q[0], q[1], 0x81, known ? 0x80 : 0x83, 0, 1, 0, value ? 1 : 0, 0, 0, 0, 0]), q.subarray(12, end)];
			s.asked++;
			if (value) {
				const d = data(type, value);
				parts.push(Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, d.length >> 8, d.length & 255]), d);
			}
			s.send(Buffer.concat(parts), from.port, from.address);
		});
		s.on('error', fail);
		s.bind(53, host, () => done(s));
	});
}

module.exports = { nameServer };
