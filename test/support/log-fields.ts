/** The fields that lines of the log may have, as docs/operations.md lists them. */
export const LOG_FIELDS = [
  ...["level", "event", "requestId", "traceId", "grantId", "clientId", "skillId", "reason"],
  ...["decision", "stateLength", "byLook", "description", "redirectUri", "remedy", "returnTo", "path", "method"],
  ...["region", "status", "grantType", "outcome", "error", "message", "detail", "field", "lwaClientId", "cause"],
  ...["retryAfterSeconds", "knownBrowser", "limited", "signed", "type", "id", "attempts", "imported", "of"],
  ...["swept", "finishedUnlinks", "resealed", "keyRotated", "more", "part", "counters", "name", "details", "kid"],
  ...["missing", "columns", "purpose", "table", "column"],
] as const;
