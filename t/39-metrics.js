#!/usr/bin/env node
// Goal: /metrics, on a listener of its own, is well formed in both formats for an independent reader, counts what happened, and
// names nobody; the log is one JSON object a line, with a request's id that the answer carries too, and names nobody either; the
// operator is warned when storage fills up, at each step, and when the certificate ends soon.
'use strict';
const fs = require('fs');
const http = require('http');
const net = require('net');
const path = require('path');
const { execFileSync } = require('child_process');
const { Instance, check, same, until, main, freePort, TMP } = require('./lib/pli.js');

const ADDRESS = 'zinnober@vermillon.example', SUBJECT = 'Ultramarin und Ocker', NAME = 'Karmesin Krapplack', FILE = 'Umbra.txt';
const i = new Instance();
let port;

function get(target = '/metrics', { method = 'GET', headers = {} } = {}) {
	return new Promise((done, fail) => {
		const req = http.request({ host: '127.0.0.1', port, method, path: target, headers, timeout: 60000 }, (res) => {
			const parts = [];
			res.on('data', (p) => parts.push(p));
			res.on('end', () => done({ status: res.statusCode, headers: res.headers, text: Buffer.concat(parts).toString() }));
		});
		req.on('timeout', () => req.destroy(new Error('no answer')));
		req.on('error', fail);
		req.end();
	});
}

// Read by the collector's own library; the samples as {name{labels}: value}.
function parsed(text, open) {
	const file = path.join(TMP, 'page');
	fs.writeFileSync(file, text);
	const out = execFileSync('/usr/bin/python3', ['-c', `
import json, sys
${open ? 'from prometheus_client.openmetrics.parser' : 'from prometheus_client.parser'} import text_string_to_metric_families as read
found = {}
for family in read(open(sys.argv[1]).read()):
    for s in family.samples:
        found[s.name + '{' + ','.join('%s=%s' % kv for kv in sorted(s.labels.items())) + '}'] = s.value
json.dump(found, sys.stdout)`, file], { encoding: 'utf8' });
	return JSON.parse(out);
}

const page = async () => parsed((await get()).text, false);
const lines = () => fs.readFileSync(i.log, 'utf8').split('\n').filter(Boolean);
const logged = (event) => i.events(event);
const conf = (first, more) => fs.writeFileSync(path.join(i.dir, 'pli.conf'), first + '\n' + more);

async function formats() {
	const text = await get(), open = await get('/metrics', { headers: { Accept: 'application/openmetrics-text;version=1.0.0,text/plain;q=0.5' } });
	check(text.headers['content-type'].startsWith('text/plain; version=0.0.4'), 'the Prometheus format', text.headers);
	check(open.headers['content-type'].startsWith('application/openmetrics-text; version=1.0.0'), 'OpenMetrics when asked for', open.headers);
	check(open.text.endsWith('# EOF\n') && !text.text.includes('# EOF'), 'each ends as it should');
	const a = parsed(text.text, false), b = parsed(open.text, true);
	same(Object.keys(b).filter((k) => !(k in a)), [], 'both say the same');
	same([(await get('/')).status, (await get('/metrics', { method: 'POST' })).status, (await get('/metrics', { method: 'HEAD' })).text], [404, 405, ''], 'nothing else is there');
	same((await i.request('GET', '/metrics')).status, 404, 'nor is it among the pages');
	// Who says nothing holds up the next one for a moment only.
	const silent = net.connect(port, '127.0.0.1');
	await new Promise((done) => silent.once('connect', done));
	const begin = Date.now();
	same((await get()).status, 200, 'a silent neighbour does not matter');
	check(Date.now() - begin < 30000, 'for long', Date.now() - begin);
	silent.destroy();
	const huge = net.connect(port, '127.0.0.1');
	huge.on('error', () => 0);
	huge.write('GET /metrics HTTP/1.1\r\nX: ' + 'x'.repeat(100000));
	await new Promise((done) => huge.once('close', done).resume());
	same((await get()).status, 200, 'nor does a huge one');
}

