import { Command, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { withPlainHelp } from './help.js';

function help(...options: Option[]): string {
  const child = new Command('child');
  for (const option of options) child.addOption(option);
  withPlainHelp(new Command('parent').addCommand(child));
  return child.helpInformation().replace(/\s+/g, ' ');
}

describe('help', () => {
  it('says defaults as people type them', () => {
    expect(help(new Option('--data <DIR>', 'where').default('./here'))).toContain(
      '--data <DIR> where (default: ./here)',
    );
    expect(help(new Option('--ttl <TIME>', 'how long').default(3_600, '1h'))).toContain(
      'how long (default: 1h)',
    );
  });

  it('names choices', () => {
    const role = new Option('--role <ROLE>', 'who').choices(['a', 'b']).default('a');
    expect(help(role)).toContain('who (one of a, b; default: a)');
  });

  it('says nothing of defaults that are none', () => {
    const text = help(
      new Option('--cidr <NET>', 'network').default(''),
      new Option('--close', 'shut').default(false),
      new Option('--no-fill', 'fill nothing'),
    );
    expect(text).not.toContain('default');
  });
});
