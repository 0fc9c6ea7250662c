// The memory of an instance's processes, sampled while something goes on.
'use strict';
const fs = require('fs');

// Proportional set size in bytes; where the kernel does not show it (a process that is not dumpable, and we are not root),
// its anonymous and shared memory without the mapped files, which do not grow.
function memoryOf(pid) {
	try {
		return 1024 * Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]);
	} catch (e) {
		if (e.code !== 'EACCES' && e.code !== 'EPERM')
			throw e;
	}
	const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
	return 1024 * (Number(/^RssAnon:\s+(\d+)/m.exec(status)[1]) + Number(/^RssShmem:\s+(\d+)/m.exec(status)[1]));
}

class Sampler {
	constructor(instance, ms = 200) {
		this.instance = instance;
		this.samples = 0;
		this.base = this.sum();
		this.most = this.base;
		this.timer = setInterval(() => this.take(), ms);
	}

	sum() { return [this.instance.server.pid, ...Object.values(this.instance.children())].reduce((a, pid) => a + memoryOf(pid), 0); }

	take() {
		try {
			const now = this.sum();
			this.samples++;
			if (now > this.most) {
				this.most = now;
				this.at = this.step;
			}
		} catch (e) {
			if (e.code !== 'ENOENT' && e.code !== 'ESRCH' && !(e instanceof TypeError))
				throw e;	// else one of them just ended
		}
	}

	stop() {
		clearInterval(this.timer);
		return this.most - this.base;
	}
}

module.exports = { memoryOf, Sampler };
