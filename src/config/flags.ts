/** The flags of `trackerbt tracker` and `trackerbt minder` that are settings: the strongest source. */
import type { Command } from 'commander';
import { leafAt } from './catalogue.js';
import { Layer } from './layer.js';
import { formatDefault } from './print.js';
import type { ProblemList } from './problem.js';
import { ADMIN_LISTEN } from './resolve.js';
import type { Role } from './role.js';

interface FlagRule {
  readonly flag: `--${string}`;
  /** Absent for a flag that says yes by being there. */
  readonly argument?: string;
  readonly path: string;
  readonly help: string;
  /** What an empty default, or one of 0, comes to. Without it help says nothing of an empty one. */
  readonly fallback?: string | Readonly<Record<Role, string>>;
  /** Whose flag it is; both roles' when not given. */
  readonly role?: Role;
}

const FLAG_RULES: readonly FlagRule[] = [
  { flag: '--data', argument: 'DIR', path: 'data', help: 'directory for saved state' },
  {
    flag: '--admin',
    argument: 'ADDR:PORT|off',
    path: 'admin.listen',
    help: 'listener for operators: page, API, metrics',
    fallback: ADMIN_LISTEN,
  },
  {
    flag: '--admin-token-file',
    argument: 'FILE',
    path: 'admin.tokenFile',
    help: 'file with the token for the admin listener',
    fallback: 'made in the data directory',
  },
  {
    flag: '--log-level',
    argument: 'LEVEL',
    path: 'log.level',
    help: `least severe log lines, ${leafAt('log.level').expects}`,
  },
  {
    flag: '--name',
    argument: 'NAME',
    path: 'name',
    help: 'name of this node',
    fallback: 'the name of the host',
  },
  { flag: '--user', argument: 'NAME', path: 'user', help: 'user to become after binding' },
  {
    flag: '--advertise',
    argument: 'HOST',
    path: 'advertise',
    help: 'address of this node for others to use',
    fallback: {
      tracker: 'what is bound, else what the minder sees',
      minder: 'the host that trackers join by',
    },
  },
  ...forRole('tracker', [
    { flag: '--http', argument: 'ADDR:PORT|off', path: 'http.listen', help: 'HTTP listener' },
    { flag: '--udp', argument: 'ADDR:PORT|off', path: 'udp.listen', help: 'UDP listener' },
    {
      flag: '--https',
      argument: 'ADDR:PORT|off',
      path: 'https.listen',
      help: 'HTTPS listener',
      fallback: 'off',
    },
    {
      flag: '--tls-cert',
      argument: 'FILE',
      path: 'https.certFile',
      help: 'certificate for HTTPS, with its chain, in PEM',
    },
    { flag: '--tls-key', argument: 'FILE', path: 'https.keyFile', help: 'its key, in PEM' },
    { flag: '--public-page', path: 'http.publicPage', help: 'a page for people at / of HTTP' },
    {
      flag: '--workers',
      argument: 'N',
      path: 'workers',
      help: 'threads that serve clients',
      fallback: 'by the number of cores',
    },
    { flag: '--io', argument: 'auto|fast|portable', path: 'io', help: 'how sockets are driven' },
    {
      flag: '--interval',
      argument: 'SECONDS',
      path: 'announce.intervalSeconds',
      help: 'announce interval',
    },
    {
      flag: '--peer-ttl',
      argument: 'SECONDS',
      path: 'announce.peerTtlSeconds',
      help: 'time until a peer that is silent is forgotten',
      fallback: 'one and a half times the interval',
    },
    { flag: '--join', argument: 'URL', path: 'cluster.join', help: 'minder to join' },
    {
      flag: '--token',
      argument: 'TOKEN|@FILE|-',
      path: 'cluster.token',
      help: 'join token, needed for the first start only',
    },
  ]),
  ...forRole('minder', [
    {
      flag: '--listen',
      argument: 'ADDR:PORT',
      path: 'minder.listen',
      help: 'where nodes join, over TLS',
    },
    { flag: '--bus', argument: 'ADDR:PORT', path: 'minder.bus', help: 'the bus for trackers' },
    {
      flag: '--bus-cluster',
      argument: 'ADDR:PORT',
      path: 'minder.busCluster',
      help: 'where the buses of several minders meet',
    },
    { flag: '--peer', argument: 'URL', path: 'minder.peer', help: 'another minder to join' },
    {
      flag: '--token',
      argument: 'TOKEN|@FILE|-',
      path: 'minder.token',
      help: 'join token of role minder, needed for the first start only',
    },
    {
      flag: '--dns',
      argument: 'ADDR:PORT|off',
      path: 'dns.listen',
      help: 'where to answer DNS queries',
      fallback: 'off',
    },
    { flag: '--zone', argument: 'NAME', path: 'dns.zone', help: 'the zone to answer for' },
    {
      flag: '--ns',
      argument: 'HOST',
      path: 'dns.nameServers',
      help: 'name of a name server of the zone',
    },
    {
      flag: '--nats',
      argument: 'URL',
      path: 'minder.natsUrl',
      help: 'a NATS server to use instead of an own one',
    },
    {
      flag: '--nats-creds',
      argument: 'FILE',
      path: 'minder.natsCredsFile',
      help: 'credentials for that server',
    },
    {
      flag: '--nats-account-key',
      argument: 'FILE',
      path: 'minder.natsAccountKeyFile',
      help: 'signing key of the account there',
    },
  ]),
];

