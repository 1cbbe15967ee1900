// Registers, logs in, and manages the factors of the current user. The session is in a cookie, which scripts can't read.

import { withProof } from '../flow/work.js';

const API = new URL('../api/v1/', import.meta.url);
const $ = (id) => document.getElementById(id);
const value = (id) => $(id).value.trim();

// The `mfa_token` of a login that lacks a factor.
let mfaToken = null;
// What the service refused until another factor is proven.
let interrupted = null;
// The second factors that the current user has.
let available = [];
// The request for a passkey that the browser's autofill offers.
let autofill = null;
let isBusy = false;

class Refused extends Error {
  constructor(problem) {
    const fields = problem.details?.fields ?? [];
    super([problem.message, ...fields.map((field) => `${field.pointer}: ${field.message}`)].join('\n'));
    this.code = problem.code;
    this.details = problem.details;
  }
}

async function api(method, path, body) {
  const headers = body ? { 'Content-Type': 'application/json' } : {};
  const response = await fetch(new URL(path, API), { method, headers, body: body && JSON.stringify(body) });
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => ({ message: `The service answered ${response.status}.` }));
  if (response.ok) return answer;
  const proven = body && (await withProof(answer, body));
  if (proven) return api(method, path, proven);
  throw new Refused(answer);
}

const withLogin = (body) => (mfaToken ? { ...body, mfa_token: mfaToken } : body);

// Passkeys: WebAuthn level 3 reads and writes JSON by itself; what follows does it for older browsers and for extensions
// that stand in for authenticators.

const decode = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
const encode = (bytes) =>
  bytes && btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const decodeIds = (list) => list?.map((item) => ({ ...item, id: decode(item.id) }));

function decodeOptions(options) {
  const { user, excludeCredentials, allowCredentials } = options;
  return {
    ...options,
    challenge: decode(options.challenge),
    ...(user && { user: { ...user, id: decode(user.id) } }),
    excludeCredentials: decodeIds(excludeCredentials),
    allowCredentials: decodeIds(allowCredentials),
  };
}

const creation = (options) => globalThis.PublicKeyCredential.parseCreationOptionsFromJSON?.(options) ?? decodeOptions(options);
const request = (options) => globalThis.PublicKeyCredential.parseRequestOptionsFromJSON?.(options) ?? decodeOptions(options);

function toJSON(credential) {
  if (credential.toJSON) return credential.toJSON();
  const { id, rawId, type, authenticatorAttachment, response } = credential;
  const members = ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle'];
  return {
    id,
    type,
    authenticatorAttachment,
    rawId: encode(rawId),
    clientExtensionResults: credential.getClientExtensionResults(),
    response: {
      ...Object.fromEntries(members.filter((name) => response[name]).map((name) => [name, encode(response[name])])),
      ...(response.getTransports && { transports: response.getTransports() }),
    },
  };
}

const hasPasskeys = Boolean(globalThis.PublicKeyCredential && navigator.credentials);
const REASONS = {
  NotAllowedError: 'No passkey was used: the dialog was closed, it took too long, or none fits.',
  InvalidStateError: 'This authenticator already has a passkey of this account.',
  SecurityError: 'The browser refuses passkeys at this address: open the page at localhost.',
};

async function createPasskey(name, residentKey) {
  const begin = withLogin({ ...(name && { name }), resident_key: residentKey });
  const { session_id, publicKey } = await api('POST', 'webauthn/registration/begin', begin);
  const credential = toJSON(await navigator.credentials.create({ publicKey: creation(publicKey) }));
  return api('POST', 'webauthn/registration/finish', withLogin({ session_id, credential }));
}

async function provePasskey(begin, conditions = {}) {
  const { session_id, publicKey } = await api('POST', 'webauthn/login/begin', withLogin(begin));
  const credential = await navigator.credentials.get({ publicKey: request(publicKey), ...conditions });
  return () => api('POST', 'webauthn/login/finish', withLogin({ session_id, credential: toJSON(credential) }));
}

// Offers passkeys in the list that the browser opens below the e-mail field (conditional mediation).
async function offerAutofill() {
  autofill?.abort();
  const { signal } = (autofill = new AbortController());
  if (!(await globalThis.PublicKeyCredential?.isConditionalMediationAvailable?.())) return;
  try {
    const finish = await provePasskey({}, { mediation: 'conditional', signal });
    await run(() => logIn(finish));
  } catch {
    // Nobody asked for it, so nobody is told.
  }
}

// What the page shows.

const SECTIONS = ['login', 'registration', 'factor', 'setup', 'codes', 'me', 'passkeys', 'apps'];

