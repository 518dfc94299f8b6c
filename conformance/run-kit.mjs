// Runs an official TM Forum conformance kit, unchanged, against a server, and says by its exit status what came of it.
//
// A kit is a folder with `config.json` and `ctk/`, which holds a Postman collection and an environment. The kit's own
// start script puts the payloads and headers of config.json into the collection and the address into the environment,
// and then ends with status 0 even when assertions fail. This does the same and ends with 1.
//
//   node run-kit.mjs KIT BASE_URL [--variable NAME] [--authorization VALUE] [--json FILE] [--junit FILE] [--insecure]
//
// Exit status: 0 all assertions held, 1 at least one did not (or none ran), 2 the kit could not be run.

import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';

class KitError extends Error {}

// Some kits' files begin with a byte order mark, or have a comma after the last member: JSON.parse refuses both.
function readJson(path) {
  const text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  try {
    return JSON.parse(text);
  } catch {
    return JSON.parse(text.replace(/,(\s*[}\]])/g, '$1'));
  }
}

// The kit's start script leaves these copies of the collection behind.
const COPIES = new Set(['pmtest.json', 'ExportedPostmanCollection.json']);

function loadKit(folder) {
  const files = readdirSync(join(folder, 'ctk'))
    .filter((name) => name.endsWith('.json') && !COPIES.has(name))
    .sort()
    .map((name) => ({ name, content: readJson(join(folder, 'ctk', name)) }));
  const collections = files.filter((file) => file.content.info && Array.isArray(file.content.item));
  if (collections.length !== 1) {
    throw new KitError(`expected one Postman collection in ${folder}/ctk, found ${collections.length}`);
  }
  // TMFENV.json is the start script's copy; the file with the version in its name is the original.
  const environments = files.filter((file) => Array.isArray(file.content.values));
  const original = environments.find((file) => file.name !== 'TMFENV.json') ?? environments[0];
  return {
    name: collections[0].name,
    collection: collections[0].content,
    environment: original?.content ?? { name: 'kit', values: [] },
    config: readJson(join(folder, 'config.json')),
  };
}

const requestsOf = (items) => items.flatMap((entry) => (entry.item ? requestsOf(entry.item) : [entry]));

const addressOf = (entry) => (typeof entry.request.url === 'string' ? entry.request.url : entry.request.url.raw);

// The variable that every request's address begins with is the one to set: {{Service_Ordering}}serviceOrder.
function baseVariable(requests) {
  const names = new Set(requests.map((entry) => /^\{\{(\w+)\}\}/.exec(addressOf(entry))?.[1]).filter(Boolean));
  if (names.size !== 1) {
    throw new KitError(`the addresses begin with these variables: ${[...names].join(', ')}; choose by --variable`);
  }
  return [...names][0];
}

// Some kits bring a made-up Authorization, which a server that checks what it is given must refuse. Ours is sent, or none.
function injectHeaders(requests, headers, authorization) {
  const given = Object.entries(headers ?? {}).filter(([key]) => key.toLowerCase() !== 'authorization');
  if (authorization) given.push(['Authorization', authorization]);
  const list = given.map(([key, value]) => ({ key, value }));
  for (const entry of requests) entry.request.header = list;
}

// config.json: payloads.<Resource>.POST.payload is the body of the first POST to .../<resource>.
function injectPayloads(requests, payloads) {
  for (const [resource, methods] of Object.entries(payloads ?? {})) {
    const payload = methods.POST?.payload;
    if (payload === undefined) continue;
    const target = requests.find(
      (entry) =>
        entry.request.method === 'POST' &&
        addressOf(entry).split('?')[0].replace(/\/$/, '').split(/[/}]/).pop().toLowerCase() === resource.toLowerCase(),
    );
    if (!target) throw new KitError(`config.json has a payload for ${resource}, but no request POSTs one`);
    target.request.body = { mode: 'raw', raw: JSON.stringify(payload) };
  }
}

function setVariable(environment, name, value) {
  const present = environment.values.find((entry) => entry.key === name);
  if (present) Object.assign(present, { value, enabled: true });
  else environment.values.push({ key: name, value, enabled: true });
}

async function runNewman(options) {
  const { default: newman } = await import('newman').catch(() => {
    throw new KitError('newman is not installed: run tests/run/setup.sh kit, or npm ci in this folder');
  });
  return new Promise((resolve, reject) => {
    newman.run(options, (error, summary) => (error ? reject(error) : resolve(summary)));
  });
}

// One line per request, the failed assertions below it. A request without an answer is a failure, too.
function report(summary) {
  let held = 0;
  let broken = 0;
  for (const execution of summary.run.executions) {
    const { method, url } = execution.request;
    const assertions = execution.assertions ?? [];
    const bad = assertions.filter((assertion) => assertion.error && !assertion.skipped);
    held += assertions.filter((assertion) => !assertion.error && !assertion.skipped).length;
    broken += bad.length;
    const answer = execution.response ? execution.response.code : 'no answer';
    console.log(`${bad.length ? 'FAIL' : 'ok  '} ${method} ${url} -> ${answer}, ${assertions.length} assertions`);
    for (const assertion of bad) console.log(`       ${assertion.assertion}: ${assertion.error.message}`);
  }
  // Script errors and requests that got no answer are failures without an assertion.
  const others = summary.run.failures.filter((failure) => failure.error?.name !== 'AssertionError');
  for (const failure of others) console.log(`FAIL ${failure.source?.name ?? 'run'}: ${failure.error.message}`);
  return { held, broken: broken + others.length };
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      variable: { type: 'string' },
      json: { type: 'string' },
      junit: { type: 'string' },
      authorization: { type: 'string' },
      insecure: { type: 'boolean', default: false },
    },
  });
  if (positionals.length !== 2) throw new KitError('usage: run-kit.mjs KIT BASE_URL [options]');
  const [folder, url] = positionals;
  const base = url.endsWith('/') ? url : `${url}/`;

  const kit = loadKit(folder);
  const requests = requestsOf(kit.collection.item);
  const variable = values.variable ?? baseVariable(requests);
  injectHeaders(requests, kit.config.headers, values.authorization);
  injectPayloads(requests, kit.config.payloads);
  setVariable(kit.environment, variable, base);
  console.log(`${basename(kit.name)}: ${requests.length} requests, ${variable} = ${base}`);

  const summary = await runNewman({
    collection: kit.collection,
    environment: kit.environment,
    insecure: values.insecure,
    timeoutRequest: 30_000,
    timeout: 300_000,
    reporters: [...(values.json ? ['json'] : []), ...(values.junit ? ['junit'] : [])],
    reporter: { json: { export: values.json }, junit: { export: values.junit } },
  });
  const { held, broken } = report(summary);
  console.log(`${held} passed, ${broken} failed`);
  return broken === 0 && held > 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof KitError ? error.message : error);
  process.exitCode = 2;
}
