"""The style of a report's page: calm on screen, in the dark, on a phone and on paper.

The rule that keeps it honest: no colour says anything that words do not say beside it, text has a contrast of at least
4.5 to 1 (WCAG 2.2, 1.4.3), and no font or image is fetched.
"""

STYLE = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--text:#1d2430;--soft:#586274;--line:#dfe3e9;--good:#3b7ea1;
--bad:#b4451f}
@media (prefers-color-scheme:dark){:root{--page:#11151b;--card:#191f27;--text:#e4e8ee;--soft:#9da8b8;--line:#303946;
--good:#5ba3c6;--bad:#ef8354}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:64rem;padding:2rem 1.25rem;background:var(--page);color:var(--text);
font:16px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .25rem}
h2{font-size:1.1rem;margin:0 0 .75rem}
details .title{display:none}
header p,.title,.title+p,figcaption,footer,thead th,dt,summary{color:var(--soft)}
header p{margin:0 0 1.25rem}
section,.tiles div{background:var(--card);border:1px solid var(--line);border-radius:.5rem}
section{padding:1.25rem;margin:1rem 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:1rem;margin:0}
.tiles div{padding:.75rem 1rem;display:flex;flex-direction:column-reverse}
.tiles dd{margin:0;font-size:1.3rem;font-weight:600;line-height:1.3}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1.5rem 2.5rem}
.three{grid-template-columns:repeat(auto-fit,minmax(min(100%,16rem),1fr))}
.wide+.grid{margin-top:1.5rem}
.card{min-width:0}
figure{margin:0}
.title,.title+p,figcaption,thead th,footer,dt,summary{font-size:.85rem}
.title,.title+p{margin:0 0 .35rem}
h3.title{font-size:1rem;font-weight:600;color:var(--text)}
details{margin-top:.75rem}
details tbody th{white-space:nowrap}
summary{cursor:pointer}
.scroll{overflow-x:auto;padding:0 6px;margin:0 -6px}
.scroll:focus-visible,summary:focus-visible{outline:2px solid var(--good);outline-offset:2px}
table{border-collapse:collapse;width:100%}
th,td{padding:.3rem 1rem .3rem 0;text-align:right;font-weight:400;white-space:nowrap;border-top:1px solid var(--line)}
thead th,thead td{border-top:0}
tbody th,thead th:first-child{text-align:left}
tbody th{white-space:normal;min-width:6rem}
.wide tbody th{min-width:11rem}
.three th,.three td{padding-right:.6rem}
td:last-child,th:last-child{padding-right:0}
td:has(.bar){width:35%;min-width:4rem}
.wide td:has(.bar){width:28%;min-width:8rem}
.three td:has(.bar){width:auto;min-width:2rem}
.bar{display:block;overflow:visible}
.chart{display:flex;font-size:12px}
.chart svg{display:block;flex:none}
.chart svg+svg{flex:1;min-width:0}
.chart text{fill:var(--soft)}
.chart line{stroke:var(--line)}
.good{fill:var(--good)}
.bad{fill:var(--bad);stroke:var(--card);stroke-width:1}
.error{stroke:var(--text);stroke-width:1.5}
.mark{stroke:var(--soft)}
.reach{stroke:var(--good);stroke-width:3}
code{background:var(--page);padding:.2rem .5rem;border-radius:.25rem}
@media (max-width:54rem){.wide tbody th{min-width:8rem}.wide td:has(.bar){width:auto;min-width:4rem}}
@media screen and (max-width:44rem){body{padding:1.25rem .75rem}section{padding:1rem}
.tiles{grid-template-columns:repeat(auto-fit,minmax(10rem,1fr));gap:.5rem}.tiles dd{font-size:1.15rem}
th,td{padding-right:.6rem}td:has(.bar){width:25%;min-width:0}
.chart .between{display:none}
.stack thead{display:none}
.stack table,.stack tbody{display:block}
.stack tr{display:flex;flex-wrap:wrap;gap:.25rem 1rem;padding:.6rem 0;border-top:1px solid var(--line)}
.stack tr:first-child{border-top:0;padding-top:0}
.stack th,.stack td{padding:0;border:0;text-align:left;min-width:4.75rem}
.stack tbody th,.stack td:has(.bar){flex:0 0 100%;min-width:0}
.stack tbody th{font-weight:600}
.stack td[data-head]::before{content:attr(data-head);display:block;font-size:.85rem;color:var(--soft)}
.stack td:has(.bar){padding:.35rem 0}
.stack td:empty,.stack .none{display:none}
.stack table{margin-top:.6rem}}
@media print{:root{color-scheme:light;--page:#fff;--card:#fff;--text:#000;--soft:#444;--line:#ccc;--good:#3b7ea1;
--bad:#b4451f}
body{padding:0;max-width:none;font-size:11pt}
section{padding:.75rem 0;border:0;border-top:1px solid #ccc;border-radius:0}
tr,figure,.card,.tiles{break-inside:avoid}h2{break-after:avoid}.scroll{overflow:visible}
rect,line,circle{print-color-adjust:exact}summary{display:none}details::details-content{content-visibility:visible;
block-size:auto}}
"""
