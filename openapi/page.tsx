// The docs page: the JSON API on one page for human readers, rendered from the OpenAPI document at build time. No
// script.
import { html } from "hono/html";
import type { FC } from "hono/jsx";
import type { OpenAPIV3_1 } from "openapi-types";
import { PAGE_CSS as COMMON_CSS } from "../src/ui/page-style.ts";
import { styleVariables } from "../src/ui/style.ts";
import type { DescribedOperation, Schema, SchemaOrReference } from "./describe.ts";
import type { ApiDocument } from "./document.ts";

const DEFAULT_COLOR = "#0b57d0";

const PAGE_CSS = `
main{max-width:60rem}
nav ul{list-style:none;padding:0;margin:0 0 1rem;display:flex;flex-wrap:wrap;gap:0 1.25rem}
nav a{display:inline-flex;align-items:center;min-height:2.75rem}
.tag{margin:2rem 0}
.tag>h2{margin:0}
.op{margin:0;color:var(--text);font-size:1rem;border-top:1px solid var(--line)}
.op summary{display:grid;grid-template-columns:4.25rem 1fr;gap:0 .75rem;align-items:center;padding:.6rem 0;color:var(--text);text-decoration:none}
.op summary b{font-size:.8rem;color:var(--accent)}
.op summary code{user-select:auto}
.op summary span{grid-column:2;color:var(--muted);font-size:.9rem}
.op .inside{padding:0 0 1.25rem}
.op h3{font-size:.9rem;margin:1.1rem 0 .35rem}
.op pre{margin:.35rem 0;padding:.75rem .85rem;border:1px solid var(--line);border-radius:.65rem;overflow-x:auto;font-size:.85rem;line-height:1.45;overflow-wrap:normal}
.op dl{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;gap:.35rem .9rem;margin:.35rem 0}
.op dt{overflow-wrap:anywhere}
.op dd p{margin:0}
@media (max-width:30rem){.op dl{grid-template-columns:1fr;gap:0}.op dd{margin-bottom:.6rem}}
`;

const ACCESS: Readonly<Record<string, string>> = {
  userToken: "the user's access token as bearer token",
  adminToken: "ADMIN_TOKEN as bearer token",
  clientBasic: "the client's id and secret as HTTP Basic",
  serviceToken: "the service client's own access token as bearer token",
};

function accessTo(operation: DescribedOperation): string {
  const ways = operation.security.flatMap((scheme) => {
    const [name] = Object.keys(scheme);
    return name === undefined ? ["credentials in the body"] : [ACCESS[name] ?? []].flat();
  });
  return ways.length === 0 ? "No credentials." : `With ${ways.join(", or ")}.`;
}

/** Text in which backticks mark code. */
const Text: FC<{ of: string | undefined }> = ({ of = "" }) => (
  <>{of.split("`").map((part, index) => (index % 2 === 1 ? <code>{part}</code> : part))}</>
);

interface Field {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string | undefined;
}

/** Resolves the references of a document and describes its schemas in words. */
class Reader {
  readonly document: ApiDocument;

  constructor(document: ApiDocument) {
    this.document = document;
  }

  schema(schema: SchemaOrReference): Schema {
    if (!("$ref" in schema)) return schema;
    return this.document.components.schemas[schema.$ref.split("/").at(-1) ?? ""] ?? {};
  }

  response(response: OpenAPIV3_1.ReferenceObject | OpenAPIV3_1.ResponseObject): OpenAPIV3_1.ResponseObject {
    if (!("$ref" in response)) return response;
    return this.document.components.responses[response.$ref.split("/").at(-1) ?? ""] ?? { description: "" };
  }

  /** `text`, `list of text`, `"a" or "b"`. */
  type(given: SchemaOrReference): string {
    const schema = this.schema(given);
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
    if (schema.anyOf) return [...new Set(schema.anyOf.map((one) => this.type(one)))].join(" or ");
    if ("items" in schema && schema.items) return `list of ${this.type(schema.items)}`;
    if (schema.format === "date-time") return "time";
    return schema.type === "string" ? "text" : String(schema.type ?? "any");
  }

  /**
   * The fields of an object and of the objects inside it, by path. With several variants, the fields of all of them.
   */
  fields(given: SchemaOrReference, prefix = ""): Field[] {
    const schema = this.schema(given);
    const own = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => [
      {
        name: prefix + name,
        type: this.type(field),
        required: schema.required?.includes(name) ?? false,
        description: field.description,
      },
      ...this.fields(field, `${prefix}${name}.`),
    ]);
    const variants = (schema.anyOf ?? []).flatMap((variant) => this.fields(variant, prefix));
    const items = "items" in schema && schema.items ? this.fields(schema.items, `${prefix.slice(0, -1)}[].`) : [];
    return [...new Map([...own, ...variants, ...items].map((field) => [field.name, field])).values()];
  }
}