function forRole(role: Role, rules: readonly FlagRule[]): FlagRule[] {
  return rules.map((rule) => ({ ...rule, role }));
}

/** One setting as the command line gave it. */
export interface FlagSetting {
  readonly flag: string;
  readonly path: string;
  readonly text: string | readonly string[];
}

/**
 * Declares `--config` and the flags of settings on a command. Values stay texts and are checked
 * when the configuration is loaded; so commander has no defaults and no parsers for them.
 */
export function addConfigOptions(command: Command, forRole: Role = 'tracker'): Command {
  command.option('--config <FILE>', 'configuration file (.xml, .yaml, .yml or .json)');
  for (const rule of FLAG_RULES) {
    const { flag, argument, path, help, role } = rule;
    if (role !== undefined && role !== forRole) continue;
    const usage = argument === undefined ? flag : `${flag} <${argument}>`;
    const ending = defaultText(rule, forRole);
    if (leafAt(path).kind === 'list') {
      const collect = (value: string, before: string[] = []) => [...before, value];
      command.option(usage, `${help}, repeatable${ending}`, collect);
    } else {
      command.option(usage, help + ending);
    }
  }
  return command;
}

/** What holds without the flag, in brackets; nothing where that is nothing. */
function defaultText({ argument, path, fallback }: FlagRule, role: Role): string {
  const leaf = leafAt(path);
  const isEmpty = leaf.defaultValue === '' || (leaf.defaultValue as readonly string[]).length === 0;
  const derived = typeof fallback === 'object' ? fallback[role] : fallback;
  if (derived === undefined && (isEmpty || argument === undefined)) return '';
  return ` (default: ${derived ?? formatDefault(leaf)})`;
}

/** The name under which commander keeps an option's value: `--log-level` as `logLevel`. */
function optionKey(flag: string): string {
  return flag.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * The settings among a command's option values (`command.opts()`); other options are ignored. The
 * role decides about flags that both have, and mean something else by.
 */
export function flagSettings(
  options: Readonly<Record<string, unknown>>,
  forRole: Role = 'tracker',
): FlagSetting[] {
  const settings: FlagSetting[] = [];
  for (const { flag, path, role } of FLAG_RULES) {
    if (role !== undefined && role !== forRole) continue;
    const value = options[optionKey(flag)];
    if (typeof value === 'string') settings.push({ flag, path, text: value });
    else if (value === true) settings.push({ flag, path, text: 'true' });
    else if (Array.isArray(value)) settings.push({ flag, path, text: value.map(String) });
  }
  return settings;
}

/** Reads the settings that flags give. */
export function readFlags(flags: readonly FlagSetting[], problems: ProblemList): Layer {
  const layer = new Layer();
  for (const { flag, path, text } of flags) {
    layer.take(
      leafAt(path),
      typeof text === 'string' ? text : [...text],
      'textual',
      flag,
      problems,
    );
  }
  return layer;
}
