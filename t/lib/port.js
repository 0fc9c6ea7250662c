// Prints a free TCP port of 127.0.0.1 that this test has not been given before: outside of what the kernel gives to connections (23000 to
// 31000), in a part of its own for each lane of t/run.  What was given is kept in $TMP: a port is free until it is taken.
'use strict';
const fs = require('fs');
const net = require('net');
const path = require('path');
const SPAN = 1900, first = 23000 + Number(process.env.PLI_LANE || 0) % 4 * 2000;
const given = path.join(process.env.TMP, 'ports'), start = process.ppid * 37;

function attempt(n) {
	if (n >= SPAN)
		process.exit(1);
	const port = first + (start + n) % SPAN;
	if (fs.existsSync(given) && fs.readFileSync(given, 'utf8').split('\n').includes(String(port)))
		return attempt(n + 1);
	const server = net.createServer();
	server.once('error', () => attempt(n + 1));
	// Of all addresses: tests use several of the loopback network.
	server.listen(port, '0.0.0.0', () => server.close(() => {
		fs.appendFileSync(given, port + '\n');
		console.log(port);
	}));
}
attempt(0);
