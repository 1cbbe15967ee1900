// All tests in one browser, as starting it takes longer than a test; three at a time, as each of them mostly waits.

import { after, before } from 'node:test';
import { start, stop } from './page.mjs';

before(start);
after(stop);

await import('./second_factors.mjs');
await import('./passkeys.mjs');
await import('./links.mjs');
