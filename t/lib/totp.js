// Codes of a second factor (RFC 6238) as an app makes them, and the text of a QR code as a telephone reads it.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');

function totp(secret, ahead = 0, now = Date.now()) {
	let bits = '';
	for (const c of secret)
		bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0');
	const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
	const step = Buffer.alloc(8);
	step.writeBigUInt64BE(BigInt(Math.floor(now / 30000) + ahead));
	const mac = crypto.createHmac('sha1', key).update(step).digest();
	return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1000000).padStart(6, '0');
}

// Draws the page's SVG (one path of runs) as a picture and has zbar read it.
function qrText(html) {
	const svg = /<svg class="qr" viewBox="0 0 (\d+) \d+"[^]*?<path fill="#000" d="([^"]*)"/.exec(html);
	const side = Number(svg[1]), scale = 6;
	const dark = new Set();
	for (const m of svg[2].matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g))
		for (let x = 0; x < Number(m[3]); x++)
			dark.add(`${Number(m[1]) + x},${m[2]}`);
	const pixels = Buffer.alloc(side * scale * side * scale, 255);
	for (let y = 0; y < side * scale; y++)
		for (let x = 0; x < side * scale; x++)
			if (dark.has(`${Math.floor(x / scale)},${Math.floor(y / scale)}`))
				pixels[y * side * scale + x] = 0;
	const file = path.join(process.env.TMP, 'qr.pgm');
	fs.writeFileSync(file, Buffer.concat([Buffer.from(`P5 ${side * scale} ${side * scale} 255\n`), pixels]));
	return execFileSync('zbarimg', ['-q', '--raw', file], { encoding: 'utf8' }).trim();
}

module.exports = { totp, qrText };
