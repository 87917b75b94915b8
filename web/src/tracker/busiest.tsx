import { formatCount } from '../format.js';
import { Card, type Column, Table } from '../kit/index.js';
import type { BusySwarm } from '../tick.js';
import { wantedHash } from './look-up.js';
import { Roles } from './roles.js';

const COLUMNS: readonly Column<BusySwarm>[] = [
  {
    key: 'hash',
    head: 'Info hash',
    class: 'hash-cell',
    cell: ({ info_hash }) => (
      <button
        type="button"
        class="link-button mono hash"
        title={`Look up ${info_hash}`}
        onClick={() => {
          wantedHash.value = info_hash;
        }}
      >
        {info_hash}
      </button>
    ),
  },
  {
    key: 'roles',
    head: 'Seeders to leechers',
    class: 'roles-cell',
    cell: ({ seeders, leechers }) => <Roles seeders={seeders} leechers={leechers} />,
  },
  {
    key: 'seeders',
    head: 'Seeders',
    end: true,
    cell: ({ seeders }) => formatCount(seeders),
    sort: ({ seeders }) => seeders,
    descending: true,
  },
  {
    key: 'leechers',
    head: 'Leechers',
    end: true,
    cell: ({ leechers }) => formatCount(leechers),
    sort: ({ leechers }) => leechers,
    descending: true,
  },
  {
    key: 'web',
    head: 'Web',
    end: true,
    cell: ({ web_peers }) => formatCount(web_peers),
    sort: ({ web_peers }) => web_peers,
    descending: true,
  },
  {
    key: 'downloads',
    head: 'Downloads',
    end: true,
    cell: ({ downloads }) => formatCount(downloads),
    sort: ({ downloads }) => downloads,
    descending: true,
  },
];

/** Those with the most peers; a click looks one up. */
export function Busiest({ swarms }: { readonly swarms: readonly BusySwarm[] }) {
  return (
    <Card title="Busiest swarms" note="by peers" flush testId="busiest">
      <Table
        label="Busiest swarms"
        columns={COLUMNS}
        rows={swarms}
        rowKey={({ info_hash }) => info_hash}
        isSelected={({ info_hash }) => info_hash === wantedHash.value}
      />
    </Card>
  );
}
