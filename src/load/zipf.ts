/** A realistic spread of peers over swarms: sizes after Zipf's law, every swarm at least one peer. */
import type { Prng } from '../lib/prng.js';

/** Sizes of `swarms` swarms that hold `peers` peers together, largest first. */
export function zipfSizes(swarms: number, peers: number, exponent: number): Uint32Array {
  const weights = new Float64Array(swarms);
  for (let rank = 1; rank <= swarms; rank++) weights[rank - 1] = rank ** -exponent;
  // The factor at which the rounded sizes add up to `peers`, found by halving.
  let low = 0;
  let high = peers;
  for (let i = 0; i < 60; i++) {
    const factor = (low + high) / 2;
    let sum = 0;
    for (const weight of weights) sum += Math.max(1, Math.floor(weight * factor));
    if (sum > peers) high = factor;
    else low = factor;
  }
  const sizes = Uint32Array.from(weights, (weight) => Math.max(1, Math.floor(weight * low)));
  let missing = peers - sizes.reduce((sum, size) => sum + size, 0);
  for (let i = 0; missing > 0; i = (i + 1) % swarms, missing--) sizes[i]++;
  return sizes;
}

/** One entry a peer, naming its swarm, in the random order in which peers come. */
export function shuffledArrivals(sizes: Uint32Array, peers: number, random: Prng): Uint32Array {
  const arrivals = new Uint32Array(peers);
  let at = 0;
  for (let swarm = 0; swarm < sizes.length; swarm++) {
    arrivals.fill(swarm, at, at + sizes[swarm]);
    at += sizes[swarm];
  }
  for (let i = peers - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const other = arrivals[j];
    arrivals[j] = arrivals[i];
    arrivals[i] = other;
  }
  return arrivals;
}
