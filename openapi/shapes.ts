// Values that several resources show.
import * as z from "zod/mini";

export const time = z.iso.datetime();
export const stage = z.enum(["development", "live"]);
export const strings = z.array(z.string());

export const EXAMPLE_TIME = "2026-10-01T12:00:00.000Z";
export const EXAMPLE_SKILL_ID = "amzn1.ask.skill.0000-demo";
export const EXAMPLE_USER_ID = "01exampleuseraaaaaaaaaaaaa";
export const EXAMPLE_GRANT_ID = "01examplegrantaaaaaaaaaaaa";
export const FORM = "application/x-www-form-urlencoded";
