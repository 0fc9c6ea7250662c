#!/usr/bin/env node
// Goal: every page and every answer keeps what is promised of all of them.  Colours: each pair of text and ground that the style
// sheet makes, light and dark, has at least 4.5:1, computed from the file.  Weight: a landing page under 30 KB, the sheet within
// 12 KB as sent.  Headers: every answer, refusals below routing included, carries all security headers; HSTS for real names
// alone.  Structure: language, one heading, landmarks, a label for each control, nothing inline.  axe-core finds nothing on any
// page, in both languages and themes, on a phone and a desktop.  A text browser reads and opens a letter.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');
const { Instance, check, same, until, together, main, TMP } = require('./lib/pli.js');
const browser = require('./lib/browser.js');
const { collect, show, LANGS } = require('./lib/pages.js');

const ROOT = path.join(__dirname, '..');
const SHEET = fs.readFileSync(path.join(ROOT, 'web/assets/pli.css'), 'utf8');

// ---- colours ----

// Relative luminance and contrast, WCAG 2.2.
function channels(hex) {
	const h = hex.length === 4 ? hex.replace(/[0-9a-f]/gi, '$&$&') : hex;
	return [1, 3, 5].map((k) => parseInt(h.slice(k, k + 2), 16));
}

function luminance(rgb) {
	const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
	const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
	return (x + 0.05) / (y + 0.05);
}

