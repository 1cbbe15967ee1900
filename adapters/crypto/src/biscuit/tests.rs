//! Tests of admin tokens, with later blocks by any author.

use std::time::Instant;

use kayan_fakes::SeededEntropy;
use kayan_ports::KeyId;
use time::macros::datetime;

use super::*;

const NOW: Timestamp = datetime!(2026-03-01 12:00:00.5 UTC);
const END: Timestamp = datetime!(2026-03-01 13:00:00 UTC);

fn key(seed: u8) -> SigningKey {
    let seed = Zeroizing::new([seed; 32]);
    let public = key_pair(&seed).unwrap().public().to_bytes().try_into().unwrap();
    SigningKey { id: KeyId(Uuid::nil()), seed, public }
}

fn biscuits() -> Biscuits {
    Biscuits::new(Arc::new(SeededEntropy::new(1)))
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

fn id() -> AdminTokenId {
    AdminTokenId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001))
}

fn token(tenant: Option<&str>) -> AdminTokenText {
    let tenant = tenant.map(|tenant| tenant.parse().unwrap());
    let bounds = Bounds { permissions: Some(texts(&["users:*", "audit:read"])), tenant, expires_at: Some(END) };
    biscuits().issue(&key(1), id(), "deploy bot", &bounds).unwrap()
}

fn read(token: &AdminTokenText) -> Result<AdminToken, AdminTokenError> {
    biscuits().read(&key(1), token, NOW)
}

/// The token with a block as any tool may write it.
fn appended(token: &AdminTokenText, code: &str) -> AdminTokenText {
    let token = UnverifiedBiscuit::from(decode(token).unwrap().as_slice()).unwrap();
    let block = BlockBuilder::new().code(code).unwrap();
    encode(&token.append(block).unwrap().to_vec().unwrap()).unwrap()
}

#[test]
fn a_token_reads_as_it_was_issued_and_narrowed() {
    let limit = Bounds {
        permissions: Some(texts(&["users:read"])),
        tenant: Some("acme".parse().unwrap()),
        expires_at: Some(datetime!(2026-03-01 12:30:00 UTC)),
    };
    let narrowed = biscuits().narrow(&token(None), &limit).unwrap();
    assert!(narrowed.expose().starts_with("kya_"));
    let read = read(&narrowed).unwrap();
    assert_eq!((read.first.id, &*read.name, read.holds), (id(), "deploy bot", true));
    assert_eq!(read.first.bounds.permissions, Some(texts(&["users:*", "audit:read"])));
    assert_eq!((read.first.bounds.tenant, read.first.bounds.expires_at), (None, Some(END)));
    assert_eq!(read.later.len(), 1);
    assert_eq!(read.later[0].bounds, limit);
    assert_ne!(read.later[0].id, id());
}

#[test]
fn a_token_ends_at_its_end_and_not_before() {
    let (token, key) = (token(None), key(1));
    for (at, holds) in [(END - time::Duration::MICROSECOND, true), (END, false), (END + time::Duration::DAY, false)] {
        assert_eq!(biscuits().read(&key, &token, at).unwrap().holds, holds, "{at}");
    }
    let sooner = Bounds { expires_at: Some(NOW.truncate_to_second()), ..Bounds::default() };
    let later = Bounds { expires_at: Some(END + time::Duration::DAY), ..Bounds::default() };
    assert!(!read(&biscuits().narrow(&token, &sooner).unwrap()).unwrap().holds);
    let prolonged = biscuits().narrow(&token, &later).unwrap();
    assert!(!biscuits().read(&key, &prolonged, END).unwrap().holds, "a later end prolongs nothing");
}

#[test]
fn a_token_of_one_tenant_is_good_in_no_other() {
    let other = Bounds { tenant: Some("other".parse().unwrap()), ..Bounds::default() };
    assert!(read(&token(Some("acme"))).unwrap().holds);
    assert!(!read(&biscuits().narrow(&token(Some("acme")), &other).unwrap()).unwrap().holds);
    assert!(read(&biscuits().narrow(&token(None), &other).unwrap()).unwrap().holds);
}

