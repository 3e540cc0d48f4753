// The flows of a platform team, in Chromium against a real cluster of three nodes behind a proxy with a prefix. scripts/ui.sh
// starts both and sets: UI_NODES (URLs, comma separated), UI_CLUSTER (the command that kills and starts nodes), UI_SHOTS (a
// directory for screenshots). The nodes take the header x-user as the name of who asks.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { openBrowser, openPage } from "./browser.mjs";
import { startProxy } from "./proxy.mjs";

const nodes = (process.env.UI_NODES ?? "http://127.0.0.1:18081").split(",");
const shots = process.env.UI_SHOTS ?? "";
const SUBJECTS = Number(process.env.UI_SUBJECTS ?? 2000);
const FIELDS = 5000;

/** Names and texts that a page must show and never carry out. */
const EVIL = ['<img src=x onerror="alert(1)">', "javascript:alert(2)", '"><script>alert(3)</script>', "{{constructor.constructor('alert(4)')()}}"];

const avro = (...fields) => JSON.stringify({ type: "record", name: "Order", namespace: "com.example", doc: "An order of a customer.", fields: [{ name: "id", type: "string", doc: "Its number." }, ...fields] }, null, 2);
const AMOUNT = { name: "amount", type: "double", default: 0 };

let browser;
let proxy;
let leader;
let follower;
let ada;
let bob;

const cluster = (...words) => execFileSync(process.env.UI_CLUSTER.split(" ")[0], [words[0], ...words.slice(1), ...process.env.UI_CLUSTER.split(" ").slice(1)], { encoding: "utf8" });
const nodeUrl = (id) => nodes[id - 1];

