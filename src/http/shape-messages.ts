// Messages for fields with a wrong shape, if their schema has no message.
import type * as z from "zod/mini";

const UNITS: Readonly<Record<string, string>> = { string: "character", array: "item" };

function amount(words: string, limit: number | bigint, origin: string): string {
  const unit = UNITS[origin];
  return unit ? `must have ${words} ${limit} ${unit}${limit === 1 ? "" : "s"}` : `must be ${words} ${limit}`;
}

/** A sentence without its subject, such as `must be a string`. Never contains the value, because it may be a secret. */
export function shapeMessage(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined ? "is missing" : `must be of type ${issue.expected}`;
    case "invalid_value":
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(" or ")}`;
    case "too_big":
      return amount("at most", issue.maximum, issue.origin);
    case "too_small":
      return amount("at least", issue.minimum, issue.origin);
    default:
      return "is not valid";
  }
}
