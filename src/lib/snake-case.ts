/** `batchesBuilt` as `batches_built`: names in the code, as metrics and the API spell them. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
