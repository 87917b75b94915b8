/** `npm run bench [-- PART]`: without a part the side-by-side comparison, with one that part alone. */
import { benchCallCosts } from './call-costs.js';
import { benchCluster } from './cluster.js';
import { benchDns } from './dns.js';
import { benchLists } from './lists.js';
import { benchPage } from './page.js';
import { sideBySide } from './side-by-side.js';
import { benchStore } from './store.js';
import { benchWorkers } from './workers.js';
import { benchWs } from './ws.js';

const [part = '', ...rest] = process.argv.slice(2);
if (part === 'store') benchStore();
else if (part === 'sys') benchCallCosts();
else if (part === 'workers') await benchWorkers(rest);
else if (part === 'cluster') await benchCluster(rest);
else if (part === 'dns') await benchDns(rest);
else if (part === 'lists') await benchLists(rest);
else if (part === 'page') await benchPage(rest);
else if (part === 'ws') await benchWs(rest);
else if (part === '' || part.startsWith('--'))
  await sideBySide(part === '' ? rest : [part, ...rest]);
else {
  process.stderr.write(
    `bench: no part '${part}'; there are: cluster, dns, lists, page, store, sys, workers, ws\n`,
  );
  process.exitCode = 2;
}
