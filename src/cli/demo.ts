/** `trackerbt demo`: a minder, trackers and a living crowd on this machine. */
import { Command } from 'commander';
import { Demo, type DemoHooks, type DemoPlaces } from '../demo/demo.js';
import {
  DEMO_DEFAULTS,
  DemoError,
  type DemoOptions,
  PEERS_MAX,
  RATE_MAX,
  TRACKERS_MAX,
} from '../demo/demo-options.js';
import { aligned, printable, wholeNumber } from './tracker-check.js';

export interface DemoIo {
  /** Path of this program: nodes are started with it. */
  readonly command: string;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
  /** Calls back for each signal that asks the process to stop. */
  readonly onStopSignal: (listener: (signal: string) => void) => void;
  /** Ends the process. */
  readonly exit: (code: number) => void;
}

type DemoFlags = Omit<DemoOptions, 'restartSeconds'> & {
  readonly restart: number;
  readonly json?: true;
};

const SECONDS_MAX = 86_400;

export function demoCommand(io: DemoIo): Command {
  const d = DEMO_DEFAULTS;
  return new Command('demo')
    .description('a minder, trackers and a living crowd on this machine, until Ctrl-C')
    .option(
      '--trackers <COUNT>',
      `trackers, 2 to ${TRACKERS_MAX}`,
      wholeNumber(2, TRACKERS_MAX),
      d.trackers,
    )
    .option('--peers <COUNT>', 'clients at a time', wholeNumber(1, PEERS_MAX), d.peers)
    .option('--rate <COUNT>', 'announces a second', wholeNumber(1, RATE_MAX), d.rate)
    .option(
      '--restart <SECONDS>',
      'start a node again so long after it died; 0: never',
      wholeNumber(0, SECONDS_MAX),
      d.restartSeconds,
    )
    .option(
      '--seconds <SECONDS>',
      'end after this time; 0: at Ctrl-C',
      wholeNumber(0, SECONDS_MAX),
      d.seconds,
    )
    .option('--seed <NUMBER>', 'the same crowd again', wholeNumber(0, 2 ** 31 - 1), d.seed)
    .option('--json', 'print where everything is as one line of JSON')
    .action(async ({ restart, json: isJson, ...rest }: DemoFlags) => {
      io.exit(await run({ ...rest, restartSeconds: restart }, isJson === true, io));
    });
}

/** 0: ended by a signal or its time. 1: it could not be started. */
async function run(options: DemoOptions, isJson: boolean, io: DemoIo): Promise<number> {
  const line = new StatusLine(io);
  const demo = new Demo(options, io.command, hooksOf(options, line));
  const stopped = new Promise<void>((resolve) => {
    let signals = 0;
    io.onStopSignal(() => {
      signals++;
      resolve();
      // Who asks twice does not want to wait: the nodes notice that we are gone.
      if (signals > 1) io.exit(1);
    });
  });
  try {
    line.say('starting a minder and its trackers ...');
    const started = demo.start();
    const places = await Promise.race([started, stopped]);
    if (places !== undefined) {
      io.stdout.write(isJson ? `${JSON.stringify(places)}\n` : textOf(places, options));
      await Promise.race([stopped, elapsed(options.seconds)]);
    } else {
      started.catch(() => {});
    }
    line.say('ending ...');
    return 0;
  } catch (error) {
    if (!(error instanceof DemoError)) throw error;
    line.say(`demo: ${error.message.split('\n').map(printable).join('\n')}`);
    return 1;
  } finally {
    await demo.close();
  }
}

function hooksOf({ restartSeconds }: DemoOptions, line: StatusLine): DemoHooks {
  const again = restartSeconds === 0 ? '' : `; starting it again in ${restartSeconds} s`;
  return {
    onDeath: ({ title }, how) => line.say(`${title} is gone (${how})${again}`),
    onReturn: ({ title, node }) => line.say(`${title} is back, process ${node.pid}`),
    onProgress: ({ peers, announcesPerSecond, failed }) =>
      line.show(
        `${peers} clients, ${announcesPerSecond} announces/s${failed === 0 ? '' : `, ${failed} went to another tracker`}`,
      ),
  };
}

/** Resolves after some seconds; never for 0. The nodes keep the process alive. */
function elapsed(seconds: number): Promise<void> {
  return new Promise((resolve) => {
    if (seconds > 0) setTimeout(resolve, 1000 * seconds);
  });
}

function textOf(
  { map, minderPid, tokenFile, minderData, trackers }: DemoPlaces,
  options: DemoOptions,
): string {
  const [first] = trackers;
  const back =
    options.restartSeconds === 0 ? '' : `; it is started again after ${options.restartSeconds} s`;
  return [
    '\n',
    aligned([
      ['live map', map],
      ...trackers.map(({ name, page }) => [`tracker ${name}`, page] as const),
      ['announce', first.http],
      ['', first.udp],
      ['', first.web],
      ['for people', first.publicPage],
    ]),
    '\n',
    `Kill a tracker and watch the map: kill -9 ${first.pid} (tracker ${first.name}${back}).\n`,
    `Kill the minder: kill -9 ${minderPid}. Trackers serve on.\n`,
    `Actions on the map ask for the token in ${tokenFile}\n`,
    `On the command line: npx trackerbt top --admin ${map}\n`,
    `                     npx trackerbt nodes --data ${minderData}\n`,
    'Ctrl-C ends everything.\n\n',
  ].join('');
}

/** One line on a terminal, written over and over; elsewhere only what happens is said. */
class StatusLine {
  readonly #stderr: DemoIo['stderr'];

  constructor({ stderr }: DemoIo) {
    this.#stderr = stderr;
  }

  show(text: string): void {
    if (this.#stderr.isTTY) this.#stderr.write(`\r\x1b[K${text}`);
  }

  say(text: string): void {
    this.#stderr.write(this.#stderr.isTTY ? `\r\x1b[K${text}\n` : `${text}\n`);
  }
}
