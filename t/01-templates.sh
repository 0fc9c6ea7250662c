#!/bin/sh
# Goal: the generator refuses, with file and line, every template, translation and schema that could put
# a value where it cannot be made harmless, or that would fail later.
set -u
embed=$B/tools/embed
[ -x "$embed" ] || embed=${B%/*}/tools/embed
n=0 bad=0

fresh() {
	rm -rf "$TMP/web" "$TMP/schema" "$TMP/out"
	mkdir -p "$TMP/web/pages" "$TMP/web/mail" "$TMP/web/locale" "$TMP/web/assets" "$TMP/schema/sqlite" "$TMP/out"
	printf 'a = text\nb = %%1 text\n' >"$TMP/web/locale/en.txt"
	printf 'a = texte\nb = %%1 texte\n' >"$TMP/web/locale/fr.txt"
	printf 'body{}' >"$TMP/web/assets/style.css"
}

judge() { # what wanted-status wanted-text
	n=$((n + 1))
	said=$("$embed" "$TMP/web" "$TMP/schema" "$TMP/out" 2>&1)
	status=$?
	case $said in
	*"$3"*) ;;
	*) status=wrong-text ;;
	esac
	if [ "$status" != "$2" ]; then
		bad=$((bad + 1))
		printf 'case %d (%s): wanted status %s and "%s", got %s: %s\n' "$n" "$1" "$2" "$3" "$status" "$said"
	fi
}

good() { fresh; printf '%s' "$1" >"$TMP/web/pages/x.html"; judge "$1" 0 ''; }
refused() { fresh; printf '%s' "$1" >"$TMP/web/pages/x.html"; judge "$1" 1 "$2"; }
refused_txt() { fresh; printf '%s' "$1" >"$TMP/web/mail/x.$3"; judge "$1" 1 "$2"; }

good '<p>{{x}}</p>'
good '<a href="{{x}}">{{y}}</a>'
good '<input {{#if a}}checked{{/if}}>'
good '<input{{#if a}} checked{{else}} class="{{b}}"{{/if}}>'
good '<a href="x"{{#each l}} data-{{else}} q="{{z}}"{{/each}}>'
good '<p {{-- x --}}id="a">{{t a}}{{t b x}}</p>'
good '<script>if (a < b && c > d) {}</script><p>{{x}}</p>'
good '<!-- <p> "x" --><p>{{x}}</p>'
good '<img src="{{asset style.css}}" alt="{{t a}}">'

# Places where a value cannot be made harmless.
refused '<script>var x = "{{x}}"</script>' 'inside <script> or <style>'
refused '<script>{{!x}}</script>' 'inside <script> or <style>'
refused '<style>a{color:{{x}}}</style>' 'inside <script> or <style>'
refused '<script src="{{x}}"></script>' 'never a value'
refused '<p onclick="{{x}}">' 'event handler'
refused '<p ONCLICK="f({{x}})">' 'event handler'
refused '<p style="{{x}}">' 'inside this attribute'
refused '<iframe srcdoc="{{x}}">' 'inside this attribute'
refused '<img srcset="{{x}} 2x">' 'inside this attribute'
refused '<meta content="{{x}}">' 'meta content'
refused '<a href={{x}}>' 'must be in quotes'
refused '<a title=a{{x}}>' 'must be in quotes'
refused '<a {{x}}>' 'names of a tag'
refused '<{{x}}>' 'names of a tag'
refused '<a{{x}}>' 'names of a tag'
refused '<a da{{x}}ta="y">' 'names of a tag'
refused '<!-- {{x}} -->' 'inside a comment'
refused '<!doctype {{x}}>' 'inside a comment'
refused '<a href="{{t a}}">' 'not an address'
refused '<a href="x"{{#if a}}"{{/if}}>' 'a space, / or > must follow'

# Markup and lines where there is only text.
refused '<p title="{{!x}}">' 'markup may stand only in the text'
refused '<title>{{!x}}</title>' 'no meaning inside <title>'
refused '<a title="{{lines x}}">' 'several lines'
refused '<textarea>{{lines x}}</textarea>' 'use {{name}}'

# Branches that part.
refused '{{#if a}}<p title="{{/if}}x">' 'different places'
refused '<p title="{{#if a}}">{{/if}}' 'different places'
refused '{{#if a}}<script>{{else}}<p>{{/if}}' 'different places'
refused '{{#each a}}<b title="{{/each}}' 'another place than it began'
refused '<a href="{{#if a}}/x/{{/if}}{{y}}">' 'different places'
refused '<p title="x' 'ends inside a tag'
refused '<script>' 'ends inside a tag'
refused 'a < b' 'begins no tag'
refused '<input {{#if a}}check{{/if}}ed>' 'a space, / or > must follow'

# Blocks, names, keys.
refused '{{#if a}}x' 'no end'
refused '{{#if a}}x{{/each}}' 'does not end the block'
refused '{{#if a}}{{else}}{{else}}{{/if}}' 'a second {{else}}'
refused '{{/if}}' 'without a beginning'
refused '{{else}}' 'without a beginning'
refused '{{#for a}}{{/for}}' 'unknown {{#for}}'
refused '{{#if}}{{/if}}' 'one name must follow'
refused '{{#if a b}}{{/if}}' 'one name must follow'
refused '{{x' '{{ without }}'
refused '{{}}' 'empty tag'
refused '{{a b}}' 'too many words'
refused '{{A}}' 'a name is made of'
refused '{{../x}}' 'leads out of the page'
refused '{{@n}}' 'only inside {{#each}}'
refused '{{@x}}' "unknown '@x'"
refused '{{t nokey}}' 'no translation has the key'
refused '{{t nokey.$x}}' 'no translation has the key'
refused '{{t a x}}' 'takes 0 values'
refused '{{t b}}' 'takes 1 values'
refused '{{> none}}' 'there is no'
refused '{{asset none.css}}' 'there is no asset'
refused 'one
two
{{#if a}}
{{B}}' ':4: a name is made of'

refused_txt 'two
lines' 'one line' subject
refused_txt '{{x}}' 'a template ends in' htm

fresh; printf '{{> x}}' >"$TMP/web/pages/_x.html"; printf '{{> x}}' >"$TMP/web/pages/x.html"
judge 'circle' 1 'in a circle'
fresh; printf 'c = x\n' >>"$TMP/web/locale/en.txt"
judge 'key in one language' 1 'c is missing'
fresh; printf 'a = x\n' >>"$TMP/web/locale/en.txt"
judge 'key twice' 1 'a is there twice'
fresh; printf 'a = text\nb = text\n' >"$TMP/web/locale/fr.txt"
judge 'other arguments' 1 'other arguments'
fresh; printf 'a = 5 %% of\n' >"$TMP/web/locale/fr.txt"
judge 'bare percent' 1 'is followed by'
fresh; printf 'a = \\t\n' >"$TMP/web/locale/fr.txt"
judge 'escape' 1 'is followed by n'
fresh; printf 'a = \377\n' >"$TMP/web/locale/fr.txt"
judge 'bad UTF-8' 1 'not UTF-8'
fresh; printf 'a text\n' >"$TMP/web/locale/fr.txt"
judge 'no equals sign' 1 'expected `key = text`'
fresh; : >"$TMP/schema/sqlite/0002-x.sql"
judge 'schema gap' 1 'without a gap'
fresh; : >"$TMP/schema/sqlite/1-x.sql"
judge 'schema name' 1 'NNNN-name.sql'

# The same input gives the same output, and an unchanged header is not touched.
fresh; printf '<p>{{x}}</p>' >"$TMP/web/pages/x.html"
judge 'first' 0 ''
cp "$TMP/out/web.c" "$TMP/first.c"
touch -d '2001-01-01' "$TMP/out/web.h"
judge 'second' 0 ''
cmp "$TMP/first.c" "$TMP/out/web.c" || bad=$((bad + 1))
[ -z "$(find "$TMP/out/web.h" -newermt '2002-01-01')" ] || { echo 'web.h was touched'; bad=$((bad + 1)); }

echo "$n cases, $bad wrong"
[ "$bad" -eq 0 ]
