// Pages of people signed in, looked at in a browser: three sizes, light and dark, both languages, with and without JavaScript, and once as narrow as it gets.  On each:
// a quiet console (browser.js), nothing wider than the window, no fault that axe finds, nothing inline, style sheets whole, a picture.
'use strict';
const fs = require('fs');
const path = require('path');
const { check, same, together } = require('./pli.js');
const B = require('./browser.js');

const AXE = fs.readFileSync(path.join(__dirname, '..', 'node_modules/axe-core/axe.min.js'), 'utf8');
const SCREENS = [
	{ name: 'desktop-light-fr', ...B.DESKTOP, colorScheme: 'light', locale: 'fr-FR' },
	{ name: 'tablet-light-en-noscript', viewport: { width: 820, height: 1180 }, colorScheme: 'light', locale: 'en-GB', javaScriptEnabled: false },
	{ name: 'phone-light-fr-noscript', ...B.PHONE, colorScheme: 'light', locale: 'fr-FR', javaScriptEnabled: false },
	{ name: 'phone-dark-en', ...B.PHONE, colorScheme: 'dark', locale: 'en-GB' },
	{ name: 'desktop-dark-en', ...B.DESKTOP, colorScheme: 'dark', locale: 'en-GB' },
];

// Style sheets as files: every rule is closed where it belongs, and none stands twice.
function sheetsWhole() {
	for (const name of fs.readdirSync(path.join(__dirname, '../../web/assets')).filter((n) => n.endsWith('.css'))) {
		const text = fs.readFileSync(path.join(__dirname, '../../web/assets', name), 'utf8');
		const rules = new Set();
		let depth = 0;
		for (const line of text.split('\n')) {
			const [, selector] = /^([^@{}]+) {/.exec(line) || [];
			if (depth === 0 && selector) {
				check(!rules.has(selector), `${name}: "${selector}" is one rule, not two that undo each other`);
				rules.add(selector);
			}
			if (/^@media/.test(line))
				check(depth === 0, `${name}: "${line}" stands within another rule`);
			depth += (line.match(/{/g) || []).length - (line.match(/}/g) || []).length;
		}
		same(depth, 0, name + ': all rules are closed');
	}
}

async function look(page, what, screen) {
	const found = await page.evaluate(() => ({
		wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
		lang: document.documentElement.lang, headings: document.querySelectorAll('h1').length, mains: document.querySelectorAll('main#main').length,
		inline: document.querySelectorAll('script:not([src]), [style]').length
			+ [...document.querySelectorAll('*')].filter((e) => [...e.attributes].some((a) => /^on/.test(a.name))).length,
		unnamed: [...document.querySelectorAll('input:not([type=hidden]), select, textarea')].filter((e) => !e.labels.length && !e.getAttribute('aria-label')).length,
		small: [...document.querySelectorAll('button, .button, select, input:not([type=hidden]):not([type=radio]):not([type=checkbox])')]
			.filter((e) => e.offsetParent && e.getBoundingClientRect().height < 43.5 && !e.closest('.unseen') && !e.classList.contains('unseen')).map((e) => e.outerHTML.slice(0, 80)),
	}));
	check(found.wide <= 0, `${what}: not wider than the window`, found.wide);
	same([found.lang, found.headings, found.mains, found.inline, found.unnamed], [screen.locale.slice(0, 2), 1, 1, 0, 0], `${what}: language, one heading, one main, nothing inline, labels`);
	same(found.small, [], `${what}: targets are large enough`);
	if (screen.javaScriptEnabled !== false) {
		await page.evaluate(AXE);
		const axe = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
		same(axe.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 120)).join(' | ')), [], `${what}: axe`);
		check(axe.passes.length > 10, `${what}: axe ran`);
	}
	await B.shot(page, what.replace(/[^a-z0-9-]+/gi, '_'));
}

// What a screen of 320 points shows, or a larger one at 400 %: all of it, also what was folded, with nothing beyond its edge.
async function narrow(browser, instance, email, pages) {
	const context = await B.open(browser, instance, { viewport: { width: 320, height: 640 }, locale: 'fr-FR', name: 'narrow' });
	const page = await context.newPage();
	await B.signIn(page, instance, email);
	for (const [name, target] of Object.entries(pages)) {
		await page.goto(instance.url + target);
		await page.$$eval('details', (all) => all.forEach((d) => { d.open = true; }));
		const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
		check(wide <= 0, `${name}: not wider than 320 points`, wide);
	}
	await context.close();
}

// pages: {name: path}; two screens at a time.
async function lookAtAll(browser, instance, email, pages) {
	await together(2, SCREENS, async (screen) => {
		const context = await B.open(browser, instance, screen);
		const page = await context.newPage();
		await B.signIn(page, instance, email);
		for (const [name, target] of Object.entries(pages)) {
			const answer = await page.goto(instance.url + target);
			same(answer.status(), 200, `${name} ${screen.name}: status`);
			await look(page, `${name} ${screen.name}`, screen);
		}
		await context.close();
	});
	await narrow(browser, instance, email, pages);
}

module.exports = { look, lookAtAll, sheetsWhole, SCREENS };