const Fields: FC<{ fields: readonly Field[]; markOptional: boolean }> = ({ fields, markOptional }) => (
  <dl>
    {fields.map((field) => (
      <>
        <dt>
          <code>{field.name}</code>
        </dt>
        <dd>
          {field.type}
          {markOptional && !field.required ? ", optional" : ""}
          {field.description ? (
            <p class="small">
              <Text of={field.description} />
            </p>
          ) : null}
        </dd>
      </>
    ))}
  </dl>
);

const Bodies: FC<{
  title: "Body" | "Response";
  of: Record<string, OpenAPIV3_1.MediaTypeObject> | undefined;
  reader: Reader;
}> = ({ title, of = {}, reader }) => (
  <>
    {Object.entries(of).map(([type, { schema = {}, example }]) => {
      const shown = example ?? reader.schema(schema).examples?.[0];
      return (
        <>
          <h3>{`${title}, ${type}`}</h3>
          <Fields fields={reader.fields(schema)} markOptional={title === "Body"} />
          {shown === undefined ? null : <pre>{JSON.stringify(shown, null, 2)}</pre>}
        </>
      );
    })}
  </>
);

function parametersOf(operation: DescribedOperation, reader: Reader): Field[] {
  return (operation.parameters ?? []).flatMap((parameter) => {
    if ("$ref" in parameter) return [];
    const { name, required = false, description, schema = {} } = parameter;
    return [{ name, type: reader.type(schema), required, description }];
  });
}

const Operation: FC<{ path: string; method: string; operation: DescribedOperation; reader: Reader }> = (props) => {
  const { operation, reader } = props;
  const { requestBody } = operation;
  const parameters = parametersOf(operation, reader);
  const responses = Object.entries(operation.responses).map(
    ([status, response]) => [status, reader.response(response)] as const,
  );
  return (
    <details class="op" id={operation.operationId}>
      <summary>
        <b>{props.method.toUpperCase()}</b>
        <code>{props.path}</code>
        <span>{operation.summary}</span>
      </summary>
      <div class="inside">
        {operation.description ? (
          <p>
            <Text of={operation.description} />
          </p>
        ) : null}
        <p class="hint">{accessTo(operation)}</p>
        {parameters.length > 0 ? (
          <>
            <h3>Parameters</h3>
            <Fields fields={parameters} markOptional />
          </>
        ) : null}
        {requestBody && "content" in requestBody ? (
          <Bodies title="Body" of={requestBody.content} reader={reader} />
        ) : null}
        <h3>Responses</h3>
        <dl>
          {responses.map(([status, response]) => (
            <>
              <dt>{status}</dt>
              <dd>
                <Text of={response.description} />
              </dd>
            </>
          ))}
        </dl>
        {responses
          .filter(([status]) => status.startsWith("2"))
          .map(([, response]) => (
            <Bodies title="Response" of={response.content} reader={reader} />
          ))}
      </div>
    </details>
  );
};

function anchor(tag: string): string {
  return tag.toLowerCase().replaceAll(/[^a-z]+/g, "-");
}

/** The style sheet, in the default colour: the page is built before a deployment has a brand. */
export function docsStyleSheet(): string {
  return styleVariables(DEFAULT_COLOR) + COMMON_CSS + PAGE_CSS;
}

/** The page as HTML, in English. Its style sheet is /docs.css. */
export async function docsPage(document: ApiDocument): Promise<string> {
  const reader = new Reader(document);
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>API · alexa-link</title>
        <link rel="stylesheet" href="/docs.css" />
      </head>
      <body>
        <main>
          <h1>API</h1>
          <p>
            <Text of={document.info.description} />
          </p>
          <p>
            For programs: <a href="/openapi.json">openapi.json</a> (OpenAPI {document.openapi}).
          </p>
          <nav aria-label="Sections">
            <ul>
              {document.tags.map((tag) => (
                <li>
                  <a href={`#${anchor(tag.name)}`}>{tag.name}</a>
                </li>
              ))}
            </ul>
          </nav>
          {document.tags.map((tag) => (
            <section class="tag" id={anchor(tag.name)}>
              <h2>{tag.name}</h2>
              <p class="hint">{tag.description}</p>
              {operations
                .filter(({ operation }) => operation.tags.includes(tag.name))
                .map((one) => (
                  <Operation {...one} reader={reader} />
                ))}
            </section>
          ))}
        </main>
      </body>
    </html>
  );
  return String(await html`<!doctype html>${page}`);
}
