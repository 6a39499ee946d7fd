// The simulator's one style sheet: phone first, light and dark, no web fonts.
export const STYLES = `
:root{color-scheme:light dark;--ink:#131821;--soft:#5a6473;--line:#e1e6ed;--paper:#fff;--ground:#f2f5f9;--sunk:#f6f8fb;
--alexa:#05758f;--alexa-bg:#dff3f8;--amazon:#8a5200;--amazon-bg:#ffefd3;--company:#5a3bd0;--company-bg:#ece7ff;
--app:#a02c6d;--app-bg:#fce6f1;--browser:#4a5565;--browser-bg:#e9edf2;--ok:#0b7a4b;--ok-bg:#dcf5e8;--bad:#b3261e;--bad-bg:#fde5e3;
--warn:#8a5200;--warn-bg:#fff1d6;--mcp:#2f6317;--mcp-bg:#e4f2da;--shadow:0 1px 2px #1018280f,0 8px 24px #10182814}
@media (prefers-color-scheme:dark){:root{--ink:#eef2f7;--soft:#a0abba;--line:#2b3441;--paper:#171d27;--ground:#0d1118;--sunk:#111722;
--alexa:#5fd0ec;--alexa-bg:#0d3440;--amazon:#ffc266;--amazon-bg:#3b2a0c;--company:#b7a5ff;--company-bg:#2a2150;--app:#f59ac7;--app-bg:#451b33;
--browser:#bcc6d4;--browser-bg:#27303d;--ok:#5bd79c;--ok-bg:#0f3324;--mcp:#a5d88a;--mcp-bg:#22381a;--bad:#ff9c94;--bad-bg:#451a18;--warn:#ffc266;--warn-bg:#3b2a0c;
--shadow:0 1px 2px #0006,0 8px 24px #0005}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;overflow-wrap:anywhere}
h1,h2,h3,h4,p,ul,ol,pre,dl,dd{margin:0;padding:0}
ul,ol{list-style:none}
a{color:inherit}
h1{font-size:1.6rem;line-height:1.2;letter-spacing:-.02em;text-wrap:balance}
h2{font-size:1.15rem;line-height:1.3;letter-spacing:-.01em}
h3{font-size:1rem;line-height:1.35}
code,pre{font:13px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.soft{color:var(--soft)}.small{font-size:.875rem}.stack>*+*{margin-top:1rem}.tight>*+*{margin-top:.35rem}
.top{position:sticky;top:0;z-index:2;background:color-mix(in srgb,var(--paper) 92%,transparent);backdrop-filter:blur(10px);border-bottom:1px solid var(--line)}
.top .in{max-width:1180px;margin:0 auto;padding:.6rem 1rem;display:flex;flex-wrap:wrap;align-items:center;gap:.35rem 1rem}
.brand{display:flex;align-items:center;gap:.55rem;font-weight:650;text-decoration:none;letter-spacing:-.01em}
.ring{width:1.35rem;height:1.35rem;border-radius:50%;border:3.5px solid #14b0d4;box-shadow:0 0 0 2px #14b0d433;flex:none}
.account{margin-left:auto;display:flex;align-items:center;gap:.45rem;text-decoration:none;font-size:.875rem;border:1px solid var(--line);border-radius:99px;padding:.2rem .7rem .2rem .25rem;background:var(--paper)}
.avatar{display:grid;place-items:center;width:1.6rem;height:1.6rem;border-radius:50%;background:var(--amazon-bg);color:var(--amazon);font-weight:650;font-size:.8rem;flex:none}
.nav{display:flex;flex-wrap:wrap;order:3;gap:.15rem .1rem;width:100%}
.nav a{display:inline-flex;align-items:center;min-height:2.25rem;text-decoration:none;font-size:.85rem;color:var(--soft);padding:.2rem .6rem;border-radius:99px}
.nav a[aria-current]{background:var(--alexa-bg);color:var(--alexa);font-weight:600}
main{max-width:1180px;margin:0 auto;padding:1.25rem 1rem 4rem}
.split{display:grid;gap:1.75rem;grid-template-columns:minmax(0,1fr)}
.phone{background:var(--paper);border-radius:1.25rem;box-shadow:var(--shadow);border:1px solid var(--line);overflow:hidden}
.place{display:flex;align-items:center;gap:.5rem;padding:.55rem 1rem;font-size:.8125rem;font-weight:600;background:var(--browser-bg);color:var(--browser)}
.place i{font-style:normal;font-weight:400;opacity:.85;margin-left:auto;font-size:.75rem;white-space:nowrap}
.place.alexa{background:var(--alexa-bg);color:var(--alexa)}.place.amazon{background:var(--amazon-bg);color:var(--amazon)}
.place.company{background:var(--company-bg);color:var(--company)}.place.app{background:var(--app-bg);color:var(--app)}
.screen{padding:1.5rem 1.25rem 1.6rem}
.hero{text-align:center}
.logo{display:grid;place-items:center;width:4.5rem;height:4.5rem;border-radius:1.2rem;margin:0 auto 1rem;color:#fff;font-size:1.9rem;font-weight:700;background:linear-gradient(135deg,#7c5cff,#5132c7)}
.logo.alexa{background:linear-gradient(135deg,#1cc3e6,#06708c)}.logo.amazon{background:linear-gradient(135deg,#ffb84d,#c46f00)}.logo.mcp{background:linear-gradient(135deg,#7ab658,#2f6317)}.logo.app{background:linear-gradient(135deg,#e8579f,#95255f)}
.mark{display:grid;place-items:center;width:4rem;height:4rem;border-radius:50%;margin:0 auto 1rem;font-size:1.9rem;font-weight:700;background:var(--ok-bg);color:var(--ok)}
.mark.bad{background:var(--bad-bg);color:var(--bad)}.mark.warn{background:var(--warn-bg);color:var(--warn)}
.button{display:block;width:100%;font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer;border:1px solid transparent;border-radius:.8rem;padding:.8rem 1rem;min-height:3rem;color:#fff;background:#056b85}
.button:hover{filter:brightness(1.08)}.button:focus-visible,a:focus-visible,summary:focus-visible{outline:3px solid #14b0d488;outline-offset:2px}
.button.amazon{background:#ffc24d;color:#1d1300}.button.company{background:#5a3bd0}.button.app{background:#9c2a6a}
.button.plain{background:transparent;color:var(--ink);border-color:var(--line)}
.button.quiet{background:transparent;color:var(--soft);padding:.4rem;min-height:2.5rem}
.button.slim{padding:.45rem .9rem;min-height:2.5rem;width:auto;display:inline-block;font-size:.9rem}
.row{display:flex;flex-wrap:wrap;gap:.6rem;align-items:center}
.row.ends{justify-content:space-between}
form.inline{display:inline}
.card{background:var(--paper);border:1px solid var(--line);border-radius:1rem;padding:1.1rem 1.15rem}
a.card{display:block;text-decoration:none;transition:border-color .15s}a.card:hover{border-color:#14b0d4}
.card.flow{display:grid;grid-template-columns:auto 1fr;gap:.2rem .9rem;align-items:start}
.card.flow .logo{width:2.6rem;height:2.6rem;border-radius:.75rem;font-size:1.1rem;margin:0;grid-row:span 2}
.grid{display:grid;gap:.9rem}.grid>*{min-width:0}
.note{border-radius:.8rem;padding:.8rem .95rem;background:var(--sunk);border:1px solid var(--line);font-size:.9rem}
.note.bad{background:var(--bad-bg);border-color:transparent;color:var(--bad)}.note.warn{background:var(--warn-bg);border-color:transparent;color:var(--warn)}.note.ok{background:var(--ok-bg);border-color:transparent;color:var(--ok)}
.facts{display:grid;grid-template-columns:auto 1fr;gap:.4rem .9rem;font-size:.9rem}
.facts dd.wide{grid-column:1/-1;text-align:left;margin-top:-.25rem}.facts dt{color:var(--soft)}.facts dd{text-align:right}
.pill{display:inline-block;border-radius:99px;padding:.05rem .55rem;font-size:.78rem;font-weight:650;background:var(--browser-bg);color:var(--browser)}
.pill.ok{background:var(--ok-bg);color:var(--ok)}.pill.bad{background:var(--bad-bg);color:var(--bad)}.pill.warn{background:var(--warn-bg);color:var(--warn)}
.pill.alexa{background:var(--alexa-bg);color:var(--alexa)}.pill.amazon{background:var(--amazon-bg);color:var(--amazon)}.pill.company{background:var(--company-bg);color:var(--company)}.pill.app{background:var(--app-bg);color:var(--app)}.pill.mcp{background:var(--mcp-bg);color:var(--mcp)}
.list>li{padding:.7rem 0;border-top:1px solid var(--line)}.list>li:first-child{border-top:0;padding-top:0}.list>li:last-child{padding-bottom:0}
.ticks li{display:flex;gap:.55rem;padding:.4rem 0;font-size:.95rem}
.ticks li::before{content:"✓";color:var(--ok);font-weight:700;flex:none}
.checks li{display:grid;grid-template-columns:1.2rem 1fr;gap:0 .3rem;font-size:.875rem;padding:.25rem 0}
.checks li::before{content:"✓";color:var(--ok);font-weight:700}.checks li.bad::before{content:"✗";color:var(--bad)}.checks li.warn::before{content:"!";color:var(--warn)}
.fold summary{cursor:pointer;font-weight:600;padding:.5rem 0}.fold[open] summary{margin-bottom:.2rem}.checks code{color:var(--soft);font-size:12px}
.wire h2{margin-bottom:.35rem}
.steps{position:relative;margin-top:1rem}
.steps>li{position:relative;padding:0 0 .7rem 1.35rem}
.steps>li::before{content:"";position:absolute;left:.3rem;top:1.15rem;bottom:-.9rem;width:2px;background:var(--line)}
.steps>li:last-child::before{display:none}
.steps>li::after{content:"";position:absolute;left:0;top:1.05rem;width:.68rem;height:.68rem;border-radius:50%;background:var(--soft);border:2px solid var(--ground)}
.steps>li.alexa::after{background:#14b0d4}.steps>li.amazon::after{background:#f0a020}.steps>li.company::after{background:#7c5cff}.steps>li.app::after{background:#e8579f}
.steps>li.mcp::after{background:#5c9a3a}
.steps>li.inner{margin-left:1.35rem}
.step{background:var(--paper);border:1px solid var(--line);border-radius:.9rem}
.step summary{cursor:pointer;padding:.7rem .85rem;list-style:none}.step summary::-webkit-details-marker{display:none}
.step[open] summary{border-bottom:1px solid var(--line)}
.step .who{display:flex;flex-wrap:wrap;align-items:center;gap:.3rem;font-size:.8rem;color:var(--soft)}
.step .what{font-weight:600;margin:.25rem 0;line-height:1.35}
.step .line{display:flex;gap:.5rem;align-items:center;font-size:.8rem;color:var(--soft)}
.step .line code{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;min-width:0;font-size:12.5px}
.step .line .ms{margin-left:auto;white-space:nowrap}
.step .inside{padding:.85rem}.step .inside>*+*{margin-top:.6rem}
.step h4{font-size:.75rem;text-transform:uppercase;letter-spacing:.06em;color:var(--soft)}
pre{background:var(--sunk);border:1px solid var(--line);border-radius:.6rem;padding:.65rem .75rem;white-space:pre-wrap;overflow-wrap:anywhere;font-size:12.5px}
pre b{font-weight:600;color:var(--alexa)}
.legend{display:flex;flex-wrap:wrap;gap:.4rem}
.switch{display:flex;gap:.8rem;align-items:center;width:100%;text-align:left;font:inherit;color:inherit;background:none;border:1px solid var(--line);border-radius:.8rem;padding:.7rem .9rem;cursor:pointer}
.switch .knob{flex:none;width:2.5rem;height:1.45rem;border-radius:99px;background:var(--line);position:relative}
.switch .knob::after{content:"";position:absolute;left:.17rem;top:.17rem;width:1.11rem;height:1.11rem;border-radius:50%;background:#fff;box-shadow:0 1px 2px #0005}
.switch[aria-pressed=true] .knob{background:#0a8fae}.switch[aria-pressed=true] .knob::after{left:1.22rem}
.person{display:flex;gap:.8rem;align-items:center;width:100%;text-align:left;font:inherit;color:inherit;background:var(--paper);border:1px solid var(--line);border-radius:.9rem;padding:.75rem .9rem;cursor:pointer}
.person[aria-current]{border-color:#14b0d4;box-shadow:0 0 0 1px #14b0d4}.person .avatar{width:2.4rem;height:2.4rem;font-size:1rem}
.person .pill{margin-left:auto}
.talk{display:grid;gap:.6rem}.talk>*{min-width:0;max-width:92%;border-radius:1rem;padding:.6rem .85rem;font-size:.95rem}
.talk .said{justify-self:end;background:var(--alexa-bg);color:var(--alexa)}.talk .reply{justify-self:start;background:var(--sunk);border:1px solid var(--line);white-space:pre-line}.talk .note,.talk .soft{max-width:100%}.talk .soft{padding:0 .2rem;font-size:.875rem}
.field{display:grid;gap:.25rem;font-size:.875rem;color:var(--soft)}.field input,.field select{font:inherit;font-size:1rem;color:var(--ink);background:var(--paper);border:1px solid var(--line);border-radius:.6rem;padding:.5rem .7rem;width:100%}
@media (min-width:900px){main{padding-top:2rem}.split{grid-template-columns:390px minmax(0,1fr);align-items:start;gap:2.5rem}
.split .phone{position:sticky;top:5rem}.grid.three{grid-template-columns:repeat(3,1fr);align-items:start}.grid.four{grid-template-columns:1fr 1fr}.grid.two{grid-template-columns:1fr 1fr;align-items:start}h1{font-size:1.9rem}.phone h1{font-size:1.5rem}
.card.flow{grid-template-columns:1fr;align-content:start}.card.flow .logo{grid-row:auto;margin-bottom:.6rem}}
@media (min-width:1100px){.account{margin-left:0;order:3}.nav{width:auto;margin:0 auto;order:0}.nav a{font-size:.875rem;padding:.35rem .7rem}.grid.four{grid-template-columns:repeat(4,1fr)}}
@media (max-width:40rem){.top{position:static}}
[hidden]{display:none!important}.row.find{align-items:end}.row.find .field{flex:1;min-width:10rem}.card[aria-current]{border-color:#14b0d4}
@media (forced-colors:active){.switch .knob{border:1px solid ButtonText;background:ButtonFace;forced-color-adjust:none}.switch .knob::after{background:ButtonText;box-shadow:none}
.switch[aria-pressed=true]{border-color:Highlight}.switch[aria-pressed=true] .knob{background:Highlight}.switch[aria-pressed=true] .knob::after{background:HighlightText}
.pill,.nav a[aria-current],.place,.note{border:1px solid CanvasText}.steps>li::after,.ring{forced-color-adjust:none}.card[aria-current]{outline:2px solid Highlight}}
`;
