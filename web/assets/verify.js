/* The page of proofs, with more comfort: a proof may be dropped; documents are compared with what the proof says of them, here in the
 * browser: not one byte of them is sent.  Without this program the same is done by a button and by sha256sum. */
'use strict';

(() => {
	const word = {};

	for (const dt of document.querySelectorAll('#words dt'))
		word[dt.dataset.word] = dt.textContent;

	/* ---- SHA-256 (FIPS 180-4) piece by piece: the browser's own wants the whole file in memory ---- */

	const K = new Uint32Array(64);
	const START = new Uint32Array(8);
	for (let n = 2, k = 0; k < 64; n++) {
		let prime = true;
		for (let d = 2; d * d <= n; d++)
			if (n % d === 0)
				prime = false;
		if (prime) {
			const fraction = (x) => Math.floor((x - Math.floor(x)) * 0x100000000);
			if (k < 8)
				START[k] = fraction(Math.sqrt(n));
			K[k++] = fraction(Math.cbrt(n));
		}
	}

	class Sha256 {
		constructor() {
			this.h = START.slice();
			this.w = new Int32Array(64);
			this.rest = new Uint8Array(64);
			this.restLength = 0;
			this.length = 0;
		}

		block(p, at) {
			const w = this.w, h = this.h;
			for (let i = 0; i < 16; i++, at += 4)
				w[i] = (p[at] << 24) | (p[at + 1] << 16) | (p[at + 2] << 8) | p[at + 3];
			for (let i = 16; i < 64; i++) {
				const x = w[i - 15], y = w[i - 2];
				w[i] = (w[i - 16] + w[i - 7] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) +
					((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10)) | 0;
			}
			let a = h[0] | 0, b = h[1] | 0, c = h[2] | 0, d = h[3] | 0, e = h[4] | 0, f = h[5] | 0, g = h[6] | 0, z = h[7] | 0;
			for (let i = 0; i < 64; i++) {
				const t1 = (z + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
				const t2 = (((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
				z = g; g = f; f = e; e = (d + t1) | 0;
				d = c; c = b; b = a; a = (t1 + t2) | 0;
			}
			h[0] += a; h[1] += b; h[2] += c; h[3] += d; h[4] += e; h[5] += f; h[6] += g; h[7] += z;
		}

		add(p) {
			let at = 0;
			this.length += p.length;
			if (this.restLength) {
				at = Math.min(64 - this.restLength, p.length);
				this.rest.set(p.subarray(0, at), this.restLength);
				this.restLength += at;
				if (this.restLength < 64)
					return;
				this.block(this.rest, 0);
				this.restLength = 0;
			}
			for (; at + 64 <= p.length; at += 64)
				this.block(p, at);
			this.rest.set(p.subarray(at), 0);
			this.restLength = p.length - at;
		}

		hex() {
			const bits = this.length, tail = new Uint8Array(this.restLength < 56 ? 64 - this.restLength : 128 - this.restLength);
			const view = new DataView(tail.buffer);
			tail[0] = 0x80;
			view.setUint32(tail.length - 8, Math.floor(bits / 0x20000000));
			view.setUint32(tail.length - 4, bits * 8 >>> 0);
			this.add(tail);
			return [...this.h].map((x) => x.toString(16).padStart(8, '0')).join('');
		}
	}

	async function digest(file, progress) {
		const sha = new Sha256(), reader = file.stream().getReader();
		let read = 0, told = performance.now();
		for (;;) {
			const { done, value } = await reader.read();
			if (done)
				return sha.hex();
			sha.add(value);
			read += value.length;
			/* Time for the page to draw, and to say how far it is. */
			if (performance.now() - told > 100) {
				progress(read / file.size);
				await new Promise((go) => setTimeout(go, 0));
				told = performance.now();
			}
		}
	}

	/* ---- files are dropped where a file could be chosen ---- */

	const dropped = (area, take) => {
		area.addEventListener('dragover', (e) => {
			e.preventDefault();
			area.classList.add('over');
		});
		area.addEventListener('dragleave', () => area.classList.remove('over'));
		area.addEventListener('drop', (e) => {
			e.preventDefault();
			area.classList.remove('over');
			if (e.dataTransfer.files.length)
				take(e.dataTransfer.files);
		});
	};

	const form = document.getElementById('verify-form');
	dropped(document.getElementById('drop'), (files) => {
		form.elements.proof.files = files;
		form.requestSubmit();
	});

	const mailForm = document.getElementById('mail-form');
	if (mailForm)
		dropped(document.getElementById('mail-drop'), (files) => {
			mailForm.elements.mail.files = files;
			mailForm.requestSubmit();
		});

	/* ---- codes of a printed proof: each opens this page with its text behind the #, which browsers keep to themselves ----
	 *
	 * A phone opens a page for each code that it reads.  So what came is remembered in this browser, for an hour and no longer than until all
	 * are together and verified, and the address is cleared of it.  Nothing is sent before the button is pressed. */

	const PAPER = 'pli-paper', HOUR = 3600000;
	const codes = document.getElementById('codes'), paperSay = document.getElementById('paper-say'), forget = document.getElementById('paper-forget');

	const paperLoad = () => {
		try {
			const kept = JSON.parse(localStorage.getItem(PAPER));
			if (kept && Date.now() - kept.time < HOUR && kept.time <= Date.now())
				return kept;
			localStorage.removeItem(PAPER);
		} catch (e) { /* a browser that remembers nothing: one code at a time, or all typed */ }
		return null;
	};
	/* True: the address need not keep it. */
	const paperKeep = (paper) => {
		try {
			localStorage.setItem(PAPER, JSON.stringify(paper));
			return true;
		} catch (e) {
			return false;
		}
	};
	const paperForget = () => {
		try {
			localStorage.removeItem(PAPER);
		} catch (e) { /* as above */ }
	};
	/* All codes of a paper begin with the same four bytes: the upper ones of the first seven. */
	const paperId = (digits) => {
		const high = Number(digits.slice(0, 9)), low = Number(digits.slice(9, 17)), of = 0x1000000;
		return String(Math.floor(high / of) * 1e8 + Math.floor((high % of * 1e8 + low) / of));
	};

	const paperShow = (paper, note) => {
		const missing = [], there = [];
		for (let k = 1; k <= paper.count; k++)
			(paper.parts[k] ? there : missing).push(k);
		codes.value = there.map((k) => `p=${k}.${paper.count}.${paper.parts[k]}`).join('\n');
		const text = missing.length ? word.paper_some.replace('{1}', there.join(', ')).replace('{2}', paper.count).replace('{3}', missing.join(', '))
			: word.paper_all.replace('{1}', paper.count);
		paperSay.textContent = (note ? note + ' ' : '') + text;
		paperSay.className = 'status ' + (missing.length ? 'wait' : 'good');
		paperSay.hidden = forget.hidden = false;
		document.getElementById('paper').scrollIntoView();
		if (!missing.length)
			document.getElementById('paper-go').focus({ preventScroll: true });
	};

	const paperTake = () => {
		const hash = location.hash;
		if (!hash.startsWith('#p='))
			return;
		const m = /^#p=([1-9])\.([1-9])\.([0-9]{17,4000})$/.exec(hash);
		if (!m || Number(m[1]) > Number(m[2])) {
			paperSay.textContent = word.paper_bad;
			paperSay.className = 'status bad';
			paperSay.hidden = false;
			document.getElementById('paper').scrollIntoView();
			return;
		}
		const id = paperId(m[3]), count = Number(m[2]), kept = paperLoad();
		const same = kept && kept.id === id && kept.count === count;
		const paper = same ? kept : { id, count, parts: {} };
		paper.parts[m[1]] = m[3];
		paper.time = Date.now();
		if (paperKeep(paper))
			history.replaceState(null, '', location.pathname + location.search);
		paperShow(paper, kept && !same ? word.paper_other : '');
	};

	if (document.querySelector('#verdict[data-paper].good'))
		paperForget();
	forget.addEventListener('click', () => {
		paperForget();
		codes.value = '';
		paperSay.hidden = forget.hidden = true;
		codes.focus();
	});
	addEventListener('hashchange', paperTake);
	paperLoad();	/* what is older than an hour goes, whatever this page is opened for */
	paperTake();

	/* ---- documents ---- */

	const area = document.getElementById('documents-drop');
	if (!area)
		return;
	const rows = [...document.querySelectorAll('#parts li')];
	const strangers = document.getElementById('strangers');
	const announce = document.getElementById('documents-say');

	const say = (text) => {
		const li = document.createElement('li');
		li.textContent = text;
		strangers.append(li);
		announce.textContent = text;
	};

	async function compare(file) {
		let hex;
		try {
			hex = await digest(file, (part) => { announce.textContent = word.reading + ' ' + file.name + ' ' + Math.floor(part * 100) + ' %'; });
		} catch (e) {
			say(file.name + ': ' + word.unreadable);
			return;
		}
		const found = rows.filter((row) => row.dataset.sha256 === hex);
		for (const row of found) {
			const status = row.querySelector('.match');
			status.textContent = word.same + ' ' + file.name;
			status.classList.add('good');
			status.hidden = false;
			announce.textContent = status.textContent;
		}
		if (!found.length)
			say(file.name + ': ' + word.none);
	}

	const all = async (files) => {
		strangers.replaceChildren();
		for (const file of files)
			await compare(file);
		area.dataset.done = String(Number(area.dataset.done || 0) + files.length);
	};
	area.hidden = false;
	dropped(area, (files) => all([...files]));
	document.getElementById('documents').addEventListener('change', (e) => all([...e.target.files]));
})();
