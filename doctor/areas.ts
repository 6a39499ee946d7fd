// The parts of an examination, in the order in which they run.
import { administration } from "./checks/administration.ts";
import { associationFiles } from "./checks/association-files.ts";
import { authorizationRequest } from "./checks/authorization-request.ts";
import { authorizationResponse } from "./checks/authorization-response.ts";
import { clientAuthentication } from "./checks/client-authentication.ts";
import { codes } from "./checks/codes.ts";
import { connection } from "./checks/connection.ts";
import { endurance } from "./checks/endurance.ts";
import { mcp } from "./checks/mcp.ts";
import { metadataArea } from "./checks/metadata.ts";
import { pages } from "./checks/pages.ts";
import { pkce } from "./checks/pkce.ts";
import { reachability } from "./checks/reachability.ts";
import { redirectUris } from "./checks/redirect-uris.ts";
import { refreshing } from "./checks/refresh.ts";
import { revocation } from "./checks/revocation.ts";
import { tokenRequests } from "./checks/token-requests.ts";
import { tokenResponse } from "./checks/token-response.ts";
import type { Area } from "./examination.ts";

/** Every area. */
export const AREAS: readonly Area[] = [
  connection,
  administration,
  reachability,
  metadataArea,
  authorizationResponse,
  tokenResponse,
  redirectUris,
  authorizationRequest,
  clientAuthentication,
  codes,
  pkce,
  tokenRequests,
  refreshing,
  revocation,
  endurance,
  associationFiles,
  mcp,
  pages,
];
