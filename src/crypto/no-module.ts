// Replaces a module that a library imports for a function that we never call. See `[alias]` in wrangler.toml.
export default {};
