//! An authenticator and a browser in software, for tests: they register passkeys, log in, and lie if told to.

mod keys;
mod model;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_cbor_2::Value as Cbor;
use serde_json::{Value, json};

use crate::keys::KeyPair;
pub use crate::model::{Algorithm, Attestation, Lies, Model};

const USER_PRESENT: u8 = 0x01;
/// The flag of authenticator data that says that the user was verified.
pub const USER_VERIFIED: u8 = 0x04;
/// The flag that says that the passkey may be backed up.
pub const BACKUP_ELIGIBLE: u8 = 0x08;
/// The flag that says that the passkey is backed up.
pub const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;

/// Why there is no credential, by the name of the browser's exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// One of the excluded passkeys is on this authenticator.
    #[error("InvalidStateError")]
    AlreadyRegistered,
    /// The authenticator has no such passkey, or can't do what is required.
    #[error("NotAllowedError")]
    NotAllowed,
    /// It has none of the algorithms.
    #[error("NotSupportedError")]
    NotSupported,
    /// The options are malformed.
    #[error("TypeError: {0}")]
    Options(&'static str),
    /// The cryptography failed.
    #[error("the cryptography failed")]
    Cryptography,
}

/// An authenticator with its passkeys, and a browser in front of it. A clone is a copy with the same private keys.
#[derive(Debug, Clone, Default)]
pub struct Authenticator {
    /// What it is, for the passkeys that it makes from now on.
    pub model: Model,
    /// What it says that is not true.
    pub lies: Lies,
    passkeys: Vec<Passkey>,
}

#[derive(Debug, Clone)]
struct Passkey {
    id: Vec<u8>,
    rp_id: String,
    user_handle: Vec<u8>,
    key: KeyPair,
    counter: u32,
    discoverable: bool,
}

impl Authenticator {
    /// An authenticator without passkeys.
    pub fn new(model: Model) -> Self {
        Self { model, ..Self::default() }
    }

    /// `navigator.credentials.create()` with these options, as JSON, from a page of this origin, and `toJSON()`.
    pub fn register(&mut self, options: &str, origin: &str) -> Result<Value, Refusal> {
        let options = parse(options)?;
        let rp_id = text(&options, "/rp/id")?;
        let excluded = ids(&options, "/excludeCredentials");
        if !self.lies.ignores_excluded && self.passkeys.iter().any(|it| it.rp_id == rp_id && excluded.contains(&it.id))
        {
            return Err(Refusal::AlreadyRegistered);
        }
        let wanted = options.pointer("/pubKeyCredParams").and_then(Value::as_array);
        let algorithm = self.model.algorithm.number();
        if !wanted.is_some_and(|wanted| wanted.iter().any(|it| it["alg"] == algorithm)) {
            return Err(Refusal::NotSupported);
        }
        let selection = options.pointer("/authenticatorSelection").unwrap_or(&Value::Null);
        let resident_key = selection["residentKey"].as_str();
        if resident_key == Some("required") && !self.model.discoverable {
            return Err(Refusal::NotAllowed);
        }
        let discoverable = self.model.discoverable && matches!(resident_key, Some("required" | "preferred"));
        let passkey = Passkey {
            id: self.lies.credential_id.clone().map_or_else(|| keys::random(16), Ok)?,
            rp_id: rp_id.to_owned(),
            user_handle: decoded(&options, "/user/id")?,
            key: KeyPair::generate(self.model.algorithm)?,
            counter: self.model.counter,
            discoverable,
        };
        let flags = ATTESTED | self.flags(selection["userVerification"].as_str())?;
        let mut data = self.authenticator_data(&passkey, flags);
        data.extend(self.model.aaguid.as_bytes());
        data.extend(u16::try_from(passkey.id.len()).map_err(|_| Refusal::Options("the id is too long"))?.to_be_bytes());
        data.extend(&passkey.id);
        data.extend(cbor(&passkey.key.cose(self.lies.algorithm))?);
        let client_data = self.client_data(&options, "webauthn.create", origin)?;
        let object = self.attestation_object(&passkey.key, &data, &client_data)?;
        let response = json!({
            "clientDataJSON": encoded(&client_data),
            "attestationObject": encoded(&object),
            "authenticatorData": encoded(&data),
            "transports": self.model.transports,
            "publicKey": encoded(&passkey.key.spki()?),
            "publicKeyAlgorithm": algorithm,
        });
        let credential = self.credential(&passkey.id, &response, &json!({ "credProps": { "rk": discoverable } }));
        self.passkeys.push(passkey);
        Ok(credential)
    }

    /// `navigator.credentials.get()` with these options, as JSON, from a page of this origin, and `toJSON()`.
    pub fn log_in(&mut self, options: &str, origin: &str) -> Result<Value, Refusal> {
        let options = parse(options)?;
        let (rp_id, allowed) = (text(&options, "/rpId")?, ids(&options, "/allowCredentials"));
        let is_meant = |it: &Passkey| {
            it.rp_id == rp_id && if allowed.is_empty() { it.discoverable } else { allowed.contains(&it.id) }
        };
        let flags = self.flags(options.get("userVerification").and_then(Value::as_str))?;
        let step = self.model.counter_step;
        let passkey = self.passkeys.iter_mut().rev().find(|it| is_meant(it)).ok_or(Refusal::NotAllowed)?;
        passkey.counter = passkey.counter.wrapping_add(step);
        let passkey = passkey.clone();
        let data = self.authenticator_data(&passkey, flags);
        let client_data = self.client_data(&options, "webauthn.get", origin)?;
        let handle = passkey.discoverable.then_some(&passkey.user_handle);
        let mut response = serde_json::Map::new();
        let mut put = |member: &str, bytes: &[u8]| response.insert(member.to_owned(), encoded(bytes).into());
        put("clientDataJSON", &client_data);
        put("authenticatorData", &data);
        put("signature", &passkey.key.sign(&signed(&data, &client_data))?);
        self.lies.user_handle.as_ref().or(handle).map(|handle| put("userHandle", handle));
        Ok(self.credential(self.lies.credential_id.as_ref().unwrap_or(&passkey.id), &response.into(), &json!({})))
    }

