/** What `--help` says of options: defaults as people type them, and nothing of those that are none. */
import type { Command, Option } from 'commander';

/** For a command and those below it. */
export function withPlainHelp(command: Command): Command {
  command.configureHelp({ ...command.configureHelp(), optionDescription });
  for (const child of command.commands) withPlainHelp(child as Command);
  return command;
}

function optionDescription(option: Option): string {
  const { description, argChoices, defaultValue, defaultValueDescription } = option;
  const takesValue = option.required || option.optional;
  const fallback = defaultValueDescription ?? (defaultValue === '' ? undefined : defaultValue);
  const notes = [
    ...(argChoices === undefined ? [] : [`one of ${argChoices.join(', ')}`]),
    ...(takesValue && fallback !== undefined ? [`default: ${fallback}`] : []),
  ];
  return notes.length === 0 ? description : `${description} (${notes.join('; ')})`;
}
