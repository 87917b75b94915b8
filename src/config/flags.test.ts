import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addConfigOptions } from './flags.js';
import type { Role } from './role.js';

function help(role: Role): string {
  return addConfigOptions(new Command(role), role).helpInformation().replace(/\s+/g, ' ');
}

describe('help of the flags', () => {
  it.each([
    ['tracker', '127.0.0.1:6970'],
    ['minder', '127.0.0.1:7470'],
  ] as const)('says where operators find a %s', (role, listen) => {
    expect(help(role)).toContain(`(default: ${listen})`);
  });

  it('says what an empty default comes to, and nothing where that is nothing', () => {
    const text = help('tracker');
    expect(text).toContain('(default: one and a half times the interval)');
    expect(text).toContain('--user <NAME> user to become after binding --advertise');
    expect(text).not.toMatch(/default: (?:empty|false|0)\b/);
  });
});