    /// The private key of the newest passkey replaces that of each other: they sign with the wrong one.
    pub fn mix_up_keys(&mut self) {
        let Some(key) = self.passkeys.last().map(|it| it.key.clone()) else { return };
        self.passkeys.iter_mut().for_each(|it| it.key = key.clone());
    }

    fn flags(&self, user_verification: Option<&str>) -> Result<u8, Refusal> {
        let Model { verifies_user, backup_eligible, backed_up, .. } = self.model;
        if user_verification == Some("required") && !verifies_user && !self.lies.ignores_user_verification {
            return Err(Refusal::NotAllowed);
        }
        let verified = verifies_user && user_verification != Some("discouraged");
        let parts = [(verified, USER_VERIFIED), (backup_eligible, BACKUP_ELIGIBLE), (backed_up, BACKED_UP)];
        Ok(parts.iter().filter(|(is_set, _)| *is_set).fold(USER_PRESENT, |flags, (_, flag)| flags | flag))
    }

    fn authenticator_data(&self, passkey: &Passkey, flags: u8) -> Vec<u8> {
        let rp_id = self.lies.rp_id.as_ref().unwrap_or(&passkey.rp_id);
        let mut data = sha256(rp_id.as_bytes());
        data.push((flags | self.lies.flags_set) & !self.lies.flags_cleared);
        data.extend(self.lies.counter.unwrap_or(passkey.counter).to_be_bytes());
        data
    }

    /// `clientDataJSON`, with its members in the order of the specification (section 5.8.1.1).
    fn client_data(&self, options: &Value, kind: &str, origin: &str) -> Result<Vec<u8>, Refusal> {
        let lies = &self.lies;
        let challenge = lies.challenge.clone().map_or_else(|| text(options, "/challenge").map(str::to_owned), Ok)?;
        let kind = json!(lies.client_type.as_deref().unwrap_or(kind));
        let (challenge, origin, cross_origin) = (json!(challenge), json!(origin), lies.cross_origin);
        let top = lies.top_origin.as_ref().map(|top| format!(",\"topOrigin\":{}", json!(top))).unwrap_or_default();
        let data = format!(
            "{{\"type\":{kind},\"challenge\":{challenge},\"origin\":{origin},\"crossOrigin\":{cross_origin}{top}}}"
        );
        Ok(data.into_bytes())
    }

    fn attestation_object(&self, key: &KeyPair, data: &[u8], client_data: &[u8]) -> Result<Vec<u8>, Refusal> {
        let (format, statement) = match self.model.attestation {
            Attestation::None => ("none", Vec::new()),
            Attestation::PackedSelf => {
                let signature = key.sign(&signed(data, client_data))?;
                let algorithm = Cbor::Integer(self.model.algorithm.number().into());
                ("packed", vec![("alg", algorithm), ("sig", Cbor::Bytes(signature))])
            }
        };
        let text = |text: &str| Cbor::Text(text.to_owned());
        let statement = statement.into_iter().map(|(name, value)| (text(name), value)).collect();
        cbor(&Cbor::Map(
            [
                (text("fmt"), text(format)),
                (text("attStmt"), Cbor::Map(statement)),
                (text("authData"), Cbor::Bytes(data.to_vec())),
            ]
            .into(),
        ))
    }

    fn credential(&self, id: &[u8], response: &Value, results: &Value) -> Value {
        let attachment =
            if self.model.transports.iter().any(|it| it == "internal") { "platform" } else { "cross-platform" };
        json!({
            "id": encoded(id),
            "rawId": encoded(id),
            "type": "public-key",
            "authenticatorAttachment": attachment,
            "response": response,
            "clientExtensionResults": results,
        })
    }
}

/// Flips the last bit of a member of `response`.
pub fn spoil(credential: &mut Value, member: &str) {
    let Some(field) = credential.get_mut("response").and_then(|response| response.get_mut(member)) else { return };
    let mut bytes = field.as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok()).unwrap_or_default();
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    *field = encoded(&bytes).into();
}

/// What is signed: the authenticator data and the hash of the client data.
fn signed(data: &[u8], client_data: &[u8]) -> Vec<u8> {
    [data, &sha256(client_data)].concat()
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest::digest(&digest::SHA256, bytes).as_ref().to_vec()
}

fn cbor(value: &Cbor) -> Result<Vec<u8>, Refusal> {
    serde_cbor_2::to_vec(value).map_err(|_| Refusal::Options("not CBOR"))
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn parse(options: &str) -> Result<Value, Refusal> {
    serde_json::from_str(options).map_err(|_| Refusal::Options("not JSON"))
}

fn text<'a>(options: &'a Value, pointer: &'static str) -> Result<&'a str, Refusal> {
    options.pointer(pointer).and_then(Value::as_str).ok_or(Refusal::Options(pointer))
}

fn decoded(options: &Value, pointer: &'static str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(text(options, pointer)?).map_err(|_| Refusal::Options(pointer))
}

fn ids(options: &Value, pointer: &'static str) -> Vec<Vec<u8>> {
    let list = options.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(|it| decoded(it, "/id").ok()).collect()
}
