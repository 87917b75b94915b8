/** From the configuration to what a worker is told about its WebSockets. */
import type { Config } from '../config/index.js';
import {
  WEB_SOCKET_LIMITS,
  type WebSocketLimits,
} from '../frontend/websocket/web-socket-limits.js';
import type { WebOrigin } from '../tracker/web-voice.js';

/** What a worker with WebSockets is told. Plain data. */
export interface WebSocketSettings {
  readonly origin: WebOrigin;
  readonly limits: WebSocketLimits;
  /** WebSockets by address, of all workers together. */
  readonly addresses: SharedArrayBuffer;
  readonly intervalSecondsMax: number;
  readonly subscriptionsMax: number;
  readonly relayBytesPerSecond: number;
  readonly offersMax: number;
}

/** For one of `workers`; undefined where there are to be none. */
export function webSocketSettings(
  { websocket }: Config,
  { origin, addresses }: { readonly origin: WebOrigin; readonly addresses: SharedArrayBuffer },
  workers: number,
): WebSocketSettings | undefined {
  if (!websocket.enabled) return undefined;
  const { messagesPerSecond, pingSeconds, idleSeconds, origins } = websocket;
  const connectionsMax = Math.max(1, Math.floor(websocket.connectionsMax / workers));
  const { connectionsPerAddressMax } = websocket;
  const limits = { messagesPerSecond, pingSeconds, idleSeconds, origins, connectionsMax };
  return {
    origin,
    addresses,
    limits: { ...WEB_SOCKET_LIMITS, ...limits, connectionsPerAddressMax },
    intervalSecondsMax: websocket.intervalSeconds,
    subscriptionsMax: websocket.subscriptionsMax,
    relayBytesPerSecond: websocket.relayBytesPerSecond,
    offersMax: websocket.offersMax,
  };
}
