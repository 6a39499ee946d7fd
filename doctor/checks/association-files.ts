// The files with which a domain lets an app open its links, which linking from the Alexa app to your app needs.
import type { Area, Examination } from "../examination.ts";
import type { Check, Report } from "../report.ts";

const IN_BROWSER =
  "The phone does not connect your app with the domain. Linking that the Alexa app starts opens the web page instead of your app.";
const APPLE = "Apple, Supporting associated domains";
const ANDROID = "Android Developers, Verify App Links";
const AMAZON = "Amazon, App-to-App Account Linking (Starting From the Alexa App)";

const APPLE_SERVED: Check = {
  id: "apple_association_file",
  title: "apple-app-site-association is served as JSON, without a redirect",
  severity: "warn",
  effect: IN_BROWSER,
  remedy:
    "Serve /.well-known/apple-app-site-association over https with status 200 and Content-Type: application/json, without a redirect. The name has no extension.",
  source: APPLE,
};

const APPLE_SHAPE: Check = {
  id: "apple_association_shape",
  title: "apple-app-site-association names an app and its paths",
  severity: "warn",
  effect: IN_BROWSER,
  remedy:
    'Give applinks.details a list of objects with "appIDs" (team id, dot, bundle id) and "components" such as [{"/":"/app/*"}].',
  source: APPLE,
};

const APPLE_PATHS: Check = {
  id: "apple_association_paths",
  title: "The app does not claim the sign-in page",
  severity: "fail",
  effect:
    "On phones with your app, opening the sign-in page opens the app, which does not know it. Customers who link in the Alexa app get stuck.",
  remedy:
    "Claim only the addresses that the app handles, such as /app/*, or exclude the authorization URL's path before the others.",
  source: `${APPLE}; ${AMAZON}`,
};

const ANDROID_SERVED: Check = {
  id: "android_association_file",
  title: "assetlinks.json is served as JSON, without a redirect",
  severity: "warn",
  effect: IN_BROWSER,
  remedy:
    "Serve /.well-known/assetlinks.json over https with status 200 and Content-Type: application/json, without a redirect.",
  source: ANDROID,
};

const ANDROID_SHAPE: Check = {
  id: "android_association_shape",
  title: "assetlinks.json names an app and its certificate",
  severity: "warn",
  effect: IN_BROWSER,
  remedy:
    "Give a list of statements with the relation delegate_permission/common.handle_all_urls and a target with namespace android_app, package_name and sha256_cert_fingerprints: upper-case hexadecimal bytes with colons.",
  source: ANDROID,
};

/** Both files, on the host of the authorization URL. Missing ones are no problem: not every skill has an app. */
export const associationFiles: Area = {
  name: "association files",
  checks: [APPLE_SERVED, APPLE_SHAPE, APPLE_PATHS, ANDROID_SERVED, ANDROID_SHAPE],
  async run(examination: Examination) {
    const { report, target } = examination;
    const { origin, pathname } = new URL(target.authorizationUrl);
    const apple = await load(examination, `${origin}/.well-known/apple-app-site-association`, APPLE_SERVED);
    if (apple === undefined) for (const check of [APPLE_SHAPE, APPLE_PATHS]) report.skip(check, "no readable file");
    else judgeApple(report, apple, pathname);
    const android = await load(examination, `${origin}/.well-known/assetlinks.json`, ANDROID_SERVED);
    if (android === undefined) report.skip(ANDROID_SHAPE, "no readable file");
    else judgeAndroid(report, android);
  },
};

