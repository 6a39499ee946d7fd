// Messages about request bodies of the wrong shape.
import { expect, it } from "vitest";
import * as z from "zod/mini";
import { shapeErrors } from "./read.ts";
import { tolerant } from "./tolerant.ts";

const shape = z.strictObject({
  name: z.string().check(z.maxLength(3)),
  tags: z.array(z.string()).check(z.minLength(1)),
  count: z.int().check(z.maximum(5)),
  kind: z.enum(["app", "service"]),
  site: z.string().check(z.refine((value) => value.startsWith("https://"), "must be an https address")),
  note: z.string(),
});

it("each wrong field gets a message that says what it must be, and never repeats its value", () => {
  const given = { name: "long", tags: [], count: 6, kind: "robot", site: "ftp://secret", extra: 1 };
  const errors = shapeErrors(shape.safeParse(given).error!);
  expect(Object.fromEntries(errors.map(({ field, message }) => [field, message]))).toEqual({
    name: "must have at most 3 characters",
    tags: "must have at least 1 item",
    count: "must be at most 5",
    kind: 'must be "app" or "service"',
    site: "must be an https address",
    note: "is missing",
    extra: "is not a field that can be set here",
  });
  expect(shapeErrors(shape.safeParse([]).error!)).toEqual([{ field: "", message: "must be of type object" }]);
});

it("a tolerated field of the wrong shape counts as missing, and the other fields are kept", () => {
  const tolerantShape = z.object({ id: z.string(), email: tolerant(z.string()) });
  expect(tolerantShape.parse({ id: "1", email: "a@example.com" })).toEqual({ id: "1", email: "a@example.com" });
  expect(tolerantShape.parse({ id: "1", email: 7 }).email).toBeUndefined();
  expect(tolerantShape.parse({ id: "1" })).toEqual({ id: "1" });
});
