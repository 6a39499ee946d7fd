// The customer where there is no browser to watch: a person opens an address, and pastes the one at which they end.
import { isAt } from "../../doctor/customer.ts";
import type { Customer, Decided } from "../../doctor/examination.ts";
import type { Terminal } from "../terminal.ts";

/** A person at the terminal. */
export function pastingCustomer(terminal: Terminal): Customer {
  return {
    canRepeat: false,
    async decide({ url, redirectUri }, decision): Promise<Decided> {
      const what = decision === "allow" ? "sign in and allow the link" : "refuse the link";
      terminal.note(`Open this address in a browser, and ${what}:\n\n${url}\n`);
      terminal.note(`You end at an address that begins with ${redirectUri}. Amazon's page there may show an error.`);
      for (let attempt = 0; attempt < 3; attempt++) {
        const pasted = await terminal.ask("The whole address at which you ended (empty to skip)");
        if (pasted === "") return { arrived: false, why: "no address was pasted" };
        if (isAt(pasted, redirectUri)) return { arrived: true, url: pasted };
        terminal.note(`This does not begin with ${redirectUri}.`);
      }
      return { arrived: false, why: "no address of this redirect URI was pasted" };
    },
  };
}
