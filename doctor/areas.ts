// The parts of an examination, in the order in which they run.
import { connection } from "./checks/connection.ts";
import type { Area } from "./examination.ts";

/** Every area. */
export const AREAS: readonly Area[] = [connection];
