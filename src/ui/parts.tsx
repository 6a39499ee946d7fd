// Small components of pages. No inline styles and no scripts: the Content-Security-Policy refuses them.
import type { Child, FC } from "hono/jsx";

export const HiddenFields: FC<{ fields: Readonly<Record<string, string | undefined>> }> = ({ fields }) => (
  <>
    {Object.entries(fields).map(([name, value]) =>
      value === undefined ? null : <input type="hidden" name={name} value={value} />,
    )}
  </>
);

/** A labelled text field. `errorId`: the id of the notice that describes its error. */
export const Field: FC<{
  name: string;
  label: string;
  type: "email" | "password" | "text";
  autocomplete: string;
  value?: string | undefined;
  hint?: string;
  maxlength?: number;
  errorId?: string | undefined;
}> = ({ name, label, type, autocomplete, value, hint, maxlength, errorId }) => {
  const hintId = hint === undefined ? undefined : `${name}-hint`;
  const described = [errorId, hintId].filter((id) => id !== undefined).join(" ");
  return (
    <>
      <label for={`field-${name}`}>{label}</label>
      <input
        id={`field-${name}`}
        name={name}
        type={type}
        autocomplete={autocomplete}
        value={value}
        maxlength={maxlength}
        inputmode={type === "email" ? "email" : undefined}
        autocapitalize={type === "text" ? "words" : "none"}
        autocorrect="off"
        spellcheck={false}
        required
        aria-invalid={errorId === undefined ? undefined : "true"}
        aria-describedby={described === "" ? undefined : described}
      />
      {hint === undefined ? null : (
        <p class="hint below" id={hintId}>
          {hint}
        </p>
      )}
    </>
  );
};

/** Buttons below each other, the main one first. */
export const ButtonRow: FC<{ children: Child }> = ({ children }) => <div class="actions">{children}</div>;

/** The error of a form. `id`: for the fields' `aria-describedby`. */
export const ErrorNotice: FC<{ id: string; children: Child }> = ({ id, children }) => (
  <div class="error" id={id} role="alert">
    <svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2">
      <circle cx="12" cy="12" r="9.5" />
      <path d="M12 7v6.5M12 16.2v.3" stroke-linecap="round" />
    </svg>
    <span>{children}</span>
  </div>
);

/** Two circles connected by a line: the company's account, and the assistant it is linked with. */
export const LinkedPair: FC<{ brandName: string }> = ({ brandName }) => (
  <div class="pair" aria-hidden="true">
    <b>{[...brandName.trim()][0]?.toUpperCase() ?? ""}</b>
    <i />
    <svg
      viewBox="0 0 24 24"
      aria-hidden="true"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
    >
      <path d="M12 3a4 4 0 0 1 4 4v4a4 4 0 0 1-8 0V7a4 4 0 0 1 4-4zM5 11a7 7 0 0 0 14 0M12 18v3" />
    </svg>
  </div>
);

const CheckMark: FC = () => (
  <svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="2.25">
    <path d="M5 12.5l4.5 4.5L19 7.5" stroke-linecap="round" stroke-linejoin="round" />
  </svg>
);

/** What is allowed, one line each. */
export const CheckedList: FC<{ items: readonly string[] }> = ({ items }) => (
  <ul class="scopes">
    {items.map((item) => (
      <li>
        <CheckMark />
        <span>{item}</span>
      </li>
    ))}
  </ul>
);
