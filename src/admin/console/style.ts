// Style sheet of the console, appended to the common one: wide and dense. The build writes it to assets/.

export const CONSOLE_CSS = `
main{max-width:72rem;padding-top:1.25rem}
main>.brand{margin-bottom:.75rem}
.bar{display:flex;flex-wrap:wrap;align-items:baseline;justify-content:space-between;gap:.25rem 1rem;margin-bottom:1rem}
.bar h1{margin:0}
.bar button{width:auto;min-height:2.75rem;margin:0}
.bar form{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem}
.bar small{color:var(--muted)}
.pages{display:flex;flex-wrap:wrap;gap:.15rem}
.pages a{display:inline-flex;align-items:center;min-height:2.75rem;padding:.2rem .7rem;border-radius:.6rem;color:var(--text);text-decoration:none}
.pages a:hover{text-decoration:underline}
.pages a[aria-current]{background:var(--paper);border:1px solid var(--field);font-weight:600}
.chooser{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem .6rem;margin:0 0 1.25rem}
.chooser label{margin:0;font-weight:400;color:var(--muted)}
.chooser input,.chooser button,select{width:auto;min-height:2.75rem;padding:.2rem .7rem;margin:0}
select{font:inherit;max-width:100%;border:1px solid var(--field);border-radius:.65rem;background:var(--paper);color:var(--text)}
.act{margin:.5rem 0}
.act button{width:auto;min-height:2.75rem}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.panel{background:var(--paper);border:1px solid var(--line);border-radius:1rem;padding:1.1rem 1.25rem;margin:0 0 1.25rem}
.panel h2:first-child{margin-top:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(11rem,100%),1fr));gap:.75rem;margin-bottom:1.25rem}
.tile{background:var(--paper);border:1px solid var(--line);border-radius:1rem;padding:.9rem 1.1rem}
.tile small{display:block;color:var(--muted);font-size:.85rem}
.tile strong{display:block;font-size:1.6rem;line-height:1.3;font-variant-numeric:tabular-nums}
.filters{display:flex;flex-wrap:wrap;gap:.4rem;margin:0 0 .75rem}
.filters a{display:inline-flex;align-items:center;min-height:2.25rem;padding:.2rem .8rem;border:1px solid var(--line);border-radius:1.2rem;color:var(--text);text-decoration:none;font-size:.9rem}
.filters a[aria-current]{background:var(--text);border-color:var(--text);color:var(--paper)}
.linking{border-top:1px solid var(--line)}
.linking details{margin:0;color:var(--text);font-size:1rem}
.linking summary{display:grid;grid-template-columns:6.5rem 1fr auto .8rem;gap:.25rem .9rem;align-items:center;min-height:3rem;padding:.5rem 0;color:var(--text);text-decoration:none;list-style:none}
.linking summary::-webkit-details-marker{display:none}
.linking summary time{color:var(--muted);font-size:.85rem;font-variant-numeric:tabular-nums;white-space:nowrap}
.linking summary em{font-style:normal;color:var(--muted);font-size:.9rem}
.badge{display:inline-block;justify-self:start;padding:.1rem .6rem;border-radius:1rem;border:1px solid var(--line);font-size:.8rem;font-weight:600;color:var(--muted)}
.badge.linked{color:var(--good);border-color:var(--good)}
.badge.failed{color:var(--bad);border-color:var(--bad);background:var(--badGround)}
.linking .inside{padding:.1rem 0 1rem}
.linking summary::after{content:"▸"/"";color:var(--muted);grid-area:1/4}
.linking details[open] summary::after{content:"▾"/""}
.remedy{grid-column:2/-1;font-size:.9rem;color:var(--text)}
.search{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem;margin:0 0 .75rem}
.search label{margin:0;font-weight:400}
.search input{flex:1;width:auto;min-width:9rem;max-width:22rem}
.search input,.search button{min-height:2.5rem;padding:.2rem .8rem;margin:0;width:auto}
ol.steps{list-style:none;display:flex;flex-wrap:wrap;gap:.35rem;padding:0;margin:.5rem 0}
ol.steps li{border:1px solid var(--line);border-radius:.5rem;padding:.15rem .55rem;margin:0;font-size:.85rem}
ol.steps small{color:var(--muted);font-variant-numeric:tabular-nums}
ol.line{list-style:none;padding:0;margin:0}
ol.line li{position:relative;margin:0;padding:0 0 1rem 1.6rem;border-left:2px solid var(--field)}
ol.line li:last-child{border-left-color:transparent;padding-bottom:0}
ol.line li::before{content:""/"";position:absolute;left:-.5rem;top:.3rem;width:.85rem;height:.85rem;border-radius:50%;border:2px solid var(--field);background:var(--text)}
ol.line li:not(.done){border-left-style:dashed;color:var(--muted)}
ol.line li:not(.done)::before{background:var(--paper);border-style:dashed}
ol.line p{margin:0;overflow-wrap:anywhere}
ol.line small{color:var(--muted);font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
ol.line .badge{margin-left:.5rem}
table{width:100%;border-collapse:collapse;font-size:.9rem}
th{text-align:left;color:var(--muted);font-weight:500}
th,td{padding:.5rem .75rem .5rem 0;border-top:1px solid var(--line);vertical-align:top}
td.number{font-variant-numeric:tabular-nums;white-space:nowrap}
th{white-space:nowrap}
td{line-height:1.45;overflow-wrap:break-word}
td code{overflow-wrap:anywhere}
.alerts{list-style:none;padding:0;margin:0}
.alerts li{border-top:1px solid var(--line);padding:.75rem 0;margin:0}
.alerts li:first-child{border-top:0;padding-top:0}
.alerts h3{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem;margin:0 0 .25rem}
.alerts p{margin:.25rem 0;overflow-wrap:anywhere}
.empty{color:var(--muted);margin:.25rem 0}
.chart{margin:0;container-type:inline-size}
.chart details{margin-top:.25rem}
figcaption{font-weight:600}
.plot{display:block;overflow:visible;width:calc(100% - 3rem);height:13rem;margin:1rem 0 1.75rem 3rem}
.plot.lines{width:calc(100% - 6rem)}
.plot.funnel{width:100%;height:17rem;margin:1rem 0}
.plot text{fill:var(--muted);font-size:.75rem;font-variant-numeric:tabular-nums}
.plot .name{fill:var(--text);font-size:.85rem}
.grid{stroke:var(--line)}
.hit{fill:transparent}
.hit:hover{fill:var(--ground)}
.track{fill:var(--ground)}
.filled{stroke:var(--text);stroke-width:1}
.solid{fill:var(--good);stroke:none}
.hollow{fill:var(--paper)}
.patterns rect{fill:var(--paper)}
.patterns path{fill:none;stroke:var(--bad)}
.patterns .thick{stroke-width:4}
.patterns circle{fill:var(--muted)}
.line{fill:none;stroke:var(--text);stroke-width:2;vector-effect:non-scaling-stroke}
.dot{fill:var(--text)}
.line.line1{stroke:var(--accent);stroke-dasharray:7 4}
.dot.line1{fill:var(--accent)}
.line.line2{stroke:var(--bad);stroke-dasharray:2 3}
.dot.line2{fill:var(--bad)}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;list-style:none;padding:0;margin:.35rem 0 0;font-size:.9rem}
.legend li{display:flex;align-items:center;gap:.45rem}
.legend svg{width:1.4rem;height:1rem}
@container (max-width:30rem){.plot .more{display:none}}
@media (forced-colors:active){.grid{stroke:GrayText}.solid,.dot{fill:CanvasText}.hollow,.patterns rect{fill:Canvas}.patterns circle{fill:CanvasText}.filled,.line,.line.line1,.line.line2,.patterns path{stroke:CanvasText}.plot text,.plot .name,.dot.line1,.dot.line2{fill:CanvasText}.track,.hit,.hit:hover{fill:none}}
@media (max-width:40rem){table,tbody{display:block}.search label{width:100%}.linking summary{grid-template-columns:auto 1fr .8rem}.linking summary::after{grid-area:1/3}.linking summary time,.remedy{grid-column:1/-1}thead{display:none}td{display:block;border:0;padding:.1rem 0}tr{display:block;border-top:1px solid var(--line);padding:.6rem 0}}
`;