async function counts(token) {
	const before = await page();
	const made = await i.multipart('/api/v1/letters', token, [['to', `"${NAME}" <${ADDRESS}>`], ['subject', SUBJECT], ['file', { filename: FILE, bytes: 'x' }]]);
	same(made.status, 201, 'a letter');
	same((await i.json('POST', '/api/v1/letters', token, { to: ['a@example.org'] })).status, 422, 'one that is refused');
	const link = await i.link(ADDRESS);
	same((await i.open(link)).status, 303, 'read');
	await i.request('GET', '/api/v1/letters/' + made.json.id, { token });
	await i.request('GET', '/nowhere');
	await i.raw('GARBAGE\r\n\r\n');
	const after = await until('all of it is counted', async () => {
		const now = await page();
		return now['pli_notices_total{result=sent}'] > before['pli_notices_total{result=sent}'] && now['pli_notices_waiting{}'] === 0 &&
			now['pli_http_faults_total{code=400}'] > (before['pli_http_faults_total{code=400}'] || 0) && now;
	});
	const grown = (key) => (after[key] || 0) - (before[key] || 0);
	const route = (method, pattern, code) => `pli_http_requests_total{code=${code},method=${method},route=${pattern}}`;
	same(grown(route('POST', '/api/v1/letters', 201)), 1, 'one deposit by its route');
	same(grown(route('POST', '/api/v1/letters', 422)), 1, 'one refusal');
	same(grown(route('POST', '/l/{token}/open', 303)), 1, 'one opening: the pattern, not the link');
	same(grown(route('GET', '/api/v1/letters/{id}', 200)), 1, 'one letter read');
	same(grown(route('', '', 404)), 1, 'one address that is none');
	same(grown('pli_http_faults_total{code=400}'), 1, 'one that is no HTTP');
	same(grown('pli_events_total{event=deposit.accepted}'), 1, 'the deposit in the journal');
	same(grown('pli_events_total{event=handover}'), 1, 'the reading');
	same(grown('pli_notices_total{result=sent}'), 1, 'the notice');
	check(grown('pli_journal_entries{}') >= 4, 'the journal grew', grown('pli_journal_entries{}'));
	same(grown('pli_http_request_duration_seconds_count{method=POST,route=/api/v1/letters}'), 2, 'durations of both');
	check(grown('pli_http_request_duration_seconds_sum{method=POST,route=/api/v1/letters}') > 0.0005, 'that took some time');
	check(grown('pli_keeper_duration_seconds_count{what=append}') >= 1 && grown('pli_keeper_duration_seconds_count{what=question}') >= 1, 'the keeper was asked');
	same([after['pli_ready{}'], after['pli_notices_waiting{}'], after['pli_process_restarts_total{process=pli-keeper}']], [1, 0, 0], 'all is well');
	check(after['pli_storage_free_bytes{}'] > 1e6 && after['pli_storage_reserve_bytes{step=deposit}'] === 256 * 1024 * 1024, 'storage and reserve', after['pli_storage_free_bytes{}']);
	check(after['pli_certificate_days{}'] > 21, 'the certificate', after['pli_certificate_days{}']);
	await until('every entry is signed', async () => (await page())['pli_journal_unsigned_entries{}'] === 0);
	return { id: made.json.id, link };
}

async function troubles(first, token) {
	// Waiting notices and their age.
	conf(first, '[mail]\npaused = yes\n[log]\nrequests = all');
	i.verb('reload', i.dir);
	await i.json('POST', '/api/v1/letters', token, { to: [ADDRESS], subject: SUBJECT });
	const waiting = await until('the notice gets older', async () => {
		const p = await page();
		return p['pli_notices_oldest_seconds{}'] > 1 && p;
	});
	same(waiting['pli_notices_waiting{}'], 1, 'one notice waits');
	const keeper = i.children()['pli-keeper'];
	process.kill(keeper, 'SIGKILL');
	await until('the restart is counted', async () => (await page())['pli_process_restarts_total{process=pli-keeper}'] === 1);
	process.kill(i.children()['pli-front'], 'SIGKILL');
	const again = await until('a new front knows of both', async () => {
		const p = await page().catch(() => ({}));
		return p['pli_process_restarts_total{process=pli-front}'] === 1 && p;
	}, 20);
	same(again['pli_process_restarts_total{process=pli-keeper}'], 1, 'those of the keeper too');
	await i.ready(20);
	// A refusal from inside, which the log explains under its id.
	const still = i.children()['pli-keeper'];
	process.kill(still, 'SIGSTOP');
	const refused = await until('a page finds no keeper', async () => {
		const a = await i.request('GET', '/readyz', { agent: false });
		return a.status === 503 && a;
	}, 20);
	try { process.kill(still, 'SIGCONT'); } catch (e) { /* it was replaced */ }
	const id = refused.headers['request-id'];
	check(/^[0-9a-f]{16}$/.test(id || ''), 'a failed request has an id', refused.headers);
	const line = await until('the log has it', () => logged('http.request').find((l) => l.request === id));
	same([line.method, line.route, line.code, line.level, line.proto], ['GET', '/readyz', 503, 'warn', 'http/1.1'], 'with route and code');
	check(line.us > 0, 'and how long it took', line);
	await i.ready(20);
}

