// The pages that links in mails open: tests/journeys/tests/browser.rs requests the mails, and passes their links.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Visitor } from './page.mjs';

const { LINKS, URL_WITH_MAIL: at } = process.env;
const links = JSON.parse(LINKS);
const NEW = 'another horse battery staple 8';

describe('links in mails', { concurrency: 3 }, () => {
  test('a link verifies the address once it is confirmed, and no second time', async () => {
    const ada = await Visitor.open('ada', { at });
    await ada.page.goto(links.verification);
    await ada.sees('Verify your e-mail address');
    assert(!ada.page.url().includes('token'), 'the token is not left in the address bar');
    await ada.isAccessible('verification');
    await ada.press('Verify address');
    await ada.hears('Your e-mail address is verified.');
    // Navigating to the same page with another fragment alone does not load it.
    await ada.page.goto(`${at}/docs/passkeys`);
    await ada.page.goto(links.verification);
    await ada.press('Verify address');
    await ada.hears('This link was used already or has expired.');
    await ada.sees('Verify your e-mail address');
    await ada.isAccessible('verification-refused');
    await ada.page.getByLabel('E-mail address').fill('nobody@example.com');
    await ada.press('Send a new link');
    await ada.hears('If there is an account with this address');
    await ada.close();
  });

  test('a password is recovered, and a weak one refused with the reason', async () => {
    const ada = await Visitor.open('ada', { at });
    await ada.page.goto(links.recovery);
    await ada.sees('Set a new password');
    await ada.isAccessible('recovery');
    const password = ada.page.getByLabel('New password');
    await password.fill('password');
    await ada.press('Set password');
    await ada.hears('one of the most common');
    await ada.isAccessible('recovery-refused');
    await password.fill(NEW);
    await ada.press('Set password');
    await ada.hears('Your password is set.');
    await ada.page.goto(`${at}/docs/passkeys`);
    await ada.sees('Log in');
    await ada.fill('login', 'E-mail address', links.email);
    await ada.fill('login', 'Password', NEW);
    await ada.press('Log in');
    await ada.hears('You are logged in.');
    await ada.close();
  });

  test('a link logs in, by keyboard alone', async () => {
    const grace = await Visitor.open('grace', { at });
    await grace.page.goto(links.magic);
    await grace.sees('Log in');
    await grace.tabsTo(grace.button('Log in'));
    await grace.page.keyboard.press('Enter');
    await grace.hears('You are logged in.');
    await grace.page.goto(`${at}/docs/passkeys`);
    assert.deepEqual(await grace.session(), ['aal1', 'magic_link']);
    await grace.close();
  });

  test('an invited user chooses a password, and learns why a weak one is refused', async () => {
    const ida = await Visitor.open('ida', { at });
    await ida.page.goto(links.invitation);
    await ida.sees('Welcome');
    assert(!ida.page.url().includes('token'), 'the token is not left in the address bar');
    await ida.isAccessible('invitation');
    const password = ida.page.getByLabel('New password');
    await password.fill('password');
    await ida.press('Set password');
    await ida.hears('password');
    await ida.isAccessible('invitation-refused');
    await password.fill(NEW);
    await ida.press('Set password');
    await ida.hears('You are logged in.');
    await ida.isAccessible('invitation-accepted');
    await ida.page.goto(`${at}/docs/passkeys`);
    assert.deepEqual(await ida.session(), ['aal1', 'magic_link']);
    await ida.page.goto(links.invitation);
    await ida.page.getByLabel('New password').fill(NEW);
    await ida.press('Set password');
    await ida.hears('Ask for a new invitation');
    await ida.close();
  });

  test('a new address is confirmed, and no second time', async () => {
    const jane = await Visitor.open('jane', { at });
    await jane.page.goto(links.change);
    await jane.sees('Change your e-mail address');
    await jane.isAccessible('email-change');
    await jane.press('Change address');
    await jane.hears('Your e-mail address is changed.');
    await jane.page.goto(`${at}/docs/passkeys`);
    await jane.page.goto(links.change);
    await jane.press('Change address');
    await jane.hears('This link was used already or has expired.');
    await jane.isAccessible('email-change-refused');
    await jane.close();
  });
});
