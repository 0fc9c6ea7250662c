#!/usr/bin/env node
// Goal: a proof that was touched is none.  Of a sender's and a recipient's bundle of a real server: changed bytes of every listed
// file and of the manifest, files left out, added, swapped, cut and lengthened, a bundle mixed from two: `pli proof verify` and
// verify.sh (an untouched copy, dash and busybox) both refuse each.  (That the program refuses a change of every single byte is
// a unit test, src/cert/bundle_test.c; here are 60 for the script and 600 for the program.)
'use strict';
const fs = require('fs');
const os = require('os');
const path = require('path');
const { spawn, execFileSync } = require('child_process');
const { Instance, check, same, until, main, TMP, PLI } = require('./lib/pli.js');
const { unzip, zip } = require('./lib/zip.js');

function run(program, args, options) {
	return new Promise((done) => {
		const p = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
		let out = '';
		p.stdout.on('data', (d) => { out += d; });
		p.stderr.on('data', (d) => { out += d; });
		p.on('close', (status) => done({ status, out }));
	});
}

main(async () => {
	const i = new Instance().make();
	await i.serve();
	const token = i.user('sender@example.org');
	const send = async (name) => {
		const a = await i.multipart('/api/v1/letters', token, [['to', name + '-a@example.org'], ['bcc', name + '-b@example.org'], ['subject', 'S ' + name], ['message', 'M'], ['file', { filename: name + '.txt', bytes: name }]]);
		const link = await i.link(name + '-a@example.org'), opened = await i.open(link);
		await i.mail(name + '-b@example.org');
		const sender = await i.request('GET', `/api/v1/letters/${a.json.id}/proof`, { token });
		const recipient = await i.request('GET', link + '/proof', { headers: { Cookie: opened.cookie } });
		same([sender.status, recipient.status], [200, 200], 'two bundles of ' + name);
		return { sender: unzip(sender.body), recipient: unzip(recipient.body), raw: sender.body };
	};
	const one = await send('one'), two = await send('two');
	await i.stop();
	const pins = ['--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')];
	const script = path.join(TMP, 'verify.sh');
	fs.writeFileSync(script, one.sender.find((f) => f.name === 'verify.sh').data);

	let serial = 0;
	async function program(files) {
		const file = path.join(TMP, `m${serial++}.asice`);
		fs.writeFileSync(file, Buffer.isBuffer(files) ? files : zip(files));
		const r = await run(PLI, ['proof', 'verify', file, ...pins]);
		fs.unlinkSync(file);
		return r;
	}
	async function shell(files, which) {
		const dir = path.join(TMP, `d${serial++}`);
		for (const f of files) {
			fs.mkdirSync(path.dirname(path.join(dir, f.name)), { recursive: true });
			fs.writeFileSync(path.join(dir, f.name), f.data);
		}
		const [command, ...args] = which.split(' ');
		const r = await run(command, [...args, script, dir, ...pins], { cwd: TMP });
		fs.rmSync(dir, { recursive: true });
		return r;
	}
	const refused = (r, what) => check(r.status !== 0 && r.status !== null && !/^VERIFIED/m.test(r.out), what, r.out.slice(-300));

	// Several at once: they only compute.
	async function all(jobs) {
		const queue = [...jobs];
		await Promise.all(Array.from({ length: Math.max(2, os.cpus().length) }, async () => {
			for (let job = queue.shift(); job; job = queue.shift())
				await job();
		}));
	}

	for (const [kind, files] of [['sender', one.sender], ['recipient', one.recipient]]) {
		for (const which of ['dash', 'busybox sh']) {
			const r = await shell(files, which);
			check(r.status === 0 && /VERIFIED/.test(r.out), `${kind}: untouched, ${which}`, r.out);
		}
		const whole = await program(files);
		check(whole.status === 0 && /VERIFIED/.test(whole.out), `${kind}: untouched and packed again`, whole.out);

		const listed = files.filter((f) => f.name !== 'META-INF/signature.p7s');
		const replace = (name, data) => files.map((f) => f.name === name ? { ...f, data } : f);
		const jobs = [];
		const both = (what, changed, script_too = true) => {
			jobs.push(async () => refused(await program(changed), `${kind}, program: ${what}`));
			if (script_too)
				jobs.push(async () => refused(await shell(changed, jobs.length % 2 ? 'dash' : 'busybox sh'), `${kind}, script: ${what}`));
		};
		// Bytes: spread over each file, first and last among them; 30 for the script, 300 for the program.
		const total = listed.reduce((n, f) => n + f.data.length, 0);
		let scripts = 0;
		for (const [k, f] of listed.entries()) {
			const count = Math.max(3, Math.round(300 * f.data.length / total));
			for (let n = 0; n < count; n++) {
				const at = count === 1 ? 0 : Math.floor(n * (f.data.length - 1) / (count - 1)), data = Buffer.from(f.data);
				data[at] ^= 1 << (n % 8);
				const for_script = scripts < 30 && n === k % count;
				scripts += for_script;
				both(`byte ${at} of ${f.name}`, replace(f.name, data), for_script);
			}
		}
		for (let k = scripts; k < 30; k++) {
			const f = listed[(k * 7) % listed.length], data = Buffer.from(f.data), at = (k * 131) % data.length;
			data[at] ^= 0x20;
			both(`byte ${at} of ${f.name}`, replace(f.name, data));
		}
		// Whole files.
		for (const f of files) {
			both(`without ${f.name}`, files.filter((g) => g !== f));
			both(`${f.name} cut by one byte`, replace(f.name, f.data.subarray(0, -1)), kind === 'sender');
			both(`${f.name} one byte longer`, replace(f.name, Buffer.concat([f.data, Buffer.from('\n')])), kind === 'recipient');
			both(`${f.name} empty`, replace(f.name, Buffer.alloc(0)), false);
		}
		const extra = { ...files[1], data: Buffer.from('x') };
		for (const name of ['extra.txt', 'journal/099.json', 'META-INF/extra.xml', '.hidden'])
			both(`an added file ${name}`, [...files, { ...extra, name }]);
		jobs.push(async () => refused(await program([...files, files[1]]), `${kind}, program: a file twice`));
		jobs.push(async () => refused(await program(files.slice(1)), `${kind}, program: without mimetype`));
		jobs.push(async () => refused(await program([files[1], files[0], ...files.slice(2)]), `${kind}, program: mimetype not first`));
		const entries = files.filter((f) => /^journal\/\d+\.json$/.test(f.name));
		for (let k = 0; k + 1 < entries.length; k++)
			both(`${entries[k].name} and ${entries[k + 1].name} swapped`, files.map((f) => f === entries[k] ? { ...f, data: entries[k + 1].data } : f === entries[k + 1] ? { ...f, data: entries[k].data } : f));
		const last = entries[entries.length - 1].name.replace('.json', '');
		both('the last entry left out', files.filter((f) => !f.name.startsWith(last)));
		// Parts of another bundle, also with its signature.
		const other = kind === 'sender' ? two.sender : two.recipient;
		for (const f of other)
			if (!files.find((g) => g.name === f.name && g.data.equals(f.data)) && files.find((g) => g.name === f.name))
				both(`${f.name} of another bundle`, replace(f.name, f.data), /receipt|sheet|checkpoint.txt|001/.test(f.name));
		both('manifest and signature of another bundle', files.map((f) => f.name.startsWith('META-INF/') ? other.find((g) => g.name === f.name) : f));
		await all(jobs);
	}
	const cut = one.raw;
	for (const n of [0, 1, 30, cut.length >> 1, cut.length - 22, cut.length - 1])
		refused(await program(cut.subarray(0, n)), `an archive cut at ${n}`);

	// Other keys.
	execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path.join(TMP, 'k'), '-out', path.join(TMP, 'root.pem'), '-subj', '/CN=x', '-days', '9'], { stdio: 'ignore' });
	pins[1] = path.join(TMP, 'root.pem');
	refused(await program(one.sender), 'another root, program');
	refused(await shell(one.sender, 'dash'), 'another root, script');
});
