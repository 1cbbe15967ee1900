// A real identity provider for one test: `oidc-provider` of npm, in development mode of ours: each visitor logs in as the account
// in the header `x-account` of the request, as if it had been typed in.
//
//   node provider.mjs MODULES '{"client_id": …, "client_secret": …, "redirect_uris": […]}' [--userinfo] [--port N]
//
// With --userinfo, claims are at the userinfo endpoint only, and not in ID tokens. `POST /rotate` gives it new keys. It ends with
// its standard input.

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, client, ...options] = process.argv.slice(2);
// Its advice would go to the standard output, of which only the first line is read.
console.info = console.warn = () => {};
const { Provider } = await import(pathToFileURL(createRequire(join(modules, "x")).resolve("oidc-provider")));

const accounts = new Map();
const wanted = options.includes("--port") ? Number(options[options.indexOf("--port") + 1]) : 0;
let issuer;
let provider;
let keys = 0;

function newProvider() {
  keys += 1;
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const made = new Provider(issuer, {
    clients: [{ token_endpoint_auth_method: "client_secret_basic", ...JSON.parse(client) }],
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: `key-${keys}`, alg: "RS256", use: "sig" }] },
    cookies: { keys: ["a cookie is signed with this"] },
    claims: { email: ["email", "email_verified"], profile: ["name"], openid: ["sub"], amr: null, acr: null },
    conformIdTokenClaims: options.includes("--userinfo"),
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ ...accounts.get(sub), sub }) }),
    async loadExistingGrant(ctx) {
      const grant = new made.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope("openid email profile");
      await grant.save();
      return grant;
    },
  });
  return made;
}

async function interact(request, response) {
  const account = JSON.parse(request.headers["x-account"] ?? "null");
  if (account === null) {
    await provider.interactionFinished(request, response, { error: "access_denied" });
    return;
  }
  const { sub, amr, acr, ...claims } = account;
  accounts.set(sub, claims);
  await provider.interactionFinished(request, response, { login: { accountId: sub, amr, acr, remember: false } });
}

const server = createServer(async (request, response) => {
  try {
    if (request.url.startsWith("/interaction/")) {
      await interact(request, response);
    } else if (request.url === "/rotate") {
      provider = newProvider();
      response.end();
    } else {
      await provider.callback()(request, response);
    }
  } catch (error) {
    process.stderr.write(`${error.stack}\n`);
    response.writeHead(500).end();
  }
});

server.listen(wanted, "127.0.0.1", () => {
  issuer = `http://localhost:${server.address().port}`;
  provider = newProvider();
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});
process.stdin.on("end", () => process.exit()).resume();
