// A small file system of its own for an instance, and ways to fill it: a tmpfs where root may mount one.
'use strict';
const { spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

class SmallDisk {
	constructor(dir) {
		this.dir = dir;
		this.ballast = path.join(dir, 'ballast');
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
