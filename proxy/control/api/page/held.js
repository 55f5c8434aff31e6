// The newest of each document that the feed brought: a view that opens later has them at once.

const held = new Map();

export function keep(message) {
  if (message.document === null) held.delete(message.path);
  else held.set(message.path, message);
}

export const newest = (path) => held.get(path)?.document ?? null;

export const everything = (told) => held.forEach(told);

export const any = () => held.size > 0;
