// One line of JSON per event. Callers log names, lengths and reasons, never secrets, tokens or codes.

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  /** An operator should look at it. */
  alert(event: string, fields?: LogFields): void;
}

/** A log whose lines all carry what `bound` returns. JSON escapes control characters. */
export function createLog(bound: () => LogFields = () => ({})): Log {
  const write = (level: string, event: string, fields: LogFields = {}) => {
    const line = JSON.stringify({ level, event, ...bound(), ...fields });
    console.log(line);
  };
  return {
    info: (event, fields) => write("info", event, fields),
    warn: (event, fields) => write("warn", event, fields),
    alert: (event, fields) => write("alert", event, fields),
  };
}
