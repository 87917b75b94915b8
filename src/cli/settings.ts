/** `trackerbt settings [set]`: what all trackers of the cluster are told to do. */
import { Command, InvalidArgumentError } from 'commander';
import type { TuningView } from '../minder/tuning-desk.js';
import { LIST_MODES } from '../protocol/cluster/control.js';
import { jsonText } from './json-text.js';
import {
  asking,
  type MinderFlags,
  type MinderIo,
  minderToolCommand,
  streamed,
} from './minder-command.js';
import { aligned, wholeNumber } from './tracker-check.js';

const INTERVAL_SECONDS_MAX = 28_800;
const NUMWANT_MAX = 200;
/** Takes a setting back: each tracker does as it is configured. */
const DEFAULT = 'default';

interface SetFlags extends MinderFlags {
  readonly interval?: number | typeof DEFAULT;
  readonly numwant?: number | typeof DEFAULT;
  readonly listMode?: string;
}

export function settingsCommand(io: MinderIo): Command {
  return minderToolCommand('settings', io)
    .description('show what all trackers of the cluster are told to do')
    .option('--json', 'print JSON')
    .addCommand(setCommand(io))
    .action((flags: MinderFlags) => asking(io, flags, 'settings.get', {}, shown(flags)));
}

/** `--data` and `--json` are those of the command above, wherever they stand. */
function setCommand(io: MinderIo): Command {
  return streamed(new Command('set'), io)
    .description('change it; trackers follow within two seconds, and remember it')
    .configureHelp({ showGlobalOptions: true })
    .option(
      '--interval <SECONDS>',
      'time between two announces of a client, or default',
      orDefault(wholeNumber(1, INTERVAL_SECONDS_MAX)),
    )
    .option(
      '--numwant <N>',
      'most peers in a reply, or default',
      orDefault(wholeNumber(0, NUMWANT_MAX)),
    )
    .option('--list-mode <MODE>', `${LIST_MODES.join(', ')} or default`, orDefault(parseMode))
    .action((_: SetFlags, command: Command) => {
      const { interval, numwant, listMode, ...flags } = command.optsWithGlobals<SetFlags>();
      const wanted = {
        intervalSeconds: orNull(interval),
        numwantMax: orNull(numwant),
        listMode: orNull(listMode),
      };
      if (Object.values(wanted).every((value) => value === undefined)) {
        command.error('error: say what to change: --interval, --numwant or --list-mode');
      }
      return asking(io, flags, 'settings.set', wanted, shown(flags));
    });
}

function shown({ json: asJson }: MinderFlags): (result: unknown) => string {
  return (result) => {
    const { intervalSeconds, numwantMax, listMode } = result as TuningView;
    if (asJson) return jsonText({ intervalSeconds, numwantMax, listMode });
    return aligned([
      ['interval', intervalSeconds === null ? DEFAULT : `${intervalSeconds} s`],
      ['numwant', numwantMax ?? DEFAULT],
      ['list mode', listMode ?? DEFAULT],
    ]);
  };
}

function orDefault<T>(parse: (text: string) => T): (text: string) => T | typeof DEFAULT {
  return (text) => (text === DEFAULT ? DEFAULT : parse(text));
}

/** The minder's word for it; commander would make an empty text of null. */
function orNull<T>(value: T | typeof DEFAULT): T | null {
  return value === DEFAULT ? null : value;
}

function parseMode(text: string): string {
  if (LIST_MODES.some((mode) => mode === text)) return text;
  throw new InvalidArgumentError(`${LIST_MODES.join(', ')} or ${DEFAULT} belongs here`);
}
