//! Admin tokens as biscuits: Ed25519 signatures over blocks that can be appended offline.
//!
//! Any holder of a token can append a block, and any tool can write one. So a block may contain only a few lines of
//! fixed forms, which are compared as text before anything is evaluated: the authorizer's limits do not apply within an
//! expression, and a few hundred bytes of nested closures keep it busy for minutes.

mod user;

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use biscuit_auth::{
    Algorithm, AuthorizerBuilder, AuthorizerLimits, Biscuit, BiscuitBuilder, BlockBuilder, KeyPair, PrivateKey,
    PublicKey, UnverifiedBiscuit, error,
};
use kayan_ports::{
    AdminToken, AdminTokenError, AdminTokenId, AdminTokenText, AdminTokens, Bounds, Entropy, SigningKey, TenantId,
    Timestamp, TokenBlock, timestamp,
};
use time::{UtcOffset, format_description::well_known::Rfc3339};
use uuid::Uuid;
use zeroize::Zeroizing;

/// The longest text; longer headers are rare.
const LONGEST: usize = 4096;
/// The most blocks, including the first.
const MOST_BLOCKS: usize = 8;

/// Enough for eight blocks of known lines; the time allows for a very busy machine.
fn limits() -> AuthorizerLimits {
    AuthorizerLimits { max_facts: 500, max_iterations: 4, max_time: Duration::from_millis(100) }
}

/// Creates, narrows and reads admin tokens, and signs biscuits for users.
pub struct Biscuits {
    entropy: Arc<dyn Entropy>,
}

impl Biscuits {
    /// `entropy` generates the keys for appending blocks.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self { entropy }
    }

    /// The key with which the holder appends the next block.
    fn next_key(&self) -> Result<KeyPair, error::Format> {
        let mut seed = Zeroizing::new([0; 32]);
        self.entropy.fill(seed.as_mut_slice());
        key_pair(&seed)
    }
}

impl AdminTokens for Biscuits {
    fn issue(
        &self,
        key: &SigningKey,
        id: AdminTokenId,
        name: &str,
        bounds: &Bounds,
    ) -> Result<AdminTokenText, AdminTokenError> {
        let lines = format!("token(\"{id}\");\nname(\"{name}\");\n{}", written(bounds, GRANT)?);
        let same =
            |said: &Said| said.id == Some(id) && said.name.as_deref() == Some(name) && said.bounds == whole(bounds);
        parse(&lines, true).filter(same).ok_or_else(strange_text)?;
        let builder = BiscuitBuilder::new().code(lines).map_err(fault)?;
        let (root, next) = (key_pair(&key.seed).map_err(fault)?, self.next_key().map_err(fault)?);
        let token = builder.build_with_key_pair(&root, symbols(), &next).map_err(fault)?;
        encode(&token.to_vec().map_err(fault)?)
    }

    fn narrow(&self, token: &AdminTokenText, bounds: &Bounds) -> Result<AdminTokenText, AdminTokenError> {
        let token = UnverifiedBiscuit::from(decode(token)?.as_slice()).map_err(|_| AdminTokenError::Malformed)?;
        if token.block_count() >= MOST_BLOCKS {
            return Err(AdminTokenError::Full);
        }
        let source = token.print_block_source(0).ok();
        source.and_then(|source| parse(&source, true)).ok_or(AdminTokenError::Strange(0))?;
        let lines = written(bounds, LIMIT)?;
        parse(&lines, false).filter(|said| said.bounds == whole(bounds)).ok_or_else(strange_text)?;
        let block = BlockBuilder::new().code(lines).map_err(fault)?;
        let next = self.next_key().map_err(fault)?;
        let narrowed = token.append_with_keypair(&next, block).map_err(|_| AdminTokenError::Full)?;
        encode(&narrowed.to_vec().map_err(fault)?)
    }

