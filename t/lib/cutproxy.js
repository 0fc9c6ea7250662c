// A TCP relay between a client and a server, which can be cut: all its connections end at once, in the middle of whatever is
// under way.  It counts what went up.
'use strict';
const net = require('net');

class CutProxy {
	constructor(port, target) {
		this.port = port;
		this.up = 0;
		this.pairs = new Set();
		this.marks = [];	// [bytes that went up, what to do then], in order
		this.server = net.createServer((client) => {
			const server = net.connect(target, '127.0.0.1'), pair = [client, server];
			this.pairs.add(pair);
			const end = () => {
				client.destroy();
				server.destroy();
				this.pairs.delete(pair);
			};
			for (const s of pair) {
				s.on('error', end);
				s.on('close', end);
			}
			client.on('data', (bytes) => {
				this.up += bytes.length;
				if (!server.write(bytes)) {
					client.pause();
					server.once('drain', () => client.resume());
				}
				while (this.marks.length && this.up >= this.marks[0][0])
					this.marks.shift()[1]();
			});
			server.on('data', (bytes) => {
				if (!client.write(bytes)) {
					server.pause();
					client.once('drain', () => server.resume());
				}
			});
		});
	}

	listen() { return new Promise((done) => this.server.listen(this.port, '127.0.0.1', done)); }

	cut() {
		for (const [client, server] of this.pairs) {
			client.resetAndDestroy();
			server.resetAndDestroy();
		}
	}

	close() {
		this.server.close();
		this.cut();
	}
}

module.exports = { CutProxy };
