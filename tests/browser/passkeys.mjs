// Passkeys on the page, with authenticators of every kind.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { describe, test } from 'node:test';
import { Authenticator } from './authenticator.mjs';
import { Visitor } from './page.mjs';

const { URL_OF_SERVICE: url, URL_WITH_MFA: withMfa } = process.env;

const NOT_USED = 'No passkey was used';

/** Registers a passkey; the first one comes with recovery codes. */
async function registersPasskey(visitor, authenticator, name = '', { isFirst = true } = {}) {
  await visitor.fill('passkeys', 'Name of a new passkey', name);
  await authenticator.touched(async () => {
    await visitor.pressIn('passkeys', 'Register a passkey');
    await visitor.hears('The passkey is registered.');
  });
  if (isFirst) await visitor.storesCodes();
}

async function logsIn(visitor, authenticator, button) {
  await authenticator.touched(async () => {
    await visitor.press(button);
    await visitor.hears('You are logged in.');
  });
  assert.deepEqual(await visitor.session(), ['aal2', 'webauthn']);
}

/** Presses a button, and is told this instead of what it is for. */
async function isRefused(visitor, authenticator, button, why) {
  await authenticator.touched(async () => {
    await visitor.press(button);
    await visitor.page.locator('#message.error').filter({ hasText: why }).waitFor();
  });
}

