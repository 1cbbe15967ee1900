// An identity provider for one test that does what it is told: `POST /next` says what its next answers are like.
//
//   {"claims": {…}, "header": {…}}   members of the ID token that are other than they should be; null: left out; {"now": -40}: so
//                                    many seconds from now
//   {"key": "a" | "b" | "c" | "e"}   what signs it: a, b (RSA) and e (P-256) are published, c is not until {"publish": true}
//   {"sign": "none" | "public"}      not signed, or by HMAC with the public key as its secret
//   {"token": {…}, "status": 400}    members and status of the response of the token endpoint
//   {"metadata": {…}}                members of the metadata
//   {"userinfo": {…}}                the userinfo
//   {"huge": "…", "slow": "…"}       the path whose response never ends, or never begins
//
// `GET /calls` counts the requests by path. It ends with its standard input.

import { createHash, createHmac, generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";

const rsa = () => generateKeyPairSync("rsa", { modulusLength: 2048 });
const pairs = { a: rsa(), b: rsa(), c: rsa(), e: generateKeyPairSync("ec", { namedCurve: "P-256" }) };
const calls = {};
let next = {};
let published = ["a", "b", "e"];
let issuer;

const jwk = (kid) => ({ ...pairs[kid].publicKey.export({ format: "jwk" }), kid, use: "sig" });
const encode = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const dated = (value) => (value?.now === undefined ? value : Math.floor(Date.now() / 1000) + value.now);
const without = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null).map(([name, value]) => [name, dated(value)]));

function idToken() {
  const now = Math.floor(Date.now() / 1000);
  const kid = next.key ?? "a";
  const half = createHash("sha256").update("access").digest().subarray(0, 16).toString("base64url");
  const claims = { iss: issuer, aud: "kayan", sub: "1", iat: now, exp: now + 300, at_hash: half, email: "ada@example.com" };
  const header = { alg: kid === "e" ? "ES256" : "RS256", typ: "JWT", kid };
  const signed = `${encode(without({ ...header, ...next.header }))}.${encode(without({ ...claims, ...next.claims }))}`;
  if (next.sign === "none") return `${signed}.`;
  if (next.sign === "public") {
    const secret = pairs[kid].publicKey.export({ format: "pem", type: "spki" });
    return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
  }
  const key = { key: pairs[kid].privateKey, dsaEncoding: "ieee-p1363" };
  return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
}

function answer(path) {
  switch (path) {
    case "/.well-known/openid-configuration":
      return {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        jwks_uri: `${issuer}/jwks`,
        id_token_signing_alg_values_supported: ["RS256", "ES256", "HS256", "none"],
        ...next.metadata,
      };
    case "/jwks":
      return { keys: published.map(jwk) };
    case "/token":
      return without({ access_token: "access", token_type: "Bearer", id_token: idToken(), ...next.token });
    case "/userinfo":
      return next.userinfo;
    case "/calls":
      return calls;
    default:
      return undefined;
  }
}

const server = createServer(async (request, response) => {
  const path = request.url.split("?")[0];
  let body = "";
  for await (const part of request) body += part;
  calls[path] = (calls[path] ?? 0) + 1;
  if (path === "/next") {
    next = JSON.parse(body);
    published = next.publish ? ["a", "b", "e", "c"] : ["a", "b", "e"];
    response.end();
  } else if (next.slow === path) {
    // Never answered.
  } else if (next.huge === path) {
    response.writeHead(200, { "content-type": "application/json" });
    const write = () => response.destroyed || response.write(" ".repeat(65_536), write);
    write();
  } else if (next.redirect === path) {
    response.writeHead(302, { location: `${issuer}/elsewhere` }).end();
  } else {
    const found = answer(path);
    const status = found === undefined ? 404 : path === "/token" ? (next.status ?? 200) : 200;
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(found ?? {}));
  }
});

server.listen(0, "127.0.0.1", () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`);
});
process.stdin.on("end", () => process.exit()).resume();
