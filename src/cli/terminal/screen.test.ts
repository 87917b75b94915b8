import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Screen } from './screen.js';

function rig() {
  const written: string[] = [];
  const raw: boolean[] = [];
  const output = Object.assign(new EventEmitter(), {
    columns: 40,
    rows: 3,
    writableNeedDrain: false,
    write: (text: string) => written.push(text),
  });
  const input = Object.assign(new EventEmitter(), {
    isTTY: true,
    setRawMode: (isRaw: boolean) => raw.push(isRaw),
    resume: () => {},
    pause: () => {},
  });
  let suspended = 0;
  const process = Object.assign(new EventEmitter(), { suspend: () => suspended++ });
  const keys: string[] = [];
  let drawn = 0;
  const listeners = { onKey: (key: string) => keys.push(key), onDraw: () => drawn++ };
  const screen = new Screen(listeners, { output, input, process });
  screen.open();
  const listening = () => [output, input, process].flatMap((each) => each.eventNames());
  return {
    screen,
    output,
    input,
    process,
    written,
    raw,
    keys,
    listening,
    drawn: () => drawn,
    suspended: () => suspended,
  };
}

const LEFT = '\x1b[?25h\x1b[?1049l';

describe('Screen', () => {
  it.each(['exit', 'uncaughtExceptionMonitor'])('gives the terminal back on %s, once', (event) => {
    const { process, written, raw, screen } = rig();
    process.emit(event);
    process.emit('exit');
    screen.close();
    expect(written.filter((text) => text === LEFT)).toHaveLength(1);
    expect(written.at(-1)).toBe(LEFT);
    expect(raw).toEqual([true, false]);
  });

  it('leaves nothing behind when it is closed', () => {
    const { screen, listening, written } = rig();
    screen.close();
    expect(written.at(-1)).toBe(LEFT);
    expect(listening()).toEqual([]);
    screen.draw(['late']);
    expect(written.at(-1)).toBe(LEFT);
  });

  it('draws as many lines as fit, each over what was there', () => {
    const { screen, written } = rig();
    screen.draw(['a', 'b', 'c', 'd']);
    expect(written.at(-1)).toBe('\x1b[Ha\x1b[K\r\nb\x1b[K\r\nc\x1b[K\x1b[J');
  });

  it('leaves a frame out when the terminal has not taken the one before', () => {
    const { screen, output, written } = rig();
    output.writableNeedDrain = true;
    const before = written.length;
    screen.draw(['a']);
    expect(written).toHaveLength(before);
  });

  it('hears keys, draws anew at another size, and lets the shell take over', () => {
    const { input, output, process, keys, drawn, suspended, written } = rig();
    input.emit('data', Buffer.from('q'));
    expect(keys).toEqual(['q']);
    output.emit('resize');
    expect(drawn()).toBe(2);
    input.emit('data', Buffer.from('\x1a'));
    expect([suspended(), written.at(-1), keys.length]).toEqual([1, LEFT, 1]);
    process.emit('SIGCONT');
    expect(written.at(-1)).toContain('\x1b[?1049h');
    expect(drawn()).toBe(3);
  });
});
