#!/usr/bin/env node
// Goal: a full disk is a refusal, not an end: 507 before any proof, readings go on from the smaller reserve and stop with 507
// too when it is gone, pages stay up, service resumes by itself, the journal verifies, nothing half stays.
'use strict';