    fn read(&self, key: &SigningKey, token: &AdminTokenText, at: Timestamp) -> Result<AdminToken, AdminTokenError> {
        let root = PublicKey::from_bytes(&key.public, Algorithm::Ed25519).map_err(fault)?;
        let token = Biscuit::from(decode(token)?.as_slice(), root).map_err(|error| match error {
            error::Token::Format(error::Format::Signature(_)) => AdminTokenError::Forged,
            _ => AdminTokenError::Malformed,
        })?;
        if token.block_count() > MOST_BLOCKS {
            return Err(AdminTokenError::Strange(MOST_BLOCKS));
        }
        if let Some(other) = token.external_public_keys().iter().position(Option::is_some) {
            return Err(AdminTokenError::Strange(other));
        }
        let (first, later) = blocks(&token)?;
        let holds = holds(&token, &first.bounds, &later, at);
        Ok(AdminToken { name: first.name, first: TokenBlock { id: first.id, bounds: first.bounds }, later, holds })
    }
}

fn blocks(token: &Biscuit) -> Result<(First, Vec<TokenBlock>), AdminTokenError> {
    let read = |number: usize| {
        // The trust of a block in others than the first is not printed. It would only affect its checks, and those are
        // about facts that no block may state.
        let source = token.print_block_source(number).ok();
        source.and_then(|source| parse(&source, number == 0)).ok_or(AdminTokenError::Strange(number))
    };
    let Said { id: Some(id), name: Some(name), bounds } = read(0)? else { return Err(AdminTokenError::Strange(0)) };
    let mut later = Vec::new();
    for (number, signature) in token.revocation_identifiers().iter().enumerate().skip(1) {
        later.push(TokenBlock { id: block_id(signature), bounds: read(number)?.bounds });
    }
    Ok((First { id, name, bounds }, later))
}

/// A later block has no id of its own: its id (version 8, RFC 9562, section 5.8) is derived from its signature, which
/// can't be changed without a key that is not in the token.
fn block_id(signature: &[u8]) -> AdminTokenId {
    let hash = digest(&SHA256, signature);
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(hash.as_ref()).for_each(|(byte, hashed)| *byte = *hashed);
    AdminTokenId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// Whether every check passes, according to the biscuit library.
fn holds(token: &Biscuit, first: &Bounds, later: &[TokenBlock], at: Timestamp) -> bool {
    let mut all = std::iter::once(first).chain(later.iter().map(|block| &block.bounds));
    // The first tenant named is where the token is used; a block that names another one fails there.
    let tenant = all.find_map(|bounds| bounds.tenant.as_ref());
    let Ok(now) = moment(at) else { return false };
    let facts = tenant.map_or(String::new(), |tenant| format!("tenant(\"{tenant}\");\n"));
    let code = format!("{facts}time({now});\nallow if true;");
    let authorizer = AuthorizerBuilder::new().set_limits(limits()).code(code).and_then(|it| it.build(token));
    authorizer.is_ok_and(|mut authorizer| authorizer.authorize().is_ok())
}

/// What the first block calls a permission, and what later ones do: those grant nothing.
const GRANT: &str = "permission";
const LIMIT: &str = "limit";

/// The lines of a block, exactly as the library prints them.
fn written(bounds: &Bounds, predicate: &str) -> Result<String, AdminTokenError> {
    let permissions = bounds.permissions.iter().flatten();
    let mut lines: Vec<String> = permissions.map(|permission| format!("{predicate}(\"{permission}\");\n")).collect();
    lines.extend(bounds.tenant.as_ref().map(|tenant| format!("check if tenant(\"{tenant}\");\n")));
    if let Some(end) = bounds.expires_at {
        lines.push(format!("check if time($time), $time < {};\n", moment(end)?));
    }
    Ok(lines.concat())
}

/// As the library prints it, in whole seconds: biscuits know no shorter ones.
fn moment(at: Timestamp) -> Result<String, AdminTokenError> {
    at.to_offset(UtcOffset::UTC).truncate_to_second().format(&Rfc3339).map_err(fault)
}

/// The bounds with their expiry in whole seconds.
fn whole(bounds: &Bounds) -> Bounds {
    let expires_at = bounds.expires_at.map(|end| end.to_offset(UtcOffset::UTC).truncate_to_second());
    Bounds { expires_at, ..bounds.clone() }
}

/// The error for a text that would read differently in a block: a quote in it could start another line.
fn strange_text() -> AdminTokenError {
    AdminTokenError::Fault("the name, a permission or the tenant contains a character that is not allowed".to_owned())
}

/// What the lines of a block say.
#[derive(Default)]
struct Said {
    id: Option<AdminTokenId>,
    name: Option<String>,
    bounds: Bounds,
}

struct First {
    id: AdminTokenId,
    name: String,
    bounds: Bounds,
}

/// Parses the lines that [`written`] writes, and nothing else.
///
/// The library prints strings without escaping quotes, so a hostile one may look like several lines. The first block
/// has none, since only this service signs it; a later one can only narrow, whatever it looks like.
fn parse(source: &str, is_first: bool) -> Option<Said> {
    let mut said = Said::default();
    for line in source.lines() {
        let line = line.strip_suffix(';')?;
        let bounds = &mut said.bounds;
        if let Some(permission) = argument(line, if is_first { GRANT } else { LIMIT }) {
            bounds.permissions.get_or_insert_default().push(allowed(permission, ":*-_.", false)?);
        } else if let Some(tenant) = line.strip_prefix("check if ").and_then(|check| argument(check, "tenant")) {
            let tenant: TenantId = tenant.parse().ok()?;
            // If two differ, the authorizer refuses the token; the first one is shown.
            bounds.tenant.get_or_insert(tenant);
        } else if let Some(end) = line.strip_prefix("check if time($time), $time < ") {
            let end = timestamp::parse(end)?;
            bounds.expires_at = Some(bounds.expires_at.map_or(end, |other| other.min(end)));
        } else if let (true, Some(id)) = (is_first, argument(line, "token")) {
            said.id = Some(AdminTokenId(Uuid::try_parse(id).ok()?));
        } else if let (true, Some(name)) = (is_first, argument(line, "name")) {
            said.name = Some(allowed(name, "-_.@ ", true)?);
        } else {
            return None;
        }
    }
    let is_whole = said.id.is_some() && said.name.is_some() && said.bounds.expires_at.is_some();
    (!is_first || (is_whole && said.bounds.permissions.is_some())).then_some(said)
}

/// The text in `predicate("text")`.
fn argument<'a>(line: &'a str, predicate: &str) -> Option<&'a str> {
    line.strip_prefix(predicate)?.strip_prefix("(\"")?.strip_suffix("\")")
}

