// Completes what a link in a mail began: the token stays in the fragment, and only a click sends it. So a scanner that
// opens links uses none up.

import { withProof } from './work.js';

const $ = (id) => document.getElementById(id);

const ENGLISH = {
  titles: {
    verification: 'Verify your e-mail address',
    recovery: 'Set a new password',
    'magic-link': 'Log in',
    'email-change': 'Change your e-mail address',
    'email-revert': 'Put your e-mail address back',
    invitation: 'Welcome',
    'account-deletion': 'Delete your account',
  },
  explanations: {
    verification: 'Confirm that this e-mail address is yours.',
    'magic-link': 'Confirm that you want to log in on this device.',
    'email-change': 'Confirm that this is the new e-mail address of your account.',
    'email-revert': 'Your old e-mail address becomes the address of your account again. All sessions end, and you get a link to set a new password.',
    'account-deletion': 'Your account is deleted with all that belongs to it. This can’t be undone.',
  },
  confirm: {
    verification: 'Verify address',
    'magic-link': 'Log in',
    'email-change': 'Change address',
    'email-revert': 'Put the address back',
    invitation: 'Continue without a password',
    'account-deletion': 'Delete the account',
  },
  done: {
    verification: 'Your e-mail address is verified.',
    recovery: 'Your password is set. All sessions have ended: log in with the new password.',
    'magic-link': 'You are logged in.',
    'email-change': 'Your e-mail address is changed.',
    invitation: 'You are logged in. Next time, log in with your e-mail address and your password.',
    'account-deletion': 'Your account is deleted.',
    passwordless: 'You are logged in. Now register a passkey, or log in by mail next time.',
    'email-revert': 'Your old e-mail address is back, and all sessions have ended. Set a new password: the link is in your mail. Then look whether you know all second factors and passkeys of your account.',
  },
  invalid: 'This link was used already or has expired. Request a new one.',
  spent: 'This link was used already or has expired.',
  password: 'New password',
  passwordsDisabled: 'You need no password here.',
  askAgain: 'Ask for a new invitation: this link was used already or has expired.',
  hint: 'A long phrase is best. Avoid common words and your own name or address.',
  setPassword: 'Set password',
  factor: 'Code of your authenticator app, or a recovery code',
  factorNeeded: 'Your account needs a second factor.',
  enrollmentNeeded: 'Your account needs a second factor, which you set up when you log in.',
  passkeyNeeded: 'Your account needs your passkey: log in with it instead of a link.',
  verifyFactor: 'Verify code',
  email: 'E-mail address',
  request: 'Send a new link',
  requested: 'If there is an account with this address, a mail is on its way.',
};

const GERMAN = {
  titles: {
    verification: 'E-Mail-Adresse bestätigen',
    recovery: 'Neues Passwort setzen',
    'magic-link': 'Anmelden',
    'email-change': 'E-Mail-Adresse ändern',
    'email-revert': 'Alte E-Mail-Adresse zurückholen',
    invitation: 'Willkommen',
    'account-deletion': 'Konto löschen',
  },
  explanations: {
    verification: 'Bestätigen Sie, dass diese E-Mail-Adresse Ihnen gehört.',
    'magic-link': 'Bestätigen Sie, dass Sie sich auf diesem Gerät anmelden möchten.',
    'email-change': 'Bestätigen Sie, dass dies die neue E-Mail-Adresse Ihres Kontos ist.',
    'email-revert': 'Ihre alte E-Mail-Adresse wird wieder die Adresse Ihres Kontos. Alle Sitzungen enden, und Sie bekommen einen Link, um ein neues Passwort zu setzen.',
    'account-deletion': 'Ihr Konto wird mit allem gelöscht, was dazu gehört. Das kann nicht rückgängig gemacht werden.',
  },
  confirm: {
    verification: 'Adresse bestätigen',
    'magic-link': 'Anmelden',
    'email-change': 'Adresse ändern',
    'email-revert': 'Adresse zurückholen',
    invitation: 'Ohne Passwort fortfahren',
    'account-deletion': 'Konto löschen',
  },
  done: {
    verification: 'Ihre E-Mail-Adresse ist bestätigt.',
    recovery: 'Ihr Passwort ist gesetzt. Alle Sitzungen sind beendet: Melden Sie sich mit dem neuen Passwort an.',
    'magic-link': 'Sie sind angemeldet.',
    'email-change': 'Ihre E-Mail-Adresse ist geändert.',
    invitation: 'Sie sind angemeldet. Melden Sie sich künftig mit Ihrer E-Mail-Adresse und Ihrem Passwort an.',
    'account-deletion': 'Ihr Konto ist gelöscht.',
    passwordless: 'Sie sind angemeldet. Richten Sie jetzt einen Passkey ein, oder melden Sie sich künftig per E-Mail an.',
    'email-revert': 'Ihre alte E-Mail-Adresse ist zurück, und alle Sitzungen sind beendet. Setzen Sie ein neues Passwort: Der Link ist in Ihrer E-Mail. Sehen Sie dann nach, ob Sie alle zweiten Faktoren und Passkeys Ihres Kontos kennen.',
  },
  invalid: 'Dieser Link wurde schon benutzt oder ist abgelaufen. Fordern Sie einen neuen an.',
  spent: 'Dieser Link wurde schon benutzt oder ist abgelaufen.',
  password: 'Neues Passwort',
  passwordsDisabled: 'Sie brauchen hier kein Passwort.',
  askAgain: 'Bitten Sie um eine neue Einladung: Dieser Link wurde schon benutzt oder ist abgelaufen.',
  hint: 'Am besten ist ein langer Satz. Vermeiden Sie häufige Wörter und Ihren Namen oder Ihre Adresse.',
  setPassword: 'Passwort setzen',
  factor: 'Code Ihrer Authenticator-App oder ein Wiederherstellungscode',
  factorNeeded: 'Ihr Konto verlangt einen zweiten Faktor.',
  enrollmentNeeded: 'Ihr Konto verlangt einen zweiten Faktor, den Sie bei der Anmeldung einrichten.',
  passkeyNeeded: 'Ihr Konto verlangt Ihren Passkey: Melden Sie sich damit statt mit einem Link an.',
  verifyFactor: 'Code prüfen',
  email: 'E-Mail-Adresse',
  request: 'Neuen Link senden',
  requested: 'Wenn es ein Konto mit dieser Adresse gibt, ist eine E-Mail unterwegs.',
};

