// The panel's styles, as a sheet that the document adopts: a page whose policy allows no inline styles takes it all the same, and only what is ours is touched.

/** Has the document or shadow tree of an element show our styles, until the answer is called. */
export function adopt(element: HTMLElement): () => void {
  const root = element.getRootNode() as Document | ShadowRoot
  // A sheet belongs to the document that it was made in: a window of its own has another one.
  const { CSSStyleSheet: Sheet } = (element.ownerDocument.defaultView ?? globalThis) as typeof globalThis
  const sheet = new Sheet()
  sheet.replaceSync(css)
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet]
  return () => {
    root.adoptedStyleSheets = root.adoptedStyleSheets.filter((other) => other !== sheet)
  }
}

const css = `
.hubdt, .hubdt-float {
  color-scheme: light dark;
  --ground: light-dark(#ffffff, #16181d);
  --raised: light-dark(#f3f4f6, #20242b);
  --line: light-dark(#d5d8de, #363c46);
  --text: light-dark(#15181e, #e8eaee);
  --quiet: light-dark(#565d69, #a0a8b5);
  --ok: light-dark(#14713a, #55cf87);
  --busy: light-dark(#1f5fbf, #7fb2ff);
  --warn: light-dark(#8f5300, #f5b44a);
  --bad: light-dark(#b3201f, #ff8079);
  --off: light-dark(#565d69, #a0a8b5);
  --tone: var(--off);
  /* The ground of what scrolls: what goes on below its edge casts a shadow there, which is covered where it ends. */
  --below:
    linear-gradient(transparent, var(--ground) 60%) bottom / 100% 32px no-repeat local,
    linear-gradient(transparent, color-mix(in srgb, var(--quiet) 45%, transparent)) bottom / 100% 12px no-repeat scroll,
    var(--ground);
}
.hubdt[data-theme="light"], .hubdt-float[data-theme="light"] { color-scheme: light; }
.hubdt[data-theme="dark"], .hubdt-float[data-theme="dark"] { color-scheme: dark; }
.hubdt[data-tone="ok"], .hubdt-opener[data-tone="ok"] { --tone: var(--ok); }
.hubdt[data-tone="busy"], .hubdt-opener[data-tone="busy"] { --tone: var(--busy); }
.hubdt[data-tone="warn"], .hubdt-opener[data-tone="warn"] { --tone: var(--warn); }
.hubdt[data-tone="bad"], .hubdt-opener[data-tone="bad"] { --tone: var(--bad); }

/* Whatever the page says about its paragraphs and buttons, it says nothing about ours; and every rule below wins over this one. */
.hubdt :where(:not(svg, svg *)), .hubdt-opener { all: revert; box-sizing: border-box; }
.hubdt {
  all: revert; box-sizing: border-box; display: flex; flex-direction: column; height: 100%; min-height: 0; margin: 0; overflow: auto;
  container-type: inline-size; background: var(--below); color: var(--text);
  font: 13px/1.45 system-ui, sans-serif; text-align: left;
}
.hubdt p, .hubdt dl, .hubdt dd, .hubdt ol, .hubdt ul, .hubdt h3, .hubdt pre { margin: 0; padding: 0; }
.hubdt ol, .hubdt ul { list-style: none; }
.hubdt code, .hubdt pre, .hubdt time, .hubdt-took { font: 12px/1.45 ui-monospace, SFMono-Regular, Menlo, monospace; }
.hubdt small { font-size: 11px; }
.hubdt summary { cursor: pointer; list-style: none; }
.hubdt summary::-webkit-details-marker { display: none; }
.hubdt :focus-visible, .hubdt-opener:focus-visible { outline: 2px solid var(--busy); outline-offset: 1px; }
.hubdt input, .hubdt select, .hubdt button { font: inherit; color: inherit; }

.hubdt-head {
  display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: flex-start; justify-content: space-between; padding: 10px 12px;
  background: color-mix(in srgb, var(--tone) 13%, var(--ground)); border-left: 6px solid var(--tone);
}
.hubdt-say { flex: 1 1 240px; min-width: 0; }
.hubdt .hubdt-state { display: flex; flex-wrap: wrap; gap: 2px 10px; align-items: center; }
.hubdt .hubdt-state strong { font-size: 19px; line-height: 1.3; color: var(--tone); }
.hubdt-count { font-weight: 700; font-variant-numeric: tabular-nums; }
.hubdt-since { color: var(--quiet); font-variant-numeric: tabular-nums; }
.hubdt .hubdt-lamp, .hubdt-opener .hubdt-lamp { flex: none; display: inline-block; width: 12px; height: 12px; border-radius: 50%; background: var(--tone); }
.hubdt .hubdt-why { display: grid; grid-template-columns: auto 1fr; gap: 2px 10px; margin-top: 4px; font-size: 14px; }
.hubdt .hubdt-why dt { color: var(--quiet); font-weight: 600; }
.hubdt .hubdt-why dd { overflow-wrap: anywhere; max-width: 130ch; }
.hubdt .hubdt-why dd[data-why="next"] { font-weight: 600; }
.hubdt .hubdt-corner { display: flex; gap: 6px; align-items: flex-start; }

.hubdt .hubdt-button {
  padding: 3px 10px; border: 1px solid var(--line); border-radius: 5px; background: var(--raised); cursor: pointer; white-space: nowrap;
}
.hubdt .hubdt-button:hover:not([aria-disabled="true"]) { border-color: var(--quiet); }
.hubdt .hubdt-button[aria-disabled="true"] { opacity: .5; cursor: not-allowed; }
.hubdt .hubdt-button[aria-pressed="true"] { background: var(--bad); border-color: var(--bad); color: var(--ground); }
.hubdt .hubdt-main { background: var(--text); border-color: var(--text); color: var(--ground); font-weight: 600; }

.hubdt .hubdt-facts { display: flex; flex-wrap: wrap; gap: 4px 20px; padding: 8px 12px; border-bottom: 1px solid var(--line); }
.hubdt .hubdt-facts > div { display: flex; gap: 6px; min-width: 0; }
.hubdt .hubdt-facts dt { color: var(--quiet); }
.hubdt .hubdt-facts dd { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.hubdt .hubdt-topic { margin-right: 10px; white-space: nowrap; }
.hubdt .hubdt-topic small { color: var(--ok); font-weight: 600; }
.hubdt .hubdt-topic[data-state="pending"] small { color: var(--warn); }
.hubdt .hubdt-topic[data-state="refused"] small { color: var(--bad); }
.hubdt .hubdt-breakers { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; padding: 6px 12px; border-bottom: 1px solid var(--line); color: var(--quiet); }

.hubdt .hubdt-body { display: grid; grid-template-columns: minmax(0, 1fr); flex: 1; min-height: 0; }
.hubdt .hubdt-section { padding: 8px 12px 10px; border-bottom: 1px solid var(--line); }
.hubdt h3 { display: flex; flex-wrap: wrap; gap: 2px 10px; justify-content: space-between; margin-bottom: 4px; font-size: 13px; line-height: 1.45; font-weight: 700; }
.hubdt h3 span { color: var(--quiet); font-weight: 400; font-variant-numeric: tabular-nums; }
.hubdt-empty, .hubdt-quiet { color: var(--quiet); }

.hubdt .hubdt-filters { display: flex; flex-wrap: wrap; gap: 6px; margin-bottom: 6px; }
.hubdt .hubdt-filters select, .hubdt .hubdt-filters input {
  flex: 1 1 90px; min-width: 0; padding: 3px 6px; border: 1px solid var(--line); border-radius: 5px; background: var(--ground);
}
.hubdt .hubdt-list > li { border-top: 1px solid color-mix(in srgb, var(--line) 55%, transparent); }
.hubdt .hubdt-list summary { display: flex; gap: 8px; align-items: baseline; padding: 2px 0; }
.hubdt .hubdt-list summary:hover { background: var(--raised); }
.hubdt .hubdt-list summary > * { flex: none; }
.hubdt .hubdt-list .hubdt-peek { flex: 1 1 0; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; color: var(--quiet); }
.hubdt time { color: var(--quiet); font-variant-numeric: tabular-nums; }
.hubdt-took { font-variant-numeric: tabular-nums; }
.hubdt .hubdt-payload { padding: 4px 8px 8px; background: var(--raised); border-radius: 5px; overflow: auto; overflow-wrap: anywhere; white-space: pre-wrap; }
.hubdt .hubdt-lines > li { display: flex; flex-wrap: wrap; gap: 0 8px; padding: 2px 0; }
.hubdt .hubdt-lines > li > span { flex: 1 1 180px; min-width: 0; overflow-wrap: anywhere; }
.hubdt b[data-phase="live"] { color: var(--ok); }
.hubdt b[data-phase="down"], .hubdt b[data-phase="stopped"] { color: var(--bad); }

.hubdt table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
.hubdt th, .hubdt td { padding: 2px 6px 2px 0; text-align: left; vertical-align: baseline; border-top: 1px solid color-mix(in srgb, var(--line) 55%, transparent); }
.hubdt thead th { border: 0; color: var(--quiet); font-weight: 400; }
.hubdt tbody th { overflow-wrap: anywhere; }
.hubdt [data-state="live"] { color: var(--ok); }
.hubdt [data-state="reading"], .hubdt [data-state="sent"] { color: var(--busy); }
.hubdt [data-state="due"], .hubdt [data-state="polling"], .hubdt [data-state="lost"], .hubdt [data-state="paused"] { color: var(--warn); }
.hubdt [data-state="error"], .hubdt [data-state="failed"] { color: var(--bad); }
.hubdt .hubdt-topic { color: inherit; }

.hubdt-chart { display: block; width: 100%; height: 48px; fill: var(--busy); background: var(--raised); border-radius: 4px; }

.hubdt-opener {
  position: fixed; right: 12px; bottom: 12px; z-index: 2147483000; display: inline-flex; gap: 8px; align-items: center; padding: 6px 12px; margin: 0;
  border: 1px solid var(--line); border-radius: 999px; background: var(--ground); color: var(--text);
  font: 600 13px/1.4 system-ui, sans-serif; cursor: pointer; box-shadow: 0 2px 10px rgb(0 0 0 / .22);
}
.hubdt-drawer {
  position: fixed; inset: auto 0 0 0; z-index: 2147483000; height: min(480px, 75vh); height: min(480px, 75dvh);
  border-top: 1px solid var(--line); box-shadow: 0 -4px 24px rgb(0 0 0 / .25);
}

@container (min-width: 700px) {
  .hubdt .hubdt-body { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
  .hubdt .hubdt-column { border-right: 1px solid var(--line); }
  .hubdt .hubdt-events { grid-row: span 2; }
}
@container (min-width: 1080px) {
  .hubdt .hubdt-body { grid-template-columns: minmax(0, 1.3fr) minmax(0, 1fr) minmax(0, 1fr); min-height: 160px; }
  .hubdt .hubdt-events { grid-row: auto; }
  /* Each part scrolls by itself, below what must stay in sight: its title and first line. */
  .hubdt .hubdt-column { display: flex; flex-direction: column; overflow: auto; }
  .hubdt .hubdt-section { flex: 0 1 auto; min-height: 62px; overflow: auto; background: var(--below); }
  .hubdt .hubdt-section:has(table) { min-height: 88px; }
  /* The longest list, which stands last, gives way first. */
  .hubdt .hubdt-section:last-child { flex-shrink: 20; }
  .hubdt .hubdt-events .hubdt-section { min-height: 110px; }
  .hubdt .hubdt-section[data-empty="true"], .hubdt .hubdt-section:has(svg) { flex: none; min-height: 0; }
  .hubdt .hubdt-section[data-empty="true"] h3 { margin-bottom: 0; }
  .hubdt .hubdt-section h3 { position: sticky; top: -8px; background: var(--ground); }
}
`
