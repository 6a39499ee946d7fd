// One line of JSON per event. Values that open something never get here: callers log names, lengths and reasons.

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Log {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  /** Something a person should look at. */
  alert(event: string, fields?: LogFields): void;
}

/** A log whose every line carries `bound`. Control characters are escaped by JSON. */
export function createLog(bound: LogFields): Log {
  const write = (level: string, event: string, fields: LogFields = {}) => {
    const line = JSON.stringify({ level, event, ...bound, ...fields });
    console.log(line);
  };
  return {
    info: (event, fields) => write("info", event, fields),
    warn: (event, fields) => write("warn", event, fields),
    alert: (event, fields) => write("alert", event, fields),
  };
}
