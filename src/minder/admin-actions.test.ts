import { describe, expect, it } from 'vitest';
import { AdminActions } from './admin-actions.js';
import { ControlError } from './control-socket.js';

function actions(answer: () => unknown, urls = ['https://192.0.2.1:7443']) {
  const asked: unknown[] = [];
  const desk = {
    handle: async (method: string, params: unknown) => {
      asked.push([method, params]);
      return answer();
    },
  };
  return { asked, actions: new AdminActions({ desk, urls: () => urls }) };
}

describe('the changes of the admin listener', () => {
  it('are made by the desk, word by word', async () => {
    const { asked, actions: made } = actions(() => ({ id: 'n1' }));
    expect(await made.ask('revoke', { node: 'n1' })).toEqual({ id: 'n1' });
    expect(asked).toEqual([['revoke', { node: 'n1' }]]);
  });

  it.each([
    ['control_invalid', 'action_invalid'],
    ['control_not_found', 'subject_not_found'],
    ['control_ambiguous', 'node_ambiguous'],
    ['control_failed', 'action_failed'],
  ] as const)('refuse %s as %s, with what the desk says', async (code, told) => {
    const { actions: made } = actions(() => {
      throw new ControlError(code, 'because');
    });
    const refusal = { name: 'AdminError', code: told, detail: 'because' };
    await expect(made.ask('revoke', {})).rejects.toMatchObject(refusal);
  });

  it('keep what nobody foresaw to the log', async () => {
    const bug = new Error('internals');
    const { actions: made } = actions(() => {
      throw bug;
    });
    await expect(made.ask('revoke', {})).rejects.toBe(bug);
    const unknown = new ControlError('control_unknown', 'another version');
    const { actions: older } = actions(() => {
      throw unknown;
    });
    await expect(older.ask('revoke', {})).rejects.toBe(unknown);
  });

  it('lead a new node to the first address of this minder', () => {
    const { actions: made } = actions(() => 0, ['https://[2001:db8::1]:7443', 'https://b:1']);
    expect(made.joinUrl()).toBe('https://[2001:db8::1]:7443');
    const { actions: lost } = actions(() => 0, []);
    expect(() => lost.joinUrl()).toThrow(expect.objectContaining({ code: 'not_ready' }));
  });

  it.each(['https://a;reboot', 'https://$(id):1', 'https://a b', 'http://a:1', 'https://a:1\n'])(
    'do not have %j pasted into a shell, which another minder may have said',
    (url) => {
      const { actions: made } = actions(() => 0, [url, 'https://b:1']);
      expect(made.joinUrl()).toBe('https://b:1');
      const { actions: lost } = actions(() => 0, [url]);
      expect(() => lost.joinUrl()).toThrow(expect.objectContaining({ code: 'not_ready' }));
    },
  );
});
