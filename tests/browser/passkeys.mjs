// Passkeys on the page, with authenticators of every kind.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { describe, test } from 'node:test';
import { Authenticator } from './authenticator.mjs';
import { Visitor } from './page.mjs';

const { URL_OF_SERVICE: url, URL_WITH_MFA: withMfa } = process.env;

async function registersPasskey(visitor, authenticator, name = '') {
  await visitor.fill('passkeys', 'Name of a new passkey', name);
  await authenticator.touched(async () => {
    await visitor.pressIn('passkeys', 'Register a passkey');
    await visitor.hears('The passkey is registered.');
  });
  if (await visitor.page.locator('#codes').isVisible()) await visitor.storesCodes();
}

async function logsIn(visitor, authenticator, button) {
  await authenticator.touched(async () => {
    await visitor.press(button);
    await visitor.hears('You are logged in.');
  });
  const [level] = await visitor.session();
  return level;
}

describe('passkeys', () => {
  test('one that its authenticator stores logs in without an e-mail address, and with it', async () => {
    const ada = await Visitor.open('ada');
    const laptop = await Authenticator.of(ada);
    await ada.registers();
    await registersPasskey(ada, laptop, 'laptop');
    await ada.isAccessible('passkey');
    const [passkey] = await laptop.passkeys();
    assert(passkey.isResidentCredential);
    await ada.logsOut();
    assert.equal(await logsIn(ada, laptop, 'Log in with a passkey'), 'aal2');
    await ada.logsOut();
    await ada.fill('login', 'E-mail address', ada.email);
    assert.equal(await logsIn(ada, laptop, 'Log in with e-mail and passkey'), 'aal2');
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
    assert.equal(await logsIn(ada, key, 'Log in with e-mail and passkey'), 'aal2');
    await ada.logsOut();
    await key.touched(async () => {
      await ada.press('Log in with a passkey');
      await ada.hears('No passkey was used');
    });
    await ada.close();
  });

  test('one that must be stored is refused by an authenticator that stores none', async () => {
    const ada = await Visitor.open('ada');
    const key = await Authenticator.withoutMemory(ada);
    await ada.registers();
    await ada.page.locator('#resident').check();
    await key.touched(async () => {
      await ada.pressIn('passkeys', 'Register a passkey');
      await ada.hears('No passkey was used');
    });
    await ada.close();
  });

  test('the browser offers them below the e-mail field', async () => {
    const ada = await Visitor.open('ada');
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
    assert.equal((await ada.session())[0], 'aal2');
    await ada.close();
  });

  test('one of each of two authenticators logs in, and neither gets a second one', async () => {
    const ada = await Visitor.open('ada');
    const laptop = await Authenticator.of(ada);
    await ada.registers();
    await registersPasskey(ada, laptop, 'laptop');
    await laptop.touched(async () => {
      await ada.pressIn('passkeys', 'Register a passkey');
      await ada.hears('This authenticator already has a passkey of this account.');
    });
    await ada.logsOut();
    assert.equal(await logsIn(ada, laptop, 'Log in with a passkey'), 'aal2');
    await laptop.leaves();
    const phone = await Authenticator.of(ada);
    await registersPasskey(ada, phone, 'phone');
    await ada.logsOut();
    assert.equal(await logsIn(ada, phone, 'Log in with a passkey'), 'aal2');
    assert.equal(await ada.page.locator('#passkey-list li').count(), 2);
    await ada.close();
  });

  test('one whose counter went back is refused', async () => {
    const ada = await Visitor.open('ada');
    const key = await Authenticator.of(ada, { transport: 'usb' });
    await ada.registers();
    await registersPasskey(ada, key);
    await ada.logsOut();
    assert.equal(await logsIn(ada, key, 'Log in with a passkey'), 'aal2');
    await ada.logsOut();
    await key.rollBack(0);
    await key.touched(async () => {
      await ada.press('Log in with a passkey');
      await ada.page.locator('#message.error').filter({ hasText: 'passkey' }).waitFor();
    });
    await ada.sees('Log in');
    await ada.close();
  });

  test('one without user verification is one factor, and completes a login as the second one', async () => {
    const ada = await Visitor.open('ada');
    const key = await Authenticator.withoutVerification(ada);
    await ada.registers();
    await registersPasskey(ada, key, 'key');
    await ada.logsOut();
    await ada.fill('login', 'E-mail address', ada.email);
    assert.equal(await logsIn(ada, key, 'Log in with e-mail and passkey'), 'aal1');
    await ada.logsOut();

    await ada.sendsPassword();
    await ada.hears('You are logged in.');
    await key.touched(async () => {
      await ada.press('Step up');
      await ada.press('Use a passkey');
      await ada.hears('You have proven another factor.');
    });
    const [app] = await ada.setsUpApp('phone');
    await ada.logsOut();
    await ada.sendsPassword();
    await ada.sees('Second factor');
    await ada.isAccessible('second-factor-with-passkey');
    await key.touched(async () => {
      await ada.press('Use a passkey');
      await ada.hears('You are logged in.');
    });
    assert.equal((await ada.session())[0], 'aal2');
    await ada.logsOut();
    await ada.sendsPassword();
    await ada.sendsCode(app.next());
    await ada.hears('You are logged in.');
    await ada.close();
  });

  test('one is renamed and removed after a step-up, and then it opens nothing', async () => {
    const ada = await Visitor.open('ada');
    const laptop = await Authenticator.of(ada);
    await ada.registers();
    await registersPasskey(ada, laptop, 'laptop');
    await ada.logsOut();
    await ada.sendsPassword();
    await ada.hears('You are logged in.');
    assert.equal((await ada.session())[0], 'aal1', 'a passkey is not asked for where a password is enough');
    await ada.page.locator('#passkey-list').getByLabel('Name', { exact: true }).fill('old laptop');
    await laptop.touched(async () => {
      await ada.press('Rename laptop');
      await ada.page.getByText('Renamed laptop to old laptop.').or(ada.button('Use a passkey')).waitFor();
      if (await ada.button('Use a passkey').isVisible()) await ada.press('Use a passkey');
      await ada.hears('Renamed laptop to old laptop.');
      await ada.press('Remove old laptop');
      await ada.page.getByText('Removed old laptop.').or(ada.button('Use a passkey')).waitFor();
      if (await ada.button('Use a passkey').isVisible()) await ada.press('Use a passkey');
      await ada.hears('Removed old laptop.');
    });
    assert.equal((await ada.session())[0], 'aal2');
    await ada.page.getByText('You have none yet.').first().waitFor();
    await ada.logsOut();
    await laptop.touched(async () => {
      await ada.press('Log in with a passkey');
      await ada.page.locator('#message.error').filter({ hasText: 'passkey' }).waitFor();
    });
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
    assert.equal((await ada.session())[0], 'aal2');
    await ada.logsOut();
    await ada.sendsPassword();
    await ada.sees('Second factor');
    await laptop.touched(async () => {
      await ada.press('Use a passkey');
      await ada.hears('You are logged in.');
    });
    assert.equal((await ada.session())[0], 'aal2');
    await ada.close();
  });

  test('what a page of another origin gets from an authenticator is refused', async () => {
    const ada = await Visitor.open('ada');
    const laptop = await Authenticator.of(ada);
    await ada.registers();
    await registersPasskey(ada, laptop);
    await ada.logsOut();

    const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<title>Not Kayan</title>'));
    await new Promise((listening) => server.listen(0, 'localhost', listening));
    await ada.page.goto(`http://localhost:${server.address().port}`);
    const post = (path, body) => fetch(`${url}/api/v1/webauthn/login/${path}`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
    });
    const begun = await (await post('begin', {})).json();
    let credential;
    await laptop.touched(async () => {
      credential = await ada.page.evaluate(async (publicKey) => {
        const options = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
        return (await navigator.credentials.get({ publicKey: options })).toJSON();
      }, begun.publicKey);
    });
    const refused = await post('finish', { session_id: begun.session_id, credential });
    assert.equal(refused.status, 401, await refused.text());
    await ada.close();
    await new Promise((closed) => server.close(closed));
  });
});