fn allowed(text: &str, also: &str, capitals: bool) -> Option<String> {
    let known = |c: char| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || also.contains(c) || (capitals && c.is_ascii_uppercase())
    };
    (!text.is_empty() && text.chars().all(known)).then(|| text.to_owned())
}

fn symbols() -> biscuit_auth::datalog::SymbolTable {
    biscuit_auth::datalog::SymbolTable::new()
}

fn key_pair(seed: &[u8; 32]) -> Result<KeyPair, error::Format> {
    Ok(KeyPair::from(&PrivateKey::from_bytes(seed, Algorithm::Ed25519)?))
}

fn encode(token: &[u8]) -> Result<AdminTokenText, AdminTokenError> {
    let mut text = AdminTokenText::PREFIX.to_owned();
    URL_SAFE_NO_PAD.encode_string(token, &mut text);
    if text.len() > LONGEST { Err(AdminTokenError::Full) } else { Ok(text.into()) }
}

fn decode(token: &AdminTokenText) -> Result<Zeroizing<Vec<u8>>, AdminTokenError> {
    let text = Some(token.expose()).filter(|text| text.len() <= LONGEST);
    let encoded = text.and_then(|text| text.strip_prefix(AdminTokenText::PREFIX)).ok_or(AdminTokenError::Malformed)?;
    URL_SAFE_NO_PAD.decode(encoded).map(Zeroizing::new).map_err(|_| AdminTokenError::Malformed)
}

fn fault(error: impl std::fmt::Display) -> AdminTokenError {
    AdminTokenError::Fault(error.to_string())
}

#[cfg(test)]
mod tests;
