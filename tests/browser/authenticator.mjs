// Authenticators that the browser plays itself (WebDriver's virtual authenticators, by the DevTools protocol).

export class Authenticator {
  /** One more authenticator for this visitor: by default a phone or a laptop, which stores passkeys and verifies its user. */
  static async of(visitor, options = {}) {
    const authenticator = new Authenticator();
    if (!visitor.devtools) {
      visitor.devtools = await visitor.context.newCDPSession(visitor.page);
      await visitor.devtools.send('WebAuthn.enable');
    }
    authenticator.devtools = visitor.devtools;
    const added = await authenticator.devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        // It answers only while it is touched, so that a test says which of two answers.
        automaticPresenceSimulation: false,
        ...options,
      },
    });
    authenticator.id = added.authenticatorId;
    return authenticator;
  }

  /** A security key without a PIN: it proves that someone has it, not who. */
  static withoutVerification(visitor) {
    return Authenticator.of(visitor, {
      transport: 'usb', hasResidentKey: false, hasUserVerification: false, isUserVerified: false,
    });
  }

  /** An authenticator that finds its passkeys only by their ids. */
  static withoutMemory(visitor) {
    return Authenticator.of(visitor, { transport: 'usb', hasResidentKey: false });
  }

  #send(method, parameters = {}) {
    return this.devtools.send(`WebAuthn.${method}`, { authenticatorId: this.id, ...parameters });
  }

  /** Does something while the authenticator is touched: it answers to requests that begin now. */
  async touched(work) {
    await this.#send('setAutomaticPresenceSimulation', { enabled: true });
    await work();
    await this.#send('setAutomaticPresenceSimulation', { enabled: false });
  }

  async passkeys() {
    return (await this.#send('getCredentials')).credentials;
  }

  /** Makes it count its uses from `count` again, as a copy of it would. */
  async rollBack(count) {
    const [passkey] = await this.passkeys();
    await this.#send('removeCredential', { credentialId: passkey.credentialId });
    await this.#send('addCredential', { credential: { ...passkey, signCount: count } });
  }
}
