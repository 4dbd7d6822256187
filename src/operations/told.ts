/** What `work` tells as it goes on, one after the other; its failure is thrown where it was told last. */
export async function* told<T>(work: (tell: (item: T) => void) => Promise<void>): AsyncGenerator<T> {
  const items: T[] = [];
  let wake = Promise.withResolvers<void>();
  let over = false;
  const done = work((item) => {
    items.push(item);
    wake.resolve();
  }).finally(() => {
    over = true;
    wake.resolve();
  });
  // Awaited below, maybe never: whoever listens may leave.
  done.catch(() => {});
  for (;;) {
    while (items.length > 0) yield items.shift() as T;
    if (over) break;
    await wake.promise;
    wake = Promise.withResolvers<void>();
  }
  await done;
}
