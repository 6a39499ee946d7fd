// Guesses about a stranger's sign-in and consent pages: which field is which, what a button does.
import type { Button, Field, Form } from "../simulator/library/html.ts";

const ALLOW =
  /\b(allow|authori[sz]e|accept|approve|agree|grant|yes)\b|zulassen|erlauben|zustimmen|akzeptieren|einverstanden|\bja\b|autoriser|accepter|approuver|\boui\b|permitir|autorizar|aceptar|\bsí\b|consenti|autorizza|accetta|許可|同意|承認|はい/i;
const GO_ON =
  /\b(continue|confirm|next|sign.?in|log.?in|submit|link|connect|ok|proceed|go|send)\b|weiter|bestätigen|anmelden|einloggen|verknüpfen|verbinden|continuer|confirmer|suivant|connexion|connecter|continuar|confirmar|siguiente|iniciar|continua|conferma|avanti|accedi|続行|確認|次へ|ログイン|サインイン|リンク/i;
const DENY =
  /\b(deny|cancel|no|decline|reject|refuse|abort|disagree|disallow|don[’']?t|not)\b|ablehnen|abbrechen|verweigern|\bnein\b|nicht|refuser|annuler|\bnon\b|rechazar|cancelar|denegar|rifiuta|annulla|nega\b|拒否|拒絶|キャンセル|いいえ/i;
const ASIDE =
  /\bnot (you|me)\b|nicht (du|sie|ihr)\b|sign.?out|log.?out|switch|another|different|forg[eo]t|reset|register|sign.?up|create|back\b|help|language|resend|abmelden|vergessen|registrieren|oublié|inscri|olvid|registr|dimenticat|passkey|\bqr\b/i;
const WITH_PASSWORD =
  /pass.?word|passwort|mot de passe|contraseña|パスワード|e.?mail|user.?name|sign.?in|log.?in|anmelden/i;
const PROVIDERS = /google|facebook|apple|microsoft|github|twitter|amazon|linkedin|paypal|sso\b|passkey|webauthn/i;

/** What a button or link seems to do. */
export type Meaning = "allow" | "go_on" | "deny" | "aside" | "unknown";

/** The meaning of a button or link by its texts. Words of the text count more than its name and value. */
export function meaningOf(texts: readonly string[]): Meaning {
  for (const text of texts) {
    const short = text.replace(/[_-]/g, " ").slice(0, 100);
    if (ASIDE.test(short)) return "aside";
    if (DENY.test(short)) return "deny";
    if (ALLOW.test(short)) return "allow";
    if (GO_ON.test(short)) return "go_on";
  }
  return "unknown";
}

/** Values that programs use, in any language of the page. */
const VALUES: readonly string[] = ["allow", "deny", "accept", "decline", "reject", "cancel", "yes", "no"];

/** The meaning of a button. A value that only programs see says more than its text. */
export function buttonMeaning({ text, value, name }: Button): Meaning {
  const plain = value !== text && VALUES.includes(value.toLowerCase());
  return meaningOf(plain ? [value] : [text, value, name]);
}

/** Whether a button or link chooses another identity provider than the server's own password. */
export function choosesProvider(text: string): boolean {
  return PROVIDERS.test(text);
}

/** Whether a button or link leads to sign-in with a password. */
export function leadsToPassword(text: string): boolean {
  return WITH_PASSWORD.test(text) && !ASIDE.test(text) && !PROVIDERS.test(text);
}

const TEXT_TYPES = ["text", "email", "tel", "", "username"];

export interface FieldNames {
  readonly userField?: string;
  readonly passwordField?: string;
}

function isNamed(field: Field, name: string): boolean {
  return field.name === name || field.id === name;
}

/** The field for the password. */
export function passwordFieldOf(form: Form, { passwordField }: FieldNames): Field | undefined {
  if (passwordField !== undefined) return form.fields.find((field) => isNamed(field, passwordField));
  const all = form.fields.filter(({ type, name }) => type === "password" && name !== "");
  return (
    all.find(({ autocomplete }) => autocomplete.includes("current-password")) ?? (all.length === 1 ? all[0] : undefined)
  );
}

const USER_NAME =
  /user|e.?mail|login|account|identifier|log.?on|member|kunden|benutzer|kennung|signin|ユーザー|メール/i;
const NO_USER = /search|query|coupon|code|otp|token|captcha|first.?name|last.?name|newsletter/i;

/** The field for the customer's name. With a password field, the only text field of the form will do. */
export function userFieldOf(form: Form, names: FieldNames): Field | undefined {
  if (names.userField !== undefined) return form.fields.find((field) => isNamed(field, names.userField ?? ""));
  const texts = form.fields.filter(({ type, name }) => TEXT_TYPES.includes(type) && name !== "");
  const known = texts.find(
    (field) =>
      /username|email/.test(field.autocomplete) ||
      field.type === "email" ||
      (USER_NAME.test(`${field.name} ${field.id} ${field.label}`) && !NO_USER.test(`${field.name} ${field.id}`)),
  );
  return known ?? (texts.length === 1 && passwordFieldOf(form, names) ? texts[0] : undefined);
}

/** Fields that a person would have to fill in and the doctor cannot: required, empty, neither user nor password. */
export function unknownFieldsOf(form: Form, known: readonly (Field | undefined)[]): Field[] {
  return form.fields.filter(
    (field) =>
      !known.includes(field) &&
      field.name !== "" &&
      [...TEXT_TYPES, "number", "password", "textarea"].includes(field.type) &&
      (field.value ?? "") === "" &&
      (field.required || /otp|code|token|captcha/i.test(`${field.name} ${field.autocomplete}`)),
  );
}
