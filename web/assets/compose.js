/* Writing a letter, with more comfort: files go up by themselves while one writes, piece by piece, and go on after a break; areas grow;
 * addresses are looked at.  Without this program the form does the same in one piece. */
'use strict';

(() => {
	const form = document.getElementById('compose');
	const word = {};

	for (const dt of document.querySelectorAll('#words dt'))
		word[dt.dataset.word] = dt.textContent;

	/* ---- areas grow with what is in them ---- */

	const grow = (area) => {
		area.style.height = 'auto';
		area.style.height = Math.min(area.scrollHeight + 2, 480) + 'px';
	};
	for (const area of form.querySelectorAll('textarea')) {
		area.addEventListener('input', () => grow(area));
		grow(area);
	}
	for (const fold of form.querySelectorAll('details'))
		fold.addEventListener('toggle', () => fold.querySelectorAll('textarea').forEach(grow));

	/* ---- addresses: what is surely none is marked while one writes; the server has the last word ---- */

	const looksRight = (text) => /^(?:[^<>@,;]*<)?[^\s<>@,;"]+@[^\s<>@,;".]+(?:\.[^\s<>@,;".]+)*>?$/.test(text.trim());

	for (const area of form.querySelectorAll('[data-addresses]')) {
		const list = document.createElement('ul');
		list.className = 'chips seen';
		list.setAttribute('aria-live', 'polite');
		area.after(list);
		/* While one writes the last address is not judged; the list is there already, so that little moves when one goes on. */
		const show = () => {
			const writing = document.activeElement === area && !/[,;\n]\s*$/.test(area.value);
			const all = area.value.split(/[,;\n]/).map((s) => s.trim()).filter((s) => s).slice(0, 100);
			list.replaceChildren(...all.map((text, k) => {
				const li = document.createElement('li');
				const good = looksRight(text) || (writing && k === all.length - 1);
				li.className = good ? 'chip' : 'chip bad';
				li.textContent = good ? text : text + ' (' + word.bad + ')';
				return li;
			}));
		};
		area.addEventListener('input', show);
		/* Not before the press that took the focus away has arrived. */
		area.addEventListener('blur', () => setTimeout(show, 300));
		if (area.value)
			show();
	}

	/* ---- files ---- */

	const PIECE = 8 * 1024 * 1024;
	const key = form.elements.form.value;
	const picker = document.getElementById('file');
	const drop = document.getElementById('drop');
	const rows = document.getElementById('uploads');
	const say = document.getElementById('upload-words');
	const underWay = new Set();
	let waiting = null;		/* the button that was pressed while files were on their way */

	const size = (n) => {
		const french = document.documentElement.lang === 'fr';
		const units = french ? ['o', 'Kio', 'Mio', 'Gio', 'Tio'] : ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
		let k = 0;
		for (; n >= 1023.5 && k < units.length - 1; k++)
			n /= 1024;
		return n.toLocaleString(french ? 'fr' : 'en', { maximumFractionDigits: k && n < 99.95 ? 1 : 0 }) + '\u00a0' + units[k];
	};
	const time = (s) => s < 60 ? Math.max(1, Math.round(s)) + '\u00a0s' : s < 3600 ? Math.round(s / 60) + '\u00a0min' : (s / 3600).toFixed(1) + '\u00a0h';
	const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

	class Upload {
		constructor(file) {
			const row = document.getElementById('upload-row').content.cloneNode(true).querySelector('li');
			this.file = file;
			this.row = row;
			this.part = (selector) => row.querySelector(selector);
			this.part('.file-name').textContent = file.name;
			this.part('.size').textContent = size(file.size);
			this.part('progress').setAttribute('aria-label', file.name);
			this.part('.pause').addEventListener('click', () => this.turn());
			this.part('.drop-it').setAttribute('aria-label', word.remove + ' ' + file.name);
			this.part('.drop-it').addEventListener('click', () => this.giveUp());
			rows.hidden = false;
			rows.append(row);
			this.offset = 0;
			this.url = null;
			this.paused = false;
			underWay.add(this);
			this.run();
		}

		show(words) {
			this.part('progress').value = this.file.size ? this.offset / this.file.size : 1;
			this.part('.speed').textContent = words;
		}

		ask(method, url, headers, body) {
			return new Promise((done, fail) => {
				const x = new XMLHttpRequest();
				this.request = x;
				x.open(method, url);
				x.setRequestHeader('Tus-Resumable', '1.0.0');
				x.setRequestHeader('X-Form', key);
				for (const [name, value] of Object.entries(headers))
					x.setRequestHeader(name, value);
				x.upload.onprogress = (e) => {
					if (method !== 'PATCH')
						return;
					const now = performance.now(), seen = this.offset + e.loaded;
					const speed = (seen - this.from) / Math.max(0.2, (now - this.since) / 1000);
					this.part('progress').value = seen / this.file.size;
					this.part('.speed').textContent = size(speed) + '/s · ' + time((this.file.size - seen) / Math.max(1, speed)) + ' ' + word.left;
				};
				x.onload = () => done(x);
				x.onerror = () => fail(new Error('broken'));
				x.onabort = () => fail(new Error('paused'));
				x.send(body);
			});
		}

		async begin() {
			const x = await this.ask('POST', form.dataset.uploads, { 'Upload-Length': this.file.size,
				'Upload-Metadata': 'filename ' + base64(this.file.name) + (this.file.type ? ',filetype ' + base64(this.file.type) : '') });
			if (x.status !== 201)
				throw new Error(x.status === 507 || x.status === 413 ? 'refused' : 'broken');
			this.url = x.getResponseHeader('Location');
			if (this.gone)
				this.giveBack();
		}

		/* The server holds on to an upload as long as it is still reading a piece of it. */
		async giveBack() {
			for (let wait = 500; wait < 60000; wait *= 2) {
				const x = await this.ask('DELETE', this.url, {}).catch(() => null);
				if (x && (x.status < 300 || x.status === 404 || x.status === 410))
					return;
				await new Promise((next) => setTimeout(next, wait));
			}
		}

		async where() {
			const x = await this.ask('HEAD', this.url, {});
			if (x.status === 404 || x.status === 410)
				throw new Error('refused');
			if (x.status !== 200 || x.getResponseHeader('Upload-Offset') === null)
				throw new Error('broken');
			this.offset = Number(x.getResponseHeader('Upload-Offset'));
		}

		async piece() {
			const x = await this.ask('PATCH', this.url, { 'Upload-Offset': this.offset, 'Content-Type': 'application/offset+octet-stream' },
				this.file.slice(this.offset, this.offset + PIECE));
			if (x.status !== 204)
				throw new Error(x.status === 507 ? 'refused' : 'broken');
			this.offset = Number(x.getResponseHeader('Upload-Offset'));
		}

		async run() {
			if (this.running)
				return;
			this.running = true;
			await this.send();
			this.running = false;
		}

		async send() {
			let wait = 500;
			this.since = performance.now();
			this.from = this.offset;
			while (!this.done && !this.paused && !this.gone) {
				try {
					if (!this.url)
						await this.begin();
					else if (this.asked)
						await this.where();
					this.asked = false;
					while (this.offset < this.file.size && !this.paused && !this.gone) {
						await this.piece();
						wait = 500;
					}
					this.done = this.offset === this.file.size;
				} catch (e) {
					if (this.paused || this.gone)
						break;
					if (e.message === 'refused') {
						this.giveUp();
						return;
					}
					this.show(word.broken);
					await new Promise((next) => setTimeout(next, wait));
					wait = Math.min(wait * 2, 15000);
					this.asked = true;
					this.since = performance.now();
					this.from = this.offset;
				}
			}
			if (this.done)
				this.finish();
		}

		finish() {
			const field = document.createElement('input');
			field.type = 'hidden';
			field.name = 'uploads';
			field.value = this.url.split('/').pop();
			this.row.append(field);
			this.part('.pause').remove();
			this.part('progress').remove();
			this.show = () => {};
			this.part('.speed').textContent = word.done;
			say.textContent = this.file.name + ', ' + word.done;
			underWay.delete(this);
			release();
		}

		turn() {
			this.paused = !this.paused;
			this.part('.pause').textContent = this.paused ? word.resume : word.pause;
			if (this.paused) {
				this.stop();
				this.show(word.paused);
			} else {
				this.asked = true;
				this.run();
			}
		}

		/* A name that is just being given is waited for: without it nobody could give the upload back. */
		stop() {
			if (this.url && this.request && !this.done)
				this.request.abort();
		}

		giveUp() {
			this.gone = true;
			underWay.delete(this);
			this.row.remove();
			rows.hidden = !rows.children.length;
			if (this.url) {
				this.stop();
				this.giveBack();
			}
			release();
		}
	}

	const take = (files) => {
		for (const file of files)
			new Upload(file);
	};
	picker.addEventListener('change', () => {
		take(picker.files);
		picker.value = '';
	});
	document.querySelector('.drop-words').hidden = false;
	for (const name of ['dragenter', 'dragover'])
		drop.addEventListener(name, (e) => {
			e.preventDefault();
			drop.classList.add('over');
		});
	for (const name of ['dragleave', 'drop'])
		drop.addEventListener(name, () => drop.classList.remove('over'));
	drop.addEventListener('drop', (e) => {
		e.preventDefault();
		take(e.dataTransfer.files);
	});

	/* ---- sending the form: once, and when all files are there ---- */

	let sent = false, warned = null;
	const release = () => {
		if (!waiting || underWay.size)
			return;
		const button = waiting;
		waiting = null;
		if (warned)
			warned.remove();
		form.requestSubmit(button);
	};
	form.addEventListener('submit', (e) => {
		if (sent) {
			e.preventDefault();
			return;
		}
		if (underWay.size) {
			e.preventDefault();
			waiting = e.submitter;
			if (!warned) {
				warned = document.createElement('p');
				warned.className = 'note wait';
				warned.setAttribute('role', 'status');
				warned.textContent = word.wait;
				form.querySelector('.sticky').before(warned);
			}
			return;
		}
		sent = true;
	});
	/* Back in the browser's history the form may be sent again. */
	window.addEventListener('pageshow', () => { sent = false; });

	/* What was typed is not lost by a wrong press. */
	let touched = false;
	form.addEventListener('input', () => { touched = true; });
	window.addEventListener('beforeunload', (e) => {
		if ((touched || underWay.size) && !sent)
			e.preventDefault();
	});
})();
