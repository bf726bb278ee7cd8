/** The middle one; of an even number the upper one. */
export const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;

/** E.g. "2.25 s". */
export const seconds = (figure: number): string => `${figure.toFixed(2)} s`;

/** Wall time of something, in seconds. */
export async function took(something: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await something();
  return (performance.now() - begin) / 1000;
}
