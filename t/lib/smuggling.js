// Forms of HTTP/1 requests on which two parsers might disagree, and their well-formed twins: each a deposit with a valid token.
'use strict';

// host: for Host and :authority; token: a good one.  forms: name: [bytes, statuses that refuse it]; twins: name: [bytes, statuses].
function corpus(host, token) {
	let subject = 0;
	const letter = () => `{"to":["a@example.org"],"subject":"S${++subject}"}`;

	// A whole deposit; `head` is what the form puts between the fields, in place of the length when it says so.
	const post = ({ line = 'POST /api/v1/letters HTTP/1.1', hosts = [`Host: ${host}`], length = true, fields = [], body = letter(), eol = '\r\n' } = {}) =>
		[line, ...hosts, `Authorization: Bearer ${token}`, 'Content-Type: application/json',
			...(length === true ? [`Content-Length: ${Buffer.byteLength(body)}`] : length), ...fields].join(eol) + eol + eol + body;
	const smuggled = () => post();
	const chunked = (body) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
	const n = () => Buffer.byteLength(letter());

	// name: [bytes of the request, statuses that refuse it]
	const hidden = smuggled();
	const forms = {
		'Content-Length and Transfer-Encoding': [post({ fields: ['Transfer-Encoding: chunked'], length: ['Content-Length: 4'], body: chunked(letter()) }), [400, 411]],
		'Transfer-Encoding and Content-Length': [post({ length: ['Transfer-Encoding: chunked', `Content-Length: ${n()}`], body: `0\r\n\r\n${hidden}` }), [400, 411]],
		'Transfer-Encoding alone': [post({ length: ['Transfer-Encoding: chunked'], body: chunked(letter()) }), [400, 411]],
		'Transfer-Encoding: xchunked': [post({ length: ['Transfer-Encoding: xchunked'], body: chunked(letter()) }), [400, 411]],
		'Transfer-Encoding: identity': [post({ fields: ['Transfer-Encoding: identity'] }), [400, 411]],
		'Transfer-Encoding: empty': [post({ fields: ['Transfer-Encoding:'] }), [400, 411]],
		'Transfer-Encoding with a tab': [post({ fields: ['Transfer-Encoding:\tchunked'] }), [400, 411]],
		'Transfer-Encoding in capitals': [post({ fields: ['TRANSFER-ENCODING: CHUNKED'] }), [400, 411]],
		'Transfer-Encoding, two': [post({ length: ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], body: chunked(letter()) }), [400, 411]],
		'a chunk extension': [post({ length: ['Transfer-Encoding: chunked'], body: `0;x=\n\r\n\r\n${hidden}` }), [400, 411]],
		'two Content-Length that differ': [post({ fields: ['Content-Length: 4'] }), [400]],
		'two Content-Length that agree': [(() => { const b = letter(); return post({ body: b, fields: [`Content-Length: ${b.length}`] }); })(), [400]],
		'Content-Length with a list': [post({ length: [`Content-Length: ${n()}, ${n()}`] }), [400]],
		'Content-Length with a sign': [post({ length: [`Content-Length: +${n()}`] }), [400]],
		'Content-Length below zero': [post({ length: ['Content-Length: -1'] }), [400]],
		'Content-Length in hexadecimal': [post({ length: ['Content-Length: 0x20'] }), [400]],
		'Content-Length empty': [post({ length: ['Content-Length: '] }), [400]],
		'Content-Length with a blank inside': [post({ length: ['Content-Length: 3 4'] }), [400]],
		'Content-Length beyond 64 bits': [post({ length: ['Content-Length: 18446744073709551617'] }), [400, 413]],
		'Content-Length in quotes': [post({ length: [`Content-Length: "${n()}"`] }), [400]],
		'Content-Length in Arabic digits': [post({ length: ['Content-Length: \u0663\u0664'] }), [400]],
		'a blank before the colon': [post({ length: [`Content-Length : ${n()}`] }), [400]],
		'a tab before the colon': [post({ length: [`Content-Length\t: ${n()}`] }), [400]],
		'a blank before the name': [post({ fields: [' X: y'] }), [400]],
		'a folded field': [post({ fields: ['X: y', ' z'] }), [400]],
		'a folded field, tab': [post({ fields: ['X: y', '\tz'] }), [400]],
		'a field without colon': [post({ fields: ['X'] }), [400]],
		'a field without name': [post({ fields: [': x'] }), [400]],
		'NUL in a value': [post({ fields: ['X: a\0b'] }), [400]],
		'NUL in a name': [post({ fields: ['X\0: a'] }), [400]],
		'a control character in a value': [post({ fields: ['X: a\x01b'] }), [400]],
		'a separator in a name': [post({ fields: ['X(y): a'] }), [400]],
		'bad UTF-8 in a value': [Buffer.from(post({ fields: ['X: a\xffb'] }), 'latin1'), [400]],
		'bare CR in a value': [post({ fields: ['X: a\rTransfer-Encoding: chunked'] }), [400]],
		'bare LF between fields': [post({ fields: ['X: a\nY: b'] }), [400]],
		'bare LF after the request line': [post().replace('\r\n', '\n'), [400]],
		'bare LF everywhere': [post({ eol: '\n' }), [400]],
		'bare LF as the empty line': [post().replace('\r\n\r\n', '\r\n\n'), [400]],
		'bare CR as line end': [post({ eol: '\r' }), [400, 408]],
		'no Host': [post({ hosts: [] }), [400]],
		'two Host': [post({ hosts: [`Host: ${host}`, 'Host: evil.example'] }), [400]],
		'the same Host twice': [post({ hosts: [`Host: ${host}`, `Host: ${host}`] }), [400]],
		'an empty Host': [post({ hosts: ['Host:'] }), [400, 421]],
		'another Host': [post({ hosts: ['Host: evil.example'] }), [421]],
		'Host with a user': [post({ hosts: [`Host: x@${host}`] }), [400, 421]],
		'Host with a path': [post({ hosts: [`Host: ${host}/x`] }), [400, 421]],
		'absolute form of another host': [post({ line: 'POST https://evil.example/api/v1/letters HTTP/1.1' }), [400, 421]],
		'no version': [post({ line: 'POST /api/v1/letters' }), [400, 505]],
		'HTTP/0.9': [post({ line: 'POST /api/v1/letters HTTP/0.9' }), [400, 505]],
		'HTTP/1.2': [post({ line: 'POST /api/v1/letters HTTP/1.2' }), [400, 505]],
		'HTTP/2.0': [post({ line: 'POST /api/v1/letters HTTP/2.0' }), [400, 505]],
		'HTTP/1.10': [post({ line: 'POST /api/v1/letters HTTP/1.10' }), [400, 505]],
		'http/1.1': [post({ line: 'POST /api/v1/letters http/1.1' }), [400, 505]],
		'two blanks in the request line': [post({ line: 'POST  /api/v1/letters HTTP/1.1' }), [400]],
		'a tab in the request line': [post({ line: 'POST\t/api/v1/letters HTTP/1.1' }), [400]],
		'a blank at the end of the request line': [post({ line: 'POST /api/v1/letters HTTP/1.1 ' }), [400, 505]],
		'a blank before the method': [post({ line: ' POST /api/v1/letters HTTP/1.1' }), [400]],
		'an empty line before': ['\r\n' + post(), [400]],
		'a NUL in the target': [post({ line: 'POST /api/v1/letters\0 HTTP/1.1' }), [400]],
		'bytes above 127 in the target': [post({ line: 'POST /api/v1/letters\u00e9 HTTP/1.1' }), [400, 404]],
		'dot segments': [post({ line: 'POST /api/v1/x/../letters HTTP/1.1' }), [400]],
		'encoded dot segments': [post({ line: 'POST /api/v1/x/%2e%2e/letters HTTP/1.1' }), [400]],
		'a fragment in the target': [post({ line: 'POST /api/v1/letters#x HTTP/1.1' }), [400, 404]],
		'an unknown method': [post({ line: 'POSTS /api/v1/letters HTTP/1.1' }), [400, 405, 501]],
		'CONNECT': [post({ line: `CONNECT ${host} HTTP/1.1` }), [400, 405, 501]],
		'an unknown Expect': [post({ fields: ['Expect: 200-maybe'] }), [417]],
		'the preface of HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + hidden, [400, 505]],
	};

	const twins = {
		'a plain deposit': [post(), [201]],
		'fields in another case': [post().replace('Content-Length', 'cOnTeNt-LeNgTh'), [201]],
		'no blank after the colon': [post({ fields: ['X:y'] }), [201]],
		'blanks around a value': [post({ fields: ['X: \t y \t'] }), [201]],
		'UTF-8 in a value': [post({ fields: ['X: \u00e9'] }), [201]],
		'an empty field': [post({ fields: ['X:'] }), [201]],
		'absolute form of this host': [post({ line: `POST https://${host}/api/v1/letters HTTP/1.1` }), [201]],
		'HTTP/1.0': [post({ line: 'POST /api/v1/letters HTTP/1.0' }), [201]],
		'Host without port': [post({ hosts: ['Host: localhost'] }), [201]],
		'Expect: 100-continue': [post({ fields: ['Expect: 100-continue'] }), [100, 201]],
		'a query': [post({ line: 'GET /api/v1/letters?limit=1 HTTP/1.1', length: [], body: '' }), [200]],
		'two in a row': [post() + post(), [201, 201]],
		'three in a row': [post() + post({ line: 'GET /readyz HTTP/1.1', length: [], body: '' }) + post(), [201, 200, 201]],
		// A GET takes no body; it is read away all the same, and what follows it is understood.
		'three in a row, the second a GET with a body': [post() + post({ line: 'GET /readyz HTTP/1.1' }) + post(), [201, 413, 201]],
		'an offer to upgrade': [post({ fields: ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'] }), [201]],
		'names that look like others': [post({ fields: ['Transfer_Encoding: chunked', 'X-Transfer-Encoding: chunked', 'Content-Length2: 4'] }), [201]],
		'a deposit and its last word': [post({ fields: ['Connection: close'] }), [201]],
	};
	return { post, smuggled, forms, twins };
}

// The statuses of all answers in what came.
const answers = (text) => [...text.matchAll(/HTTP\/1\.1 (\d{3})[ \r]/g)].map((m) => Number(m[1]));

module.exports = { corpus, answers };