/** The file's JSON; undefined if there is none, which is noted. */
async function load({ fetch, report }: Examination, url: string, check: Check): Promise<unknown> {
  const { pathname } = new URL(url);
  let response: Response;
  try {
    response = await fetch(new Request(url, { redirect: "manual" }));
  } catch {
    report.skip(check, `${pathname}: no response`);
    return undefined;
  }
  const text = await response.text().catch(() => "");
  const { status, headers } = response;
  if (status >= 300 && status < 400) {
    report.problem(check, `${pathname} redirects to ${headers.get("location") ?? "nowhere"}`);
    return undefined;
  }
  const type = headers.get("content-type") ?? "no content type";
  // Many servers return a page of their own for every unknown address.
  if (status !== 200 || /^text\/html/i.test(type) || /^\s*<(!doctype|html)/i.test(text)) {
    report.skip(check, `${pathname}: not offered (${status})`);
    return undefined;
  }
  const json = parse(text);
  if (json === undefined) {
    report.problem(check, `${pathname} is not JSON`);
    return undefined;
  }
  report.expect(check, /^application\/json\b/i.test(type), `${pathname}: 200, JSON`, `${pathname} has ${type}`);
  return json;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function textsIn(value: unknown): string[] {
  return [value].flat().filter((each): each is string => typeof each === "string");
}

function objectsIn(value: unknown): Record<string, unknown>[] {
  return [value].flat().filter((each): each is Record<string, unknown> => typeof each === "object" && each !== null);
}

function judgeApple(report: Report, file: unknown, authorizationPath: string): void {
  const [links] = objectsIn(objectsIn(file)[0]?.applinks);
  const details = objectsIn(links?.details);
  const bad = details.find((detail) => {
    const apps = [...textsIn(detail.appIDs), ...textsIn(detail.appID)];
    const paths = objectsIn(detail.components).length + textsIn(detail.paths).length;
    return apps.length === 0 || !apps.every((app) => /^[A-Z0-9]{10}\.[A-Za-z0-9.-]+$/.test(app)) || paths === 0;
  });
  if (details.length === 0) report.problem(APPLE_SHAPE, "applinks.details is missing or empty");
  else
    report.expect(
      APPLE_SHAPE,
      !bad,
      `${details.length} entries`,
      `not complete: ${JSON.stringify(bad)?.slice(0, 200)}`,
    );
  const claimed = details.some((detail) => claims(detail, authorizationPath));
  report.expect(
    APPLE_PATHS,
    !claimed,
    `${authorizationPath} is not claimed`,
    `${authorizationPath} is claimed by the app`,
  );
}

/** Whether the app opens this path: the first component or path that matches decides. */
function claims(detail: Record<string, unknown>, path: string): boolean {
  for (const component of objectsIn(detail.components)) {
    const pattern = component["/"];
    // A component with conditions on the query does not match every authorization request.
    if (component["?"] !== undefined || component["#"] !== undefined) continue;
    if (matches(typeof pattern === "string" ? pattern : "*", path)) return component.exclude !== true;
  }
  if (objectsIn(detail.components).length > 0) return false;
  for (const pattern of textsIn(detail.paths)) {
    if (matches(pattern.replace(/^NOT /, ""), path)) return !pattern.startsWith("NOT ");
  }
  return false;
}

/** `*` is any text, `?` any character (Apple). Written without a regular expression, since the pattern is a stranger's. */
function matches(pattern: string, path: string): boolean {
  let [p, t, star, mark] = [0, 0, -1, 0];
  while (t < path.length) {
    if (pattern[p] === "?" || (pattern[p] === path[t] && pattern[p] !== "*")) {
      p++;
      t++;
    } else if (pattern[p] === "*") {
      star = p++;
      mark = t;
    } else if (star >= 0) {
      p = star + 1;
      t = ++mark;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}

function judgeAndroid(report: Report, file: unknown): void {
  const handles = (entry: Record<string, unknown>) =>
    textsIn(entry.relation).includes("delegate_permission/common.handle_all_urls");
  const apps = (Array.isArray(file) ? objectsIn(file) : []).filter(
    (entry) => handles(entry) && objectsIn(entry.target)[0]?.namespace === "android_app",
  );
  const bad = apps.find((entry) => {
    const [target] = objectsIn(entry.target);
    const prints = textsIn(target?.sha256_cert_fingerprints);
    const named = typeof target?.package_name === "string" && /^\w+(\.\w+)+$/.test(target.package_name);
    return !named || prints.length === 0 || !prints.every((print) => /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/.test(print));
  });
  if (apps.length === 0) report.problem(ANDROID_SHAPE, "no statement lets an Android app open the domain's links");
  else report.expect(ANDROID_SHAPE, !bad, `${apps.length} apps`, `not complete: ${JSON.stringify(bad)?.slice(0, 200)}`);
}
