#!/bin/sh
# Goal: every route, viewer and method of t/routes.tsv once more, over HTTP/2: the same answers.
PLI_TEST_HTTP2=1 exec node "$(dirname "$0")/33-routes.js"
