// Pages that show how letters stand follow them: while such a page is looked at, it asks for itself, and takes over those of its parts that
// have changed: within two seconds, or a quarter of a minute once nobody has moved there for five minutes.  Asking by itself is no presence
// (X-Follow): the session ends when it would.  Without this script: load the page again.
'use strict';
(() => {
	const EVERY_MS = 1500, QUIET_EVERY_MS = 15000, QUIET_AFTER_MS = 300000;
	const FOCUSABLE = 'a[href], button, summary, input, select, textarea';
	let timer = 0, asking = false, moved = Date.now();

	// Whoever stands on a button of a part stays there when the part is new.
	function take(part, fresh) {
		const at = [...part.querySelectorAll(FOCUSABLE)].indexOf(document.activeElement);
		part.replaceChildren(...fresh.childNodes);
		const again = at < 0 ? null : part.querySelectorAll(FOCUSABLE)[at];
		if (again)
			again.focus({ preventScroll: true });
	}

	function compare(page) {
		for (const part of document.querySelectorAll('[data-live]')) {
			const fresh = page.querySelector(`[data-live="${part.dataset.live}"]`);
			if (fresh && fresh.innerHTML !== part.innerHTML)
				take(part, document.adoptNode(fresh));
		}
	}

	const isQuiet = () => Date.now() - moved > QUIET_AFTER_MS;

	function later() {
		asking = false;
		clearTimeout(timer);
		timer = setTimeout(ask, isQuiet() ? QUIET_EVERY_MS : EVERY_MS);
	}

	// Somebody is there, perhaps again: then at once.
	function move() {
		const back = isQuiet();
		moved = Date.now();
		if (back) {
			clearTimeout(timer);
			ask();
		}
	}

	function ask() {
		if (document.hidden || asking)
			return;
		const x = new XMLHttpRequest();
		asking = true;
		x.open('GET', location.pathname + location.search);
		x.setRequestHeader('X-Follow', '1');
		x.responseType = 'document';
		x.timeout = 10000;
		x.onload = () => {
			if (new URL(x.responseURL).pathname !== location.pathname)
				return;		// led away: the session is over
			if (x.status === 200 && x.response)
				compare(x.response);
			later();
		};
		x.onerror = x.ontimeout = later;
		x.send();
	}

	if (!document.querySelector('[data-live]'))
		return;
	for (const what of ['pointermove', 'pointerdown', 'keydown', 'scroll'])
		addEventListener(what, move, { passive: true });
	document.addEventListener('visibilitychange', () => {
		moved = Date.now();
		clearTimeout(timer);
		ask();
	});
	timer = setTimeout(ask, EVERY_MS);
})();