function show(...ids) {
  for (const id of SECTIONS) $(id).hidden = !ids.includes(id);
  $(`${ids[0]}-title`).focus();
}

function say(text, isError = false) {
  $('message').classList.toggle('error', isError);
  $('message').textContent = text;
}

const date = (text) => (text ? new Date(text).toLocaleString() : 'never');

function fill(list, rows, template, make) {
  $(list).replaceChildren(...rows.map((row) => {
    const item = $(template).content.cloneNode(true).firstElementChild;
    make(row, (part) => item.querySelector(part));
    return item;
  }));
}

function drawApps(apps, left) {
  fill('app-list', apps, 'app-row', (app, part) => {
    const name = app.name || 'Authenticator app';
    part('strong').textContent = name;
    const use = app.confirmed ? `last used: ${date(app.last_used_at)}` : 'not confirmed yet';
    part('.facts').textContent = `Enrolled: ${date(app.created_at)}, ${use}`;
    part('.remove').setAttribute('aria-label', `Remove ${name}`);
    part('.remove').addEventListener('click', () => run(async () => {
      await api('DELETE', `mfa/totp?id=${app.id}`);
      await home(`Removed ${name}.`);
    }));
  });
  $('no-apps').hidden = apps.length > 0;
  $('codes-left').textContent = `Recovery codes left: ${left}.`;
  $('regenerate').hidden = available.length === 0 && left === 0;
}

function drawPasskeys({ data }) {
  fill('passkey-list', data, 'passkey-row', (passkey, part) => {
    part('input').value = passkey.name;
    const facts = [`Registered: ${date(passkey.created_at)}`, `last used: ${date(passkey.last_used_at)}`,
      `transports: ${passkey.transports?.join(', ') || 'unknown'}`, passkey.backed_up ? 'synchronised' : 'on one device',
      passkey.user_verified ? 'verifies its user' : 'does not verify its user'];
    part('.facts').textContent = facts.join(', ');
    part('.rename').setAttribute('aria-label', `Rename ${passkey.name}`);
    part('.remove').setAttribute('aria-label', `Remove ${passkey.name}`);
    part('form').addEventListener('submit', (event) => {
      event.preventDefault();
      const name = part('input').value.trim();
      run(async () => {
        await api('PATCH', `webauthn/credentials/${passkey.id}`, { name });
        await home(`Renamed ${passkey.name} to ${name}.`);
      });
    });
    part('.remove').addEventListener('click', () => run(async () => {
      await api('DELETE', `webauthn/credentials/${passkey.id}`);
      await home(`Removed ${passkey.name}.`);
    }));
  });
  $('no-passkeys').hidden = data.length > 0;
}

// Shows the current user, or how to log in, and then says what happened.
async function home(message, keepsInput = false) {
  mfaToken = interrupted = null;
  const me = await api('GET', 'whoami').catch((error) => {
    if (error.code !== 'unauthorized') throw error;
  });
  if (!keepsInput) for (const form of document.forms) form.reset();
  if (!me) {
    show('login', 'registration');
    if (message) say(message);
    offerAutofill();
    return;
  }
  const [factors, passkeys] = await Promise.all([api('GET', 'mfa'), api('GET', 'webauthn/credentials')]);
  available = ['totp', 'webauthn'].filter((method) => factors.data.some((it) => it.method === method && it.confirmed));
  $('step-up').hidden = available.length === 0;
  $('user').textContent = me.identity.traits.email ?? me.identity.id;
  $('level').textContent = me.session.authenticator_assurance_level;
  const methods = me.session.authentication_methods;
  $('methods').textContent = methods.map((used) => `${used.method} (${date(used.completed_at)})`).join(', ');
  drawApps(factors.data.filter((it) => it.method === 'totp'), factors.recovery_codes_left);
  drawPasskeys(passkeys);
  show('me', 'passkeys', 'apps');
  if (message) say(message);
}

// Shows what the service answered to a login or a confirmed factor; recovery codes come first, because they come once.
async function done(answer, message) {
  const codes = answer.recovery_codes;
  await home(message);
  if (!codes) return;
  $('code-list').replaceChildren(...codes.map((code) => Object.assign(document.createElement('li'), { textContent: code })));
  show('codes');
}

async function logIn(prove) {
  const session = await prove();
  const { recovery_codes_left: left } = session;
  await done(session, left === undefined ? 'You are logged in.' : `You are logged in. Recovery codes left: ${left}.`);
}

