/** Edits (insert, delete, replace) that turn one word into another. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1] + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1));
    }
    row = next;
  }
  return row[to.length];
}

/** `; did you mean X?` for the candidate closest to an unknown name, or '' when none is close. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  if (name.length > 80) return '';
  const edits = Math.max(1, Math.min(3, Math.round(name.length / 3)));
  let best = '';
  let bestDistance = edits + 1;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best === '' ? '' : `; did you mean ${best}?`;
}
