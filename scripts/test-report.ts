/** Real counts from vitest's JSON report. */
import { relative } from 'node:path';

export interface Count {
  readonly passed: number;
  /** A line each. */
  readonly failures: readonly string[];
}

interface Assertion {
  readonly status: string;
  readonly fullName: string;
  readonly failureMessages?: readonly string[];
}

interface FileResult {
  readonly name: string;
  readonly status: string;
  readonly message?: string;
  readonly assertionResults: readonly Assertion[];
}

/**
 * Counts a report. A file that could not be loaded is one failure; so is a run that failed although
 * every test passed (an unhandled rejection, say), and a run of no tests at all.
 */
export function countReport(json: string, succeeded: boolean, root: string): Count {
  const failures: string[] = [];
  let passed = 0;
  let files: readonly FileResult[];
  try {
    files = (JSON.parse(json) as { testResults: readonly FileResult[] }).testResults;
  } catch {
    return { passed: 0, failures: ['vitest wrote an unreadable report'] };
  }
  for (const file of files) {
    const name = relative(root, file.name);
    const failed = file.assertionResults.filter(({ status }) => status === 'failed');
    passed += file.assertionResults.filter(({ status }) => status === 'passed').length;
    for (const { fullName, failureMessages } of failed) {
      failures.push(`${name}: ${fullName}: ${firstLine(failureMessages?.[0])}`);
    }
    if (file.status === 'failed' && failed.length === 0) {
      failures.push(`${name}: ${firstLine(file.message)}`);
    }
  }
  if (passed === 0 && failures.length === 0) failures.push('vitest ran no tests');
  if (!succeeded && failures.length === 0) {
    failures.push('vitest failed outside of any test: see its output above');
  }
  return { passed, failures };
}

function firstLine(text: string | undefined): string {
  return (text ?? 'failed').split('\n', 1)[0].slice(0, 300);
}
