// Stored ZIP archives taken apart and put together again with nothing in between.
'use strict';

const CRC = Array.from({ length: 256 }, (_, n) => {
	for (let k = 0; k < 8; k++)
		n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
	return n >>> 0;
});
const crc32 = (b) => (b.reduce((c, x) => CRC[(c ^ x) & 255] ^ (c >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0;

// Reads and writes stored archives without anything in between; times and flags are kept.
function unzip(bytes) {
	const files = [];
	for (let at = 0; bytes.readUInt32LE(at) === 0x04034b50;) {
		const n = bytes.readUInt32LE(at + 18), name = bytes.readUInt16LE(at + 26), extra = bytes.readUInt16LE(at + 28);
		files.push({ head: bytes.subarray(at + 4, at + 14), name: bytes.toString('utf8', at + 30, at + 30 + name), extra: bytes.subarray(at + 30 + name, at + 30 + name + extra),
			data: bytes.subarray(at + 30 + name + extra, at + 30 + name + extra + n) });
		at += 30 + name + extra + n;
	}
	return files;
}

function zip(files) {
	const local = [], central = [];
	let at = 0;
	for (const f of files) {
		const name = Buffer.from(f.name), common = Buffer.alloc(12), count = Buffer.alloc(4);
		common.writeUInt32LE(crc32(f.data), 0);
		common.writeUInt32LE(f.data.length, 4);
		common.writeUInt32LE(f.data.length, 8);
		count.writeUInt16LE(name.length, 0);
		count.writeUInt16LE(f.extra.length, 2);
		const l = Buffer.concat([Buffer.from('PK\x03\x04'), f.head, common, count, name, f.extra, f.data]);
		const tail = Buffer.alloc(14);
		tail.writeUInt32LE(at, 10);
		central.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([f.head[0], 0]), f.head, common, count.subarray(0, 2), Buffer.from([0, 0]), tail, name]));
		local.push(l);
		at += l.length;
	}
	const directory = Buffer.concat(central), end = Buffer.alloc(22);
	end.write('PK\x05\x06', 0, 'latin1');
	end.writeUInt16LE(files.length, 8);
	end.writeUInt16LE(files.length, 10);
	end.writeUInt32LE(directory.length, 12);
	end.writeUInt32LE(at, 16);
	return Buffer.concat([...local, directory, end]);
}

module.exports = { unzip, zip, crc32 };
