// Waits some milliseconds; for loops that poll a condition.
setTimeout(() => {}, Number(process.argv[2]));
