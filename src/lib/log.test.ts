import { describe, expect, it } from 'vitest';
import { createLogger, type LogOutput, SECRET_KEYS } from './log.js';

class Lines implements LogOutput {
  readonly lines: string[] = [];
  constructor(readonly isTTY = false) {}
  write(line: string): void {
    this.lines.push(line);
  }
  json(index = 0): Record<string, unknown> {
    return JSON.parse(this.lines[index]);
  }
}

const base = { level: 'info', format: 'auto', name: 'tracker-1' } as const;

describe('createLogger', () => {
  it('writes JSON with a level label, an ISO time, the name and the message', () => {
    const output = new Lines();
    createLogger(base, { output }).info({ http: ['127.0.0.1:6969'] }, 'ready');
    expect(output.lines[0].endsWith('\n')).toBe(true);
    expect(output.json()).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      name: 'tracker-1',
      http: ['127.0.0.1:6969'],
      msg: 'ready',
    });
  });

  it('writes nothing below its level, and nothing at all when silent', () => {
    const output = new Lines();
    createLogger({ ...base, level: 'warn' }, { output }).info('quiet');
    createLogger({ ...base, level: 'silent' }, { output }).fatal('quiet');
    expect(output.lines).toEqual([]);
  });

  it('flushes standard output once at exit, however many loggers there are', () => {
    const before = process.listenerCount('exit');
    for (let i = 0; i < 12; i++) createLogger({ ...base, format: 'json' });
    expect(process.listenerCount('exit') - before).toBe(1);
  });

  it('is pretty on a terminal, and JSON there when asked', () => {
    const terminal = new Lines(true);
    createLogger(base, { output: terminal }).info({ peers: 3 }, 'saved');
    expect(terminal.lines).toHaveLength(1);
    expect(terminal.lines[0]).toContain('saved');
    expect(terminal.lines[0]).toContain('"peers":3');
    expect(() => JSON.parse(terminal.lines[0])).toThrow();
    const json = new Lines(true);
    createLogger({ ...base, format: 'json' }, { output: json }).info('saved');
    expect(json.json().msg).toBe('saved');
  });

  it('is pretty without colour when asked where there is no terminal', () => {
    const output = new Lines();
    createLogger({ ...base, format: 'pretty' }, { output }).warn('careful');
    expect(output.lines[0]).toMatch(/WARN.*: careful/);
    expect(output.lines[0]).not.toContain('\u001b');
  });

  it('redacts secrets at three depths, in JSON and in pretty lines', () => {
    for (const format of ['json', 'pretty'] as const) {
      const output = new Lines();
      const logger = createLogger({ ...base, format }, { output });
      for (const key of SECRET_KEYS) {
        logger.info({ [key]: 'hunter2', a: { [key]: 'hunter2', b: { [key]: 'hunter2' } } }, 'x');
      }
      expect(output.lines).toHaveLength(SECRET_KEYS.length);
      for (const line of output.lines) {
        expect(line).not.toContain('hunter2');
        expect(line.split('[redacted]')).toHaveLength(4);
      }
    }
  });

  it('keeps an error with its message and stack', () => {
    const output = new Lines();
    createLogger(base, { output }).error({ err: new Error('disk full') }, 'save failed');
    expect(output.json().err).toMatchObject({ type: 'Error', message: 'disk full' });
  });
});
