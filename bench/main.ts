/** `npm run bench [-- PART]`: without a part the side-by-side comparison, with one that part alone. */
import { benchStore } from './store.js';

const part = process.argv[2] ?? 'all';
if (part === 'store') benchStore();
else {
  process.stderr.write(`bench: no part '${part}'; there is: store\n`);
  process.exitCode = 2;
}