describe('passkeys', { concurrency: 3 }, () => {
  test('one that its authenticator stores logs in without an e-mail address, and with it', async () => {
    const ada = await Visitor.open('ada');
    const laptop = await Authenticator.of(ada);
    await ada.registers();
    await registersPasskey(ada, laptop, 'laptop');
    await ada.isAccessible('passkey');
    const [passkey] = await laptop.passkeys();
    assert(passkey.isResidentCredential);
    await ada.logsOut();
    await logsIn(ada, laptop, 'Log in with a passkey');
    await ada.logsOut();
    await ada.fill('login', 'E-mail address', ada.email);
    await logsIn(ada, laptop, 'Log in with e-mail and passkey');
    await ada.close();
  });

  test('one that its authenticator does not store logs in with the e-mail address only', async () => {
    const ada = await Visitor.open('ada');
    const key = await Authenticator.withoutMemory(ada);
    await ada.registers();
    await registersPasskey(ada, key, 'key');
    assert(!(await key.passkeys())[0].isResidentCredential);
    await ada.logsOut();
    await ada.fill('login', 'E-mail address', ada.email);
    await logsIn(ada, key, 'Log in with e-mail and passkey');
    await ada.logsOut();
    await isRefused(ada, key, 'Log in with a passkey', NOT_USED);
    await ada.isAccessible('no-passkey-used');
    await ada.close();
  });

  test('one that must be stored is refused by an authenticator that stores none', async () => {
    const ada = await Visitor.open('ada');
    const key = await Authenticator.withoutMemory(ada);
    await ada.registers();
    await ada.page.locator('#resident').check();
    await isRefused(ada, key, 'Register a passkey', NOT_USED);
    await ada.page.locator('#resident').uncheck();
    await registersPasskey(ada, key);
    await ada.close();
  });

  test('the browser offers them below the e-mail field', async () => {
    const ada = await Visitor.open('ada', { autofill: true });
    const laptop = await Authenticator.of(ada);
    await ada.registers();
    await registersPasskey(ada, laptop);
    const asked = await ada.page.evaluateHandle(() => {
      const [asked, get] = [[], navigator.credentials.get.bind(navigator.credentials)];
      navigator.credentials.get = (options) => asked.push(options.mediation) && get(options);
      return asked;
    });
    // The virtual authenticator picks what is offered as soon as it is.
    await laptop.touched(async () => {
      await ada.press('Log out');
      await ada.hears('You are logged in.');
    });
    assert.deepEqual(await asked.jsonValue(), ['conditional']);
    assert.deepEqual(await ada.session(), ['aal2', 'webauthn']);
    await ada.close();
  });

  test('each of two authenticators logs in, and neither gets a second passkey', async () => {
    const ada = await Visitor.open('ada');
    const laptop = await Authenticator.of(ada);
    await ada.registers();
    await registersPasskey(ada, laptop, 'laptop');
    await laptop.touched(async () => {
      await ada.press('Register a passkey');
      await ada.press('Use a passkey');
      await ada.hears('This authenticator already has a passkey of this account.');
    });
    const key = await Authenticator.of(ada, { transport: 'usb' });
    await registersPasskey(ada, key, 'key', { isFirst: false });
    assert.equal(await ada.page.locator('#passkey-list li').count(), 2);
    assert.equal(await ada.page.locator('#app-list li').count(), 0);
    await ada.isAccessible('two-passkeys');
    for (const one of [laptop, key]) {
      await ada.logsOut();
      await logsIn(ada, one, 'Log in with a passkey');
    }
    await ada.close();
  });

  test('one whose counter went back is refused as a copy', async () => {
    const ada = await Visitor.open('ada');
    const key = await Authenticator.of(ada, { transport: 'usb' });
    await ada.registers();
    await registersPasskey(ada, key);
    await ada.logsOut();
    await logsIn(ada, key, 'Log in with a passkey');
    await ada.logsOut();
    await key.rollBack(0);
    await isRefused(ada, key, 'Log in with a passkey', 'there may be a copy of this passkey');
    await ada.isAccessible('copied-passkey');
    await ada.close();
  });

  test('one that does not verify its user is a second factor, and no login of its own', async () => {
    const ada = await Visitor.open('ada');
    const key = await Authenticator.withoutVerification(ada);
    await ada.registers();
    await registersPasskey(ada, key, 'key');
    await ada.page.getByText('does not verify its user').waitFor();
    await ada.logsOut();
    await ada.fill('login', 'E-mail address', ada.email);
    await isRefused(ada, key, 'Log in with e-mail and passkey', NOT_USED);

    await ada.sendsPassword();
    await ada.hears('You are logged in.');
    assert.deepEqual(await ada.session(), ['aal1', 'password'], 'a password is enough where nothing more is required');
    await ada.press('Step up');
    await ada.sees('Second factor');
    assert(!(await ada.page.locator('#totp-form').isVisible()), 'there is no app');
    await ada.isAccessible('step-up-with-passkey');
    await key.touched(async () => {
      await ada.press('Use a passkey');
      await ada.hears('You have proven another factor.');
    });
    assert.deepEqual(await ada.session(), ['aal2', 'password, webauthn']);

    const [app] = await ada.setsUpApp('phone', { isFirst: false });
    await ada.logsOut();
    await ada.sendsPassword();
    await ada.sees('Second factor');
    await ada.isAccessible('second-factor-with-passkey');
    await key.touched(async () => {
      await ada.press('Use a passkey');
      await ada.hears('You are logged in.');
    });
    assert.deepEqual(await ada.session(), ['aal2', 'password, webauthn']);
    await ada.logsOut();
    await ada.sendsPassword();
    await ada.sendsCode(app.next());
    await ada.hears('You are logged in.');
    assert.deepEqual(await ada.session(), ['aal2', 'password, totp'], 'either of the two is enough');
    await ada.close();
  });

  test('one is renamed, is removed after a step-up, and then opens nothing', async () => {
    const ada = await Visitor.open('ada');
    const laptop = await Authenticator.of(ada);
    await ada.registers();
    await registersPasskey(ada, laptop, 'laptop');
    await ada.page.locator('#passkey-list').getByLabel('Name', { exact: true }).fill('old laptop');
    await ada.press('Rename laptop');
    await ada.hears('Renamed laptop to old laptop.');
    assert.deepEqual(await ada.session(), ['aal1', 'password']);
    await laptop.touched(async () => {
      await ada.press('Remove old laptop');
      await ada.page.getByText('The service refuses this: verify a second factor first').waitFor();
      await ada.press('Use a passkey');
      await ada.hears('Removed old laptop.');
    });
    assert.deepEqual(await ada.session(), ['aal2', 'password, webauthn']);
    assert.equal(await ada.page.locator('#passkey-list li').count(), 0);
    await ada.page.getByText('Recovery codes left: 0.').waitFor();
    await ada.logsOut();
    await isRefused(ada, laptop, 'Log in with a passkey', 'the passkey was not accepted');
    await ada.close();
  });

  test('a step-up by one keeps the input of what it interrupts', async () => {
    const ada = await Visitor.open('ada');
    const laptop = await Authenticator.of(ada);
    await ada.registers();
    await registersPasskey(ada, laptop);
    await ada.fill('apps', 'Name of a new app', 'phone');
    await ada.press('Set up an app');
    await ada.sees('Second factor');
    await laptop.touched(async () => {
      await ada.press('Use a passkey');
      await ada.sees('Set up your authenticator app');
    });
    const app = await ada.scansSecret();
    await ada.fill('setup', 'Code that the app shows', app.next());
    await ada.press('Confirm the app');
    await ada.button('Remove phone').waitFor();
    await ada.close();
  });

  test('one is registered during the login where a second factor is required', async () => {
    const ada = await Visitor.open('ada', { at: withMfa });
    const laptop = await Authenticator.of(ada);
    await ada.sendsRegistration();
    await ada.sees('Second factor');
    await laptop.touched(async () => {
      await ada.pressIn('factor', 'Register a passkey');
      await ada.hears('The passkey is registered.');
    });
    await ada.storesCodes();
    assert.deepEqual(await ada.session(), ['aal2', 'password, webauthn']);
    await ada.logsOut();
    await ada.sendsPassword();
    await ada.sees('Second factor');
    await laptop.touched(async () => {
      await ada.press('Use a passkey');
      await ada.hears('You are logged in.');
    });
    assert.deepEqual(await ada.session(), ['aal2', 'password, webauthn']);
    await ada.close();
  });

  test('what a page of another origin gets from an authenticator is refused', async () => {
    const ada = await Visitor.open('ada');
    const laptop = await Authenticator.of(ada);
    await ada.registers();
    await registersPasskey(ada, laptop);
    await ada.logsOut();

    // A page that passes on what is asked, and what is answered, as a phishing site does. Its domain is the right one.
    const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<title>Not Kayan</title>'));
    await new Promise((listening) => server.listen(0, 'localhost', listening));
    const post = (path, body) => fetch(`${url}/api/v1/webauthn/login/${path}`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
    });
    const logsInOn = async (page) => {
      await ada.page.goto(page);
      const { session_id, publicKey } = await (await post('begin', {})).json();
      let credential;
      await laptop.touched(async () => {
        credential = await ada.page.evaluate(async (options) => {
          const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
          return (await navigator.credentials.get({ publicKey })).toJSON();
        }, publicKey);
      });
      const answered = await post('finish', { session_id, credential });
      return [answered.status, (await answered.json()).message];
    };
    assert.deepEqual(await logsInOn(`http://localhost:${server.address().port}`),
      [401, 'the passkey was not accepted; the audit trail has the reason']);
    assert.deepEqual(await logsInOn(`${url}/docs`), [200, undefined]);
    await ada.close();
    await new Promise((closed) => server.close(closed));
  });
});