#[test]
fn forged_truncated_and_changed_tokens_are_refused() {
    let (token, other) = (token(None), key(2));
    assert_eq!(biscuits().read(&other, &token, NOW), Err(AdminTokenError::Forged), "another key");
    let text = token.expose();
    for length in 0..text.len() {
        assert!(read(&text[..length].into()).is_err(), "{length} characters");
    }
    for at in 4..text.len() {
        let mut changed = text.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(changed == text || read(&changed.into()).is_err(), "position {at}");
    }
    for junk in ["", "kya_", "kys_abc", "kya_!!!!", &format!("kya_{}", "A".repeat(5000)), &text[4..]] {
        assert_eq!(read(&junk.into()), Err(AdminTokenError::Malformed), "{junk}");
    }
}

#[test]
fn a_block_that_says_anything_else_is_refused() {
    let token = token(Some("acme"));
    for code in [
        "permission(\"**\");",
        "token(\"01900000-0000-7000-8000-000000000001\");",
        "tenant(\"other\");",
        "time(2020-01-01T00:00:00Z);",
        "limit(\"users:read\", \"users:write\");",
        "limit(\"users:re\\\"ad\");",
        "limit(7);",
        "check if true;",
        "check if operation(\"users:read\");",
        "check if tenant(\"acme\") or true;",
        "check all tenant(\"acme\");",
        "reject if tenant(\"acme\");",
        "check if tenant($any);",
        "check if time($time), $time < 2030-01-01T00:00:00Z, true;",
        "permission($p) <- tenant($p);",
        "limit($p) <- tenant($p);",
    ] {
        assert_eq!(read(&appended(&token, code)), Err(AdminTokenError::Strange(1)), "{code}");
    }
    for code in
        ["limit(\"users:read\");", "check if tenant(\"acme\");", "check if time($t), $t < 2030-01-01T00:00:00Z;"]
    {
        let known = code.replace("$t,", "$time,").replace("($t)", "($time)").replace("$t ", "$time ");
        assert!(read(&appended(&token, &known)).is_ok(), "any tool may write {known}");
    }
}

#[test]
fn a_hostile_string_makes_no_line_that_widens() {
    // Strings are printed without escaping: this one looks like three lines.
    let fact = biscuit_auth::builder::Fact::new(
        "limit".to_owned(),
        vec![biscuit_auth::builder::Term::Str("users:read\");\nlimit(\"**\");\nlimit(\"audit:read".to_owned())],
    );
    let unverified = UnverifiedBiscuit::from(decode(&token(None)).unwrap().as_slice()).unwrap();
    let hostile = unverified.append(BlockBuilder::new().fact(fact).unwrap()).unwrap();
    let read = read(&encode(&hostile.to_vec().unwrap()).unwrap()).unwrap();
    assert_eq!(
        read.first.bounds.permissions,
        Some(texts(&["users:*", "audit:read"])),
        "what is granted is what was granted"
    );
    assert_eq!(read.first.bounds.tenant, None);
}

#[test]
fn what_a_block_trusts_makes_no_difference() {
    let (acme, limit) = (token(Some("acme")), "limit(\"users:read\"); check if tenant(\"other\");");
    let read = read(&appended(&acme, &format!("trusting previous; {limit}"))).unwrap();
    assert!(!read.holds, "the first block's tenant is no fact");
    assert_eq!(read.later[0].bounds.permissions, Some(texts(&["users:read"])));
}

#[test]
fn a_block_of_a_third_party_is_refused() {
    let stranger = KeyPair::new();
    let unverified = UnverifiedBiscuit::from(decode(&token(None)).unwrap().as_slice()).unwrap();
    let request = unverified.third_party_request().unwrap();
    let block = BlockBuilder::new().code("limit(\"users:read\");").unwrap();
    let block = request.create_block(&stranger.private(), block).unwrap();
    let token = unverified.append_third_party(&block.serialize().unwrap()).unwrap();
    assert_eq!(read(&encode(&token.to_vec().unwrap()).unwrap()), Err(AdminTokenError::Strange(1)));
}

