// A small file system of its own for an instance, and ways to fill it: a tmpfs, mounted by root or in a user namespace.
'use strict';
const { spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

class SmallDisk {
	constructor(dir) {
		this.dir = dir;
		this.ballast = path.join(dir, 'ballast');
	}

	// Who is not root runs the whole script again in a namespace of his own, where he may mount; where even that is not
	// allowed, this returns and mount() says so.  To be called first.
	static enter() {
		const inside = ['-U', '-m', '-c', '--keep-caps'];
		if (process.getuid() === 0 || process.env.PLI_TEST_NAMESPACE || spawnSync('unshare', [...inside, 'true']).status !== 0)
			return;
		const env = { ...process.env, PLI_TEST_NAMESPACE: '1' };
		const r = spawnSync('unshare', [...inside, process.execPath, ...process.argv.slice(1)], { stdio: 'inherit', env });
		process.exit(r.status === null ? 1 : r.status);
	}

	// A mounted one, or null where that is not allowed.  It is unmounted when the script ends, however it ends.
	static mount(dir, size) {
		fs.mkdirSync(dir, { recursive: true });
		const r = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0755`, 'tmpfs', dir], { encoding: 'utf8' });
		if (r.status !== 0) {
			console.log('no tmpfs here: ' + (r.stderr || r.error));
			return null;
		}
		const disk = new SmallDisk(dir);
		process.on('exit', () => disk.unmount());
		return disk;
	}

	unmount() {
		if (this.dir)
			spawnSync('umount', ['-l', this.dir]);
		this.dir = null;
	}

	free() {
		const s = fs.statfsSync(this.dir);
		return s.bavail * s.bsize;
	}

	// Makes the ballast as large as needed that `bytes` stay free (0: until nothing more goes in).
	leave(bytes) {
		const fd = fs.openSync(this.ballast, 'a');
		const block = Buffer.alloc(65536, 1);
		try {
			for (let more = this.free() - bytes; bytes === 0 || more > 0; more -= block.length)
				fs.writeSync(fd, block, 0, bytes === 0 ? block.length : Math.min(block.length, more));
		} catch (e) {
			if (e.code !== 'ENOSPC')
				throw e;
		} finally {
			fs.closeSync(fd);
		}
	}

	release() { fs.rmSync(this.ballast, { force: true }); }
}

module.exports = { SmallDisk };