async function api(method, path, body, more = {}) {
  const answer = await fetch(nodeUrl(follower) + path, { method, headers: { "Content-Type": "application/json", "x-user": "seed", ...more }, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}
const register = (subject, schema, schemaType = "AVRO", more = {}) => api("POST", `/subjects/${encodeURIComponent(subject)}/versions`, { schema, schemaType, ...more });

async function calm(tab) {
  assert.deepEqual(await tab.troubles(), []);
}

async function shot(tab, name) {
  if (shots) await tab.page.screenshot({ path: `${shots}/${name}.png` });
}

before(async () => {
  const status = await (await fetch(`${nodes[0]}/v1/cluster/status`)).json();
  leader = status.nodes.find((node) => node.role === "leader").node_id;
  follower = (leader % nodes.length) + 1;
  proxy = await startProxy(nodeUrl(follower), "/tools/registry");
  browser = await openBrowser();
  ada = await openPage(browser, proxy.url, { extraHTTPHeaders: { "x-user": "ada" } });
  bob = await openPage(browser, proxy.url, { extraHTTPHeaders: { "x-user": "bob" }, colorScheme: "dark" });
});
after(async () => {
  await browser?.close();
  proxy?.close();
});

test("the page is served as it must be", async () => {
  const page = await fetch(`${nodeUrl(follower)}/ui/`);
  const policy = page.headers.get("content-security-policy");
  assert.match(policy, /default-src 'none'.*require-trusted-types-for 'script'/);
  assert.ok(!/unsafe-inline|unsafe-eval|https?:/.test(policy.replace("wasm-unsafe-eval", "")));
  assert.equal(page.headers.get("x-content-type-options"), "nosniff");
  assert.match(page.headers.get("cache-control"), /no-cache/);
  const text = await page.text();
  assert.ok(!/(src|href)="(\/|https?:)/.test(text), "every address is relative");
  const script = /src="\.\/(assets\/index-[^"]+)"/.exec(text)[1];
  for (const [accepted, encoding] of [["br, gzip", "br"], ["gzip", "gzip"], ["identity", null]]) {
    const file = await fetch(`${nodeUrl(follower)}/ui/${script}`, { headers: { "accept-encoding": accepted } });
    assert.equal(file.headers.get("content-encoding"), encoding);
    assert.match(file.headers.get("content-type"), /^text\/javascript/);
    assert.match(file.headers.get("cache-control"), /immutable/);
    assert.ok((await file.text()).length > 1000);
  }
  const known = await fetch(`${nodeUrl(follower)}/ui/${script}`, { headers: { "accept-encoding": "identity", "if-none-match": (await fetch(`${nodeUrl(follower)}/ui/${script}`, { headers: { "accept-encoding": "identity" } })).headers.get("etag") } });
  assert.equal(known.status, 304);
  const bare = await fetch(`${nodeUrl(follower)}/ui`, { redirect: "manual" });
  assert.deepEqual([bare.status, bare.headers.get("location")], [308, "ui/"]);
  assert.equal((await fetch(`${nodeUrl(follower)}/ui/assets/..%2findex.html`)).status, 404);
});

test("home, before anything is there: three commands, the search in focus, the cluster in one line", async () => {
  await ada.go("#/");
  await ada.page.getByText("Nothing is registered yet").waitFor();
  assert.equal(await ada.page.evaluate(() => document.activeElement.id), "home-search");
  await ada.page.getByText("3 of 3 members answer").waitFor();
  await shot(ada, "home-empty");
  await calm(ada);
});

const FORMATS = [
  ["AVRO", "orders-value", avro(), "amount", avro(AMOUNT), avro({ name: "must", type: "int" })],
  ["JSON", "tool.search", JSON.stringify({ title: "Search", type: "object", properties: { q: { type: "string" } }, required: ["q"], additionalProperties: false }, null, 2), "limit",
    JSON.stringify({ title: "Search", type: "object", properties: { q: { type: "string" }, limit: { type: "integer" } }, required: ["q"], additionalProperties: false }, null, 2),
    JSON.stringify({ title: "Search", type: "object", properties: { q: { type: "integer" } }, required: ["q"], additionalProperties: false }, null, 2)],
  ["PROTOBUF", "metrics.usage", 'syntax = "proto3";\npackage metrics;\n\n// One use.\nmessage Usage {\n  string model = 1;\n  int64 tokens = 2;\n}\n', "region",
    'syntax = "proto3";\npackage metrics;\n\n// One use.\nmessage Usage {\n  string model = 1;\n  int64 tokens = 2;\n  string region = 3;\n}\n',
    'syntax = "proto3";\npackage metrics;\n\n// One use.\nmessage Usage {\n  int32 model = 1;\n  int64 tokens = 2;\n}\n'],
];

for (const [format, subject, first, field, second, breaking] of FORMATS) {
  test(`${format}: write, judge, register, look, compare`, async () => {
    const { page } = ada;
    await ada.go(`#/new?subject=${subject}`);
    await page.locator('.editor[data-ready="yes"]').waitFor();
    if (format !== "AVRO") await page.getByLabel("Format", { exact: true }).selectOption(format);
    await ada.write("{ this is no schema");
    await page.locator('[data-verdict="unsound"]').waitFor();
    await ada.write(first);
    await page.locator('[data-verdict="true"]').waitFor();
    await page.getByRole("button", { name: "Register", exact: true }).click();
    await page.waitForURL(new RegExp(`#/s/${subject}/schema/1`));
    await page.getByRole("region", { name: `Schema of ${subject}, version 1` }).waitFor();
    await page.getByRole("button", { name: "Tree" }).click();
    await page.getByRole("table", { name: "Fields of the schema" }).waitFor();
    // A breaking change is told before anybody registers it, and refused when somebody does.
    await page.getByRole("link", { name: "New version" }).click();
    await page.getByRole("heading", { name: `New version of ${subject}` }).waitFor();
    await ada.write(breaking);
    await page.locator('[data-verdict="false"]').waitFor();
    await page.getByRole("button", { name: "Register", exact: true }).click();
    await page.locator(".failure").getByText("409").waitFor();
    await shot(ada, `editor-${format.toLowerCase()}`);
    await ada.write(second);
    await page.locator('[data-verdict="true"]').waitFor();
    await page.getByRole("button", { name: "Register", exact: true }).click();
    await page.waitForURL(new RegExp(`#/s/${subject}/schema/2`));
    // The same again is no new version, and it is said so.
    await page.getByRole("link", { name: "New version" }).click();
    await page.locator('.editor[data-ready="yes"]').waitFor();
    await page.locator('[data-verdict="true"]').waitFor();
    await page.getByRole("button", { name: "Register", exact: true }).click();
    await page.getByText("already registered as version 2").waitFor();
    await ada.go(`#/s/${subject}/versions`);
    await page.locator(".timeline .verdict").first().waitFor();
    await shot(ada, `versions-${format.toLowerCase()}`);
    await ada.go(`#/s/${subject}/diff/1..2`);
    await page.locator(".changes li").first().waitFor();
    assert.match(await page.locator(".changes").innerText(), new RegExp(field));
    await page.locator(".merge .cm-editor").first().waitFor();
    await page.getByRole("button", { name: "FULL" }).click();
    await page.keyboard.press("j");
    await page.keyboard.press("k");
    assert.equal(await page.evaluate(() => document.activeElement.id), "change-0");
    await shot(ada, `diff-${format.toLowerCase()}`);
    await calm(ada);
  });
}

test("policy, draft, review by somebody else, activation", async () => {
  const { page } = ada;
  await ada.go("#/s/orders-value/config");
  await page.getByRole("button", { name: "Change the policy" }).click();
  await page.getByRole("dialog").getByLabel("A review is needed").selectOption("true");
  await page.getByRole("dialog").getByLabel("Approvals", { exact: true }).fill("1");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.getByRole("row", { name: /A review is needed yes/ }).waitFor();
  await ada.go("#/s/orders-value/edit");
  await ada.write(avro(AMOUNT, { name: "note", type: ["null", "string"], default: null }));
  await page.locator('[data-verdict="true"]').waitFor();
  assert.ok(await page.getByRole("button", { name: "Register", exact: true }).isDisabled());
  await page.getByLabel("Reason").fill("a note for every order");
  await page.getByRole("button", { name: "Ask for review" }).click();
  await page.waitForURL(/#\/d\/orders-value\/\d+/);
  const draft = page.url().split("#")[1];
  await page.getByText("waits for review").first().waitFor();
  // The author cannot, and is told what to do.
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
  await page.getByRole("dialog").getByText("Ask somebody else").waitFor();
  await page.getByRole("dialog").getByText("40351").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await bob.go("#/drafts");
  await bob.page.getByRole("link", { name: "orders-value" }).click();
  await bob.page.getByRole("button", { name: "Approve" }).waitFor();
  await bob.page.locator(".merge .cm-editor").first().waitFor();
  await shot(bob, "review");
  await bob.page.getByRole("button", { name: "Approve" }).click();
  await bob.page.getByRole("dialog").getByLabel("Reason").fill("looks right");
  await bob.page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
  await bob.page.locator(".badge", { hasText: "approved" }).first().waitFor();
  await ada.go(`#${draft}`);
  await page.reload();
  await page.getByRole("button", { name: "Activate" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Activate" }).click();
  await page.getByText("It became").waitFor();
  await page.getByRole("link", { name: "v3" }).click();
  await page.getByRole("region", { name: "Schema of orders-value, version 3" }).waitFor();
  await calm(ada);
  await calm(bob);
});

test("configuration: each value with the place that it comes from", async () => {
  const { page } = ada;
  await ada.go("#/s/tool.search/config");
  await page.getByRole("button", { name: "Change the level" }).click();
  await page.getByRole("dialog").getByLabel("Compatibility level", { exact: true }).selectOption("FULL");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByRole("row", { name: /Compatibility level FULL.*set here/ }).waitFor();
  await page.getByRole("button", { name: "Change the mode" }).click();
  await page.getByRole("dialog").getByLabel("Mode", { exact: true }).selectOption("READONLY");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByRole("row", { name: /Mode READONLY.*set here/ }).waitFor();
  await shot(ada, "configuration");
  await page.getByRole("row", { name: /Mode/ }).getByRole("button", { name: "Unset" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Unset" }).click();
  await page.getByRole("row", { name: /Mode READWRITE/ }).waitFor();
  await ada.go("#/contexts");
  await page.getByRole("heading", { name: "Everything" }).waitFor();
  await calm(ada);
});

test("the life of a version: deprecate, reinstate, roll back with its plan, quarantine, hide, remove", async () => {
  const { page } = ada;
  const dialog = page.getByRole("dialog");
  const take = async (verb, fill) => {
    await page.locator("main").getByRole("button", { name: verb, exact: true }).click();
    await fill?.();
    await dialog.getByRole("button", { name: verb, exact: true }).click();
    await dialog.waitFor({ state: "detached" });
  };
  await ada.go("#/s/metrics.usage/life/1");
  await take("Deprecate", async () => { await dialog.getByLabel("Successor").selectOption("2"); await dialog.getByLabel("Reason").fill("2 has regions"); });
  await page.getByText("Its successor is v2").waitFor();
  await take("Reinstate");
  await page.locator("main").getByRole("button", { name: "Roll back to this version" }).click();
  await dialog.getByText("Rolled back: v2. Latest then: v1.").waitFor();
  await shot(ada, "rollback-plan");
  await dialog.getByLabel("Reason").fill("2 breaks billing");
  await dialog.getByRole("button", { name: "Roll back to this version" }).click();
  await dialog.waitFor({ state: "detached" });
  await ada.go("#/s/metrics.usage/life/2");
  await take("Reactivate");
  await take("Quarantine", async () => { assert.ok(await dialog.getByRole("button", { name: "Quarantine" }).isDisabled()); await dialog.getByLabel("Reason (needed)").fill("leaks names"); });
  await take("Release");
  await page.getByRole("region", { name: "History" }).waitFor();
  await shot(ada, "life");
  await ada.go("#/s/metrics.usage/versions");
  await page.locator(".timeline li").first().getByRole("button", { name: "Hide" }).click();
  await dialog.getByRole("button", { name: "Hide" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.locator(".timeline li").first().getByRole("button", { name: "Remove for good" }).click();
  assert.ok(await dialog.getByRole("button", { name: "Remove for good" }).isDisabled());
  await dialog.getByLabel(/Type “metrics.usage”/).fill("metrics.usage");
  await dialog.getByRole("button", { name: "Remove for good" }).click();
  await dialog.waitFor({ state: "detached" });
  await page.waitForFunction(() => document.querySelectorAll(".timeline li").length === 1);
  await ada.go("#/s/orders-value/use");
  await page.getByRole("button", { name: "Register a consumer" }).click();
  await dialog.getByLabel("Id", { exact: true }).fill("billing");
  await dialog.getByLabel("Owner", { exact: true }).fill("finance");
  await dialog.getByRole("button", { name: "Register a consumer" }).click();
  await page.getByRole("row", { name: /billing.*finance/ }).waitFor();
  await calm(ada);
});

test("references in both directions", async () => {
  await register("money", JSON.stringify({ type: "record", name: "Money", namespace: "com.example", fields: [{ name: "cents", type: "long" }] }));
  await register("invoice", JSON.stringify({ type: "record", name: "Invoice", namespace: "com.example", fields: [{ name: "total", type: "com.example.Money" }] }), "AVRO", { references: [{ name: "com.example.Money", subject: "money", version: 1 }] });
  await ada.go("#/s/invoice/references");
  await ada.page.getByRole("link", { name: "money v1" }).click();
  await ada.go("#/s/money/references");
  await ada.page.getByRole("link", { name: "invoice v1" }).waitFor();
  await shot(ada, "references");
  await calm(ada);
});

test("search by name, field, operator and id", async () => {
  const { page } = ada;
  await ada.go("#/");
  await page.locator("#home-search").fill("amount");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Fields" }).waitFor();
  await page.locator(".hits").getByRole("link", { name: "orders-value" }).first().waitFor();
  await shot(ada, "search");
  await ada.go("#/search?q=field%3Atokens%20format%3Aprotobuf");
  await page.locator(".hits").getByRole("link", { name: "metrics.usage" }).waitFor();
  await ada.go("#/search?q=1");
  await page.getByRole("heading", { name: "Schema id 1" }).waitFor();
  await calm(ada);
});

test("playground: data, bytes of a message, compatibility", async () => {
  const { page } = ada;
  await ada.go("#/play/data?subject=orders-value&version=1");
  await page.getByLabel("Data as JSON").fill('{"id": "7"}');
  await page.getByRole("button", { name: "Validate" }).click();
  await page.locator('[data-valid="true"]').waitFor();
  await page.getByLabel("Data as JSON").fill('{"id": 7}');
  await page.getByRole("button", { name: "Validate" }).click();
  await page.locator('[data-valid="false"]').waitFor();
  const { id } = await api("GET", "/subjects/orders-value/versions/1");
  const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, id]), Buffer.from([2, "7".charCodeAt(0)])]);
  await ada.go("#/play/bytes");
  await page.getByLabel("The bytes of a message").fill(frame.toString("hex"));
  await page.getByText(`Schema id ${id}, 2 bytes of data`).waitFor();
  await page.getByRole("button", { name: "Check the message" }).click();
  await page.locator('[data-valid="true"]').waitFor();
  await page.locator("main").getByRole("link", { name: /orders-value v1/ }).waitFor();
  await shot(ada, "playground");
  await ada.go("#/play/compatibility?subject=orders-value");
  await ada.write(avro(AMOUNT, { name: "must", type: "int" }));
  await page.locator('[data-verdict="false"]').waitFor();
  await calm(ada);
});

test("events come as they happen", async () => {
  await ada.go("#/events");
  await ada.page.getByText("live").waitFor();
  await register("fresh", '"string"');
  await ada.page.getByRole("link", { name: "fresh v1" }).waitFor();
  await shot(ada, "events");
  await calm(ada);
});

test("audit: the proof is computed in the browser", async () => {
  const { page } = ada;
  await ada.go("#/audit");
  await page.getByRole("button", { name: /^Prove/ }).first().click();
  await page.locator('[data-proof="good"]').waitFor();
  await page.getByText("is kept from now on").waitFor();
  await shot(ada, "audit-proof");
  await page.keyboard.press("Escape");
  await register("fresh", '"bytes"').catch(() => {});
  await page.getByRole("button", { name: /^Prove/ }).nth(1).click();
  await page.locator('[data-proof="good"]').waitFor();
  await page.getByText("only grew since").waitFor();
  await page.keyboard.press("Escape");
  await ada.go("#/audit?actor=bob");
  await page.getByRole("cell", { name: "bob" }).first().waitFor();
  await calm(ada);
});

test("schemas for language models", async () => {
  const { page } = ada;
  await ada.go("#/s/tool.search/llm");
  await page.getByText("digest").first().waitFor();
  await page.getByLabel("What the model wrote").fill('Here it is: {"q": "rust", "limit": 3}');
  await page.getByRole("button", { name: "Check", exact: true }).click();
  await page.getByText(/✓ (valid|repaired)/).waitFor();
  await shot(ada, "llm-subject");
  await ada.go("#/llm");
  await page.getByRole("heading", { name: "Projection" }).waitFor();
  await page.getByRole("heading", { name: "Findings" }).waitFor();
  await calm(ada);
});

test("the leader is killed in the middle of a registration: it happens once", async () => {
  const { page } = ada;
  await ada.go("#/new?subject=survivor");
  await page.locator('.editor[data-ready="yes"]').waitFor();
  await page.locator('[data-verdict="true"]').waitFor();
  cluster("kill", String(leader));
  await page.getByRole("button", { name: "Register", exact: true }).click();
  await page.waitForURL(/#\/s\/survivor\/schema\/1/, { timeout: 30_000 });
  await ada.go("#/s/survivor/edit");
  await ada.write(avro(AMOUNT));
  await page.locator('[data-verdict="true"]').waitFor();
  await page.getByRole("button", { name: "Save as draft" }).click();
  await page.waitForURL(/#\/d\/survivor\/\d+/, { timeout: 30_000 });
  await ada.go("#/cluster");
  await page.getByText("2 of 3 members answer").waitFor();
  await shot(ada, "cluster-one-down");
  cluster("start", String(leader));
  await page.getByText("3 of 3 members answer").waitFor({ timeout: 60_000 });
  assert.deepEqual(await api("GET", "/subjects/survivor/versions"), [1]);
  assert.equal((await api("GET", "/api/v1/subjects/survivor/drafts")).drafts.length, 1);
  await calm(ada);
});

test("cluster: hand the leadership over", async () => {
  const { page } = ada;
  await ada.go("#/cluster");
  await page.getByRole("article").first().waitFor();
  await page.getByRole("button", { name: "Make leader" }).first().click();
  await page.getByRole("dialog").getByRole("button", { name: "Make leader" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.getByText(/3 of 3 members answer/).waitFor();
  await shot(ada, "cluster");
  await calm(ada);
});

test("what people can write is text, everywhere", async () => {
  const evil = EVIL.join(" ");
  for (const [at, name] of EVIL.entries()) {
    await register(`evil ${at} ${name}`, JSON.stringify({ type: "record", name: "Evil", doc: evil, fields: [{ name: "f", type: "string", doc: evil, default: evil }] }), "AVRO", {
      metadata: { properties: { owner: evil, [name]: name }, tags: { [name]: [name] } },
      ruleSet: { domainRules: [{ name: `rule${at}`, kind: "CONDITION", type: "CEL", mode: "WRITE", doc: evil, expr: `message.f != '${name.replaceAll("'", "")}'`, tags: [name] }] },
    });
  }
  const subject = `evil 0 ${EVIL[0]}`;
  const here = encodeURIComponent(subject);
  await api("PUT", `/api/v1/subjects/${here}/consumers/${encodeURIComponent(EVIL[0])}`, { owner: evil, contact: EVIL[1], fromVersion: 1 });
  const { id } = await api("POST", `/api/v1/subjects/${here}/drafts`, { schema: { format: "AVRO", text: JSON.stringify({ type: "record", name: "Evil", doc: evil, fields: [] }) }, reason: evil });
  await api("POST", `/api/v1/subjects/${here}/drafts/${id}/submit`, { reason: evil });
  await api("POST", `/api/v1/subjects/${here}/versions/1/deprecate`, { reason: evil });
  for (const screen of ["#/", "#/subjects", `#/search?q=${here}`, `#/s/${here}`, `#/s/${here}/schema/1?view=tree`, ...["versions", "references", "rules", "config", "life", "use", "llm", "edit"].map((tab) => `#/s/${here}/${tab}`), "#/drafts", `#/d/${here}/${id}`, "#/events", "#/audit", `#/play/data?subject=${here}`, `#/search?q=${encodeURIComponent(EVIL[2])}`, `#/nowhere/${encodeURIComponent(EVIL[0])}`]) {
    await ada.go(screen);
    await ada.page.waitForFunction(() => !document.querySelector("main").innerText.includes("Loading …"));
    await calm(ada);
    assert.equal(await ada.page.locator('img[src="x"]').count(), 0);
    const links = await ada.page.locator("a").evaluateAll((all) => all.map((link) => link.getAttribute("href")).filter((address) => address && !/^(#|\.\.\/(docs|metrics)|http:\/\/127)/.test(address)));
    assert.deepEqual(links, [], screen);
  }
});

test(`${SUBJECTS} subjects, and a schema of ${FIELDS} fields`, async () => {
  const { page } = ada;
  let next = 0;
  const work = async () => { while (next < SUBJECTS) { const at = next++; await register(`load.${String(at).padStart(5, "0")}-value`, `{"type":"record","name":"L${at % 7}","fields":[{"name":"f","type":"string"}]}`); } };
  await Promise.all(Array.from({ length: 48 }, work));
  const began = Date.now();
  await ada.go("#/subjects?q=load.");
  await page.getByText(`${SUBJECTS.toLocaleString("en")} subjects of`).waitFor();
  const opened = Date.now() - began;
  const typing = await page.evaluate(async () => {
    const input = document.querySelector('.filters input[type="search"]');
    const times = [];
    for (const word of ["load.0", "load.00", "load.000", "load.0001"]) {
      const start = performance.now();
      input.value = word;
      input.dispatchEvent(new Event("input", { bubbles: true }));
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
      times.push(Math.round(performance.now() - start));
    }
    return times;
  });
  await page.getByText("10 subjects of").waitFor();
  await shot(ada, "subjects");
  const rows = await page.locator(".list-body .list-row").count();
  assert.ok(rows < 60, `${rows} rows are in the page`);
  const fields = Array.from({ length: FIELDS }, (_, at) => ({ name: `field_${at}`, type: "string", doc: `Number ${at}` }));
  await register("wide", JSON.stringify({ type: "record", name: "Wide", fields }));
  const wideBegan = Date.now();
  await ada.go("#/s/wide/schema/1?view=tree");
  await page.getByText("field_0", { exact: true }).waitFor();
  const wide = Date.now() - wideBegan;
  assert.ok((await page.locator(".list-body .list-row").count()) < 60);
  await page.locator(".list-body").evaluate((box) => box.scrollTo(0, box.scrollHeight));
  await page.getByText(`field_${FIELDS - 1}`, { exact: true }).waitFor();
  console.log(`${SUBJECTS} subjects: opened in ${opened} ms, key strokes ${typing.join(", ")} ms; ${FIELDS} fields as a tree: ${wide} ms`);
  assert.ok(opened < 5000 && Math.max(...typing) < 250 && wide < 5000, "it is usable on a busy machine");
  await calm(ada);
});

test("the five main ways by keyboard alone", async () => {
  const { page } = ada;
  await ada.go("#/");
  await page.keyboard.press("Tab");
  await page.locator("h1").focus();
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await page.getByRole("heading", { name: "Subjects" }).waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("orders-value");
  await page.getByText("1 subject of").waitFor();
  await page.getByRole("link", { name: "orders-value" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "orders-value" }).waitFor();
  await page.waitForFunction(() => document.activeElement?.tagName === "H1");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("tokens");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Search" }).waitFor();
  await page.locator("h1").focus();
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await ada.go("#/s/orders-value/edit");
  await page.locator('.editor[data-ready="yes"]').waitFor();
  await page.locator(".editor .cm-content").focus();
  await page.keyboard.press("Tab");
  assert.ok(await page.evaluate(() => !document.activeElement?.classList.contains("editor")), "Tab leaves the editor");
  await calm(ada);
});

test("axe finds nothing on screens that are full, nor on an error; dialogs too", async () => {
  const found = [];
  for (const tab of [ada, bob]) {
    for (const screen of ["#/", "#/subjects", "#/search?q=amount", "#/s/orders-value", "#/s/orders-value/versions", "#/s/orders-value/diff/1..3", "#/s/orders-value/config", "#/s/orders-value/life", "#/s/invoice/references", "#/s/tool.search/llm", "#/s/orders-value/edit", "#/drafts", "#/events", "#/audit", "#/cluster", "#/contexts", "#/s/there.is.none"]) {
      await tab.go(screen);
      await tab.page.waitForFunction(() => !document.querySelector("main").innerText.includes("Loading …"));
      for (const violation of await tab.axe()) found.push(`${screen}: ${violation}`);
    }
    await tab.go("#/s/orders-value/config");
    await tab.page.getByRole("button", { name: "Change the level" }).click();
    for (const violation of await tab.axe()) found.push(`dialog: ${violation}`);
    await tab.page.keyboard.press("Escape");
    await calm(tab);
  }
  assert.deepEqual(found, []);
});

test("German, dark, narrow: nothing is missing and nothing sticks out", async () => {
  const tab = await openPage(browser, proxy.url, { colorScheme: "dark", viewport: { width: 400, height: 800 }, locale: "de-DE" });
  for (const screen of ["#/", "#/subjects", "#/s/orders-value/versions", "#/s/orders-value/edit", "#/cluster", "#/audit"]) {
    await tab.go(screen);
    await tab.page.locator('html[lang="de"]').waitFor();
    await tab.page.waitForFunction(() => !document.querySelector("main").innerText.includes("Lädt …"));
    assert.ok((await tab.page.evaluate(() => document.documentElement.scrollWidth)) <= 400, screen);
    await calm(tab);
  }
  await shot(tab, "german-dark-narrow");
  await tab.context.close();
});
