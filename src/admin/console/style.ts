// Style sheet of the console, appended to the common one: wide and dense. The build writes it to assets/.

export const CONSOLE_CSS = `
main{max-width:76rem;padding:1rem 1.25rem}
main>.brand{margin-bottom:.5rem}
h1:focus{outline:0}
h1{scroll-margin-top:1rem}
.skip{position:absolute;left:1rem;top:-4rem;z-index:1;display:flex;align-items:center;min-height:2.75rem;padding:.2rem 1rem;border-radius:.6rem;border:1px solid var(--field);background:var(--paper);color:var(--text)}
.skip:focus{top:.5rem}
.bar{display:flex;flex-wrap:wrap;align-items:center;justify-content:space-between;gap:.25rem 1rem;margin:0 0 .75rem;padding-bottom:.5rem;border-bottom:1px solid var(--line)}
.bar .wide{flex:1 1 40rem}
.bar button{width:auto;min-height:2.75rem;margin:0}
.bar form{display:flex;flex-wrap:wrap;align-items:center;gap:.1rem .6rem;margin-left:auto}
.bar small{color:var(--muted)}
.pages{display:flex;flex-wrap:wrap;gap:.1rem}
.pages a{display:inline-flex;align-items:center;min-height:2.75rem;padding:.2rem .7rem;border:1px solid transparent;border-radius:.6rem;color:var(--text);text-decoration:none}
.pages a:hover{text-decoration:underline}
.pages a[aria-current]{background:var(--paper);border-color:var(--field);font-weight:600;box-shadow:inset 0 -.2rem var(--accent)}
.menu{display:none;margin:0;flex:1;color:var(--text);font-size:1rem}
.menu summary{gap:.5rem;min-height:2.75rem;padding:.2rem .8rem;border:1px solid var(--field);border-radius:.6rem;background:var(--paper);color:var(--text);text-decoration:none}
.menu summary b{flex:1}
.menu summary span{color:var(--muted)}
.menu summary::after{content:"▾"/"";color:var(--muted)}
.menu[open] summary::after{content:"▴"/""}
.menu .pages{flex-direction:column;margin-top:.35rem;padding:.35rem;border:1px solid var(--line);border-radius:.6rem;background:var(--paper)}
.search,.chooser{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem .6rem;margin:0 0 .75rem}
.search label,.chooser label{margin:0;font-weight:400;color:var(--muted);font-size:.9rem}
.search input{flex:1;min-width:9rem;max-width:24rem}
.search input,.search button,.chooser input,.chooser button,select{width:auto;min-height:2.75rem;padding:.2rem .7rem;margin:0}
.chooser{margin-bottom:1rem}
.chooser>a{display:inline-flex;align-items:center;min-height:2.75rem}
.choice{display:inline-flex;align-items:center;gap:.5rem;max-width:100%;min-width:0}
select{font:inherit;max-width:100%;min-width:0;text-overflow:ellipsis;border:1px solid var(--field);border-radius:.65rem;background:var(--paper);color:var(--text)}
.act{margin:.5rem 0}
.act button{width:auto;min-height:2.75rem}
.act input:not([type=checkbox],[type=hidden]),.act textarea,.act select{max-width:38rem}
.act fieldset{margin:1.25rem 0 0;padding:.25rem 1rem 1rem;border:1px solid var(--line);border-radius:.65rem}
.act legend{padding:0 .4rem;font-weight:600}
.act select{width:100%;min-height:2.75rem;padding:.2rem .7rem}
textarea{width:100%;font:inherit;padding:.6rem .8rem;border:1px solid var(--field);border-radius:.65rem;background:var(--paper);color:var(--text)}
label.check{display:inline-flex;align-items:center;gap:.6rem;min-height:2.75rem;margin:0;font-weight:400}
label.check input{flex:none;width:1.5rem;min-height:1.5rem;height:1.5rem;margin:0}
button.danger{background:var(--paper);border:1px solid var(--bad);color:var(--bad)}
pre{overflow-x:auto;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.panel{background:var(--paper);border:1px solid var(--line);border-radius:1rem;padding:1.1rem 1.25rem;margin:0 0 1.25rem;color:var(--text);font-size:1rem}
.panel h2:first-child{margin-top:0}
.panel>:last-child{margin-bottom:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(11rem,100%),1fr));gap:.75rem;margin-bottom:1.25rem}
.tile{display:block;background:var(--paper);border:1px solid var(--line);border-radius:1rem;padding:.9rem 1.1rem;color:var(--text);text-decoration:none}
a.tile:hover strong{text-decoration:underline}
.tile[aria-current]{border-color:var(--accent);box-shadow:inset 0 0 0 1px var(--accent)}
.tile small{display:block;color:var(--muted);font-size:.85rem}
.tile strong{display:block;font-size:1.6rem;line-height:1.3;font-variant-numeric:tabular-nums}
.filters{display:flex;flex-wrap:wrap;gap:.4rem;margin:0 0 .75rem}
.filters a{display:inline-flex;align-items:center;min-height:2.75rem;padding:.2rem .9rem;border:1px solid var(--field);border-radius:1.4rem;color:var(--text);text-decoration:none;font-size:.9rem}
.filters a:hover{text-decoration:underline}
.filters a[aria-current]{background:var(--text);border-color:var(--text);color:var(--paper)}
.live{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem .9rem}
.live:has(button){min-height:2.75rem;margin-bottom:.75rem}
.live button{width:auto;min-height:2.75rem;margin:0;padding:.2rem .9rem;font-weight:500}
.live p{margin:0;color:var(--muted);font-size:.9rem}
a.button{width:auto;display:inline-flex;min-height:2.75rem}
.folded{padding:.35rem 1.25rem}
.folded>summary{gap:.35rem;font-weight:600;color:var(--text);text-decoration:none}
.folded>summary::before,.list summary::before{content:"▸"/"";color:var(--muted);margin-right:.4rem}
.folded[open]>summary::before,.list details[open] summary::before{content:"▾"/""}
ol.list{list-style:none;margin:0;padding:0}
ol.list>li{display:grid;grid-template-columns:6.5rem minmax(0,1fr) minmax(0,1.2fr) auto;gap:0 1rem;align-items:center;margin:0;padding:.15rem 0;border-top:1px solid var(--line)}
ol.list>li:first-child{border-top:0}
.list details{margin:0;grid-area:1/3;color:var(--text)}
.list summary{color:var(--text);text-decoration:none}
.list summary:hover{text-decoration:underline}
.list time{grid-area:1/4;color:var(--muted);font-size:.85rem;font-variant-numeric:tabular-nums}
.list details p{margin:.25rem 0 .5rem}
.list li>span>a,.list details a{display:inline-flex;align-items:center;min-height:2.75rem}
.list .wideRow{grid-template-columns:minmax(0,1fr) minmax(0,1.4fr) auto;padding:.45rem 0}
.list .wideRow time{grid-area:auto}
.list .wideRow .facts time{font-size:inherit}
.facts{color:var(--muted);font-size:.9rem}
.list .wideRow .facts:last-child{display:block}
.badge{display:inline-block;justify-self:start;padding:.1rem .6rem;border-radius:1rem;border:1px solid var(--field);font-size:.8rem;font-weight:600;white-space:nowrap;color:var(--muted)}
.badge.linked{color:var(--good);border-color:var(--good)}
.badge.linked::before{content:"✓ "/""}
.badge.failed,.badge.bad{color:var(--bad);border-color:var(--bad);background:var(--badGround)}
.badge.failed::before,.badge.bad::before{content:"✕ "/""}
.badge.pending::before{content:"… "/""}
ol.steps{list-style:none;display:flex;flex-wrap:wrap;gap:.35rem;padding:0;margin:.5rem 0}
ol.steps li{border:1px solid var(--line);border-radius:.5rem;padding:.15rem .55rem;margin:0;font-size:.85rem}
ol.steps small{color:var(--muted);font-variant-numeric:tabular-nums}
ol.line{list-style:none;padding:0;margin:0}
ol.line li{position:relative;margin:0;padding:0 0 1rem 1.6rem;border-left:2px solid var(--field)}
ol.line li:last-child{border-left-color:transparent;padding-bottom:0}
ol.line li::before{content:""/"";position:absolute;left:-.5rem;top:.3rem;width:.85rem;height:.85rem;border-radius:50%;border:2px solid var(--field);background:var(--text)}
ol.line li:not(.done){border-left-style:dashed;color:var(--muted)}
ol.line li:not(.done)::before{background:var(--paper);border-style:dashed}
ol.line p,dd p{margin:0;overflow-wrap:anywhere}
ol.line small{color:var(--muted);font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
ol.line .badge{margin-left:.5rem}
table{width:100%;border-collapse:collapse;font-size:.9rem}
th{text-align:left;color:var(--muted);font-weight:500}
th,td{padding:.5rem .75rem .5rem 0;border-top:1px solid var(--line);vertical-align:top}
thead th{border-top:0}
td.number{font-variant-numeric:tabular-nums;white-space:nowrap}
th{white-space:nowrap}
td{line-height:1.45;min-width:5rem;overflow-wrap:anywhere}
td code{overflow-wrap:anywhere}
.alerts{list-style:none;padding:0;margin:0}
.alerts li{border-top:1px solid var(--line);padding:.75rem 0;margin:0}
.alerts li:first-child{border-top:0;padding-top:0}
.alerts h3{font-size:1rem;display:flex;flex-wrap:wrap;align-items:center;gap:.5rem;margin:0 0 .25rem}
.alerts p{margin:.25rem 0;overflow-wrap:anywhere}
.empty{color:var(--muted);margin:.25rem 0}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(26rem,100%),1fr));gap:0 1.25rem}
.charts .wide{grid-column:1/-1}
.charts .panel{min-width:0}
p.small{margin:.15rem 0 0}
.figures{grid-template-columns:repeat(auto-fill,minmax(min(15rem,100%),1fr));margin-bottom:.5rem}
.tile dl{border-top:1px solid var(--line);margin:.5rem 0 0;padding-top:.4rem}
.tile dd small{display:inline}
.checklist{padding-left:1.25rem;margin:0}
.checklist li{margin:.5rem 0}
.checklist p{margin:.15rem 0 0}
.checklist .done strong{font-weight:400;color:var(--muted)}
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
@media (max-width:30rem){.figures{grid-template-columns:repeat(auto-fill,minmax(min(9.5rem,100%),1fr));gap:.5rem}.figures .tile{padding:.6rem .7rem}.figures dl{grid-template-columns:1fr;gap:0}}
@container (max-width:30rem){.plot .more{display:none}.plot .filled{stroke-width:.5}}
@media (forced-colors:active){.grid{stroke:GrayText}.solid,.dot{fill:CanvasText}.hollow,.patterns rect{fill:Canvas}.patterns circle{fill:CanvasText}.filled,.line,.line.line1,.line.line2,.patterns path{stroke:CanvasText}.plot text,.plot .name,.dot.line1,.dot.line2{fill:CanvasText}.track,.hit,.hit:hover{fill:none}}
@media (max-width:47.99rem){
.bar .wide{display:none}
.menu{display:block;flex-basis:100%}
.search label{width:100%}
.chooser .choice,.chooser label:not(.choice label){flex-basis:100%}
.choice select,.choice input{flex:1;min-width:0}
.chooser>select,.chooser>input{flex:1 1 100%}
.choice label{flex:0 0 5.5rem}
ol.list>li{grid-template-columns:auto 1fr;padding:.6rem 0;gap:0 .75rem}
.list time{grid-area:1/2;justify-self:end}
.list li>span:not(.badge){grid-column:1/-1}
.list details{grid-area:auto/1/auto/-1}
.list .wideRow{grid-template-columns:minmax(0,1fr)}
.list .wideRow>time{justify-self:start}
.panel{padding:.9rem 1rem;border-radius:.85rem}
.panel dl{display:block}
.panel dt{margin-top:.6rem}
.panel dd{margin:0}
table,tbody{display:block}
thead{display:none}
tr{display:block;border-top:1px solid var(--line);padding:.6rem 0}
tbody tr:first-child{border-top:0}
td,tbody th{display:block;border:0;padding:.1rem 0;white-space:normal}
td[data-label]:not([data-label=""])::before{content:attr(data-label);display:block;color:var(--muted);font-size:.8rem}
td.number{white-space:normal}
.compared tr{display:grid;grid-template-columns:1fr 1fr 1.5fr;gap:.1rem .75rem}
.compared.days tr{grid-template-columns:1fr 1fr}
.compared td:first-child,.compared.days td:last-child{grid-column:1/-1}
.compared td:first-child::before{content:none!important}
}
@media (forced-colors:active){
.pages a[aria-current],.filters a[aria-current],.tile[aria-current]{border:2px solid Highlight}
.filters a[aria-current]{forced-color-adjust:none;background:Highlight;color:HighlightText}
}
`;
