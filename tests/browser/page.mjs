// The page in a real browser: opening it, reading it, and authenticators to use on it.

import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

// tests/journeys/tests/browser.rs runs this, and sets these.
const { KAYAN_TEST_BROWSER: tools, URL_OF_SERVICE: url, SCREENSHOTS: screenshots } = process.env;
const require = createRequire(join(tools, 'node_modules/'));
const { chromium } = require('playwright-core');
const axe = require('axe-core').source;

export const PASSWORD = 'correct horse battery staple 7';
const PATIENCE = 30_000;

let browser;

export async function start() {
  mkdirSync(screenshots, { recursive: true });
  // Tests run as root in containers, where Chromium has no sandbox.
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
}

export const stop = () => browser.close();

/** An authenticator app: it makes the codes of RFC 6238. Each is good once, so the next one is always of a later step. */
export class App {
  #last = 0;

  constructor(secret) {
    const digits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0'));
    this.key = Buffer.from(digits.join('').match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  }

  next() {
    const now = Math.floor(Date.now() / 30_000);
    const step = Math.max(this.#last + 1, now);
    assert(step <= now + 1, 'the service accepts one step ahead: let a test use two codes of an app at most');
    this.#last = step;
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(step));
    const mac = createHmac('sha1', this.key).update(counter).digest();
    const number = mac.readUInt32BE(mac.at(-1) & 15) & 0x7fffffff;
    return String(number % 1_000_000).padStart(6, '0');
  }
}

/** A visitor with a browser profile of their own, on the page. */
export class Visitor {
  static async open(name, { at = url, scheme = 'light', autofill = false } = {}) {
    const context = await browser.newContext({ colorScheme: scheme, viewport: { width: 900, height: 1000 } });
    context.setDefaultTimeout(PATIENCE);
    const visitor = new Visitor();
    visitor.name = name;
    visitor.email = `${name}-${randomBytes(4).toString('hex')}@example.com`;
    visitor.context = context;
    // The browser tells nobody when it begins to offer passkeys, and an authenticator that is touched then would log in.
    if (!autofill) await context.addInitScript(() => {
      globalThis.PublicKeyCredential.isConditionalMediationAvailable = async () => false;
    });
    visitor.page = await context.newPage();
    visitor.errors = [];
    visitor.page.on('pageerror', (error) => visitor.errors.push(String(error)));
    visitor.page.on('console', (line) => /Content Security Policy/i.test(line.text()) && visitor.errors.push(line.text()));
    await visitor.page.goto(`${at}/docs/passkeys`);
    await visitor.sees('Log in');
    return visitor;
  }

  async close() {
    await this.context.close();
    assert.deepEqual(this.errors, []);
  }

  button(name, within = this.page) {
    return within.getByRole('button', { name, exact: true });
  }

  async press(name) {
    await this.button(name).click();
  }

  /** For a button of which there is one in another section, too. */
  async pressIn(section, name) {
    await this.button(name, this.page.locator(`#${section}`)).click();
  }

  async fill(section, label, text) {
    await this.page.locator(`#${section}`).getByLabel(label, { exact: true }).fill(text);
  }

  /** Waits until the section with this heading is shown, and has the focus if it is the first one. */
  async sees(heading) {
    await this.page.getByRole('heading', { name: heading, exact: true }).waitFor();
  }

  /** Waits until the page says this in its live region. */
  async hears(part) {
    await this.page.getByRole('status').filter({ hasText: part }).waitFor();
  }

  /** The page has no violation that axe knows, in light and in dark; what it looks like is kept. */
  async isAccessible(state) {
    await this.page.evaluate(axe);
    for (const colorScheme of ['dark', 'light']) {
      await this.page.emulateMedia({ colorScheme });
      // Everything but the colours is the same in both.
      const options = colorScheme === 'dark' ? { runOnly: ['color-contrast'] } : {};
      const { violations } = await this.page.evaluate((options) => globalThis.axe.run(options), options);
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join('\n')}`);
      assert.deepEqual(found, [], `${state}, ${colorScheme}`);
      await this.page.screenshot({ path: join(screenshots, `${state}-${colorScheme}.png`), fullPage: true });
    }
  }

  async sendsRegistration() {
    await this.fill('registration', 'E-mail address', this.email);
    await this.fill('registration', 'Password', PASSWORD);
    await this.press('Register');
  }

  async registers() {
    await this.sendsRegistration();
    await this.hears('You are registered and logged in.');
    await this.sees('You are logged in');
  }

  async logsOut() {
    await this.press('Log out');
    await this.hears('You are logged out.');
  }

  async sendsPassword() {
    await this.fill('login', 'E-mail address', this.email);
    await this.fill('login', 'Password', PASSWORD);
    await this.press('Log in');
  }

  /** Sets up an authenticator app, and returns it with the recovery codes, which come with the first factor only. */
  async setsUpApp(name = '', { isFirst = true } = {}) {
    await this.fill('apps', 'Name of a new app', name);
    await this.press('Set up an app');
    const app = await this.scansSecret();
    await this.fill('setup', 'Code that the app shows', app.next());
    await this.press('Confirm the app');
    await this.hears('The app is confirmed.');
    return [app, isFirst ? await this.storesCodes() : []];
  }

  async scansSecret() {
    await this.sees('Set up your authenticator app');
    return new App(await this.page.locator('#secret').innerText());
  }

  async storesCodes() {
    await this.sees('Your recovery codes');
    const codes = await this.page.locator('#code-list li').allInnerTexts();
    assert.equal(codes.length, 10);
    await this.press('I have stored them');
    await this.sees('You are logged in');
    return codes;
  }

  async sendsCode(code) {
    await this.sees('Second factor');
    await this.fill('factor', 'Code of your authenticator app', code);
    await this.press('Verify code');
  }

  /** The level of the session and how it was proven, as the page shows them. */
  async session() {
    await this.sees('You are logged in');
    const methods = await this.page.locator('#methods').innerText();
    return [await this.page.locator('#level').innerText(), methods.replaceAll(/ \([^)]*\)/g, '')];
  }

  /** Presses Tab until this has the focus. */
  async tabsTo(target) {
    for (let pressed = 0; pressed < 40; pressed += 1) {
      if (await target.evaluate((element) => element === document.activeElement)) return;
      await this.page.keyboard.press('Tab');
    }
    assert.fail(`Tab does not lead to ${target}`);
  }
}
