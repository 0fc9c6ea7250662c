#!/usr/bin/env node
// Goal: a recipient's way in a real browser, on a phone and on a desktop, with and without JavaScript, in French and English, by
// mouse and by keyboard: landing page, opening, letter, files, archive, proof; password, lock, dead links.  Nothing on the console,
// no broken policy, no request elsewhere.  What strangers write (subject, names, file names, message, sender's and entity's name)
// never becomes markup, on pages and in mails.  Pictures are kept in log/screens of the build directory.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const { Instance, check, same, until, main, TMP } = require('./lib/pli.js');
const browser = require('./lib/browser.js');

const PAYLOADS = ['<script>alert(1)</script>', '"><script>alert(1)</script>', '\'><img src=x onerror=alert(1)>', '<svg/onload=alert(1)>', '</title><script>alert(1)</script>', '</textarea><img src=x onerror=alert(1)>',
	'<iframe srcdoc="<script>alert(1)</script>">', '{{constructor.constructor("alert(1)")()}}', '${alert(1)}', '&lt;script&gt;alert(1)&lt;/script&gt;', '&#60;script&#62;alert(1)', '<a href="javascript:alert(1)">x</a>', '" onmouseover="alert(1)" x="',
	'\' autofocus onfocus=alert(1) \'', '<math><mtext></p><script>alert(1)</script>', '<style>@import "//evil.example"</style>', '<base href="//evil.example/">', '<meta http-equiv=refresh content="0;url=//evil.example">', '<form action="//evil.example"><button>',
	'<link rel=stylesheet href=//evil.example>', '%3Cscript%3Ealert(1)%3C/script%3E', '\\u003cscript\\u003ealert(1)', '<!--<img src="--><img src=x onerror=alert(1)>', '<<script>alert(1);//<</script>', '<object data="javascript:alert(1)">', '<details open ontoggle=alert(1)>',
	'--><script>alert(1)</script>', ']]><script>alert(1)</script>', '<img src=//evil.example/x.png>', '<template><script>alert(1)</script></template>'];
const MARKDOWN = ['[x](javascript:alert(1))', '[x](JaVaScRiPt&colon;alert(1))', '[x](data:text/html,<script>alert(1)</script>)', '[x](vbscript:x)', '![x](https://evil.example/pixel.png)', '![x](//evil.example/pixel.png)', '![x][r]\n\n[r]: https://evil.example/x',
	'<img src="https://evil.example/x">', '<script>alert(1)</script>', '<div onclick="alert(1)">x</div>', '<style>body{background:url(https://evil.example/x)}</style>', '[x](\u0001javascript:alert(1))', '<https://evil.example/"onmouseover="alert(1)>', '[a]: javascript:alert(1)\n\n[a]', '<a href="javascript:alert(1)">x</a>',
	'`</code><script>alert(1)</script>`', '```\n</pre><script>alert(1)</script>\n```', '| a |\n|---|\n| <img src=x onerror=alert(1)> |', '<javascript:alert(1)>', '[x](https://example.org "\\" onmouseover=alert(1)")'];

function luminance(hex) {
	const [r, g, b] = [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16) / 255).map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
	return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
	const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
	return (x + 0.05) / (y + 0.05);
}

