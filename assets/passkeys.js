// The one script of ours, for browsers that know passkeys: on the sign-in page and the account page, where passkeys are switched on.
// Delivered as it stands. All its texts come from attributes of the page.
(() => {
  const box = document.querySelector("[data-passkey]");
  if (!box || !window.PublicKeyCredential || !navigator.credentials) return;
  const button = box.querySelector("button");
  const notice = box.querySelector("[data-passkey-error]");
  const field = document.querySelector("form[action='/sign-in'] input[name=form]");
  const form = box.dataset.form || field?.value;
  if (!button || !notice || !form) return;

  const toBytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));
  const toText = (buffer) =>
    btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(""))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=+$/, "");

  const post = async (path, body) => {
    const answer = await window.fetch(path, {
      method: "POST",
      credentials: "same-origin",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const result = await answer.json();
    if (answer.ok) return result;
    const error = new Error("refused");
    error.code = result.code;
    throw error;
  };

  const show = (error) => {
    if (error.code === "form_expired" || error.code === "csrf" || error.code === "session_needed") {
      location.reload();
      return;
    }
    const text = error.name === "InvalidStateError" ? box.dataset.known : undefined;
    notice.querySelector("span").textContent =
      text || (error.name === "NotAllowedError" ? box.dataset.cancelled : box.dataset.failed);
    notice.hidden = false;
  };

  // One request to the authenticators at a time: a new one ends the one that waits.
  let running;
  const start = () => {
    if (running) running.abort();
    running = new AbortController();
    return running.signal;
  };

  const signIn = async (mediation) => {
    const signal = start();
    const { token, publicKey } = await post("/sign-in/passkey/options", { form });
    publicKey.challenge = toBytes(publicKey.challenge);
    const credential = await navigator.credentials.get({ publicKey, mediation, signal });
    const { response } = credential;
    const { continueTo } = await post("/sign-in/passkey", {
      form,
      token,
      credential: {
        id: toText(credential.rawId),
        response: {
          clientDataJSON: toText(response.clientDataJSON),
          authenticatorData: toText(response.authenticatorData),
          signature: toText(response.signature),
          userHandle: response.userHandle ? toText(response.userHandle) : "",
        },
      },
    });
    location.assign(continueTo);
  };

  const add = async () => {
    const signal = start();
    const { token, publicKey } = await post("/account/passkeys/options", { form });
    publicKey.challenge = toBytes(publicKey.challenge);
    publicKey.user.id = toBytes(publicKey.user.id);
    for (const known of publicKey.excludeCredentials) known.id = toBytes(known.id);
    const credential = await navigator.credentials.create({ publicKey, signal });
    const { response } = credential;
    await post("/account/passkeys", {
      form,
      token,
      name: box.querySelector("input").value,
      credential: {
        id: toText(credential.rawId),
        response: {
          clientDataJSON: toText(response.clientDataJSON),
          authenticatorData: toText(response.getAuthenticatorData()),
          publicKey: toText(response.getPublicKey() || new ArrayBuffer(0)),
          publicKeyAlgorithm: response.getPublicKeyAlgorithm(),
          transports: response.getTransports ? response.getTransports() : [],
        },
      },
    });
    location.assign("/account?done=passkey-added");
  };

  // Offers passkeys among what the browser fills in. A challenge ends after five minutes, so it is asked for anew before.
  const autofill = async () => {
    try {
      await signIn("conditional");
    } catch (error) {
      if (error.code !== undefined) show(error);
    }
  };

  button.addEventListener("click", async () => {
    notice.hidden = true;
    button.disabled = true;
    try {
      await (box.dataset.passkey === "add" ? add() : signIn("required"));
    } catch (error) {
      show(error);
    }
    button.disabled = false;
  });
  box.hidden = false;

  if (box.dataset.passkey !== "sign-in" || !PublicKeyCredential.isConditionalMediationAvailable) return;
  PublicKeyCredential.isConditionalMediationAvailable().then((available) => {
    if (!available) return;
    autofill();
    setInterval(
      () => {
        if (!button.disabled) autofill();
      },
      4 * 60 * 1000,
    );
  });
})();
