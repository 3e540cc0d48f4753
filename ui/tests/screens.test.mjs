// Every screen once, light and dark, English and German, with example answers instead of a node: it shows itself, nothing
// violates the policy or prints an error, and axe finds nothing. Needs `npm run build` and Chromium.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openBrowser, openPage } from "./browser.mjs";
import { startStub } from "./stub.mjs";

export const SCREENS = [
  "#/", "#/subjects", "#/search?q=id", "#/s/orders-value", "#/s/orders-value/schema/1?view=tree", "#/s/orders-value/versions", "#/s/orders-value/diff", "#/s/orders-value/references", "#/s/orders-value/rules",
  "#/s/orders-value/config", "#/s/orders-value/life", "#/s/orders-value/use", "#/s/orders-value/llm", "#/s/orders-value/edit", "#/new", "#/drafts", "#/d/orders-value/1", "#/play", "#/play/bytes", "#/play/compatibility",
  "#/contexts", "#/events", "#/audit", "#/cluster", "#/llm", "#/settings", "#/id/1", "#/nowhere",
];

let stub;
let browser;
before(async () => { stub = await startStub(0, "/some/prefix"); browser = await openBrowser(); });
after(async () => { await browser?.close(); stub?.close(); });

for (const [theme, language] of [["light", "en"], ["dark", "de"]]) {
  test(`every screen, ${theme}, ${language}`, async () => {
    const tab = await openPage(browser, stub.url, { colorScheme: theme });
    await tab.page.addInitScript((chosen) => localStorage.setItem("registry-ui", chosen), JSON.stringify({ theme, language }));
    const found = [];
    for (const screen of SCREENS) {
      await tab.go(screen);
      await tab.page.locator(`html[lang="${language}"]`).waitFor();
      await tab.page.waitForFunction(() => !/Loading …|Lädt …/.test(document.querySelector("main").innerText), null, { timeout: 5000 }).catch(() => found.push(`${screen}: goes on loading`));
      if (await tab.page.locator(".editor").count()) await tab.page.locator(".editor .cm-editor").first().waitFor();
      for (const trouble of [...(await tab.troubles()), ...(await tab.axe())]) found.push(`${screen}: ${trouble}`);
      const failures = await tab.page.locator(".failure").allInnerTexts();
      for (const failure of failures) found.push(`${screen}: ${failure}`);
      const raw = (await tab.page.locator("body").innerText()).match(/\{[a-z]+(\|[^}]*)?\}/);
      if (raw && !["#/s/orders-value", "#/new"].some((start) => screen.startsWith(start))) found.push(`${screen}: a value was not put into ${raw[0]}`);
    }
    assert.deepEqual(found, []);
    await tab.context.close();
  });
}

test("it fits into 360 pixels, and into 200 percent", async () => {
  const tab = await openPage(browser, stub.url, { viewport: { width: 360, height: 720 } });
  const found = [];
  for (const screen of SCREENS) {
    await tab.go(screen);
    const width = await tab.page.evaluate(() => document.documentElement.scrollWidth);
    if (width > 360) found.push(`${screen}: ${width} pixels wide`);
  }
  assert.deepEqual(found, []);
  await tab.context.close();
});
