// Reads a caught mail the way a mail program does: folded headers, encoded words, multipart, quoted-printable and base64.
//   mail.js link FILE     the one https link that stands on a line of its own in the text part
//   mail.js text FILE     the text part;  html: the HTML part;  headers: JSON
'use strict';
const fs = require('fs');

function words(value) {
	return value.replace(/\?=\s+=\?/g, '?==?').replace(/=\?([^?]+)\?([bBqQ])\?([^?]*)\?=/g, (_, charset, how, text) => {
		const bytes = /b/i.test(how) ? Buffer.from(text, 'base64')
			: Buffer.from(text.replace(/_/g, ' ').replace(/=([0-9A-Fa-f]{2})/g, (__, h) => String.fromCharCode(parseInt(h, 16))), 'latin1');
		return bytes.toString(/8859-1/.test(charset) ? 'latin1' : 'utf8');
	});
}

function split(bytes) {
	const text = bytes.toString('latin1');
	const at = text.indexOf('\r\n\r\n');
	if (at < 0)
		throw new Error('no empty line after the headers (or bare LF)');
	const headers = [];
	for (const line of text.slice(0, at).split('\r\n')) {
		if (/^[ \t]/.test(line)) {
			headers[headers.length - 1].value += line;
		} else {
			const m = /^([!-9;-~]+):(.*)$/.exec(line);
			if (!m)
				throw new Error('not a header line: ' + line);
			headers.push({ name: m[1].toLowerCase(), value: m[2].trim() });
		}
	}
	for (const h of headers)
		h.value = words(Buffer.from(h.value, 'latin1').toString('utf8'));
	return { headers, body: text.slice(at + 4) };
}

function get(headers, name) {
	const found = headers.filter((h) => h.name === name);
	if (found.length > 1)
		throw new Error('twice: ' + name);
	return found.length ? found[0].value : '';
}

function decode(body, how) {
	if (/base64/i.test(how))
		return Buffer.from(body, 'base64').toString('utf8');
	if (/quoted-printable/i.test(how))
		return Buffer.from(body.replace(/[ \t]+\r\n/g, '\r\n').replace(/=\r\n/g, '')
			.replace(/=([0-9A-Fa-f]{2})/g, (_, h) => String.fromCharCode(parseInt(h, 16))), 'latin1').toString('utf8');
	return Buffer.from(body, 'latin1').toString('utf8');
}

function leaves(headers, body, out) {
	const type = get(headers, 'content-type') || 'text/plain';
	const boundary = /boundary="?([^";]+)"?/i.exec(type);
	if (!/^multipart\//i.test(type) || !boundary) {
		out.push({ type: type.split(';')[0].trim().toLowerCase(), body: decode(body, get(headers, 'content-transfer-encoding')) });
		return out;
	}
	const parts = ('\r\n' + body).split('\r\n--' + boundary[1]);
	for (const part of parts.slice(1)) {
		if (part.startsWith('--'))
			break;
		const inner = split(Buffer.from(part.replace(/^[ \t]*\r\n/, ''), 'latin1'));
		leaves(inner.headers, inner.body, out);
	}
	return out;
}

function parse(bytes) {
	if (/[^\r]\n|\r[^\n]/.test(bytes.toString('latin1')))
		throw new Error('a bare CR or LF');
	const top = split(bytes);
	const parts = leaves(top.headers, top.body, []);
	const text = (parts.find((p) => p.type === 'text/plain') || { body: '' }).body;
	const html = (parts.find((p) => p.type === 'text/html') || { body: '' }).body;
	const links = text.split(/\r?\n/).filter((l) => /^https:\/\/\S+\/(?:l|password)\/[A-Za-z2-7]+$/.test(l));
	return { headers: top.headers, get: (name) => get(top.headers, name), parts, text, html, links };
}

module.exports = { parse };

if (require.main === module) {
	const mail = parse(fs.readFileSync(process.argv[3]));
	switch (process.argv[2]) {
	case 'link':
		if (mail.links.length !== 1)
			throw new Error(mail.links.length + ' links in ' + process.argv[3]);
		console.log(mail.links[0]);
		break;
	case 'headers':
		console.log(JSON.stringify(mail.headers));
		break;
	default:
		process.stdout.write(process.argv[2] === 'html' ? mail.html : mail.text);
	}
}
