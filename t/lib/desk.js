// What the tests of the desk share: four ways of looking (phone and desktop, with and without JavaScript, French and English), and what
// every page must keep: one heading, a language, nothing wider than the screen, nothing for axe to say.
'use strict';
const fs = require('fs');
const path = require('path');
const browser = require('./browser.js');
const { check, same, together } = require('./pli.js');

const AXE = fs.readFileSync(path.join(__dirname, '..', 'node_modules/axe-core/axe.min.js'), 'utf8');

const WAYS = [
	{ name: 'desktop', js: true, lang: 'fr', options: { ...browser.DESKTOP, locale: 'fr-FR', javaScriptEnabled: true } },
	{ name: 'phone-nojs', js: false, lang: 'en', options: { ...browser.PHONE, locale: 'en-GB', javaScriptEnabled: false, colorScheme: 'dark' } },
	{ name: 'phone', js: true, lang: 'en', options: { ...browser.PHONE, locale: 'en-US', javaScriptEnabled: true } },
	{ name: 'desktop-nojs', js: false, lang: 'fr', options: { ...browser.DESKTOP, locale: 'fr-FR', javaScriptEnabled: false } },
];

async function look(page, way, what) {
	const where = `${way.name}: ${what}`;
	same(await page.getAttribute('html', 'lang'), way.lang, `${where}: its language`);
	same(await page.$$eval('h1', (h) => h.length), 1, `${where}: one heading`);
	if (way.js) {
		const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
		check(wide <= seen, `${where}: not wider than the screen`, `${wide} ${seen}`);
	}
	await browser.shot(page, `${way.name}-${what.replace(/[^a-z0-9]+/gi, '-')}`);
}

const asCookies = (i, cookie) => cookie.split('; ').map((c) => ({ name: c.slice(0, c.indexOf('=')), value: c.slice(c.indexOf('=') + 1), url: i.url, secure: true }));

// axe in a context of its own, where the policy of the page is not in its way.
async function accessible(chrome, i, cookie, pages) {
	await together(2, [['desktop, light', { ...browser.DESKTOP }], ['phone, dark', { ...browser.PHONE, colorScheme: 'dark' }]], async ([form, options]) => {
		const context = await browser.open(chrome, i, { ...options, bypassCSP: true, name: form });
		await context.addCookies(asCookies(i, cookie));
		const page = await context.newPage();
		for (const at of pages)
			for (const lang of ['fr', 'en']) {
				await page.goto(i.url + at + (at.includes('?') ? '&' : '?') + 'lang=' + lang);
				await page.$$eval('details', (all) => all.forEach((d) => { d.open = true; }));
				await page.evaluate(AXE);
				const found = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'],
					runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
				same(found.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 120)).join(' | ')), [], `${at}, ${lang}, ${form}: axe`);
				check(found.passes.length > 10, `${at}, ${lang}, ${form}: axe ran`, found.passes.length);
				const small = await page.$$eval('button, .button, summary, input:not([type=hidden]), textarea, nav a', (all) =>
					all.filter((e) => e.offsetParent && !e.closest('.message') && !e.matches('.hidden, .unseen')).map((e) => [e.outerHTML.slice(0, 90), e.getBoundingClientRect().height]).filter(([, h]) => h < 24));
				same(small, [], `${at}, ${lang}, ${form}: targets of at least 24 px`);
			}
		await context.close();
	});
}

module.exports = { WAYS, look, accessible, asCookies };
