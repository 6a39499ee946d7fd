// The style sheet of all pages, in the variables of style.ts. From 30rem on, the sheet becomes a card. The build writes
// it to assets/, so that it is not in the Worker's bundle.

export const PAGE_CSS = `*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;min-height:100vh;min-height:100svh;display:flex;flex-direction:column;font:1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Noto Sans JP",sans-serif;color:var(--text);background:var(--paper);overflow-wrap:anywhere}
main{width:100%;max-width:27rem;margin:0 auto;padding:1.25rem 1.25rem 1rem;flex:1 0 auto}
.brand{display:flex;align-items:center;gap:.6rem;font-weight:700;font-size:1.1rem;margin-bottom:1.5rem;min-height:2.25rem}
.brand img{display:block;max-height:2.25rem;max-width:11rem}
.brand i{flex:none;width:.7rem;height:1.4rem;border-radius:.35rem;background:var(--brand);border:1px solid var(--edge)}
h1{font-size:1.5rem;line-height:1.25;letter-spacing:-.01em;margin:0 0 .5rem;text-wrap:balance}
h2{font-size:1.05rem;line-height:1.3;margin:1.75rem 0 .5rem}
p{margin:0 0 .85rem}
a{color:var(--accent)}
.lead,.hint,.quote{color:var(--muted)}
.hint,.quote,.small{font-size:.9rem}
.below{margin:.35rem 0 0}
.notice{border-left:.25rem solid var(--accent);padding:.35rem 0 .35rem .85rem;margin:1rem 0}
.quote{margin-top:1.5rem}
code{font:.9em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;user-select:all}
label{display:block;font-weight:600;margin:1.1rem 0 .35rem}
input{display:block;width:100%;min-height:3rem;font:inherit;padding:.6rem .8rem;border:1px solid var(--field);border-radius:.65rem;background:var(--paper);color:var(--text)}
[hidden],input[type=hidden]{display:none}
input[aria-invalid=true]{border-color:var(--bad);border-width:2px}
button,.button{display:flex;align-items:center;justify-content:center;width:100%;min-height:3rem;font:inherit;font-weight:600;line-height:1.25;text-align:center;text-decoration:none;padding:.65rem 1rem;margin:.75rem 0 0;border-radius:.65rem;border:1px solid var(--edge);background:var(--brand);color:var(--on);cursor:pointer}
button:hover,.button:hover{filter:brightness(1.07)}
button:active,.button:active{filter:brightness(.94)}
button.quiet,.button.quiet{background:transparent;color:var(--text);border-color:var(--field)}
button.danger{background:transparent;color:var(--bad);border-color:var(--bad)}
button.link{display:inline-flex;width:auto;min-height:2.75rem;margin:0;padding:.25rem .1rem;border:0;background:none;color:var(--accent);font-weight:500;text-decoration:underline}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.actions{margin-top:1.25rem}
.actions+.below{margin-top:.5rem}
.error{display:flex;gap:.6rem;background:var(--badGround);color:var(--bad);font-weight:500;border-radius:.65rem;padding:.75rem .85rem;margin:1rem 0}
.error svg{flex:none;width:1.25rem;height:1.25rem;margin-top:.1rem}
.or{display:flex;align-items:center;gap:.85rem;margin:1.25rem 0 .5rem;color:var(--muted);font-size:.9rem}
.or::before,.or::after{content:"";flex:1;border-top:1px solid var(--line)}
.links{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;margin-top:1.25rem}
.links a{display:inline-flex;align-items:center;min-height:2.75rem}
.pair{display:flex;align-items:center;gap:.35rem;margin:0 0 1.25rem;color:var(--accent)}
.pair svg{width:2.75rem;height:2.75rem;padding:.6rem;border:1px solid var(--line);border-radius:50%;background:var(--paper)}
.pair b{display:flex;align-items:center;justify-content:center;width:2.75rem;height:2.75rem;border-radius:50%;background:var(--brand);border:1px solid var(--edge);color:var(--on);font-size:1.2rem}
.pair i{width:1.75rem;border-top:2px dotted var(--field)}
.account{display:flex;flex-wrap:wrap;align-items:center;gap:0 .75rem;border:1px solid var(--line);border-radius:.85rem;padding:.5rem .85rem;margin:1.25rem 0}
.account .who{flex:1 1 auto;max-width:100%;padding:.25rem 0}
.account small{display:block;color:var(--muted);font-size:.85rem}
.account strong{font-weight:600}
.account button.link{flex:none}
ul.scopes{list-style:none;padding:0;margin:.5rem 0 1rem}
ul.scopes li{display:flex;gap:.65rem;padding:.4rem 0}
ul.scopes svg{flex:none;width:1.25rem;height:1.25rem;margin-top:.15rem;color:var(--accent)}
ul.rows{list-style:none;padding:0;margin:.5rem 0 1rem;border-top:1px solid var(--line)}
ul.rows>li{padding:1rem 0;border-bottom:1px solid var(--line)}
ul.rows strong{display:block}
dl{display:grid;grid-template-columns:auto 1fr;gap:.15rem .9rem;margin:.35rem 0 .25rem;font-size:.9rem}
dt{color:var(--muted)}
dd{margin:0}
details{margin-top:1.25rem;font-size:.9rem;color:var(--muted)}
summary{cursor:pointer;min-height:2.75rem;display:flex;align-items:center;color:var(--accent);text-decoration:underline}
details ul{margin:.25rem 0 0;padding-left:1.15rem}
details li{margin-bottom:.4rem}
footer{width:100%;max-width:27rem;margin:0 auto;padding:.5rem 1.25rem 1.5rem;display:flex;flex-wrap:wrap;gap:0 1.25rem}
footer a{display:inline-flex;align-items:center;min-height:2.75rem;color:var(--muted);font-size:.85rem}
@media (min-width:30rem){
body{background:var(--ground)}
main{padding-top:3rem}
.card{background:var(--paper);border:1px solid var(--line);border-radius:1.25rem;padding:2rem 1.75rem}
}
@media (forced-colors:active){.brand i{display:none}}`;
