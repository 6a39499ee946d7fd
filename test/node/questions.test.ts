// Questions at the terminal, with a person who types, pastes and gives up.
import { PassThrough } from "node:stream";
import { setImmediate as settled } from "node:timers/promises";
import type { ReadStream, WriteStream } from "node:tty";
import { beforeEach, describe, expect, it } from "vitest";
import { Questions } from "../../cli/questions.ts";

let keyboard: PassThrough;
let modes: boolean[];
let shown: string;
let questions: Questions;

beforeEach(() => {
  modes = [];
  shown = "";
  keyboard = Object.assign(new PassThrough(), { setRawMode: (raw: boolean) => void modes.push(raw), isTTY: true });
  const write = (text: string) => {
    shown += text;
  };
  const screen = { columns: 80, write };
  questions = new Questions(keyboard as unknown as ReadStream, screen as unknown as WriteStream);
});

async function typed(text: string): Promise<void> {
  keyboard.write(text);
  await settled();
  await settled();
}

describe("questions at the terminal", () => {
  it.each(["one\ntwo\nthree\n", "one\rtwo\rthree\r", "one\r\ntwo\r\nthree\r\n"])(
    "take their answers from lines that are pasted at once: %j",
    async (pasted) => {
      const first = questions.ask("First: ", false);
      await typed(pasted);
      expect([await first, await questions.ask("Second: ", false), await questions.ask("Third: ", false)]).toEqual([
        "one",
        "two",
        "three",
      ]);
    },
  );

  it("keep the beginning of a line that was pasted with the line before", async () => {
    const first = questions.ask("First: ", false);
    await typed("one\ntw");
    expect(await first).toBe("one");
    const second = questions.ask("Second: ", false);
    await typed("o\n");
    expect(await second).toBe("two");
  });

  it("show what is typed, and nothing of a secret, pasted with the others or alone", async () => {
    const first = questions.ask("Name: ", false);
    await typed("visible\nsecret-1\nsecr");
    await first;
    expect(await questions.ask("Secret: ", true)).toBe("secret-1");
    const third = questions.ask("Another: ", true);
    await typed("et-2\n");
    expect(await third).toBe("secret-2");
    expect(shown).toContain("Name: ");
    expect(shown).toContain("visible");
    expect(shown).toContain("Another: ");
    expect(shown).not.toContain("secr");
  });

  it("show no earlier secret when the arrow key asks for it", async () => {
    const secret = questions.ask("Secret: ", true);
    await typed("hidden-one\n");
    await secret;
    const next = questions.ask("Name: ", false);
    await typed("\u001b[A\n");
    expect(await next).toBe("");
    expect(shown).not.toContain("hidden-one");
  });

  it.each([
    ["Ctrl-C", "\u0003"],
    ["Ctrl-D", "\u0004"],
  ])("end with %s, visible or hidden, and can be asked again", async (_, key) => {
    for (const hidden of [false, true]) {
      const cancelled = questions.ask("Name: ", hidden);
      await typed(key);
      expect(await cancelled).toBeUndefined();
    }
    const again = questions.ask("Name: ", false);
    await typed("Ada\n");
    expect(await again).toBe("Ada");
  });

  it("leave the terminal as it was between questions, for Ctrl-C and for child processes", async () => {
    const first = questions.ask("First: ", false);
    await typed("one\n");
    await first;
    expect(modes.at(-1)).toBe(false);
    expect(keyboard.isPaused()).toBe(true);
    const second = questions.ask("Second: ", true);
    expect(modes.at(-1)).toBe(true);
    await typed("two\n");
    await second;
    expect(modes.at(-1)).toBe(false);
  });

  it("end when the terminal is closed", async () => {
    const first = questions.ask("First: ", false);
    keyboard.end();
    expect(await first).toBeUndefined();
    expect(await questions.ask("Second: ", false)).toBeUndefined();
  });
});
