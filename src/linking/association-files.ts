// Association files: which apps may open our links. They claim `/app/*` only; ordinary pages stay in the browser.

/** The one path that apps claim. */
const CLAIMED_PATH = "/app/*";

/** Apple's file, in the form that iOS 13 and later read. */
export function appleAssociation(appIds: readonly string[]): object {
  return {
    applinks: {
      details: [{ appIDs: appIds, components: [{ "/": CLAIMED_PATH, comment: "Account linking with Alexa" }] }],
    },
  };
}

/** Google's statements, one per package with all its fingerprints. The app's manifest claims the paths. */
export function androidStatements(apps: ReadonlyMap<string, readonly string[]>): object[] {
  return [...apps].map(([packageName, fingerprints]) => ({
    relation: ["delegate_permission/common.handle_all_urls"],
    target: {
      namespace: "android_app",
      package_name: packageName,
      sha256_cert_fingerprints: fingerprints,
    },
  }));
}
