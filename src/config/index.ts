/** What other rooms may use of the configuration. */
export type { Environment } from './environment.js';
export { addConfigOptions, type FlagSetting, flagSettings } from './flags.js';
export { type ListenAddress, parseListen } from './listen.js';
export { defaultConfig, type LoadOptions, loadConfig } from './load.js';
export { PRINT_FORMATS, type PrintFormat, printConfig } from './print.js';
export { ConfigError, type ConfigProblem, formatProblem } from './problem.js';
export { resolve } from './resolve.js';
export type { Role } from './role.js';
export { type Config, configJsonSchema } from './schema.js';
