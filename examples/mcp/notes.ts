// Where the example keeps its notes: in memory for Node, in KV for a Worker. Every key starts with the user's id.

export interface Notes {
  /** The user's notes, oldest first. */
  list(user: string): Promise<readonly string[]>;
  add(user: string, text: string): Promise<void>;
}

/** Notes that are lost when the process ends. */
export function notesInMemory(): Notes {
  const notes = new Map<string, readonly string[]>();
  return {
    async list(user) {
      return notes.get(user) ?? [];
    },
    async add(user, text) {
      notes.set(user, [...(notes.get(user) ?? []), text]);
    },
  };
}

/** The part of a KV namespace that is used. */
export interface KeyValueStore {
  list(options: { prefix: string }): Promise<{ keys: { metadata?: unknown }[] }>;
  put(key: string, value: string, options: { metadata: string }): Promise<void>;
}

/** One key for each note, which holds the text as metadata, so that a list is one call. At most 1000 are listed. */
export function notesInKv(store: KeyValueStore): Notes {
  // Encoded, so that no user's prefix is the beginning of another's.
  const prefix = (user: string) => `${encodeURIComponent(user)}/`;
  return {
    async list(user) {
      return (await store.list({ prefix: prefix(user) })).keys.map(({ metadata }) => String(metadata));
    },
    async add(user, text) {
      const key = `${prefix(user)}${new Date().toISOString()} ${crypto.randomUUID()}`;
      await store.put(key, "", { metadata: text });
    },
  };
}