main(async () => {
	const css = fs.readFileSync(path.join(__dirname, '../web/assets/pli.css'), 'utf8');
	const themes = [...css.matchAll(/:root \{([^}]*)\}/g)].map((m) => Object.fromEntries([...m[1].matchAll(/--([a-z-]+): (#[0-9a-f]{6})/g)].map((c) => [c[1], c[2]]))).filter((t) => t.good);
	same(themes.length, 2, 'a light and a dark theme');
	for (const [k, t] of themes.entries())
		for (const [ink, paper] of [['ink', 'paper'], ['ink', 'card'], ['quiet', 'paper'], ['quiet', 'card'], ['wax', 'paper'], ['wax', 'card'], ['on-wax', 'wax'], ['good', 'card'], ['wait', 'card'], ['bad', 'card']])
			check(contrast(t[ink], t[paper]) >= 4.5, `theme ${k}: ${ink} on ${paper} is readable`, contrast(t[ink], t[paper]));

	const i = new Instance().make({ entity: 'Mairie de Saint-Éloi' });
	await i.serve();
	const token = i.user('sender@example.org', 'editor', { entity: 'Mairie de Saint-Éloi', name: 'Jeanne Martin' });
	const bytes = crypto.randomBytes(200000);
	const send = async (to, fields = []) => {
		const a = await i.multipart('/api/v1/letters', token, [['to', to], ['subject', 'Votre permis de construire'], ['message', '# Bonjour\n\nVoici **votre** dossier, à lire [ici](https://example.org/).\n\n- un\n- deux'],
			['file', { filename: 'Permis n° 12.pdf', bytes, type: 'application/pdf' }], ['file', { filename: 'plan.txt', bytes: 'plan' }], ...fields]);
		same(a.status, 201, 'a letter to ' + to);
		return i.link(to);
	};

	const chrome = await browser.launch();
	try {
		for (const [name, device, js, lang] of [['phone', browser.PHONE, true, 'fr-FR'], ['phone-nojs', browser.PHONE, false, 'en-GB'], ['desktop', browser.DESKTOP, true, 'en-US'], ['desktop-nojs', browser.DESKTOP, false, 'fr-FR']]) {
			const link = await send(`${name}@example.org`);
			const context = await browser.open(chrome, i, { ...device, name, javaScriptEnabled: js, locale: lang });
			const page = await context.newPage();
			const fits = async (where) => {
				if (!js)
					return;
				const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
				check(wide <= seen, `${name}: ${where} is not wider than the screen`, `${wide} ${seen}`);
				for (const [text, height] of await page.$$eval('button, .button', (all) => all.map((b) => [b.textContent, b.getBoundingClientRect().height])))
					check(height >= 44, `${name}: ${where}: "${text}" is large enough for a thumb`, height);
			};
			const answer = await page.goto(i.url + link);
			same(answer.status(), 200, `${name}: landing`);
			check(await page.getAttribute('html', 'lang') === lang.slice(0, 2), `${name}: the page's language`);
			check((await page.title()).includes('Mairie de Saint-Éloi'), `${name}: the title says who`, await page.title());
			check((await page.textContent('main')).includes('Jeanne Martin'), `${name}: who writes`);
			same(await page.$$eval('h1', (h) => h.length), 1, `${name}: one heading`);
			await fits('landing');
			await browser.shot(page, `${name}-1-landing`);

			if (js && name === 'desktop') {
				// By keyboard alone: the button is reached and shows that it is.
				for (let n = 0; n < 20 && !(await page.evaluate(() => document.activeElement.matches('button[type=submit]'))); n++)
					await page.keyboard.press('Tab');
				check(await page.evaluate(() => document.activeElement.matches('button[type=submit]')), `${name}: the button is reached by Tab`);
				check(await page.evaluate(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2; }), `${name}: the focus is seen`);
				await Promise.all([page.waitForURL('**/letter'), page.keyboard.press('Enter')]);
			} else {
				const press = device.hasTouch ? page.tap.bind(page) : page.click.bind(page);
				await Promise.all([page.waitForURL('**/letter'), press('form[action$="/open"] button[type=submit]')]);
			}
			check((await page.textContent('h1')).includes('Votre permis de construire'), `${name}: the letter`);
			same(await page.textContent('.message strong'), 'votre', `${name}: the message`);
			await fits('letter');
			await browser.shot(page, `${name}-2-letter`);

			for (const [what, selector] of [['file', 'a[href$="/files/1"]'], ['zip', 'a[href$="/files.zip"]'], ['proof', 'a[href$="/proof"]']]) {
				const [download] = await Promise.all([page.waitForEvent('download'), page.click(selector)]);
				const file = path.join(TMP, `${name}-${what}`);
				await download.saveAs(file);
				if (what === 'file') {
					check(fs.readFileSync(file).equals(bytes), `${name}: the file is identical`);
					same(download.suggestedFilename(), 'Permis n° 12.pdf', `${name}: its name`);
				} else if (what === 'zip') {
					const inside = execFileSync('unzip', ['-l', file], { encoding: 'utf8' });
					check(inside.includes('plan.txt') && inside.includes('.eml') && inside.includes('.html'), `${name}: the archive`, inside);
				} else {
					const v = i.run(['proof', 'verify', file, '--root', path.join(i.dir, 'public/root.pem'), '--log-key', path.join(i.dir, 'public/log.pub')]);
					check(v.status === 0 && v.stdout.includes('VERIFIED'), `${name}: the proof verifies`, v.stdout + v.stderr);
				}
			}

			// Reload, back, the landing page again: it says that the letter was opened before.
			await page.reload();
			check(page.url().endsWith('/letter'), `${name}: reload stays`);
			await page.goto(i.url + link);
			await browser.shot(page, `${name}-3-again`);
			if (await page.$('a.lang')) {
				const before = await page.textContent('h1');
				await page.click('a.lang');
				check(await page.textContent('h1') !== before, `${name}: the other language`);
			} else {
				check(false, `${name}: a way to the other language`);
			}
			await page.goto(i.url + '/about');
			await fits('about');
			await browser.shot(page, `${name}-4-about`);
			await context.close();
		}

		// --- password, lock, dead links, dark
		const allowed = ['status of 403', 'status of 423', 'status of 404', 'status of 410'];
		const context = await browser.open(chrome, i, { ...browser.PHONE, name: 'password', colorScheme: 'dark' }, allowed);
		const page = await context.newPage();
		const link = await send('password@example.org', [['password', 'Sésame 12']]);
		const submit = (selector = 'button[type=submit]') => Promise.all([page.waitForNavigation(), page.tap(selector)]);
		await page.goto(i.url + link);
		await browser.shot(page, 'password-1-landing');
		for (let n = 1; n <= 9; n++) {
			await page.fill('#password', 'wrong ' + n);
			await submit();
			check((await page.textContent('[role=alert]')).includes(String(10 - n)), `wrong password ${n}: what is left`, await page.textContent('[role=alert]'));
			same(await page.getAttribute('#password', 'aria-invalid'), 'true', `wrong password ${n}: the field is marked`);
		}
		await browser.shot(page, 'password-2-wrong');
		await page.fill('#password', 'wrong 10');
		await submit();
		await browser.shot(page, 'password-3-locked');
		await submit('form[action$="/renew"] button');
		await browser.shot(page, 'password-4-renewed');
		await page.goto(i.url + await i.link('password@example.org', 2));
		await page.fill('#password', 'Sésame 12');
		await submit();
		check(page.url().endsWith('/letter'), 'the right password on the new link opens', page.url());
		await browser.shot(page, 'password-5-letter');
		same((await page.goto(i.url + link)).status(), 410, 'the old link is gone');
		await browser.shot(page, 'dead-1-replaced');
		same((await page.goto(i.url + '/l/' + 'a'.repeat(52))).status(), 404, 'an unknown link');
		await browser.shot(page, 'dead-2-unknown');
		await context.close();

		// --- nobody may frame us
		const frame = await browser.open(chrome, i, { name: 'frame' }, ['frame-ancestors', 'Refused to', 'refused to connect', 'Framing']);
		const outer = await frame.newPage();
		await outer.setContent(`<iframe src="${i.url}${await i.link('phone@example.org')}"></iframe>`);
		await until('the frame has tried', () => outer.frames().length === 2 && outer.frames()[1].url() !== 'about:blank', 10).catch(() => 0);
		check(!(outer.frames()[1] && (await outer.frames()[1].content().catch(() => '')).includes('<form')), 'a framed page shows nothing');
		await frame.close();
	} finally {
		await chrome.close();
	}
	await i.stop();

	// --- what strangers write
	const x = new Instance('xss').make({ entity: '<img src=x onerror=alert(1)>"\'' });
	await x.serve();
	const evil = x.user('evil@example.org', 'editor', { entity: '<img src=x onerror=alert(1)>"\'', name: '"><script>alert(1)</script>' });
	const second = await browser.launch();
	try {
		const context = await browser.open(second, x, { name: 'payload' });
		// The mails are shown in a window of their own: a page that lies behind another one is slow.
		const letters = await (await browser.open(second, x, { name: 'mail' })).newPage();
		const page = await context.newPage();
		const watch = async (what, where = page) => {
			const bad = await where.$$eval('script, iframe, object, embed, base, template, meta[http-equiv], main svg, main img, main style, main link, main form[action^="//"], [onerror], [onload], [onmouseover], [onfocus], [onclick], [ontoggle], [srcdoc]',
				(all) => all.filter((e) => !(e.matches('main svg, main img') && e.closest('.seal, figure'))).map((e) => e.outerHTML));
			same(bad, [], `${what}: nothing became markup`);
			const links = await where.$$eval('a[href], area[href], form[action]', (all) => all.map((a) => a.getAttribute('href') || a.getAttribute('action')));
			same(links.filter((l) => !/^(\/(?!\/)|#|https?:|mailto:)/i.test(l)), [], `${what}: no link that runs`);
		};
		for (const [k, p] of PAYLOADS.entries()) {
			const to = `p${k}@example.org`;
			const a = await x.multipart('/api/v1/letters', evil, [['to', /["<>\\@,;:\r\n]/.test(p) ? `"${p.replace(/[\\"]/g, '\\$&')}" <${to}>` : `${p} <${to}>`], ['subject', p], ['message', p + '\n\n' + (MARKDOWN[k % MARKDOWN.length])],
				['file', { filename: p.replace(/"/g, '%22').replace(/[\r\n]/g, ''), bytes: p, type: 'text/html' }]]);
			if (!check(a.status === 201 || a.status === 422, `payload ${k} is taken or refused`, a.brief) || a.status !== 201)
				continue;
			const mail = await x.mail(to), link = new URL(mail.links[0]).pathname;
			await page.goto(x.url + link);
			await watch(`payload ${k}, landing`);
			await Promise.all([page.waitForURL('**/letter'), page.click('form[action$="/open"] button[type=submit]')]);
			await watch(`payload ${k}, letter`);
			check((await page.textContent('h1')).includes(p.trim()), `payload ${k}: the subject is shown as it was written`, await page.textContent('h1'));
			const file = await x.request('GET', link + '/files/1', { headers: { Cookie: (await context.cookies()).map((c) => `${c.name}=${c.value}`).join('; ') } });
			check(/^attachment/.test(file.headers['content-disposition']) && file.headers['x-content-type-options'] === 'nosniff', `payload ${k}: a file of HTML is never shown`, file.headers);
			await letters.setContent(mail.html);
			await watch(`payload ${k}, mail`, letters);
			const ours = await letters.$$eval('[src], [href]', (all) => all.map((e) => e.getAttribute('src') || e.getAttribute('href')));
			same(ours.filter((u) => !u.startsWith(x.url)), [], `payload ${k}: the mail links to us alone`);
		}
		for (const [k, m] of MARKDOWN.entries()) {
			const to = `m${k}@example.org`;
			const a = await x.json('POST', '/api/v1/letters', evil, { to: [to], subject: 'M', message: m });
			if (!check(a.status === 201 || a.status === 422, `message ${k} is taken or refused`, a.brief) || a.status !== 201)
				continue;
			await page.goto(x.url + await x.link(to));
			await Promise.all([page.waitForURL('**/letter'), page.click('form[action$="/open"] button[type=submit]')]);
			await watch(`message ${k}`);
		}
		await context.close();
	} finally {
		await second.close();
	}
	await x.stop();
});
