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
});
