// The style sheet of all pages, in one brand colour, light and dark.

/** CSS text with the brand's colour, `#rrggbb`. */
export function styleSheet(color: string): string {
  return `:root{--brand:${color};--text:#1b1d21;--muted:#5b6270;--paper:#fff;--ground:#f3f4f7;--line:#d9dce3;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--text:#eceef2;--muted:#a3aab8;--paper:#1d2026;--ground:#121418;--line:#363b45;--bad:#ff8a80}}
*{box-sizing:border-box}
body{margin:0;font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--text);background:var(--ground)}
main{max-width:26rem;margin:0 auto;padding:1.5rem 1rem}
.brand{font-weight:700;font-size:1.15rem;text-align:center;margin-bottom:1rem}
.brand img{max-height:3rem;max-width:12rem}
.card{background:var(--paper);border:1px solid var(--line);border-radius:1rem;padding:1.5rem 1.25rem}
h1{font-size:1.35rem;line-height:1.25;margin:0 0 .75rem}
label{display:block;font-weight:600;margin:1rem 0 .25rem}
input{width:100%;font:inherit;padding:.75rem;border:1px solid var(--line);border-radius:.6rem;background:var(--paper);color:var(--text)}
button{display:block;width:100%;font:inherit;font-weight:600;padding:.85rem;margin-top:1rem;border-radius:.6rem;border:1px solid var(--brand);background:var(--brand);color:#fff;cursor:pointer}
button.quiet{background:transparent;color:var(--text);border-color:var(--line)}
button.link{background:none;border:0;color:var(--muted);text-decoration:underline;font-weight:400;padding:.5rem}
.error{color:var(--bad);font-weight:600}
.hint,.quote{color:var(--muted);font-size:.9rem}
ul.scopes{padding-left:1.2rem;margin:.5rem 0 1rem}
footer{text-align:center;padding:0 1rem 2rem}
footer a{color:var(--muted);margin:0 .5rem;font-size:.85rem}`;
}
