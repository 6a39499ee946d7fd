// Texts that wrangler puts beside the code (its own rule for .txt): read when asked for, not parsed at every start.
declare module "*.txt" {
  const text: string;
  export default text;
}
