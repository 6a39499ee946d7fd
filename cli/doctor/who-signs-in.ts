// Who signs in during an examination: a program, a person in a browser window, a person who pastes, or nobody.
import { Launcher } from "chrome-launcher";
import { createCustomer } from "../../doctor/customer.ts";
import type { Customer, Target } from "../../doctor/examination.ts";
import { limitedFetch } from "../../doctor/limited-fetch.ts";
import { secretFrom, type Terminal } from "../terminal.ts";
import { openWindow } from "./browser-window.ts";
import type { DoctorOptions } from "./options.ts";
import { pastingCustomer } from "./pasting.ts";

export interface SigningIn {
  readonly customer?: Customer;
  /** Why nobody signs in. */
  readonly why?: string;
  close(): Promise<void>;
}

const nothing = async () => {};

/** The customer that the options and the terminal allow. `DOCTOR_WINDOW=headless` opens a window without a screen. */
export async function whoSignsIn(terminal: Terminal, target: Target, options: DoctorOptions): Promise<SigningIn> {
  if (!target.client) return { close: nothing };
  if (options.user !== undefined)
    return { customer: await program(terminal, target, options.user, options), close: nothing };
  const headless = terminal.environment.DOCTOR_WINDOW === "headless";
  if (!terminal.interactive && !headless) {
    return { why: "needs a customer: give --user, or run the doctor in a terminal and sign in there", close: nothing };
  }
  const chromePath = options.browser ? installedBrowser(terminal) : undefined;
  if (chromePath === undefined) return { customer: pastingCustomer(terminal), close: nothing };
  try {
    const note = (text: string) => terminal.note(text);
    return await inWindow(openWindow({ redirectUris: target.redirectUris, chromePath, headless, note }));
  } catch (error) {
    terminal.note(`No browser window: ${error instanceof Error ? error.message : error}`);
    return { customer: pastingCustomer(terminal), close: nothing };
  }
}

async function inWindow(opened: ReturnType<typeof openWindow>): Promise<SigningIn> {
  const customer = await opened;
  return { customer, close: () => customer.close() };
}

async function program(terminal: Terminal, target: Target, user: string, options: DoctorOptions): Promise<Customer> {
  const { userField, passwordField, allowButton } = options;
  return createCustomer({
    fetch: limitedFetch((request) => fetch(request), options.timeout * 1000),
    user,
    password: await secretFrom(terminal, "PASSWORD", `the password of ${user}`),
    redirectUris: target.redirectUris,
    ...(userField !== undefined && { userField }),
    ...(passwordField !== undefined && { passwordField }),
    ...(allowButton && { allowButton }),
  });
}

/** The path of Chromium or Chrome: `CHROMIUM_PATH`, else the first that is installed. */
function installedBrowser({ environment }: Terminal): string | undefined {
  if (environment.CHROMIUM_PATH) return environment.CHROMIUM_PATH;
  try {
    return Launcher.getFirstInstallation();
  } catch {
    return undefined;
  }
}
