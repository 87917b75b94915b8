/** Those that the tables compare with. */
export const ECHO = 'echo ceiling';
export const RIVAL = 'opentracker';
