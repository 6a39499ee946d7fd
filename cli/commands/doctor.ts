// `alexa-link doctor`: checks a running account-linking server as Alexa would see it.
import { Command } from "commander";
import { examine } from "../../doctor/examine.ts";
import { administrationOf } from "../doctor/administration.ts";
import { documentOf } from "../doctor/document.ts";
import { type DoctorOptions, withDoctorOptions } from "../doctor/options.ts";
import { checkWritable, writeReports } from "../doctor/outputs.ts";
import { plainFetch } from "../doctor/plain-fetch.ts";
import { probeConnection } from "../doctor/probes.ts";
import { catalogue, printTable } from "../doctor/table.ts";
import { findTarget } from "../doctor/target.ts";
import { whoSignsIn } from "../doctor/who-signs-in.ts";
import { ExitCode } from "../exit-code.ts";
import { withExamples } from "../options.ts";
import { jsonText, type Terminal, UsageError } from "../terminal.ts";

/** The command. */
export function doctorCommand(terminal: Terminal): Command {
  const command = withDoctorOptions(
    new Command("doctor").description("check an account-linking server as Alexa would see it"),
  ).action((url: string | undefined, options: DoctorOptions) => doctor(terminal, url, options));
  return withExamples(command, terminal, [
    "doctor https://link.example.com",
    "CLIENT_SECRET=… doctor https://link.example.com --client-id alexa-acme --vendor-id M2EXAMPLEVENDOR",
    "CLIENT_SECRET=… PASSWORD=… doctor https://link.example.com --client-id alexa-acme --vendor-id M2EXAMPLEVENDOR --user me@example.com --html report.html",
    "doctor --authorize-url https://example.com/oauth/authorize --token-url https://example.com/oauth/token --json",
  ]);
}

async function doctor(terminal: Terminal, url: string | undefined, options: DoctorOptions): Promise<void> {
  if (options.list) return terminal.print(catalogue());
  const startedAt = new Date();
  checkWritable(options);
  const timeoutMs = options.timeout * 1000;
  const administration = options.admin && (await administrationOf(url, terminal, timeoutMs));
  const target = await findTarget(terminal, url, options);
  const { customer, why, close } = await whoSignsIn(terminal, target, options);
  const examined = await examine({
    target,
    fetch: (request) => fetch(request),
    ...(customer && { customer }),
    ...(why !== undefined && { whyNoCustomer: why }),
    probes: {
      connection: (origin) => probeConnection(origin, { timeoutMs }),
      plainFetch,
      ...(administration && { administration }),
    },
    timeoutMs,
    ...(options.only && { only: options.only }),
    progress: (text) => terminal.interactive && terminal.note(`… ${text}`),
  }).finally(close);
  const document = documentOf(target, startedAt, examined.results);
  writeReports(document, options);
  if (options.json) terminal.print(jsonText(document));
  else printTable(terminal, document);
  const { count, why: whyRemaining } = examined.remaining;
  if (count > 0) {
    const client = target.client?.clientId;
    const links = count === 1 ? "A link" : `Up to ${count} links`;
    terminal.note(`${links} that the doctor made with client ${client} may remain at the server: ${whyRemaining}.`);
  }
  const { host } = new URL(target.authorizationUrl);
  const elsewhere = customer?.passwordHosts?.().filter((each) => each !== host) ?? [];
  if (elsewhere.length > 0)
    terminal.note(`The password was given to ${elsewhere.join(", ")}, where the server signs in.`);
  if (examined.stopped !== undefined) throw new UsageError(`Signing in was impossible: ${examined.stopped}.`);
  if (document.summary.fail > 0) throw new ExitCode(1);
}
