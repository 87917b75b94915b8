/** What can go wrong with the bus server. `docs/errors.md` lists the same codes. */
export const NATS_SERVER_ERROR_CODES = [
  'bus_server_missing',
  'bus_server_old',
  'bus_address_in_use',
  'bus_server_failed',
] as const;
export type NatsServerErrorCode = (typeof NATS_SERVER_ERROR_CODES)[number];

/** The bus server cannot be started. `message` is for the operator. */
export class NatsServerError extends Error {
  override name = 'NatsServerError';
  constructor(
    readonly code: NatsServerErrorCode,
    message: string,
  ) {
    super(message);
  }
}