// {selectors, media, declarations} of a sheet without nested rules other than @media.
function rules(css) {
	const out = [];
	let media = '';
	for (const m of css.replace(/\/\*[^]*?\*\//g, '').matchAll(/(@media[^{]*)\{|([^{}@]+)\{([^{}]*)\}|(\})/g)) {
		if (m[1])
			media = m[1].trim();
		else if (m[4])
			media = '';
		else
			out.push({ selectors: m[2].trim(), media, declarations: Object.fromEntries(m[3].split(';').filter((d) => d.includes(':'))
				.map((d) => [d.slice(0, d.indexOf(':')).trim(), d.slice(d.indexOf(':') + 1).trim()])) });
	}
	return out;
}

function tokens(all, media) {
	const out = {};
	for (const r of all.filter((x) => x.selectors === ':root' && x.media === media))
		for (const [k, v] of Object.entries(r.declarations))
			if (k.startsWith('--') && v.startsWith('#'))
				out[k.slice(2)] = channels(v);
	return out;
}

const DARK = '@media (prefers-color-scheme: dark)', PRINT = '@media print';
const GROUNDS = ['paper', 'card'];	/* of body and of .card: what text may stand on when its rule says nothing */

// Pairs [text, ground, least] that the rules make: a text colour on the ground of its own rule, else on paper and card.
function pairs(all) {
	const token = (v) => (/^var\(--([a-z-]+)\)$/.exec(v || '') || [])[1];
	const out = [];
	for (const { declarations: d } of all) {
		const ground = token(d.background), text = token(d.color);
		if (text)
			for (const g of ground ? [ground] : GROUNDS)
				out.push([text, g, 4.5]);
		else if (ground)
			for (const t of ['ink', 'quiet'])
				out.push([t, ground, 4.5]);
		const line = /var\(--(focus|wax|quiet)\)/.exec(d.outline || d.border || '');
		if (line)
			for (const g of GROUNDS)
				out.push([line[1], g, 3]);
	}
	out.push(['on-wax', 'wax', 4.5]);
	return [...new Map(out.map((p) => [p.join(' '), p])).values()];
}

function faults(css) {
	const all = rules(css), light = tokens(all, ''), found = [];
	const themes = { light, dark: { ...light, ...tokens(all, DARK) }, print: { ...light, ...tokens(all, PRINT) } };
	for (const r of all)
		for (const [k, v] of Object.entries(r.declarations))
			if (!k.startsWith('--') && /#[0-9a-f]{3,8}\b|\brgb|\bhsl|\b(white|black)\b/i.test(v))
				found.push(`${r.selectors}: ${k}: ${v} is a colour outside the tokens`);
	for (const [name, theme] of Object.entries(themes))
		for (const [text, ground, least] of pairs(all)) {
			if (name === 'print' && text === 'on-wax')
				continue;	/* buttons are not printed */
			if (!theme[text] || !theme[ground])
				found.push(`${name}: no colour ${text} or ${ground}`);
			else if (contrast(theme[text], theme[ground]) < least)
				found.push(`${name}: ${text} on ${ground}: ${contrast(theme[text], theme[ground]).toFixed(2)}:1`);
		}
	for (const name of ['light', 'dark']) {
		const bright = (rgb) => rgb.map((c) => Math.min(255, c * 1.08));	/* a button under the pointer */
		if (contrast(bright(themes[name]['on-wax']), bright(themes[name].wax)) < 4.5)
			found.push(`${name}: on-wax on wax under the pointer`);
	}
	return found;
}

function colours() {
	check(pairs(rules(SHEET)).length >= 14, 'pairs of colours are found in the sheet', pairs(rules(SHEET)));
	same(faults(SHEET), [], 'every pair of text and ground has 4.5:1');
	const spoilt = { '--quiet: #5d5852': '--quiet: #8d8882', '--quiet: #a9a299': '--quiet: #6b665f', '--on-wax: #2a0d06': '--on-wax: #ffffff', '--bad: #a3231f': '--bad: #e0625d',
		'--card: #ffffff': '--card: #909090', '.quiet { color: var(--quiet)': '.quiet { color: #999', '--wait: #e0b35a': '--wait: #7a5a10', '--focus: #1b5fc1': '--focus: #cfe0f8' };
	for (const [from, to] of Object.entries(spoilt)) {
		check(SHEET.includes(from), 'the sheet has ' + from);
		check(faults(SHEET.replace(from, to)).length > 0, `${to} would be noticed`);
	}
}

// ---- headers ----

const OFF = ['accelerometer', 'autoplay', 'camera', 'display-capture', 'encrypted-media', 'fullscreen', 'geolocation', 'gyroscope', 'magnetometer', 'microphone', 'midi',
	'payment', 'publickey-credentials-get', 'screen-wake-lock', 'usb', 'xr-spatial-tracking'];
const WANTED = {
	'content-security-policy': 'default-src \'none\'; script-src \'self\'; style-src \'self\'; img-src \'self\'; connect-src \'self\'; font-src \'self\'; ' +
		'form-action \'self\'; base-uri \'none\'; frame-ancestors \'none\'; require-trusted-types-for \'script\'',
	'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cross-origin-opener-policy': 'same-origin',
	'cross-origin-embedder-policy': 'require-corp', 'cross-origin-resource-policy': 'same-origin',
};

// all: [[name, value]…] of one answer, as they came.
function headersOf(all, what, { hsts = false, cached = false } = {}) {
	const count = {}, h = {};
	for (const [k, v] of all) {
		count[k.toLowerCase()] = (count[k.toLowerCase()] || 0) + 1;
		h[k.toLowerCase()] = v;
	}
	for (const [k, v] of Object.entries(WANTED))
		same([h[k], count[k]], [v, 1], `${what}: ${k}`);
	same((h['permissions-policy'] || '').split(', ').sort(), OFF.map((f) => f + '=()'), `${what}: permissions-policy`);
	same([h['cache-control'], count['cache-control']], [cached ? 'public, max-age=31536000, immutable' : 'no-store', 1], `${what}: cache-control`);
	same(h['strict-transport-security'], hsts ? 'max-age=63072000; includeSubDomains' : undefined, `${what}: strict-transport-security`);
	for (const k of ['server', 'x-powered-by', 'access-control-allow-origin'])
		same(h[k], undefined, `${what}: ${k}`);
	if (h['set-cookie'])
		check(/^__Host-(?:r[0-9a-f]{8}|[a-z]+)=[\w-]+; (?=.*\bSecure\b)(?=.*\bHttpOnly\b)(?=.*SameSite=Strict)(?=.*Path=\/(;|$))(?!.*Domain)/.test(h['set-cookie']), `${what}: set-cookie`, h['set-cookie']);
}

function rawHeaders(text) {
	const [first, ...lines] = text.split('\r\n\r\n')[0].split('\r\n');
	return { status: Number(first.split(' ')[1]), all: lines.map((l) => [l.slice(0, l.indexOf(':')), l.slice(l.indexOf(':') + 1).trim()]) };
}

async function everyAnswer(i, token, cookies) {
	const { link, cookie } = cookies.plain, Cookie = cookie, host = `Host: localhost:${i.port}\r\n`;
	const asset = /<link rel="stylesheet" href="([^"]+)"/.exec((await i.request('GET', '/about')).text)[1];
	const etag = (await i.request('GET', asset)).headers.etag, file = link + '/files/1';
	const fileTag = (await i.request('GET', file, { headers: { Cookie } })).headers.etag;
	const key = await i.form(link);
	const json = { 'Content-Type': 'application/json' }, form = { 'Content-Type': 'application/x-www-form-urlencoded' };
	const seen = new Set();
	const ask = async (wanted, method, target, options = {}, cached = false) => {
		const a = await i.request(method, target, { agent: false, ...options });
		same(a.status, wanted, `${method} ${target.slice(0, 60)}: status`);
		headersOf(Object.entries(a.headers).map(([k, v]) => [k, Array.isArray(v) ? v[0] : v]), `${method} ${target.slice(0, 60)} (${a.status})`, { cached });
		seen.add(a.status);
	};
	const raw = async (wanted, what, text) => {
		const got = rawHeaders((await i.raw(text)).text);
		same(got.status, wanted, `${what}: status`);
		headersOf(got.all, `${what} (${got.status})`);
		seen.add(got.status);
	};

	for (const method of ['GET', 'HEAD']) {
		for (const target of ['/sign-in', '/about', '/robots.txt', '/healthz', '/readyz', '/ca.pem', '/.well-known/security.txt', '/.well-known/pli/root.pem', link])
			await ask(200, method, target);
		await ask(200, method, asset, {}, true);
		await ask(200, method, link + '/letter', { headers: { Cookie } });
		for (const target of [file, link + '/files.zip', link + '/proof'])
			await ask(200, method, target, { headers: { Cookie } });
		await ask(303, method, link + '/letter');
		await ask(404, method, '/nowhere');
		await ask(404, method, '/assets/none.css');
		await ask(404, method, '/l/' + 'b'.repeat(52));
		await ask(405, method, link + '/open');
		await ask(200, method, '/api/v1/letters', { token });
		await ask(401, method, '/api/v1/letters');
		await ask(404, method, '/api/v1/nothing', { token });
	}
	await ask(200, 'GET', '/api/v1/journal', { token, headers: { Accept: 'text/csv' } });
	await ask(206, 'GET', file, { headers: { Cookie, Range: 'bytes=0-0' } });
	await ask(304, 'GET', file, { headers: { Cookie, 'If-None-Match': fileTag } });
	await ask(304, 'GET', asset, { headers: { 'If-None-Match': etag } }, true);
	await ask(416, 'GET', file, { headers: { Cookie, Range: 'bytes=99999-' } });
	await ask(303, 'POST', link + '/open', { headers: form, body: 'form=' + key });
	await ask(403, 'POST', link + '/open', { headers: form, body: 'form=x' });
	await ask(403, 'POST', link + '/open', { headers: { ...form, Origin: 'https://evil.example' }, body: 'form=' + key });
	await ask(422, 'POST', link + '/open', { headers: form, body: 'strange=1' });
	await ask(400, 'POST', link + '/open', { headers: form, body: 'form=%' });
	await ask(413, 'POST', link + '/open', { headers: form, body: 'form=' + 'x'.repeat(70000) });
	await ask(415, 'POST', link + '/open', { headers: json, body: '{}' });
	await ask(405, 'DELETE', '/about');
	await ask(201, 'POST', '/api/v1/letters', { token, headers: json, body: '{"to":["z@example.org"],"subject":"S"}' });
	await ask(400, 'POST', '/api/v1/letters', { token, headers: json, body: '{' });
	await ask(401, 'POST', '/api/v1/letters', { headers: json, body: '{}' });
	await ask(405, 'PUT', '/api/v1/letters', { token, headers: json, body: '{}' });
	await ask(413, 'POST', '/api/v1/letters', { token, headers: json, body: ' '.repeat((2 << 20) + 9) });
	await ask(415, 'POST', '/api/v1/letters', { token, headers: { 'Content-Type': 'text/plain' }, body: 'x' });
	await ask(422, 'POST', '/api/v1/letters', { token, headers: json, body: '{"to":["z@example.org"]}' });
	await ask(404, 'GET', '/api/v1/letters/' + '0'.repeat(32), { token });
	await ask(204, 'OPTIONS', '/api/v1/uploads');
	await ask(201, 'POST', '/api/v1/uploads', { token, headers: { 'Tus-Resumable': '1.0.0', 'Upload-Length': '5' } });
	for (const target of ['/', '/api/v1/letters']) {
		await raw(421, target + ', an unknown Host', `GET ${target} HTTP/1.1\r\nHost: evil.example\r\n\r\n`);
		await raw(400, target + ', two Hosts', `GET ${target} HTTP/1.1\r\n${host}${host}\r\n`);
		await raw(400, target + ', a blank before the colon', `GET ${target} HTTP/1.1\r\n${host}X : y\r\n\r\n`);
		await raw(411, target + ', Transfer-Encoding', `POST ${target} HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`);
		await raw(431, target + ', a long head', `GET ${target} HTTP/1.1\r\n${host}X: ${'x'.repeat(30000)}\r\n\r\n`);
	}
	await raw(400, 'dot segments', `GET /about/../about HTTP/1.1\r\n${host}\r\n`);
	await raw(400, 'no HTTP at all', 'hello\r\n\r\n');
	for (const status of [200, 201, 204, 206, 303, 304, 400, 401, 403, 404, 405, 411, 413, 415, 416, 421, 422, 431])
		check(seen.has(status), `an answer with ${status} was looked at`);
}

