// Fields of the console's forms, and the response after a form was accepted or refused.
import type { Child, FC } from "hono/jsx";
import { seeOther } from "../../http/respond.ts";
import type { AppContext } from "../../runtime.ts";
import { ErrorNotice } from "../../ui/parts.tsx";
import { type ApiResult, type Confirmation, callAdminApi, takeAct } from "./acts.tsx";
import { renderConsole } from "./frame.tsx";

/** The values of a form's fields, by name. Secrets are never among them. */
export type Values = Readonly<Record<string, string>>;

interface FieldProps {
  readonly name: string;
  readonly label: string;
  readonly values: Values;
  readonly hint?: string;
  readonly required?: boolean;
}

const Hint: FC<{ name: string; hint: string | undefined }> = ({ name, hint }) =>
  hint === undefined ? null : (
    <p class="hint" id={`${name}-hint`}>
      {hint}
    </p>
  );

const described = ({ name, hint }: FieldProps) => (hint === undefined ? {} : { "aria-describedby": `${name}-hint` });

export const TextField: FC<FieldProps> = (field) => (
  <>
    <label for={field.name}>{field.label}</label>
    <input
      id={field.name}
      name={field.name}
      value={field.values[field.name] ?? ""}
      required={field.required}
      autocomplete="off"
      spellcheck={false}
      {...described(field)}
    />
    <Hint name={field.name} hint={field.hint} />
  </>
);

/** Always rendered empty: a typed secret is never sent back. */
export const SecretField: FC<Omit<FieldProps, "values">> = (field) => (
  <>
    <label for={field.name}>{field.label}</label>
    <input
      id={field.name}
      name={field.name}
      type="password"
      autocomplete="off"
      {...described({ ...field, values: {} })}
    />
    <Hint name={field.name} hint={field.hint} />
  </>
);

/** One entry per line. */
export const LinesField: FC<FieldProps> = (field) => (
  <>
    <label for={field.name}>{field.label}</label>
    <textarea id={field.name} name={field.name} rows={3} spellcheck={false} {...described(field)}>
      {field.values[field.name] ?? ""}
    </textarea>
    <Hint name={field.name} hint={field.hint} />
  </>
);

export const ChoiceField: FC<
  FieldProps & { readonly choices: readonly (readonly [value: string, label: string])[] }
> = (field) => (
  <>
    <label for={field.name}>{field.label}</label>
    <select id={field.name} name={field.name} {...described(field)}>
      {field.choices.map(([value, label]) => (
        <option value={value} selected={value === field.values[field.name]}>
          {label}
        </option>
      ))}
    </select>
    <Hint name={field.name} hint={field.hint} />
  </>
);

export const CheckField: FC<FieldProps> = (field) => (
  <p>
    <label class="check">
      <input type="checkbox" name={field.name} value="yes" checked={field.values[field.name] === "yes"} /> {field.label}
    </label>
  </p>
);

/** The entries of a `LinesField`. */
export function linesOf(text: string | undefined): string[] {
  return (text ?? "")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** The problem that the API reported, at the top of a form. */
export const Problem: FC<{ result: ApiResult | undefined }> = ({ result }) =>
  result === undefined || result.ok ? null : <ErrorNotice id="error">{result.problem}</ErrorNotice>;

interface Act {
  readonly method: string;
  readonly path: string;
  readonly body?: object;
}

/** Handles a form without fields to correct: redirects to `back` on success, otherwise renders the problem. */
export async function perform(
  c: AppContext,
  {
    under,
    back,
    confirmation,
    refusal,
    act,
  }: {
    readonly under: string;
    readonly back: string;
    readonly confirmation?: Omit<Confirmation, "under" | "back">;
    /** Why the request must not be carried out, in a sentence; undefined: it may be. */
    readonly refusal?: (fields: ReadonlyMap<string, string>) => Promise<string | undefined>;
    readonly act: (fields: ReadonlyMap<string, string>) => Act;
  },
  done: (result: ApiResult) => Response | Promise<Response> = () => seeOther(c, back),
): Promise<Response> {
  const fields = await takeAct(c, confirmation && { ...confirmation, under, back });
  if (fields instanceof Response) return fields;
  const problem = await refusal?.(fields);
  if (problem !== undefined) return notDone(c, { status: 409, ok: false, body: {}, problem }, under, back);
  const { method, path, body } = act(fields);
  const result = await callAdminApi(c, method, path, body);
  if (result.ok) return done(result);
  return notDone(c, result, under, back);
}

/** The page for a request that the API refused. */
export function notDone(c: AppContext, result: ApiResult, under: string, back: string): Promise<Response> {
  const status = result.status === 404 || result.status === 409 ? result.status : result.status >= 500 ? 503 : 400;
  return renderConsole(c, { title: "Nothing was changed", under, status }, [
    <Problem result={result} />,
    <p>
      <a href={back}>Back</a>
    </p>,
  ] as Child);
}

interface Rotated {
  readonly previousSecretExpiresAt?: string;
}

/** The field that identifies the secret that a button replaces. */
export const secretSeen = (client: Rotated) => ({ seen: client.previousSecretExpiresAt ?? "the first" });

/**
 * For `perform`: a button that is pressed twice replaces a secret only once. A second rotation would invalidate the
 * secret that Alexa or the backend still has.
 */
export function secretRefusal(client: Rotated | undefined, fields: ReadonlyMap<string, string>): string | undefined {
  if (client && fields.get("seen") === secretSeen(client).seen) return undefined;
  return "The secret has been replaced since this form was shown. Reload the page to replace it again.";
}

/** A secret that was just generated. It is in this response only. */
export const NewSecret: FC<{ label: string; secret: unknown }> = ({ label, secret }) =>
  typeof secret === "string" ? (
    <section class="panel" aria-label={label}>
      <h2>{label}</h2>
      <p>Copy it now. It cannot be shown again.</p>
      <p>
        <code>{secret}</code>
      </p>
    </section>
  ) : null;
