// Programs that differ from the one under test in a few lines of one or more source files: another time of day, a step left out.
// Linked from this build's library and the changed files, as t/34-rights-off.sh does.
'use strict';
const { execFileSync, spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const TOP = path.join(__dirname, '../..');
const ROOMS = ['base', 'io', 'proto', 'store', 'cert', 'identity', 'policy', 'office', 'doors', 'courier', 'mail', 'prog'];

// changes: [[source file, text that stands there, text in its place]…]
function altered(name, changes) {
	const B = process.env.B, dir = path.join(process.env.TMP, 'altered-' + name), texts = new Map();
	if (!B || /\/(asan|tsan)$/.test(B) || !fs.existsSync(path.join(B, 'libpli.a'))) {
		console.log('not for this kind of build: no library to link with');
		process.exit(77);
	}
	// `make` alone makes the program, not the library: an old one would be another program.
	const newer = execFileSync('find', [path.join(B, 'obj'), '-name', '*.o', '!', '-name', 'main.o', '-newer', path.join(B, 'libpli.a'), '-print', '-quit'], { encoding: 'utf8' });
	if (newer)
		throw new Error(`${name}: ${newer.trim()} is newer than libpli.a: make ${path.relative(TOP, path.join(B, 'libpli.a'))}`);
	fs.mkdirSync(dir, { recursive: true });
	for (const [file, from, to] of changes) {
		const text = texts.get(file) || fs.readFileSync(path.join(TOP, file), 'utf8');
		if (!text.includes(from))
			throw new Error(`${name}: the text to be altered is not in ${file}: ${from}`);
		texts.set(file, text.replace(from, to));
	}
	const objects = [...texts].map(([file, text]) => {
		const source = path.join(dir, path.basename(file)), object = source.replace(/\.c$/, '.o');
		fs.writeFileSync(source, text);
		const quotes = [path.dirname(file), ...ROOMS.map((r) => 'src/' + r), path.join(B, 'gen/base'), path.join(B, 'gen/doors')].flatMap((d) => ['-iquote', d]);
		execFileSync('gcc', ['-std=gnu17', '-D_GNU_SOURCE', '-pthread', '-fPIE', '-O1', '-include', 'src/base/banned.h', ...quotes, '-c', source, '-o', object],
			{ cwd: TOP, stdio: ['ignore', 'inherit', 'inherit'] });
		return object;
	});
	const libs = execFileSync('make', ['-s', '--no-print-directory', 'libs'], { cwd: TOP, encoding: 'utf8' }).trim().split(/\s+/);
	const program = path.join(dir, 'pli');
	const main = path.join(B, 'obj/prog/main.o');
	const r = spawnSync('gcc', ['-pthread', '-pie', '-o', program, main, ...objects, path.join(B, 'libpli.a'), ...libs], { cwd: TOP, encoding: 'utf8' });
	if (r.status !== 0)
		throw new Error(`${name}: cannot be linked: ${r.stderr}`);
	return program;
}

// The same program, so many days later; more: other changes.
const later = (days, more = []) => altered(`later-${days}-${more.length}`, [['src/base/clock.c', 'clock_gettime(CLOCK_REALTIME, &ts);',
	`clock_gettime(CLOCK_REALTIME, &ts);\n\tts.tv_sec += ${days} * 86400L;`], ...more]);

module.exports = { altered, later };
