import { describe, expect, it } from 'vitest';
import { ManualClock } from './clock.js';
import { createLogger } from './log.js';
import { LoggerSink, type LogLine, PostedLog } from './log-sink.js';

function postedLog(level: 'debug' | 'info' | 'silent', linesPerSecondMax: number) {
  const clock = new ManualClock();
  const posted: LogLine[] = [];
  const post = (line: LogLine) => posted.push(line);
  return { clock, posted, log: new PostedLog({ level, linesPerSecondMax }, { post, clock }) };
}

describe('PostedLog', () => {
  it('posts lines with their fields', () => {
    const { log, posted } = postedLog('info', 10);
    log.log('info', 'bound', { worker: 'udp-0', port: 6969 });
    log.log('error', 'bare');
    expect(posted).toEqual([
      { level: 'info', msg: 'bound', fields: { worker: 'udp-0', port: 6969 } },
      { level: 'error', msg: 'bare' },
    ]);
  });

  it('keeps lines below its level to itself and does not count them', () => {
    const { log, posted, clock } = postedLog('info', 1);
    for (let i = 0; i < 100; i++) log.log('debug', 'detail');
    log.log('info', 'kept');
    clock.advance(1);
    log.tick();
    expect(posted.map((line) => line.msg)).toEqual(['kept']);
  });

  it('posts nothing when silent', () => {
    const { log, posted } = postedLog('silent', 1);
    log.log('fatal', 'lost');
    expect(posted).toEqual([]);
  });

  it('drops what exceeds the bound and reports the number once a second', () => {
    const { log, posted, clock } = postedLog('debug', 3);
    for (let i = 0; i < 10; i++) log.log('info', `line ${i}`);
    expect(posted.map((line) => line.msg)).toEqual(['line 0', 'line 1', 'line 2']);
    clock.advance(1);
    log.log('info', 'later');
    log.tick();
    expect(posted.slice(3)).toEqual([
      { level: 'warn', msg: 'log lines dropped', fields: { dropped: 7 } },
      { level: 'info', msg: 'later' },
    ]);
  });

  it('reports on a tick when no further line comes', () => {
    const { log, posted, clock } = postedLog('debug', 1);
    log.log('info', 'first');
    log.log('info', 'second');
    log.tick();
    expect(posted).toHaveLength(1);
    clock.advance(1);
    log.tick();
    log.tick();
    expect(posted[1].fields).toEqual({ dropped: 1 });
    expect(posted).toHaveLength(2);
  });

  it('posts lines that survive structured cloning', () => {
    const { log, posted } = postedLog('debug', 1);
    log.log('warn', 'cloned', { a: 1, b: 'x', c: true, d: null, e: undefined });
    expect(structuredClone(posted)).toEqual(posted);
  });
});

describe('LoggerSink', () => {
  it('writes posted lines at their level', () => {
    const lines: Record<string, unknown>[] = [];
    const output = { write: (line: string) => lines.push(JSON.parse(line)) };
    const logger = createLogger({ level: 'debug', format: 'json', name: 'n' }, { output });
    new LoggerSink(logger).take({ level: 'warn', msg: 'late', fields: { worker: 'http-0' } });
    expect(lines[0]).toMatchObject({ level: 'warn', msg: 'late', worker: 'http-0', name: 'n' });
  });
});
