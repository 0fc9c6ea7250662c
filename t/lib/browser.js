// A real browser (the system's chromium) for the scenarios: every page is watched, and whatever a page should never do is a
// failure: an error on the console, a broken policy, a dialog, a request to another origin.
'use strict';
const fs = require('fs');
const path = require('path');
const { chromium } = require(path.join(__dirname, '..', 'node_modules', 'playwright-core'));
const { check, PASSWORD, TMP } = require('./pli.js');

const PROGRAM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((p) => fs.existsSync(p));
const SCREENS = process.env.B ? path.join(process.env.B, 'log', 'screens') : path.join(TMP, 'screens');

const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true,
	userAgent: 'Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36' };
const DESKTOP = { viewport: { width: 1280, height: 900 } };

async function launch() {
	if (!PROGRAM)
		throw new Error('there is no chromium here');
	const home = path.join(TMP, 'chromium');
	fs.mkdirSync(home, { recursive: true });
	return chromium.launch({ executablePath: PROGRAM, env: { ...process.env, HOME: home },
		args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--disable-background-networking'] });
}

// A context of its own; `allowed`: texts of console errors that the test itself provokes.
async function open(browser, instance, options = {}, allowed = []) {
	const context = await browser.newContext({ ignoreHTTPSErrors: true, acceptDownloads: true, locale: 'fr-FR', ...options });
	context.setDefaultTimeout(90000);	// a slow machine's pages come, too
	const name = options.name || '';
	const what = (text) => `browser${name && ' ' + name}: ${text}`;
	await context.addInitScript(() => {
		document.addEventListener('securitypolicyviolation', (e) => console.error('CSP ' + e.violatedDirective + ' ' + e.blockedURI));
	});
	context.on('page', (page) => {
		page.on('console', (m) => {
			// What chromium asks for on its own when a file without a page of its own is shown.
			if (m.location().url.endsWith('/favicon.ico'))
				return;
			if (['error', 'warning'].includes(m.type()) && !allowed.some((a) => m.text().includes(a)))
				check(false, what('the console is quiet'), m.text() + ' ' + m.location().url);
		});
		page.on('pageerror', (e) => check(false, what('no error in a script'), String(e)));
		page.on('dialog', (d) => {
			check(false, what('no dialog'), d.message());
			d.dismiss();
		});
		page.on('request', (r) => {
			const url = new URL(r.url());
			if (url.protocol.startsWith('http') && url.host !== 'localhost:' + instance.port)
				check(false, what('no request to another place'), r.url());
		});
	});
	return context;
}

// Signs in through the page, with or without JavaScript; ends where `next` leads.
async function signIn(page, instance, email, password = PASSWORD, next = '/') {
	await page.goto(instance.url + '/sign-in' + (next === '/' ? '' : '?next=' + encodeURIComponent(next)));
	await page.fill('#email', email);
	await page.fill('#password', password);
	await Promise.all([page.waitForURL((url) => url.pathname !== '/sign-in'), page.click('button.main')]);
}

async function shot(page, name) {
	fs.mkdirSync(SCREENS, { recursive: true });
	await page.screenshot({ path: path.join(SCREENS, name + '.png'), fullPage: true });
}

module.exports = { signIn, launch, open, shot, PHONE, DESKTOP };
