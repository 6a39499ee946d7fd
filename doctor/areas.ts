// The parts of an examination, in the order in which they run.
import { administration } from "./checks/administration.ts";
import { associationFiles } from "./checks/association-files.ts";
import { connection } from "./checks/connection.ts";
import { mcp } from "./checks/mcp.ts";
import { pages } from "./checks/pages.ts";
import { reachability } from "./checks/reachability.ts";
import type { Area } from "./examination.ts";

/** Every area. */
export const AREAS: readonly Area[] = [connection, administration, reachability, associationFiles, mcp, pages];
