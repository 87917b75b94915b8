/** From here on an operator should know, and from here on it is late. */
const HIGH = 0.75;
const FULL = 0.95;

/** How much of a bound is used, 0 to 1; the number stands beside it. */
export function Meter({ share }: { readonly share: number }) {
  const shown = Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
  const level = shown >= FULL ? ' is-full' : shown >= HIGH ? ' is-high' : '';
  return (
    <div class={`meter${level}`} aria-hidden="true">
      <div class="meter-fill" style={{ width: `${shown * 100}%` }} />
    </div>
  );
}
