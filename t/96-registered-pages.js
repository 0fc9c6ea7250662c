#!/usr/bin/env node
// Goal: a registered letter in a real browser, on a phone and on a desktop, with and without JavaScript, light and dark, in French and English: the two
// acts look alike to the pixel and are reached alike by keyboard; accepting leads to the letter, refusing to a page that says it is done; the
// sender chooses the class in the form, looks once more, and follows who has decided what.  axe has nothing to say.
'use strict';
const fs = require('fs');
const path = require('path');
const { Instance, check, same, until, main } = require('./lib/pli.js');
const browser = require('./lib/browser.js');
const desk = require('./lib/desk.js');

const AXE = fs.readFileSync(path.join(__dirname, 'node_modules/axe-core/axe.min.js'), 'utf8');
const LOOK = ['color', 'backgroundColor', 'borderColor', 'borderWidth', 'borderStyle', 'fontSize', 'fontWeight', 'fontFamily', 'textTransform', 'opacity', 'boxShadow', 'textDecorationLine', 'cursor', 'height', 'width'];

main(async () => {
	const i = new Instance().make({ entity: 'Mairie de Saint-Éloi', conf: '[signin]\npolicy = password\n' });
	await i.serve();
	const token = i.user('sender@example.org', 'editor', { entity: 'Mairie de Saint-Éloi', name: 'Jeanne Martin' });
	const send = async (to, fields) => {
		const a = await i.multipart('/api/v1/letters', token, [['to', to], ['subject', 'Mise en demeure'], ['message', 'Le corps du courrier.'], ['file', { filename: 'acte.pdf', bytes: 'x' }], ...fields]);
		same(a.status, 201, 'a letter to ' + to);
		return [await i.link(to), a.json.id];
	};

	const chrome = await browser.launch();
	try {
		for (const way of desk.WAYS)
			for (const cls of ['registered', 'fr-lre'])
				for (const act of ['open', 'refuse']) {
					const name = `${way.name}, ${cls}, ${act}`;
					const [link, id] = await send(`${way.name}-${cls}-${act}@example.org`, [['class', cls]]);
					await until('the window is known', async () => (await i.request('GET', '/api/v1/letters/' + id, { token })).json.recipients[0].accept_until);
					const context = await browser.open(chrome, i, { ...way.options, name }, ['status of 410']);
					const page = await context.newPage();
					await page.goto(i.url + link);
					await desk.look(page, way, `registered-${cls}-${act}-1-landing`);
					const buttons = await page.$$('.choice button');
					same(buttons.length, 2, `${name}: two acts`);
					if (way.js) {
						const [one, two] = await page.$$eval('.choice button', (all, look) => all.map((b) => Object.fromEntries(look.map((p) => [p, getComputedStyle(b)[p]]))), LOOK);
						same(one, two, `${name}: which look alike`);
						const forms = await page.$$eval('.choice form', (all) => all.map((f) => { const r = f.getBoundingClientRect(); return [r.width, way_height(r)]; function way_height(x) { return innerWidth > 500 ? x.height : 0; } }));
						same(forms[0], forms[1], `${name}: in frames of one size`);
						const order = await page.evaluate(() => [...document.querySelectorAll('button, a[href], input:not([type=hidden]), summary')].filter((e) => e.tabIndex !== 0 || e.autofocus).map((e) => e.outerHTML));
						same(order, [], `${name}: the order of the keyboard is that of the page`);
					}
					const shown = await page.textContent('main');
					check(shown.includes('Jeanne Martin') === (cls === 'registered'), `${name}: who wrote, or not`, shown);
					check(!shown.includes('Mise en demeure') && !shown.includes('acte.pdf'), `${name}: nothing of the content`, shown);
					const selector = `form[action$="/${act}"] button`;
					if (way.js && way.name === 'desktop') {
						for (let n = 0; n < 20 && !(await page.evaluate((s) => document.activeElement.matches(s), selector)); n++)
							await page.keyboard.press('Tab');
						check(await page.evaluate((s) => document.activeElement.matches(s), selector), `${name}: reached by Tab`);
						await Promise.all([page.waitForNavigation(), page.keyboard.press('Enter')]);
					} else {
						const press = way.options.hasTouch ? page.tap.bind(page) : page.click.bind(page);
						await Promise.all([page.waitForNavigation(), press(selector)]);
					}
					await desk.look(page, way, `registered-${cls}-${act}-2-done`);
					const text = await page.textContent('main');
					if (act === 'open') {
						check(page.url().endsWith('/letter') && text.includes('Le corps du courrier.') && text.includes('Jeanne Martin'), `${name}: the letter, and who wrote it`, text);
					} else {
						check(new RegExp(way.lang === 'fr' ? 'Vous avez refusé' : 'You have refused').test(text), `${name}: it is refused`, text);
						same(await page.$$eval('form', (f) => f.length), 0, `${name}: nothing more to press`);
						check(text.includes('Mairie de Saint-Éloi') === (cls === 'registered'), `${name}: who wrote, or not, stays so`, text);
					}
					const l = (await i.request('GET', '/api/v1/letters/' + id, { token })).json;
					same([l.state, l.recipients[0].decision, l.recipients[0].state], act === 'open' ? ['received', 'accepted', 'opened'] : ['refused', 'refused', 'refused'], `${name}: the sender knows`);
					if (act === 'open')
						check(l.recipients[0].reading.act === 'user' && l.recipients[0].reading.page_visits >= 1 && l.recipients[0].reading.machine_visits === 0, `${name}: a person, by the browser's word`, l.recipients[0].reading);
					await context.close();
				}

		// Writing one, and following it.
		for (const way of desk.WAYS) {
			const context = await browser.open(chrome, i, { ...way.options, name: way.name }, ['status of 422']);
			const page = await context.newPage();
			await browser.signIn(page, i, 'sender@example.org', undefined, '/letters/new');
			check(await page.isChecked('input[name=class][value=simple]'), `${way.name}: a letter is simple at first`);
			await page.fill('#to', `p@${way.name}.example, q@${way.name}.example`);
			await page.fill('#subject', 'Congé');
			await page.check('input[name=class][value=fr-lre]');
			await desk.look(page, way, 'registered-compose');
			await Promise.all([page.waitForNavigation(), page.click('.buttons button[name=act][value=save]')]);
			check(await page.isChecked('input[name=class][value=fr-lre]'), `${way.name}: the draft keeps the class`);
			await Promise.all([page.waitForURL('**/review'), page.click('.buttons button[name=act][value=review]')]);
			const review = await page.textContent('main');
			check(/non qualifié|not qualified/.test(review) && review.includes('15'), `${way.name}: the last look says what it is`, review);
			await desk.look(page, way, 'registered-review');
			await Promise.all([page.waitForURL('**/letters/*sent=1'), page.click('form[action$="/send"] button.main')]);
			for (const [who, act] of [['p', 'open'], ['q', 'refuse']]) {
				const link = await i.link(`${who}@${way.name}.example`);
				same((await i.postForm(`${link}/${act}`, { form: await i.form(link) })).status, 303, `${way.name}: ${who}: ${act}`);
			}
			await page.goto(page.url().split('?')[0]);
			await page.$$eval('details', (all) => all.forEach((d) => { d.open = true; }));
			await desk.look(page, way, 'registered-followed');
			const sheet = await page.textContent('main');
			for (const words of way.lang === 'fr' ? ['Accepté', 'Refusé', 'a accepté l’envoi recommandé', 'Degrés de lecture', 'expéditeur révélé'] : ['Accepted', 'Refused', 'has accepted the registered letter', 'Degrees of reading', 'sender told after'])
				check(sheet.includes(words), `${way.name}: the sheet says: ${words}`, sheet);
			await context.close();
		}

		// Accessibility, in both themes.
		const [link] = await send('axe@example.org', [['class', 'fr-lre'], ['password', 'secret']]);
		const [gone] = await send('axe2@example.org', [['class', 'registered']]);
		await i.postForm(gone + '/refuse', { form: await i.form(gone) });
		for (const options of [{ ...browser.DESKTOP }, { ...browser.PHONE, colorScheme: 'dark' }]) {
			const context = await browser.open(chrome, i, { ...options, bypassCSP: true, name: 'axe' }, ['status of 410']);
			const page = await context.newPage();
			for (const at of [link, gone])
				for (const lang of ['fr', 'en']) {
					await page.goto(`${i.url}${at}?lang=${lang}`);
					await page.evaluate(AXE);
					const found = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
					same(found.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html.slice(0, 120)).join(' | ')), [], `${lang}: axe`);
				}
			await context.close();
		}
	} finally {
		await chrome.close();
	}
	await i.stop();
});
