// A bearer as the company's app gets it in password mode: authorization code with PKCE at our own server, scope
// `links`.
import type { Account } from "./accounts.ts";
import { APP_CLIENT, APP_REDIRECT_URI, challengeOf, form, json } from "./seeds.ts";
import type { Service } from "./service.ts";
import { Visitor } from "./visitor.ts";

const VERIFIER = "appVerifier-0123456789-abcdefghijklmnopqrstuvwxyz-x";

/** Signs in, consents for the app, and exchanges the code. The app client and the account must exist. */
export async function appBearer(service: Service, account: Account): Promise<string> {
  return (await appTokens(service, account)).access_token;
}

/** The same, with the whole token response. */
async function appTokens(service: Service, account: Account) {
  const visitor = new Visitor(service);
  const challenge = await challengeOf(VERIFIER);
  const signIn = await visitor.open(
    `/authorize?client_id=${APP_CLIENT}&response_type=code&scope=links&state=app&redirect_uri=${encodeURIComponent(APP_REDIRECT_URI)}&code_challenge=${challenge}&code_challenge_method=S256`,
  );
  const consent = await visitor.submit(signIn, { email: account.email, password: account.password });
  const back = await visitor.submit(consent, { decision: "allow" });
  const code = /code=([^&]+)/.exec(back.location ?? "")?.[1] ?? "";
  const response = await service.request(
    "/token",
    form({
      grant_type: "authorization_code",
      code,
      client_id: APP_CLIENT,
      redirect_uri: APP_REDIRECT_URI,
      code_verifier: VERIFIER,
    }),
  );
  if (response.status !== 200) throw new Error(`no bearer: ${response.status} ${await response.text()}`);
  return json(response);
}
