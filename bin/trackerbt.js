#!/usr/bin/env node
// The command. In a checkout it builds on first use; the serving process is this one.
import { build, isBuilt } from '../scripts/build.js';

try {
  if (!isBuilt()) build();
} catch (error) {
  process.stderr.write(`trackerbt: ${error.message}\n`);
  process.exit(1);
}
await import('../dist/src/main.js');
