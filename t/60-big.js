#!/usr/bin/env node
// Goal: a large letter goes up by `pli send` through cut connections and a restart, comes down identical, in constant memory.
'use strict';
