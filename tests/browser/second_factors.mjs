// Passwords, authenticator apps and recovery codes on the page.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { App, PASSWORD, Visitor } from './page.mjs';

describe('second factors', { concurrency: 3 }, () => {
  test('an app is set up, asked for at the next login, and a recovery code stands in for it', async () => {
    const ada = await Visitor.open('ada');
    await ada.isAccessible('login');
    await ada.registers();
    assert.deepEqual(await ada.session(), ['aal1', 'password']);
    await ada.isAccessible('logged-in');

    await ada.press('Set up an app');
    await ada.sees('Set up your authenticator app');
    await ada.isAccessible('setup');
    const app = new App(await ada.page.locator('#secret').innerText());
    await ada.fill('setup', 'Code that the app shows', '000000');
    await ada.press('Confirm the app');
    await ada.hears('the code is wrong');
    await ada.isAccessible('setup-refused');
    await ada.fill('setup', 'Code that the app shows', app.next());
    await ada.press('Confirm the app');
    await ada.sees('Your recovery codes');
    await ada.isAccessible('recovery-codes');
    const codes = await ada.storesCodes();
    await ada.logsOut();

    await ada.sendsPassword();
    await ada.sees('Second factor');
    await ada.isAccessible('second-factor');
    await ada.sendsCode(app.next());
    await ada.hears('You are logged in.');
    assert.deepEqual(await ada.session(), ['aal2', 'password, totp']);
    await ada.logsOut();

    await ada.sendsPassword();
    await ada.sees('Second factor');
    await ada.fill('factor', 'Recovery code', codes[3].toLowerCase());
    await ada.press('Use recovery code');
    await ada.hears('Recovery codes left: 9.');
    assert.deepEqual(await ada.session(), ['aal2', 'password, recovery_code']);
    await ada.isAccessible('logged-in-with-app');
    await ada.press('Make new recovery codes');
    await ada.storesCodes();
    await ada.press('Remove Authenticator app');
    await ada.hears('Removed Authenticator app.');
    await ada.logsOut();

    await ada.sendsPassword();
    await ada.hears('You are logged in.');
    assert.deepEqual(await ada.session(), ['aal1', 'password']);
    await ada.close();
  });

  test('what needs a second proof asks for it, and then goes on', async () => {
    const ada = await Visitor.open('ada');
    await ada.registers();
    const [app] = await ada.setsUpApp('phone');
    assert.deepEqual(await ada.session(), ['aal1', 'password']);
    await ada.press('Remove phone');
    await ada.sees('Second factor');
    await ada.page.getByText('The service refuses this: verify a second factor first').waitFor();
    await ada.isAccessible('step-up');
    await ada.sendsCode(app.next());
    await ada.hears('Removed phone.');
    assert.deepEqual(await ada.session(), ['aal2', 'password, totp']);
    await ada.close();
  });

  test('all of it can be done by keyboard alone', async () => {
    const ada = await Visitor.open('ada');
    const { keyboard } = ada.page;
    const field = (section, label) => ada.page.locator(`#${section}`).getByLabel(label, { exact: true });
    const write = async (target, text) => {
      await ada.tabsTo(target);
      await keyboard.type(text);
    };
    const press = async (name) => {
      await ada.tabsTo(ada.button(name));
      await keyboard.press('Space');
    };
    await write(field('registration', 'E-mail address'), ada.email);
    await write(field('registration', 'Password'), PASSWORD);
    await keyboard.press('Enter');
    await ada.hears('You are registered and logged in.');
    await press('Set up an app');
    const app = await ada.scansSecret();
    await write(field('setup', 'Code that the app shows'), app.next());
    await keyboard.press('Enter');
    await ada.sees('Your recovery codes');
    const [code] = await ada.page.locator('#code-list li').allInnerTexts();
    await press('I have stored them');
    await ada.sees('You are logged in');
    await press('Step up');
    await ada.sees('Second factor');
    await write(field('factor', 'Code of your authenticator app'), app.next());
    await keyboard.press('Enter');
    await ada.hears('You have proven another factor.');
    await press('Log out');
    await ada.hears('You are logged out.');
    await write(field('login', 'E-mail address'), ada.email);
    await write(field('login', 'Password'), PASSWORD);
    await keyboard.press('Enter');
    await ada.sees('Second factor');
    await write(field('factor', 'Recovery code'), code);
    await press('Use recovery code');
    await ada.hears('Recovery codes left: 9.');
    await press('Remove Authenticator app');
    await ada.hears('Removed Authenticator app.');
    await ada.close();
  });

  test('where a second factor is required, it is set up during the login', async () => {
    const ada = await Visitor.open('ada', { at: process.env.URL_WITH_MFA });
    await ada.sendsRegistration();
    await ada.sees('Second factor');
    await ada.isAccessible('must-enroll');
    await ada.press('Set up an authenticator app');
    const app = await ada.scansSecret();
    await ada.fill('setup', 'Code that the app shows', app.next());
    await ada.press('Confirm the app');
    await ada.storesCodes();
    assert.deepEqual(await ada.session(), ['aal2', 'password, totp']);
    await ada.close();
  });
});

describe('the page', { concurrency: 3 }, () => {
  test('says what the service says about errors', async () => {
    const ada = await Visitor.open('ada');
    await ada.sendsPassword();
    await ada.hears('the identifier or the password is wrong');
    await ada.fill('registration', 'E-mail address', ada.email);
    await ada.fill('registration', 'Password', 'password');
    await ada.press('Register');
    await ada.hears('password');
    await ada.isAccessible('refused');
    await ada.close();
  });

  test('leads from an IP address to localhost, where passkeys work', async () => {
    const address = process.env.URL_OF_SERVICE.replace('localhost', '127.0.0.1');
    const ada = await Visitor.open('ada', { at: address });
    await ada.isAccessible('address');
    assert(await ada.button('Log in with a passkey').isDisabled());
    await ada.page.getByRole('link', { name: 'open this page at localhost' }).click();
    await ada.page.waitForURL(`${process.env.URL_OF_SERVICE}/docs/passkeys`);
    await ada.close();
  });

  test('keeps no token that a script could read', async () => {
    const ada = await Visitor.open('ada');
    await ada.registers();
    const kept = await ada.page.evaluate(() =>
      [document.cookie, JSON.stringify(localStorage), JSON.stringify(sessionStorage)]);
    assert.deepEqual(kept, ['', '{}', '{}']);
    assert(!(await ada.page.content()).includes('kys_'));
    const cookies = await ada.context.cookies();
    assert(cookies.some((it) => it.name === 'kayan_session'));
    assert(cookies.every((it) => it.httpOnly));
    await ada.close();
  });
});
