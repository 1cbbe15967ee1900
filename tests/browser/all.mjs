// All tests in one browser: starting it takes longer than a test.

import { after, before } from 'node:test';
import { start, stop } from './page.mjs';

before(start);
after(stop);

await import('./second_factors.mjs');
await import('./passkeys.mjs');
