// A real Chromium, driven; and what must never happen in it: a violation of the content security policy, an error on the
// console, a dialog that no page of ours opens, a request to another host.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PATH = process.env.CHROMIUM ?? "/usr/bin/chromium";

export async function openBrowser() {
  return chromium.launch({
    executablePath: PATH,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
}

/** A page with its own storage, and the list of what went wrong in it. */
export async function openPage(browser, root, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, reducedMotion: "reduce", locale: "en-GB", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(Number(process.env.UI_PATIENCE_MS ?? 20_000));
  const troubles = [];
  /** Errors that a test provokes: what the browser prints of an answer of 4xx or 5xx is no error of ours. */
  const isExpected = (text) => /Failed to load resource: (the server responded with a status of [45]|net::ERR_)/.test(text);
  page.on("console", (message) => { if (message.type() === "error" && !isExpected(message.text())) troubles.push(`console: ${message.text()}`); });
  page.on("pageerror", (error) => troubles.push(`error: ${error.stack ?? error.message}`));
  page.on("dialog", (dialog) => { troubles.push(`dialog: ${dialog.message()}`); void dialog.dismiss(); });
  page.on("request", (request) => { if (!request.url().startsWith(new URL(root).origin) && !/^(data|blob|about):/.test(request.url())) troubles.push(`outside: ${request.url()}`); });
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener("securitypolicyviolation", (event) => globalThis.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
  });
  const cdp = await context.newCDPSession(page);
  return {
    page,
    context,
    go: async (hash) => {
      await page.goto(`${root}/ui/${hash}`);
      await page.locator("main h1").first().waitFor();
    },
    /** What went wrong so far; empties the list. */
    troubles: async () => {
      const violations = await page.evaluate(() => globalThis.violations?.splice(0) ?? []);
      return [...troubles.splice(0), ...violations.map((violation) => `policy: ${violation}`)];
    },
    /** WCAG 2.2 AA and best practices. Injected by the debugger: under Trusted Types nobody else may run a text. */
    axe: async () => {
      await cdp.send("Runtime.evaluate", { expression: axeSource });
      const run = await cdp.send("Runtime.evaluate", {
        expression: "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}).then((found) => JSON.stringify(found.violations.map((one) => one.id + ': ' + one.nodes.map((node) => node.target.join(' ') + ' ' + node.failureSummary.split('\\n')[1]).slice(0, 4).join(' | '))))",
        awaitPromise: true,
        returnByValue: true,
      });
      return JSON.parse(run.result.value);
    },
    /** The text in the editor, put there as if it were pasted. */
    write: async (text) => {
      await page.locator('.editor[data-ready="yes"]').waitFor();
      await page.locator(".editor .cm-content").click();
      await page.keyboard.press("Control+A");
      await page.keyboard.insertText(text);
    },
  };
}
