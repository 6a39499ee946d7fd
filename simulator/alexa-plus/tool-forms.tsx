// A form for each tool, with a field for each argument that the tool requires.
import type { McpTool } from "../library/mcp.ts";

interface Argument {
  readonly name: string;
  readonly isText: boolean;
  readonly hint: string;
}

function requiredArguments({ inputSchema }: McpTool): Argument[] {
  const properties = (inputSchema?.properties ?? {}) as Record<string, { type?: unknown; description?: unknown }>;
  const required = Array.isArray(inputSchema?.required) ? (inputSchema.required as unknown[]) : [];
  return required
    .filter((name) => typeof name === "string")
    .map((name) => {
      const { type = "string", description } = properties[name] ?? {};
      return { name, isText: type === "string", hint: typeof description === "string" ? description : "" };
    });
}

/** Reads the arguments of a tool from a submitted form. */
export function argumentsOf(tool: McpTool, form: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    requiredArguments(tool).map(({ name, isText }) => {
      const text = String(form[`argument.${name}`] ?? "");
      return [name, isText ? text : parse(text)];
    }),
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function ToolForms({ tools, action, plain }: { tools: readonly McpTool[]; action: string; plain: boolean }) {
  if (tools.length === 0) return <p class="note warn">The MCP server has listed no tools.</p>;
  return (
    <div class="stack">
      {tools.map((tool) => (
        <form method="post" action={action} class="stack">
          <input type="hidden" name="tool" value={tool.name} />
          {requiredArguments(tool).map(({ name, hint }) => (
            <label class="field">
              {name}
              {hint && `: ${hint}`}
              <input name={`argument.${name}`} required />
            </label>
          ))}
          <button type="submit" class={`button ${plain ? "plain" : ""}`} title={tool.description}>
            Ask: {tool.title ?? tool.name}
          </button>
        </form>
      ))}
    </div>
  );
}