function askForFactor(why, methods, enroll, isLogin) {
  const may = (method) => methods.includes(method);
  $('why').textContent = why;
  $('totp-form').hidden = !may('totp');
  $('recovery-form').hidden = !may('recovery_code');
  $('factor-passkey').hidden = !may('webauthn');
  $('enroll-app').hidden = !enroll.includes('totp');
  $('enroll-passkey').hidden = !enroll.includes('webauthn');
  for (const form of ['totp-form', 'recovery-form']) $(form).reset();
  show('factor', ...(isLogin ? [] : ['me']));
}

function askToStepUp(why, again) {
  say('');
  mfaToken = null;
  askForFactor(why, available, [], false);
  interrupted = again;
}

// What to do after a factor was proven: go on with what it was asked for, or show the session.
async function proven(answer) {
  const again = interrupted;
  if (mfaToken) return logIn(async () => answer);
  await home('You have proven another factor.', Boolean(again));
  if (again) await again();
}

// Does one thing at a time, and says how it ended.
async function run(work) {
  if (isBusy) return;
  isBusy = true;
  autofill?.abort();
  document.body.setAttribute('aria-busy', 'true');
  say('');
  try {
    await work();
  } catch (error) {
    if (error.code === 'mfa_required') {
      mfaToken = error.details.mfa_token;
      const { methods, enroll } = error.details;
      const why = methods.length > 0 ? 'One factor is proven. Prove a second one to log in.'
        : 'This service requires a second factor, and you have none. Set one up to log in.';
      askForFactor(why, methods, enroll, true);
    } else if (['aal2_required', 'reauthentication_required'].includes(error.code)) {
      askToStepUp(`The service refuses this: ${error.message}.`, work);
    } else {
      say(REASONS[error.name] ?? error.message, true);
      if (!$('login').hidden) offerAutofill();
    }
  } finally {
    isBusy = false;
    document.body.removeAttribute('aria-busy');
  }
}

const onSubmit = (id, work) => $(id).addEventListener('submit', (event) => {
  event.preventDefault();
  run(work);
});
const onClick = (id, work) => $(id).addEventListener('click', () => run(work));

async function setUpApp() {
  const name = value('app-name');
  const setup = await api('POST', 'mfa/totp/enroll', withLogin(name ? { name } : {}));
  $('qr').src = setup.qr_code;
  $('secret').textContent = setup.secret;
  $('setup-form').reset();
  show('setup');
}

onSubmit('registration-form', async () => {
  await api('POST', 'registration', { traits: { email: value('new-identifier') }, password: $('new-password').value });
  await home('You are registered and logged in.');
});
onSubmit('password-form', () =>
  logIn(() => api('POST', 'login', { identifier: value('identifier'), password: $('password').value })));
onClick('with-passkey', async () => logIn(await provePasskey({})));
$('with-identifier').addEventListener('click', () => {
  if ($('identifier').reportValidity()) run(async () => logIn(await provePasskey({ identifier: value('identifier') })));
});
onClick('logout', async () => {
  await api('POST', 'logout');
  await home('You are logged out.');
});

onSubmit('totp-form', async () => proven(await api('POST', 'mfa/totp/verify', withLogin({ code: value('totp') }))));
onSubmit('recovery-form', async () =>
  proven(await api('POST', 'mfa/recovery-codes/verify', withLogin({ code: value('recovery') }))));
onClick('factor-passkey', async () => {
  const finish = await provePasskey(mfaToken ? {} : { step_up: true });
  await proven(await finish());
});
onClick('enroll-app', setUpApp);
onClick('enroll-passkey', async () => done(await createPasskey('', 'preferred'), 'The passkey is registered.'));
onClick('cancel', () => home());
onClick('cancel-setup', () => home());
onClick('step-up', async () => askToStepUp('Prove a second factor to raise the level of your session.', null));

onSubmit('app-form', setUpApp);
onSubmit('setup-form', async () =>
  done(await api('POST', 'mfa/totp/verify', withLogin({ code: value('setup-code') })), 'The app is confirmed.'));
onClick('regenerate', async () => done(await api('POST', 'mfa/recovery-codes'), 'The recovery codes before are void.'));
onClick('stored', () => home());
onSubmit('passkey-form', async () => {
  const residentKey = $('resident').checked ? 'required' : 'preferred';
  await done(await createPasskey(value('passkey-name'), residentKey), 'The passkey is registered.');
});

const isAddress = /^[\d.]+$|^\[/.test(location.hostname);
$('address').hidden = !isAddress;
$('localhost').href = `http://localhost:${location.port}${location.pathname}`;
$('unsupported').hidden = isAddress || hasPasskeys;
for (const button of document.querySelectorAll('button.passkey')) button.disabled = isAddress || !hasPasskeys;
run(() => home());
