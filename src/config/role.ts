/** What a node of a cluster does. */
export type Role = 'tracker' | 'minder';
