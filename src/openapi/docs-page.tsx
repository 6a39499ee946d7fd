// /docs: the JSON API on one page, for people. Drawn from the same document as /openapi.json; no script.
import type { FC } from "hono/jsx";
import type { AppContext } from "../runtime.ts";
import { renderPage } from "../ui/page.tsx";
import type {
  JsonSchema,
  OpenApiContent,
  OpenApiDocument,
  OpenApiOperation,
  OpenApiParameter,
  OpenApiReference,
  OpenApiResponse,
} from "./document-types.ts";

const CSS = `
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
  userToken: "the user's access token as bearer",
  adminToken: "ADMIN_TOKEN as bearer",
  adminSession: "the operator's browser session",
  clientBasic: "the client's id and secret as HTTP Basic",
  serviceToken: "a service client's own access token as bearer",
};

function accessTo(operation: OpenApiOperation): string {
  const ways = operation.security.flatMap((scheme) => {
    const [name] = Object.keys(scheme);
    return name === undefined ? ["credentials in the body"] : [ACCESS[name] ?? name];
  });
  return ways.length === 0 ? "No credentials." : `With ${ways.join(", or ")}.`;
}

/** Text in which backticks mark code. */
const Text: FC<{ of: string }> = ({ of }) => (
  <>{of.split("`").map((part, index) => (index % 2 === 1 ? <code>{part}</code> : part))}</>
);

interface Field {
  readonly name: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string | undefined;
}

class Reader {
  readonly document: OpenApiDocument;

  constructor(document: OpenApiDocument) {
    this.document = document;
  }

  schema(schema: JsonSchema): JsonSchema {
    const name = schema.$ref?.split("/").at(-1);
    return name === undefined ? schema : (this.document.components.schemas[name] ?? schema);
  }

  response(response: OpenApiResponse | OpenApiReference): OpenApiResponse {
    if (!("$ref" in response)) return response;
    return this.document.components.responses[response.$ref.split("/").at(-1) ?? ""] ?? { description: "" };
  }

  /** `text`, `list of text`, `a or b`: for people. */
  type(given: JsonSchema): string {
    const schema = this.schema(given);
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" or ");
    if (schema.anyOf) return [...new Set(schema.anyOf.map((one) => this.type(one)))].join(" or ");
    if (schema.type === "array") return `list of ${this.type(schema.items ?? {})}`;
    if (schema.format === "date-time") return "time";
    return schema.type === "string" ? "text" : String(schema.type ?? "any");
  }

  /** The fields of an object and of the objects in it, by path; of all variants where there are several. */
  fields(given: JsonSchema, before = ""): Field[] {
    const schema = this.schema(given);
    const own = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => [
      {
        name: before + name,
        type: this.type(field),
        required: schema.required?.includes(name) ?? false,
        description: field.description,
      },
      ...this.fields(field, `${before}${name}.`),
    ]);
    const variants = (schema.anyOf ?? []).flatMap((variant) => this.fields(variant, before));
    const items = schema.type === "array" && schema.items ? this.fields(schema.items, `${before.slice(0, -1)}[].`) : [];
    return [...new Map([...own, ...variants, ...items].map((field) => [field.name, field])).values()];
  }
}

const Fields: FC<{ fields: readonly Field[]; optional: boolean }> = ({ fields, optional }) => (
  <dl>
    {fields.map((field) => (
      <>
        <dt>
          <code>{field.name}</code>
        </dt>
        <dd>
          {field.type}
          {optional && !field.required ? ", may be left out" : ""}
          {field.description ? <p class="small">{field.description}</p> : null}
        </dd>
      </>
    ))}
  </dl>
);

const Example: FC<{ content: OpenApiContent; reader: Reader }> = ({ content, reader }) => {
  const example = content.example ?? reader.schema(content.schema).examples?.[0];
  return example === undefined ? null : <pre>{JSON.stringify(example, null, 2)}</pre>;
};

function parameterField(reader: Reader, parameter: OpenApiParameter): Field {
  const { name, required, description, schema } = parameter;
  return { name, type: reader.type(schema), required, description };
}

const Content: FC<{ of: Readonly<Record<string, OpenApiContent>>; reader: Reader; sent: boolean }> = (props) => (
  <>
    {Object.entries(props.of).map(([type, content]) => (
      <>
        <h3>{`${props.sent ? "Body" : "Answer"}, ${type}`}</h3>
        <Fields fields={props.reader.fields(content.schema)} optional={props.sent} />
        <Example content={content} reader={props.reader} />
      </>
    ))}
  </>
);

const Operation: FC<{ path: string; method: string; operation: OpenApiOperation; reader: Reader }> = (props) => {
  const { operation, reader } = props;
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
        {operation.parameters ? (
          <>
            <h3>Parameters</h3>
            <Fields fields={operation.parameters.map((one) => parameterField(reader, one))} optional />
          </>
        ) : null}
        {operation.requestBody ? <Content of={operation.requestBody.content} reader={reader} sent /> : null}
        <h3>Answers</h3>
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
          .filter(([status, response]) => status.startsWith("2") && response.content)
          .map(([, response]) => (
            <Content of={response.content ?? {}} reader={reader} sent={false} />
          ))}
      </div>
    </details>
  );
};

function anchor(tag: string): string {
  return tag.toLowerCase().replaceAll(/[^a-z]+/g, "-");
}

/** The page. In English only, as all that developers read here. */
export function docsPage(c: AppContext, document: OpenApiDocument): Promise<Response> {
  const reader = new Reader(document);
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  return renderPage(
    c,
    { title: "API", css: CSS },
    <div lang="en">
      <h1>API</h1>
      <p>{document.info.description}</p>
      <p>
        For programs: <a href="/openapi.json">openapi.json</a> (OpenAPI {document.openapi}).
      </p>
      <nav aria-label="Parts">
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
    </div>,
  );
}
