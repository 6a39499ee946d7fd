// The checks of a server of this project from the inside, with its admin token.
import type { Check } from "../report.ts";

function check(
  id: string,
  severity: Check["severity"],
  title: string,
  effect: string,
  remedy: string,
  source: string,
): Check {
  return { id: `admin_${id}`, severity, title, effect, remedy, source };
}

const AMAZON_LINKING = "Amazon, App-to-App Account Linking (Starting From Your App)";
const OPERATIONS = "docs/operations.md of this project";
const DOCTOR = "An earlier run of the doctor may have caused some of them.";

export const ADMIN = {
  access: check(
    "access",
    "fail",
    "The admin token opens the admin API",
    "You cannot administer the server, and the doctor cannot look inside.",
    "Set ADMIN_TOKEN to the value that was given to this deployment: npx wrangler secret put ADMIN_TOKEN.",
    "docs/admin-api.md of this project",
  ),
  health: check(
    "health",
    "fail",
    "The server is healthy",
    "Requests that need the database get 503, and Alexa reports that linking failed.",
    "Do what the response says: apply the migrations, or set the MASTER_KEY with which the database was sealed.",
    OPERATIONS,
  ),
  skills: check(
    "skills_registered",
    "warn",
    "A skill is registered",
    "Alexa's authorization requests get an error page, because no client has its id.",
    "Register the skill: alexa-link skill add.",
    "docs/deploy.md of this project",
  ),
  hosts: check(
    "redirect_uris_complete",
    "fail",
    "Each skill has Alexa's redirect URIs of all hosts",
    "Customers whose Amazon account belongs to the missing region see an error page.",
    "Set the skill's vendorId, which registers all of Amazon's hosts: alexa-link skill set --id ID --vendor-id ID.",
    "Amazon, Requirements for Account Linking (redirect URLs)",
  ),
  overlap: check(
    "secret_overlap",
    "warn",
    "No previous client secret is about to expire",
    "When it expires, Alexa's token requests with the previous secret get invalid_client, and every link stops working.",
    "Make sure that Amazon's console has the new secret, and that one test account can refresh.",
    "docs/admin-api.md of this project",
  ),
  swapped: check(
    "amazon_pair",
    "fail",
    "Amazon's pair and ours are not swapped",
    "Amazon refuses the pair, so linking from your app or website fails with “Invalid account linking credentials”; or Alexa presents an id that this server does not know.",
    "lwa takes the Alexa Client Id and Secret of the console's Account Linking page; the id and secret that Alexa presents to this server belong to client. Enter each at its place.",
    `${AMAZON_LINKING}; Amazon, App-to-App Account Linking Debugging Tips`,
  ),
  keys: check(
    "signing_keys",
    "fail",
    "A signing key is in use",
    "No access token can be issued.",
    "Run alexa-link keys rotate, and check that the database is complete: GET /healthz.",
    OPERATIONS,
  ),
  keyAge: check(
    "signing_key_age",
    "warn",
    "The signing key is not older than the rotation period",
    "Keys are rotated every 90 days by the scheduled work. It probably does not run, so expired rows, unlinks and webhooks wait too.",
    "Check the cron trigger of the Worker under Settings, Triggers, and run alexa-link maintenance.",
    OPERATIONS,
  ),
  unlinks: check(
    "unlinks_given_up",
    "warn",
    "No unlink at Amazon was given up in the last day",
    "The Alexa app still shows the skill as linked although the customer has unlinked it.",
    "Look at the reason in the audit log, then tell the customer to disable the skill in the Alexa app.",
    OPERATIONS,
  ),
  webhooks: check(
    "webhooks_given_up",
    "warn",
    "No webhook was given up in the last day",
    "Your own systems have not learned of a link or an unlink.",
    "Check that WEBHOOK_URL responds with a 2xx within the time limit, then read the events from the audit log.",
    OPERATIONS,
  ),
  alerts: check(
    "alerts",
    "warn",
    "There were no alerts in the last day",
    "Something happened that an operator should look at.",
    `Read them with alexa-link audit --alerts. ${DOCTOR}`,
    OPERATIONS,
  ),
  refusals: check(
    "refused_requests",
    "warn",
    "No request was refused in the last day",
    "Customers saw an error page.",
    `Read them with alexa-link refusals. ${DOCTOR}`,
    "docs/troubleshooting.md of this project",
  ),
  attempts: check(
    "failed_attempts",
    "warn",
    "No link attempt failed in the last day",
    "Customers tried to link and could not.",
    `Read them with alexa-link attempts --outcome failed. ${DOCTOR}`,
    "docs/troubleshooting.md of this project",
  ),
  acceptGrant: check(
    "accept_grant",
    "fail",
    "AcceptGrant succeeds",
    "With “Send Alexa Events” on, the Alexa app says that linking failed although the token response was good, and your log shows a complete link.",
    "Check the eventGateway pair against the console's Permissions page, and that the skill's backend forwards AcceptGrant and responds within 8 seconds.",
    "Amazon, Troubleshooting Account Linking; Amazon, Alexa.Authorization Interface",
  ),
  drift: check(
    "amazon_configuration",
    "fail",
    "Amazon's configuration of each skill is what this server expects",
    "Alexa uses other addresses, another client or other scopes than this server accepts, so linking or a feature that needs it fails.",
    "Look at the differences with alexa-link skill diff, and write ours with alexa-link skill push.",
    "Amazon, Account Linking Management REST API Reference",
  ),
  password: check(
    "password_mode",
    "warn",
    "Customers sign in with the company's own sign-in",
    "Customers need a separate account with a password that only this server knows. Someone has to create, reset and delete these accounts, and Cloudflare's free plan has too little CPU time for hashing.",
    "Set SIGN_IN_METHODS=oidc with your identity provider, unless this server is meant to hold the accounts.",
    "docs/configuration.md of this project",
  ),
  privacy: check(
    "privacy_link",
    "warn",
    "The sign-in page links a privacy policy",
    "Amazon's reviewers look for it, and customers do not learn what happens to their data.",
    "Set PRIVACY_URL and TERMS_URL to the pages of the skill's listing.",
    "Amazon, Security Testing for an Alexa Skill",
  ),
} as const;