#[test]
fn a_malicious_block_burns_no_time() {
    let deep = (0..6).rev().fold("true".to_owned(), |inner, depth| {
        let list: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        format!("[{}].all($v{depth} -> {inner})", list.join(","))
    });
    let facts: Vec<String> = (0..60).map(|number| format!("n({number});")).collect();
    let facts = facts.concat();
    for code in [
        format!("check if {deep};"),
        format!("{facts} pair($a, $b, $c, $d) <- n($a), n($b), n($c), n($d);"),
        "check if \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\".matches(\"((a{1,50}){1,50}){1,20}b\");".to_owned(),
        format!("check if {}true{};", "(".repeat(12), ")".repeat(12)),
    ] {
        let token = appended(&token(None), &code);
        let began = Instant::now();
        assert_eq!(read(&token), Err(AdminTokenError::Strange(1)), "{code}");
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}: {code}", began.elapsed());
    }
}

#[test]
fn a_token_has_eight_blocks_at_most() {
    let limit = Bounds { permissions: Some(texts(&["users:read"])), ..Bounds::default() };
    let mut token = token(None);
    for _ in 1..MOST_BLOCKS {
        token = biscuits().narrow(&token, &limit).unwrap();
    }
    assert_eq!(read(&token).unwrap().later.len(), MOST_BLOCKS - 1);
    assert_eq!(biscuits().narrow(&token, &limit), Err(AdminTokenError::Full));
    let nine = appended(&token, "limit(\"users:read\");");
    assert_eq!(read(&nine), Err(AdminTokenError::Strange(MOST_BLOCKS)));
}

#[test]
fn what_is_to_be_signed_can_hold_no_further_line() {
    let bounds = Bounds { permissions: Some(texts(&["users:read"])), tenant: None, expires_at: Some(END) };
    for name in ["", "a\"b", "x\");\npermission(\"**", "ü"] {
        assert!(matches!(biscuits().issue(&key(1), id(), name, &bounds), Err(AdminTokenError::Fault(_))), "{name}");
    }
    let permissions = Some(texts(&["users:read\");\npermission(\"**"]));
    let strange = Bounds { permissions: permissions.clone(), ..bounds.clone() };
    assert!(matches!(biscuits().issue(&key(1), id(), "x", &strange), Err(AdminTokenError::Fault(_))));
    let strange = Bounds { permissions, ..Bounds::default() };
    assert!(matches!(biscuits().narrow(&token(None), &strange), Err(AdminTokenError::Fault(_))));
    for missing in [Bounds { expires_at: None, ..bounds.clone() }, Bounds { permissions: None, ..bounds }] {
        assert!(matches!(biscuits().issue(&key(1), id(), "x", &missing), Err(AdminTokenError::Fault(_))));
    }
}

#[test]
fn a_blocks_id_stays_with_it_and_is_its_own() {
    let limit = Bounds { permissions: Some(texts(&["users:read"])), ..Bounds::default() };
    let biscuits = biscuits();
    let [one, other] = [(); 2].map(|()| biscuits.narrow(&token(None), &limit).unwrap());
    let further = biscuits.narrow(&one, &limit).unwrap();
    let [one, other, further] = [one, other, further].map(|token| read(&token).unwrap());
    assert_ne!(one.later[0].id, other.later[0].id);
    assert_eq!(one.later[0].id, further.later[0].id);
    assert_eq!([one.first.id, other.first.id, further.first.id], [id(); 3]);
}

#[test]
fn i_36_a_token_and_what_is_told_of_it_print_redacted() {
    let token = token(None);
    assert_eq!(format!("{token:?}"), "AdminTokenText(kya_[redacted])");
    let strange = appended(&token, "check if operation(\"planted\");");
    let told = format!("{} {:?}", read(&strange).unwrap_err(), read(&"kya_planted".into()));
    assert!(!told.contains("planted"), "{told}");
}