async function storage(first) {
	const free = (await page())['pli_storage_free_bytes{}'];
	const step = async (deposit, read, event) => {
		const seen = logged(event).length;
		conf(first, `[storage]\nreserve_deposit = ${Math.round(deposit)}\nreserve_read = ${Math.round(read)}`);
		i.verb('reload', i.dir);
		await until(event, () => logged(event).length > seen, 15);
		return logged(event).pop();
	};
	same((await step(free * 0.7, 0, 'storage.low')).level, 'warn', 'storage is getting full');
	same((await step(free * 1.5, 0, 'storage.deposits-refused')).level, 'error', 'deposits are refused');
	check(/MiB are free/.test(logged('storage.deposits-refused').pop().text), 'with figures');
	same((await step(free * 1.5, free * 1.4, 'storage.readings-refused')).level, 'error', 'readings too');
	same((await page())['pli_ready{}'], 0, 'it is not ready');
	same((await step(1, 0, 'storage.good')).level, 'info', 'and back');
	const n = logged('storage.good').length;
	const key = path.join(TMP, 'soon.key'), cert = path.join(TMP, 'soon.pem');
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', cert, '-days', '5',
		'-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], { stdio: 'ignore' });
	fs.copyFileSync(key, path.join(i.dir, 'tls/key.pem'));
	fs.copyFileSync(cert, path.join(i.dir, 'tls/cert.pem'));
	i.verb('reload', i.dir);
	await until('a warning that the certificate ends', () => logged('certificate.ends').length === 1, 15);
	const days = (await page())['pli_certificate_days{}'];
	check(days > 4.9 && days <= 5, 'its days', days);
	same(logged('storage.good').length, n, 'each thing is said once');
	i.ca = fs.readFileSync(cert);
	i.agent.destroy();
	i.agent = new (require('https').Agent)({ ca: i.ca });
}

// Whoever reads page or log learns of nobody.
function silence(text, what, { id, link }, token) {
	for (const word of [ADDRESS, 'vermillon', SUBJECT, NAME, 'Krapplack', FILE, 'ed@example.org', token, token.slice(4, 20), link.slice(3, 20), 'a@example.org'])
		check(!text.toLowerCase().includes(word.toLowerCase()), `${what} is silent about ${word}`);
	check(!text.includes(id), what + ' names no letter', id);
}

main(async () => {
	port = freePort();
	i.make({ lang: 'en', conf: `[server]\nmetrics = 127.0.0.1:${port}` });
	i.deathsExpected = true;
	const first = fs.readFileSync(path.join(i.dir, 'pli.conf'), 'utf8');
	await i.serve();
	const token = i.user('ed@example.org', 'editor', { name: NAME });
	await formats();
	const known = await counts(token);
	silence((await get()).text, 'the page', known, token);
	await troubles(first, token);
	await storage(first);
	await i.stop();
	for (const l of lines()) {
		const o = JSON.parse(l);
		check(o.t && o.level && o.proc && o.pid > 0 && o.event && typeof o.text === 'string', 'a line has its members', l);
		check(o.event.startsWith('host.') || !/\b(127\.0\.0\.1|::1)\b/.test(l), 'and no address of a client', l);
	}
	const requests = logged('http.request');
	check(requests.length > 2 && requests.every((l) => /^[0-9a-f]{16}$/.test(l.request)) && new Set(requests.map((l) => l.request)).size === requests.length, 'every request had an id of its own', requests.length);
	silence(fs.readFileSync(i.log, 'utf8'), 'the log', known, token);
});
