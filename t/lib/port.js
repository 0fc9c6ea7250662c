// Prints a free TCP port of 127.0.0.1, from PLI_TEST_PORT on, or from one that other runs on this machine hardly begin with (23000 to 31000),
// in a part of its own for each of the two lanes of t/run.
'use strict';
const net = require('net');
const first = Number(process.env.PLI_TEST_PORT || 23000 + Number(process.env.PLI_LANE || 0) % 2 * 4000 + (process.ppid * 37) % 3900);

function attempt(port) {
	if (port >= first + 100)
		process.exit(1);
	const server = net.createServer();
	server.once('error', () => attempt(port + 1));
	server.listen(port, '127.0.0.1', () => server.close(() => console.log(port)));
}
attempt(first);
