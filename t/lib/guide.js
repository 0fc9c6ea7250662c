// VERIFY.md followed word by word, as a court's expert does: every command in it, in its order, in the unzipped proof, with nothing but the system's tools.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');
const { check, same } = require('./pli.js');

const DATA = path.join(__dirname, '../../web/data');

// Its indented lines by section; those of the digests to be compared are no commands.
function commands(text) {
	return text.split(/^## /m).map((section) => ({ title: section.split('\n')[0], lines: section.split('\n').filter((l) => l.startsWith('    ') && !/ [0-9a-f]{64}$|@$/.test(l)).map((l) => l.trim()) }))
		.filter((s) => s.lines.length);
}

const plain = (line) => line.replace(/\/chemin\//g, '/path/to/').replace(/FICHIER/g, 'FILE');

// Both languages have the same commands: to follow one is to follow both.
function sameInBoth() {
	const [en, fr] = ['en', 'fr'].map((l) => commands(fs.readFileSync(path.join(DATA, `VERIFY.${l}.md`), 'utf8')));
	same(fr.map((s) => s.lines.map(plain)), en.map((s) => s.lines), 'VERIFY.md has the same commands in both languages');
	same(en.map((s) => s.lines.length), [2, 1, 17, 2], 'in four sections');
}

const run = (line, dir) => {
	const r = spawnSync('sh', ['-c', line], { cwd: dir, encoding: 'utf8', env: { PATH: '/usr/bin:/bin', TMPDIR: path.dirname(dir) } });
	return { status: r.status, out: r.stdout + r.stderr };
};

// dir: an unzipped proof, in a folder where something may be written; pub: where root.pem and log.pub from elsewhere lie; pdf: its document, if any.
function follow(dir, pub, pdf, what) {
	const text = fs.readFileSync(path.join(dir, 'VERIFY.md'), 'utf8'), [compare, all, hand, document] = commands(text), said = {};
	for (const [k, name] of ['root.pem', 'log.pub'].entries()) {
		const digest = /= ([0-9a-f]{64})$/m.exec(run(compare.lines[k], pub).out);
		check(digest && text.includes(' ' + digest[1]), `${what}: VERIFY.md names the digest of ${name}`, digest);
	}
	let script = '';
	for (const line of hand.lines) {
		// What a line sets, those after it use.
		script += line + '\n';
		const r = run(line.startsWith('T=') ? line : (/^T=.*$/m.exec(script) || [''])[0] + '\n' + line, dir);
		check(r.status === 0 && !/unable|No such file/.test(r.out), `${what}: VERIFY.md: ${line}`, r.out);
		said[line] = r.out;
	}
	const of = (words) => said[hand.lines.find((l) => l.includes(words))] || '';
	check(['-in checkpoint.tst -token_in -data', '-in receipt.tst -token_in -data'].every((w) => /^Verification: OK$/m.test(of(w))), what + ': by hand, both tokens', of('checkpoint.tst'));
	same([of('grep -c BEGIN').trim(), /successful/i.test(of('-in receipt.p7s')), /successful/i.test(of('-in META-INF/signature.p7s')), /Successfully/.test(of('pkeyutl'))], ['2', true, true, true], what + ': by hand, the signatures');
	check(of('URI="receipt.txt"').includes(of('-binary receipt.txt').trim()), what + ': by hand, a file of the list');
	check(of('URI="receipt.txt"') && of('do cat').match(/[0-9a-f]{64}/g).every((d) => of('grep -o').includes(d)), what + ': by hand, the sheets', of('do cat') + of('grep -o'));
	check(of('printf').match(/[0-9a-f]{64}/)[0] === of('^Entry').match(/sha256 ([0-9a-f]{64})/)[1], what + ': by hand, a leaf', of('printf') + of('^Entry'));
	if (pdf) {
		const [sig, detach] = document.lines.map((l) => run(l.replace(/F(ICHIER|ILE)\.pdf/, pdf), path.dirname(pdf)));
		check(/Signature is Valid/.test(sig.out) && /Total document signed/.test(sig.out) && detach.status === 0 && fs.existsSync(path.join(path.dirname(pdf), 'proof.asice')), what + ': by hand, the PDF', sig.out + detach.out);
	}
	// None of it has touched the proof.
	const last = run(all.lines[0].replace(/\/(chemin|path\/to)\//g, pub + '/'), dir);
	check(last.status === 0 && last.out.trim().endsWith('VERIFIED'), what + ': and verify.sh, after all that', last.out);
}

module.exports = { follow, sameInBoth };
