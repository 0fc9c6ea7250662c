// Postfix's test programs.  Where Postfix is not installed its package is fetched and unpacked below $TMP: installing it would start a
// mail server, or take the place of one.
'use strict';
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');

// { file, env } of /usr/sbin/NAME; null when it cannot be had.
function tool(name) {
	const installed = path.join('/usr/sbin', name);
	if (fs.existsSync(installed))
		return { file: installed, env: process.env };
	const dir = path.join(process.env.TMP, 'postfix');
	fs.mkdirSync(dir, { recursive: true });
	spawnSync('apt-get', ['download', '-qq', 'postfix'], { cwd: dir, stdio: 'ignore' });
	const deb = fs.readdirSync(dir).find((f) => f.endsWith('.deb'));
	if (!deb || spawnSync('dpkg', ['-x', deb, '.'], { cwd: dir }).status !== 0)
		return null;
	const file = path.join(dir, 'usr/sbin', name);
	return fs.existsSync(file) ? { file, env: { ...process.env, LD_LIBRARY_PATH: path.join(dir, 'usr/lib/postfix') } } : null;
}

module.exports = { tool };