// HSTS: for a real name, on pages, API, refusals and faults; not for an address.
async function strictTransport() {
	for (const [name, hsts] of [['pli.example.org', true], ['127.0.0.1', false]]) {
		const i = new Instance('host-' + name).make();
		const file = path.join(i.dir, 'pli.conf'), conf = fs.readFileSync(file, 'utf8');
		check(/^host = localhost$/m.test(conf), 'the name stands in pli.conf', conf.slice(0, 300));
		fs.writeFileSync(file, conf.replace(/^host = localhost$/m, 'host = ' + name));
		await i.serve();
		const Host = `${name}:${i.port}`;
		for (const target of ['/about', '/nowhere', '/api/v1/letters', '/assets/none'])
			headersOf(Object.entries((await i.request('GET', target, { headers: { Host } })).headers), `${name}: ${target}`, { hsts });
		headersOf(rawHeaders((await i.raw('GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n')).text).all, `${name}: 421`, { hsts });
		await i.stop();
	}
}

// ---- structure ----

const VOID = ['meta', 'link', 'input', 'br', 'hr', 'rect', 'path', 'circle'];

// Tags balanced, nothing inline, one h1, landmarks, language, labels.
function structure(p) {
	const what = `${p.name}, ${p.lang}`, html = p.html, open = [];
	const bad = (ok, text, detail) => check(ok, `${what}: ${text}`, detail);

	bad(/^<!doctype html>\n<html lang="(fr|en)">/.test(html), 'doctype and language', html.slice(0, 80));
	const lang = p.name === 'too-large' ? 'fr' : p.lang;	/* refused below routing: the instance's language */
	same(/<html lang="(..)"/.exec(html)[1], lang, `${what}: the language asked for`);
	same(p.headers['content-language'], lang, `${what}: Content-Language`);
	for (const [, close, name, rest] of html.replace(/<!doctype html>/, '').matchAll(/<(\/?)([a-z][a-z0-9]*)\b([^>]*)>/gi)) {
		if (close)
			bad(open.pop() === name, `</${name}> closes what is open`, open);
		else if (!VOID.includes(name))
			open.push(name);
		const attributes = [...rest.matchAll(/\s([a-z:-]+)(?:=("[^"]*"))?/gi)].map((m) => m[1]);
		bad(!/[^"\s]=[^"]/.test(rest.replace(/"[^"]*"/g, '""')), 'attributes are quoted', rest);
		bad(!attributes.some((a) => a === 'style' || /^on/i.test(a)), 'nothing inline', rest);
		same(new Set(attributes).size, attributes.length, `${what}: no attribute twice in ${rest}`);
	}
	same(open, [], `${what}: every element is closed`);
	bad(!/<(script|style|iframe|object|embed|base|img)\b/i.test(html), 'no script, style or frame of its own');
	bad(!/javascript:|http:\/\/(?!www\.w3\.org\/2000\/svg)/i.test(html.replace(/<div class="message">[^]*?<\/div>/, '')), 'no other address');
	same((html.replace(/<div class="message">[^]*?<\/div>/, '').match(/<h1[ >]/g) || []).length, 1, `${what}: one h1`);
	for (const tag of ['main', 'header class="masthead"', 'footer'])
		same(html.split('<' + tag).length, 2, `${what}: one ${tag}`);
	bad(/<title>[^<]{4,}<\/title>/.test(html), 'a title');
	bad(!/<(h1|p|dd|dt|button|a)\b[^>]*>\s*<\/\1>/.test(html), 'nothing empty', (/<(h1|p|dd|dt|button|a)\b[^>]*>\s*<\/\1>/.exec(html) || [])[0]);
	bad(!/\{\{|\}\}|%[1-9]\b/.test(html.replace(/href="[^"]*"/g, '')), 'no template left over');
	const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map((m) => m[1]);
	same(new Set(ids).size, ids.length, `${what}: ids are there once`);
	for (const [, list] of html.matchAll(/\saria-(?:labelledby|describedby)="([^"]*)"/g))
		for (const id of list.split(' '))
			bad(ids.includes(id), `aria names ${id}, which is there`);
	for (const [, rest] of html.matchAll(/<input\b([^>]*)>/g))
		if (!/type="hidden"/.test(rest)) {
			const id = /\sid="([^"]*)"/.exec(rest);
			bad(id && html.includes(`<label for="${id[1]}">`), 'each control has its label', rest);
		}
	for (const [, rest] of html.matchAll(/<form\b([^>]*)>/g))
		bad(/method="post"/.test(rest) && /action="\/(l\/[a-z2-7]+\/(open|renew)|sign-in)"/.test(rest), 'a form leads to the letter or to the sign-in alone', rest);
	if (lang === 'fr') {
		const text = html.replace(/<div class="message">[^]*?<\/div>/, '').replace(/<[^>]*>/g, ' ').replace(/&[a-z#0-9]+;/g, 'x');
		bad(!/\w [?!;»]|« |[a-zé] :/.test(text), 'blanks that do not break, before signs', (/.{20}(\w [?!;»]|« |[a-zé] :).{5}/s.exec(text) || [])[0]);
		bad(!/\b(The|This|Your|not|with)\b/.test(text.replace(/\b(Name of|New York)\b/g, '')), 'no English in a French page', (/.{0,30}\b(The|This|Your|not|with)\b.{0,30}/.exec(text) || [])[0]);
	}
}

// The other language: every page that has an address of its own has a switch, and the choice goes along.
async function switches(i, pages, cookies) {
	for (const p of pages.filter((x) => !['nothing', 'method', 'too-large'].includes(x.name))) {
		const m = /<a class="lang" href="([^"]*)" hreflang="(..)" lang="(..)">([^<]*)<\/a>/.exec(p.html), other = p.lang === 'fr' ? 'en' : 'fr';
		if (!check(m, `${p.name}, ${p.lang}: a switch of language`))
			continue;
		same(m.slice(2), [other, other, other === 'fr' ? 'Français' : 'English'], `${p.name}, ${p.lang}: what the switch says`);
		const cookie = Object.values(cookies).map((c) => c.cookie).join('; ');
		const turned = await i.request('GET', m[1], { headers: { 'Accept-Language': p.lang, Cookie: cookie } });
		same((/<html lang="(..)"/.exec(turned.text) || [])[1], other, `${p.name}, ${p.lang}: the switch`);
		// Two of the links have been replaced meanwhile.
		check(turned.status === p.status || p.path !== m[1].split('?')[0] || ['landing-password', 'locked'].includes(p.name), `${p.name}, ${p.lang}: the switch shows the same page`, turned.status);
	}

	// Chosen once, on the landing page: through the button, to the letter, to the page about the service.
	const { link } = cookies.plain, French = { 'Accept-Language': 'fr' };
	const landing = await i.request('GET', link + '?lang=en', { headers: French });
	const hidden = Object.fromEntries([...landing.text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)].map((m) => [m[1], m[2]]));
	same(hidden.lang, 'en', 'the form carries the language on');
	check(landing.text.includes('href="/about?lang=en"'), 'and so do the links');
	const opened = await i.postForm(link + '/open', hidden, French);
	same([opened.status, opened.headers.location], [303, link + '/letter?lang=en'], 'and the way to the letter');
	const wrong = await i.postForm(link + '/open', { ...hidden, form: 'x' }, French);
	same([wrong.status, (/<html lang="(..)"/.exec(wrong.text) || [])[1], /name="lang" value="en"/.test(wrong.text)], [403, 'en', true], 'and a page that asks again');
	same((await i.request('GET', link + '/letter?lang=en')).headers.location, link + '?lang=en', 'and the way back without a cookie');
	same((await i.open(link)).headers.location, link + '/letter', 'without a choice the addresses stay short');
	same((await i.postForm(link + '/open', { form: hidden.form, lang: 'xx' }, French)).headers.location, link + '/letter', 'a language that is none is no choice');
}

// ---- the browsers ----

const FORMS = [['phone, light', { ...browser.PHONE, deviceScaleFactor: 1, colorScheme: 'light' }], ['desktop, dark', { ...browser.DESKTOP, colorScheme: 'dark' }],
	['phone, dark', { ...browser.PHONE, deviceScaleFactor: 1, colorScheme: 'dark' }], ['desktop, light', { ...browser.DESKTOP, colorScheme: 'light' }]];
const DEEP = ['landing', 'landing-wrong-password', 'letter-one-file', 'locked'];	/* looked at in all four forms, the others in two */

async function accessible(i, pages) {
	const axe = fs.readFileSync(path.join(__dirname, 'node_modules/axe-core/axe.min.js'), 'utf8');
	const chrome = await browser.launch();
	try {
		await together(2, FORMS, async ([form, options]) => {
			const context = await browser.open(chrome, i, { ...options, bypassCSP: true, name: form }, ['the server responded with a status of']);
			const page = await context.newPage();
			for (const p of pages.filter((x) => /light/.test(form) === /phone/.test(form) || DEEP.includes(x.name))) {
				const what = `${p.name}, ${p.lang}, ${form}`;
				await show(page, i, p);
				await page.$$eval('details', (all) => all.forEach((d) => { d.open = true; }));
				await page.evaluate(axe);
				const found = await page.evaluate(() => axe.run(document, { resultTypes: ['violations', 'incomplete'],
					runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
				same(found.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 120)).join(' | ')), [], `${what}: axe`);
				check(found.passes.length > 10 || found.violations.length === 0, `${what}: axe ran`);
				const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
				check(wide <= 0, `${what}: no scrolling sideways`, wide);
				const small = await page.$$eval('a:not(.skip), button, summary, input:not([type=hidden])', (all) => all.filter((e) => !e.closest('.message') && !e.closest('p, li > a'))
					.map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect().height]).filter(([, h]) => h < 24));
				same(small, [], `${what}: targets of at least 24 px`);
			}
			await context.close();
		});
	} finally {
		await chrome.close();
	}
}

// lynx, at a terminal of its own: the pages in order of reading, then the button.
async function textBrowser(i, token) {
	const made = await i.multipart('/api/v1/letters', token, [['to', 'lynx@example.org'], ['subject', 'Pour lecture au terminal'], ['message', 'Mot *important*.'], ['file', { filename: 'a.txt', bytes: 'x' }]]);
	const url = i.url + (await i.link('lynx@example.org')), cfg = path.join(TMP, 'lynx.cfg'), script = path.join(TMP, 'lynx.cmd');
	fs.writeFileSync(cfg, `ACCEPT_ALL_COOKIES:TRUE\nCHARACTER_SET:utf-8\nPREFERRED_LANGUAGE:fr\nSSL_CERT_FILE:${i.dir}/tls/ca.pem\n`);
	fs.writeFileSync(script, [...'/Ouvrir', '^J', '^J', 'Q', 'y'].map((k) => 'key ' + k).join('\n') + '\n');
	const env = { PATH: process.env.PATH, HOME: TMP, TERM: 'vt100', LC_ALL: 'C.UTF-8', SSL_CERT_FILE: path.join(i.dir, 'tls/ca.pem'), LINES: '50', COLUMNS: '100' };
	const dump = spawnSync('lynx', ['-cfg=' + cfg, '-dump', '-width=200', url], { env, encoding: 'utf8', timeout: 30000 });
	const said = ['New York vous adresse un courrier', 'C’est un courrier électronique suivi', 'Envoyé le', '(BUTTON) Ouvrir le courrier', 'vous permettez à'];
	const at = said.map((s) => (dump.stdout || '').indexOf(s));
	check(at.every((n, k) => n >= 0 && (k === 0 || n > at[k - 1])), 'a text browser reads the landing page in order', (dump.error || '') + dump.stdout + dump.stderr);
	const run = spawnSync('script', ['-qec', `stty rows 50 cols 100; lynx -cfg=${cfg} -cmd_script=${script} ${url}`, '/dev/null'], { env, encoding: 'utf8', timeout: 60000, input: '' });
	check(run.stdout.includes('Pour lecture au terminal'), 'a text browser shows the letter', (run.error || '') + run.stdout.slice(-800));
	const state = await until('the letter opened by a text browser', async () => {
		const l = (await i.request('GET', '/api/v1/letters/' + made.json.id, { token })).json;
		return l.recipients[0].read ? l.state : null;
	});
	same(state, 'received', 'the letter that a text browser opened');
}

main(async () => {
	colours();
	const i = new Instance().make();
	await i.serve();
	const token = i.user('sender@example.org');
	const { pages, cookies } = await collect(i, token);
	check(pages.length >= 54, 'pages in both languages', pages.length);
	for (const p of pages) {
		structure(p);
		headersOf(Object.entries(p.headers).map(([k, v]) => [k, Array.isArray(v) ? v[0] : v]), `${p.name}, ${p.lang}`);
		if (/^landing/.test(p.name))
			check(Buffer.byteLength(p.html) < 30000, `${p.name} is under 30 KB`, Buffer.byteLength(p.html));
	}
	for (const lang of LANGS)
		same(pages.filter((p) => p.lang === lang).map((p) => p.name).sort(), pages.filter((p) => p.lang !== lang).map((p) => p.name).sort(), 'the same pages in both languages');
	const sheet = await i.request('GET', /<link rel="stylesheet" href="([^"]+)"/.exec(pages[0].html)[1], { headers: { 'Accept-Encoding': 'gzip' } });
	same(sheet.headers['content-encoding'], 'gzip', 'the sheet is sent compressed');
	check(sheet.body.length <= 12 << 10, 'the sheet is within 12 KB', sheet.body.length);
	await switches(i, pages, cookies);
	await everyAnswer(i, token, cookies);
	await textBrowser(i, token);
	await accessible(i, pages);
	await i.stop();
	await strictTransport();
});
