#!/usr/bin/env node
// Goal: what is secret stands in clear nowhere: not in the instance directory, the logs, /proc, nor in memory after use.
'use strict';
