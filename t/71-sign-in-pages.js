#!/usr/bin/env node
// Goal: signing in and its settings in a real browser, on a phone and a desktop, light and dark, with and without JavaScript, in French
// and English: password, second factor added by its QR code and asked for at the next sign-in, recovery codes, sessions, tokens, a new
// password, the link of an invitation.  Nothing on the console, no broken policy, axe finds nothing, nothing is wider than the screen.
'use strict';
const fs = require('fs');
const path = require('path');
const { Instance, PASSWORD, check, same, main } = require('./lib/pli.js');
const { totp, qrText } = require('./lib/totp.js');
const browser = require('./lib/browser.js');

const AXE = fs.readFileSync(path.join(__dirname, 'node_modules/axe-core/axe.min.js'), 'utf8');

main(async () => {
	const i = new Instance().make({ entity: 'Mairie de Saint-Éloi' });
	await i.serve();
	const chrome = await browser.launch();
	try {
		for (const [name, device, js, lang, scheme] of [['phone', browser.PHONE, true, 'fr', 'light'], ['phone-nojs', browser.PHONE, false, 'en', 'dark'],
			['desktop', browser.DESKTOP, true, 'en', 'light'], ['desktop-dark', browser.DESKTOP, true, 'fr', 'dark']]) {
			const email = `${name}@example.org`;
			i.user(email, 'editor', { entity: 'Mairie de Saint-Éloi', name: 'Jeanne Martin', password: null });
			const context = await browser.open(chrome, i, { ...device, name, javaScriptEnabled: js, locale: lang === 'fr' ? 'fr-FR' : 'en-GB', colorScheme: scheme },
				['status of 403', 'status of 422']);
			const page = await context.newPage();
			const look = async (what) => {
				same(await page.$$eval('h1', (h) => h.length), 1, `${name}: ${what}: one heading`);
				same(await page.getAttribute('html', 'lang'), lang, `${name}: ${what}: its language`);
				await browser.shot(page, `signin-${name}-${what}`);
				if (!js)
					return;
				const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
				check(wide <= seen, `${name}: ${what} is not wider than the screen`, `${wide} ${seen}`);
				const small = await page.$$eval('button, .button, .places a, .tabs a, summary, .field input, select', (all) => all.map((e) => [e.outerHTML.slice(0, 80), e.getBoundingClientRect().height]).filter((x) => x[1] > 0 && x[1] < 44));
				same(small, [], `${name}: ${what}: targets of at least 44 px`);
				// Playwright's own world: the page's policy does not apply to it.
				await page.evaluate(AXE + ';0');
				const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
				same(found.violations.map((v) => [v.id, v.nodes[0].html]), [], `${name}: ${what}: axe finds nothing`);
			};
			const press = (selector) => Promise.all([page.waitForNavigation(), page.click(selector)]);

			// The invitation.
			const link = (await i.mail(email)).links[0];
			await page.goto(link);
			await look('invitation');
			await page.fill('#password', 'password');
			await page.fill('#password_again', 'password');
			await press('button.main');
			check(await page.isVisible('.fault'), `${name}: a common password is refused`);
			await look('invitation-fault');
			await page.fill('#password', PASSWORD);
			await page.fill('#password_again', PASSWORD);
			await press('button.main');
			await look('password-set');

			// Signing in, first wrong: what was typed stays.
			await page.goto(i.url + '/settings/factor');
			check(page.url().includes('/sign-in?next=/settings/factor'), `${name}: led to sign in`, page.url());
			await look('sign-in');
			await page.fill('#email', email);
			await page.fill('#password', 'wrong');
			await press('button.main');
			same(await page.inputValue('#email'), email, `${name}: the address stays`);
			same(await page.inputValue('#password'), '', `${name}: the password does not`);
			await look('sign-in-wrong');
			await page.fill('#password', PASSWORD);
			await press('button.main');
			same(new URL(page.url()).pathname, '/settings/factor', `${name}: back to where it began`);
			await look('factor-none');

			// A second factor.
			await press('main a.button.main');
			await look('factor-add');
			const secret = (await page.textContent('.secret')).replace(/ /g, '');
			check(qrText(await page.content()).includes('secret=' + secret), `${name}: a telephone reads the picture`);
			await page.fill('#code', '123');
			await press('button.main');
			await look('factor-wrong');
			same((await page.textContent('.secret')).replace(/ /g, ''), secret, `${name}: the same secret again`);
			const used = totp(secret);
			await page.fill('#code', used.replace(/^.../, '$& '));
			await press('main button.main');
			const codes = await page.$$eval('.codes code', (all) => all.map((c) => c.textContent));
			same(codes.length, 10, `${name}: ten recovery codes`);
			await look('codes');
			await press('.no-print a');
			await look('factor-there');

			// The other settings.
			await page.goto(i.url + '/settings');
			await page.fill('#name', 'Jeanne Martin-Duval');
			await press('main button.main');
			check(await page.isVisible('.note.good'), `${name}: saved`);
			await look('profile');
			await page.goto(i.url + '/settings/sessions');
			await look('sessions');
			await page.goto(i.url + '/settings/tokens');
			await look('tokens-none');
			// The proof grows old while the form is filled in: what was typed waits for a new one.
			i.sqlWrite('UPDATE session SET proved = proved - 3600000000');
			await page.fill('#name', 'Numérisation "du soir" <b>');
			await press('form.sheet button.main');
			await look('step-up-kept');
			await page.fill('#code', 'aaaa-bbbb');
			await press('main button.main');
			check(await page.isVisible('#fault'), `${name}: a wrong code is said`);
			await page.fill('#code', codes[5]);
			await press('main button.main');
			await look('step-up-held');
			same(await page.textContent('main button.main'), { en: 'Make the token', fr: 'Créer le jeton' }[lang], `${name}: it says what it does`);
			await press('main button.main');
			check((await page.textContent('main')).includes('Numérisation "du soir" <b>'), `${name}: as it was typed`);
			check(/^pli_/.test(await page.textContent('.secret')), `${name}: a token`);
			await look('tokens');
			await page.goto(i.url + '/settings/password');
			await page.fill('#password', PASSWORD);
			await page.fill('#new_password', PASSWORD + '2');
			await page.fill('#password_again', PASSWORD + '2');
			await press('main button.main');
			check(await page.isVisible('.note.good'), `${name}: password changed`);
			await look('password');

			// A fresh proof, then out, and in with a recovery code.
			i.sqlWrite('UPDATE session SET proved = proved - 3600000000');
			await page.goto(i.url + '/settings/factor/add');
			same(new URL(page.url()).pathname, '/step-up', `${name}: asked who is there`);
			await look('step-up');
			await page.goto(i.url + '/');
			await look('home');
			await page.click('.me summary');
			await press('.me-card button');
			same(new URL(page.url()).pathname, '/sign-in', `${name}: out`);
			await page.fill('#email', email);
			await page.fill('#password', PASSWORD + '2');
			await press('button.main');
			same(new URL(page.url()).pathname, '/sign-in/code', `${name}: the code is asked for`);
			await look('code');
			await page.fill('#code', codes[3].toUpperCase());
			await press('button.main');
			same(new URL(page.url()).pathname, '/', `${name}: in`);
			await page.goto(i.url + '/forgotten');
			await look('forgotten');
			await context.close();
		}
	} finally {
		await chrome.close();
	}
	await i.stop();
});