const isGerman = navigator.language.toLowerCase().startsWith('de');
const TEXTS = isGerman ? GERMAN : ENGLISH;
const API = new URL('../api/v1/', import.meta.url);
const flow = location.pathname.replace(/\/$/, '').split('/').pop();
const fragment = new URLSearchParams(location.hash.slice(1));
const token = fragment.get('token');
const tenant = fragment.get('tenant');
// A new link of these can be requested here, without a session.
const takesRequests = ['verification', 'recovery', 'magic-link'].includes(flow);
const PATHS = { 'email-revert': 'email-change/revert', 'account-deletion': 'account/deletion/complete' };
const completion = PATHS[flow] ?? `${flow}/complete`;
let mfaToken = null;

// So that the token is neither in the history nor shown.
history.replaceState(null, '', location.pathname);

function show(id) {
  for (const form of document.forms) form.hidden = form.id !== id;
}

function say(text, isError = false) {
  $('message').textContent = text;
  $('message').classList.toggle('error', isError);
}

async function post(path, body) {
  const headers = { 'Content-Type': 'application/json', 'Accept-Language': isGerman ? 'de' : 'en' };
  if (tenant) headers['X-Tenant-ID'] = tenant;
  const response = await fetch(new URL(path, API), { method: 'POST', headers, body: JSON.stringify(body) });
  const answer = await response.json().catch(() => ({ message: `The service answered ${response.status}.` }));
  if (response.ok) return null;
  const proven = await withProof(answer, body);
  return proven ? post(path, proven) : answer;
}

function refuseLink() {
  say(takesRequests ? TEXTS.invalid : flow === 'invitation' ? TEXTS.askAgain : TEXTS.spent, true);
  show(takesRequests ? 'request-form' : null);
}

function refuse(problem) {
  if (problem.code === 'invalid_token') {
    refuseLink();
  } else if (problem.code === 'method_disabled' && flow === 'invitation') {
    say(TEXTS.passwordsDisabled);
    show('confirm-form');
  } else if (problem.code === 'mfa_required') {
    mfaToken = problem.details.mfa_token;
    const { methods } = problem.details;
    const takesCodes = methods.some((method) => method !== 'webauthn');
    say(methods.length === 0 ? TEXTS.enrollmentNeeded : takesCodes ? TEXTS.factorNeeded : TEXTS.passkeyNeeded);
    show(takesCodes ? 'factor-form' : null);
  } else {
    const fields = problem.details?.fields ?? [];
    say([problem.message, ...fields.map((field) => field.message)].filter((text, at, all) => all.indexOf(text) === at).join('\n'), true);
  }
}

async function complete(path, body, done = TEXTS.done[flow]) {
  const problem = await post(path, body);
  if (problem) return refuse(problem);
  say(done);
  show(null);
  $('title').focus();
}

function on(form, act) {
  $(form).addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = $(form).querySelector('button');
    button.disabled = true;
    try {
      await act();
    } catch (error) {
      say(String(error), true);
    } finally {
      button.disabled = false;
    }
  });
}

on('confirm-form', () => complete(completion, { token }, flow === 'invitation' ? TEXTS.done.passwordless : undefined));
on('password-form', () => complete(completion, { token, password: $('password').value }));
on('factor-form', async () => {
  const code = $('factor').value.trim();
  const path = /^[\d ]{6,7}$/.test(code) ? 'mfa/totp/verify' : 'mfa/recovery-codes/verify';
  await complete(path, { code, mfa_token: mfaToken });
});
on('request-form', async () => {
  const problem = await post(`${flow}/request`, { email: $('email').value.trim() });
  if (problem) return refuse(problem);
  say(TEXTS.requested);
});

document.documentElement.lang = isGerman ? 'de' : 'en';
document.title = TEXTS.titles[flow];
$('title').textContent = TEXTS.titles[flow];
$('explanation').textContent = TEXTS.explanations[flow] ?? '';
$('confirm').textContent = TEXTS.confirm[flow] ?? '';
$('password-label').textContent = TEXTS.password;
$('password-hint').textContent = TEXTS.hint;
$('set-password').textContent = TEXTS.setPassword;
$('factor-label').textContent = TEXTS.factor;
$('verify-factor').textContent = TEXTS.verifyFactor;
$('email-label').textContent = TEXTS.email;
$('request').textContent = TEXTS.request;

if (!token && takesRequests) show('request-form');
else if (!token) refuseLink();
else show(flow === 'recovery' || flow === 'invitation' ? 'password-form' : 'confirm-form');
