//! Tests of the hasher through its port: verdicts, public test vectors, limits and hostile hashes.
#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use kayan_crypto::{Hasher, HasherSettings};
use kayan_ports::{
    AdoptError, HashCost, HashError, HashFormat, Password, PasswordHash, PasswordHasher as _, TenantId, Verdict,
};

const BCRYPT: HashFormat = HashFormat::Bcrypt { cost: 4 };

fn hasher(format: HashFormat) -> Hasher {
    Hasher::new(HasherSettings { format, threads: 1, queue: 8 }).unwrap()
}

fn stored(encoded: &str) -> PasswordHash {
    PasswordHash::new(encoded.to_owned())
}

async fn verdict(hasher: &Hasher, encoded: &str, password: &str) -> Verdict {
    hasher.verify(&TenantId::default(), Some(&stored(encoded)), &password.into()).await.unwrap()
}

#[tokio::test]
async fn what_is_hashed_verifies_in_each_format() {
    for (format, prefix, max_bytes) in [
        (BCRYPT, "$2b$04$", 72),
        (HashFormat::Argon2id, "$argon2id$v=19$m=19456,t=2,p=1$", 4096),
        (HashFormat::Scrypt, "$scrypt$ln=17,r=8,p=1$", 4096),
    ] {
        let hasher = hasher(format);
        assert_eq!(hasher.max_bytes(), max_bytes);
        for password in ["", "correct horse", "пароль-🦀", &"x".repeat(max_bytes)] {
            let hash = hasher.hash(&TenantId::default(), &password.into()).await.unwrap();
            assert!(hash.expose().starts_with(prefix), "{}", hash.expose());
            assert!(hasher.adopt(&hash, HashCost::Costly).is_ok());
            assert_eq!(hasher.verify(&TenantId::default(), Some(&hash), &password.into()).await, Ok(Verdict::Match));
            let mut wrong = password.to_owned();
            if wrong.pop().is_none() {
                wrong.push('x');
            }
            assert_eq!(
                hasher.verify(&TenantId::default(), Some(&hash), &wrong.as_str().into()).await,
                Ok(Verdict::Mismatch)
            );
        }
        assert_eq!(hasher.verify(&TenantId::default(), None, &"correct horse".into()).await, Ok(Verdict::Mismatch));
    }
}

#[tokio::test]
async fn public_bcrypt_vectors_match() {
    let hasher = hasher(BCRYPT);
    for (password, hash) in [
        // jBCrypt
        ("", "$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."),
        ("a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"),
        ("abcdefghijklmnopqrstuvwxyz", "$2a$08$aTsUwsyowQuzRrDqFflhgekJ8d9/7Z3GV3UcgvzQW3J5zMyrTvlz."),
        // crypt_blowfish
        ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        (
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
            "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui",
        ),
        // libxcrypt
        ("£", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.crQZGxQ7hWEf.fNKRjrYcudfgPvGbVK"),
        ("пароль", "$2b$05$abcdefghijklmnopqrstuuzNhjJbiIwqABDRBuv89/6Oj5r2.TjxC"),
        (&"a".repeat(72), "$2b$05$abcdefghijklmnopqrstuuGUnCqbfgs3htOkLrFduUjAyLBw1Rq/u"),
    ] {
        assert_eq!(verdict(&hasher, hash, password).await, Verdict::Match, "{hash}");
        assert_eq!(verdict(&hasher, hash, &format!("{password}.")).await, Verdict::Mismatch, "{hash}");
    }
}

#[tokio::test]
async fn public_argon2_vectors_match() {
    let hasher = hasher(BCRYPT);
    // The reference implementation's test.c; the last ones without a version (16) and with key id and data.
    for hash in [
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
        "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
        "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
        "$argon2d$v=16$m=32,t=2,p=3,keyid=8PDw8A,data=Dw8PDw8P$AAAAAAAAAAA$KnH4gniiaFnDvlA1xev3yovC4cnrrI6tnHOYtmja90o",
    ] {
        assert_eq!(verdict(&hasher, hash, "password").await, Verdict::MatchOutdated, "{hash}");
        assert_eq!(verdict(&hasher, hash, "sassword").await, Verdict::Mismatch, "{hash}");
    }
}

#[tokio::test]
async fn public_scrypt_vectors_match() {
    let hasher = hasher(BCRYPT);
    for (password, hash) in [
        // passlib
        ("password", "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E"),
        // RFC 7914, section 12
        (
            "pleaseletmein",
            "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw",
        ),
    ] {
        assert_eq!(verdict(&hasher, hash, password).await, Verdict::MatchOutdated, "{hash}");
        assert_eq!(verdict(&hasher, hash, "wrong").await, Verdict::Mismatch, "{hash}");
    }
}

#[tokio::test]
async fn public_pbkdf2_vectors_match() {
    let hasher = hasher(BCRYPT);
    for (password, hash) in [
        // passlib
        ("correct horse", "$pbkdf2-sha256$29000$Sumd856Tstb6f2/NGYPwHg$5SY8bsJTCOEYBZY5JNbbVjq71gbkFSZexv2cNRdXE8E"),
        (
            "correct horse",
            "$pbkdf2-sha512$25000$WItRipFyjjFmTGnNOUdIyQ$uk2cTp7ERvaV3NwvDDdgF4RQiuga2I6JhU1G0L.E5QbLsUlN.Qp0/wTRQEgxBeyM/l3nyODaWYlmYCWSJM2RKw",
        ),
        // Django
        ("correct horse", "pbkdf2_sha256$10000$Zm9vYmFyYmF6$27TY+EtByPaFW5QPZvSc3qAw3bGIwhRHRCXn0pfumMQ="),
        ("пароль", "pbkdf2_sha256$1000$Zm9vYmFyYmF6$SIGDBBdVwSIcYvhqj+oohz3plZ1SNBnVwFsKNQGjHmA="),
        // Python's hashlib, as PHC strings with digests of one block, of less and of more.
        (
            "correct horse",
            "$pbkdf2-sha256$i=4096,l=32$c2FsdHNhbHRzYWx0c2FsdA$AMQT1DLB4/O2aTlXohEVubWBXKhvnNRRz5M4oDbgyE4",
        ),
        ("correct horse", "$pbkdf2-sha256$i=4096$c2FsdHNhbHRzYWx0c2FsdA$AMQT1DLB4/O2aTlXohEVubWBXKhvnNRRz5M4oDbgyE4"),
        (
            "correct horse",
            "$pbkdf2-sha512$i=4096,l=64$c2FsdHNhbHRzYWx0c2FsdA$AA7qq0LeJXm6gMpWjKHoCL7RCD4/cCq1hGMTvVecnKCnL2fSmn2iDPZVKglocN0zbmw6IcflnxKvfYcOOITduQ",
        ),
        ("correct horse", "$pbkdf2-sha256$i=4096,l=16$c2FsdHNhbHRzYWx0c2FsdA$AMQT1DLB4/O2aTlXohEVuQ"),
        (
            "correct horse",
            "$pbkdf2-sha256$i=2048,l=64$c2FsdHNhbHRzYWx0c2FsdA$6KDVZqDxeiQLnNyOHskY5BHcjmtE32cj9HS0oFi0iqrYeP8Lsg25fhqo8XNR5JXoy29FCvP3JCtcv71onaGVfQ",
        ),
    ] {
        assert_eq!(verdict(&hasher, hash, password).await, Verdict::MatchOutdated, "{hash}");
        assert_eq!(verdict(&hasher, hash, "wrong").await, Verdict::Mismatch, "{hash}");
        assert_eq!(verdict(&hasher, hash, &format!("{password}\0")).await, Verdict::Mismatch, "{hash}");
    }
}

#[tokio::test]
async fn a_weaker_or_foreign_hash_that_matches_is_outdated_and_a_stronger_one_is_not() {
    let (four, five) = (hasher(BCRYPT), hasher(HashFormat::Bcrypt { cost: 5 }));
    let (argon2, scrypt) = (hasher(HashFormat::Argon2id), hasher(HashFormat::Scrypt));
    let password = "correct horse".into();
    let (by_four, by_five) = (
        four.hash(&TenantId::default(), &password).await.unwrap(),
        five.hash(&TenantId::default(), &password).await.unwrap(),
    );
    let by_argon2 = argon2.hash(&TenantId::default(), &password).await.unwrap();
    for (hasher, hash, verdict) in [
        (&five, &by_four, Verdict::MatchOutdated),
        (&four, &by_five, Verdict::Match),
        (&argon2, &by_five, Verdict::MatchOutdated),
        (&scrypt, &by_argon2, Verdict::MatchOutdated),
        (&four, &by_argon2, Verdict::MatchOutdated),
    ] {
        assert_eq!(hasher.verify(&TenantId::default(), Some(hash), &password).await, Ok(verdict), "{}", hash.expose());
    }
    for (hasher, hash, expected) in [
        // 64 MiB and two passes, of the same variant and of another one.
        (
            &argon2,
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            Verdict::Match,
        ),
        (
            &argon2,
            "$argon2d$v=19$m=65536,t=2,p=1$YzI5dFpYTmhiSFFBQUFBQUFBQUFBQQ$Jxy74cswY2mq9y+u+iJcJy8EqOp4t/C7DWDzGwGB3IM",
            Verdict::MatchOutdated,
        ),
        (
            &argon2,
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            Verdict::MatchOutdated,
        ),
        (
            &scrypt,
            "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E",
            Verdict::MatchOutdated,
        ),
    ] {
        assert_eq!(verdict(hasher, hash, "password").await, expected, "{hash}");
    }
}

#[tokio::test]
async fn i_17_bcrypt_takes_72_bytes_and_never_truncates() {
    let hasher = hasher(BCRYPT);
    let (whole, longer) = ("é".repeat(36), format!("{}!", "é".repeat(36)));
    let hash = hasher.hash(&TenantId::default(), &whole.as_str().into()).await.unwrap();
    assert_eq!(hasher.verify(&TenantId::default(), Some(&hash), &whole.as_str().into()).await, Ok(Verdict::Match));
    assert_eq!(
        hasher.hash(&TenantId::default(), &longer.as_str().into()).await,
        Err(HashError::TooLong { max_bytes: 72 })
    );
    assert_eq!(hasher.verify(&TenantId::default(), Some(&hash), &longer.as_str().into()).await, Ok(Verdict::Mismatch));
    assert_eq!(hasher.verify(&TenantId::default(), Some(&hash), &whole[..70].into()).await, Ok(Verdict::Mismatch));
}

#[tokio::test]
async fn i_17_the_other_formats_take_4096_bytes_and_never_truncate() {
    let hasher = hasher(HashFormat::Argon2id);
    let (whole, longer) = ("x".repeat(4096), "x".repeat(4097));
    let hash = hasher.hash(&TenantId::default(), &whole.as_str().into()).await.unwrap();
    assert_eq!(
        hasher.hash(&TenantId::default(), &longer.as_str().into()).await,
        Err(HashError::TooLong { max_bytes: 4096 })
    );
    assert_eq!(hasher.verify(&TenantId::default(), Some(&hash), &longer.as_str().into()).await, Ok(Verdict::Mismatch));
}

#[tokio::test]
async fn i_17_a_nul_neither_ends_nor_repeats_a_bcrypt_password() {
    let hasher = hasher(BCRYPT);
    let hash = hasher.hash(&TenantId::default(), &"a".into()).await.unwrap();
    for password in ["a\0", "a\0a", "a\0b", "\0"] {
        assert!(matches!(hasher.hash(&TenantId::default(), &password.into()).await, Err(HashError::Fault(_))));
        assert_eq!(
            hasher.verify(&TenantId::default(), Some(&hash), &password.into()).await,
            Ok(Verdict::Mismatch),
            "{password:?}"
        );
    }
}

#[tokio::test]
async fn a_match_that_todays_format_cannot_take_is_not_called_outdated() {
    let long = "x".repeat(100).as_str().into();
    let hash = hasher(HashFormat::Argon2id).hash(&TenantId::default(), &long).await.unwrap();
    assert_eq!(hasher(BCRYPT).verify(&TenantId::default(), Some(&hash), &long).await, Ok(Verdict::Match));
}

#[tokio::test]
async fn hostile_and_foreign_hashes_are_refused() {
    let hasher = hasher(BCRYPT);
    let digest = "c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let bcrypt = "abcdefghijklmnopqrstuuGUnCqbfgs3htOkLrFduUjAyLBw1Rq/u";
    // Passlib's and PHC's salts are base64, Django's is any text.
    let derived = "$c2FsdHNhbHQ$xeR41ZKIyEGqUw22hFxMjZYok6ABzk4RpJY4c6qYE0o";
    for good in [
        format!("$2b$15${bcrypt}"),
        format!("$argon2id$v=19$m=1048576,t=10,p=16${digest}"),
        format!("$scrypt$ln=17,r=8,p=10${digest}"),
        format!("$scrypt$ln=10,r=8,p=10${digest}"),
        format!("$pbkdf2-sha256$i=10000000,l=32{derived}"),
        format!("$pbkdf2-sha256$10000000{derived}"),
        format!("pbkdf2_sha256$10000000{derived}="),
        format!("pbkdf2_sha256$1${}{}=", "s".repeat(64), &derived[12..]),
    ] {
        assert!(hasher.adopt(&stored(&good), HashCost::Costly).is_ok(), "{good}");
    }
    for bad in [
        // Beyond the cost limits.
        format!("$2b$16${bcrypt}"),
        format!("$2b$31${bcrypt}"),
        format!("$argon2id$v=19$m=1048577,t=1,p=1${digest}"),
        format!("$argon2id$v=19$m=4294967295,t=4294967295,p=16777215${digest}"),
        format!("$argon2id$v=19$m=256,t=11,p=1${digest}"),
        format!("$argon2id$v=19$m=256,t=1,p=17${digest}"),
        format!("$scrypt$ln=18,r=1,p=1${digest}"),
        format!("$scrypt$ln=10,r=9,p=1${digest}"),
        format!("$scrypt$ln=10,r=8,p=11${digest}"),
        format!("$scrypt$ln=1,r=4294967295,p=4294967295${digest}"),
        format!("$scrypt$ln=4294967295,r=1,p=1${digest}"),
        format!("$pbkdf2-sha256$i=10000001,l=32{derived}"),
        format!("$pbkdf2-sha256$10000001{derived}"),
        format!("pbkdf2_sha256$10000001{derived}="),
        format!("$pbkdf2-sha256$i=4294967295{derived}"),
        format!("$pbkdf2-sha256$i=5000001$c2FsdHNhbHQ${}", "A".repeat(86)),
        format!("pbkdf2_sha256$4096${}{}=", "s".repeat(65), &derived[12..]),
        format!("pbkdf2_sha256$4096${}=", &derived[12..]),
        "$pbkdf2-sha256$i=4096$c2FsdHNhbHQ$xeR41ZKIyEGqUw22hFxM".to_owned(),
        // Beyond the algorithms' own ranges.
        format!("$pbkdf2-sha256$i=0,l=32{derived}"),
        format!("$pbkdf2-sha256$0{derived}"),
        format!("pbkdf2_sha256$0{derived}="),
        format!("$2b$03${bcrypt}"),
        format!("$argon2id$v=19$m=7,t=1,p=1${digest}"),
        format!("$argon2id$v=19$m=256,t=0,p=1${digest}"),
        format!("$argon2id$v=19$m=256,t=1,p=0${digest}"),
        format!("$argon2id$v=18$m=256,t=1,p=1${digest}"),
        format!("$argon2id$v=19$m=256,t=1${digest}"),
        format!("$scrypt$ln=0,r=8,p=1${digest}"),
        format!("$scrypt$ln=10,r=0,p=1${digest}"),
        format!("$scrypt$ln=10,r=8,p=1,x=1${digest}"),
        // Other algorithms, and texts that are no hash.
        format!("$2x$05${bcrypt}"),
        format!("$2$05${bcrypt}"),
        format!("$argon2x$v=19$m=256,t=1,p=1${digest}"),
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ".to_owned(),
        format!("$pbkdf2-sha1$i=4096{derived}"),
        format!("$pbkdf2$4096{derived}"),
        format!("pbkdf2_sha1$4096{derived}="),
        format!("pbkdf2_sha256$4096{derived}"),
        format!("$pbkdf2-sha256$v=1$i=4096{derived}"),
        format!("$pbkdf2-sha256$i=4096,x=1{derived}"),
        format!("$pbkdf2-sha256$i=4096,l=33{derived}"),
        format!("$pbkdf2-sha256${derived}"),
        format!("$pbkdf2-sha256$+29000{derived}"),
        format!("$pbkdf2-sha256$029000{derived}"),
        format!("$pbkdf2-sha256$29000{derived}$"),
        format!("$pbkdf2-sha256$29000{derived}="),
        format!("$pbkdf2-sha512$29000{derived}"),
        format!("pbkdf2_sha256$4096$säure{digest}=", digest = &derived[12..]),
        "$pbkdf2-sha256$29000$c2FsdHNhbHQ$xeR41ZKIyEGqUw22hFxMjZYok6ABzk4RpJY4c6qYE+o".to_owned(),
        "$2b$05$ü".to_owned(),
        "password".to_owned(),
        "$".to_owned(),
        String::new(),
    ] {
        assert_eq!(hasher.adopt(&stored(&bad), HashCost::Costly), Err(AdoptError::Unknown), "{bad}");
        assert_eq!(verdict(&hasher, &bad, "password").await, Verdict::Mismatch, "{bad}");
    }
}

#[tokio::test]
async fn a_bcrypt_cost_out_of_range_is_refused_at_start() {
    for cost in [0, 3, 32] {
        let settings = HasherSettings { format: HashFormat::Bcrypt { cost }, threads: 1, queue: 1 };
        assert!(matches!(Hasher::new(settings), Err(HashError::Fault(why)) if why.contains("use 4 to 31")));
    }
}

#[tokio::test]
async fn i_42_a_hash_from_elsewhere_that_costs_more_is_taken_only_when_allowed() {
    let digest = "c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let bcrypt = "abcdefghijklmnopqrstuuGUnCqbfgs3htOkLrFduUjAyLBw1Rq/u";
    let hasher = hasher(HashFormat::Bcrypt { cost: 10 });
    for ordinary in [
        format!("$2b$12${bcrypt}"),
        format!("$argon2id$v=19$m=65536,t=3,p=4${digest}"),
        format!("$scrypt$ln=16,r=8,p=1${digest}"),
    ] {
        assert!(hasher.adopt(&stored(&ordinary), HashCost::Ordinary).is_ok(), "{ordinary}");
    }
    for costly in [
        format!("$2b$13${bcrypt}"),
        format!("$argon2id$v=19$m=1048576,t=1,p=1${digest}"),
        format!("$argon2id$v=19$m=65537,t=1,p=1${digest}"),
        format!("$scrypt$ln=17,r=8,p=1${digest}"),
    ] {
        assert_eq!(hasher.adopt(&stored(&costly), HashCost::Ordinary), Err(AdoptError::Costly), "{costly}");
        assert!(hasher.adopt(&stored(&costly), HashCost::Costly).is_ok(), "{costly}");
    }
}

#[tokio::test]
async fn i_17_only_a_bcrypt_hash_from_elsewhere_is_compared_by_the_first_72_bytes() {
    // By an implementation that truncates, of `a` a hundred times: the same as of 72.
    let hash = stored("$2b$05$abcdefghijklmnopqrstuuGUnCqbfgs3htOkLrFduUjAyLBw1Rq/u");
    let (hasher, tenant) = (hasher(HashFormat::Bcrypt { cost: 5 }), TenantId::default());
    let verdict = async |hash: &PasswordHash, password: String| {
        hasher.verify(&tenant, Some(hash), &Password::from(password)).await.unwrap()
    };
    let adopted = hasher.adopt(&hash, HashCost::Ordinary).unwrap();
    assert_eq!(verdict(&adopted, "a".repeat(100)).await, Verdict::Match, "too long to be made anew with bcrypt");
    assert_eq!(verdict(&adopted, "a".repeat(72)).await, Verdict::MatchOutdated, "it cuts, so it is made anew");
    assert_eq!(verdict(&adopted, "a".repeat(71)).await, Verdict::Mismatch);
    assert_eq!(verdict(&adopted, format!("{}\0", "a".repeat(72))).await, Verdict::Mismatch);
    assert_eq!(verdict(&hash, "a".repeat(100)).await, Verdict::Mismatch, "one that was made here never cuts");
    assert_eq!(adopted.as_made(), hash.expose(), "an export has it as it was made");
    assert_eq!(hasher.adopt(&adopted, HashCost::Ordinary), Err(AdoptError::Unknown), "nobody brings the mark along");
}

#[tokio::test]
async fn salts_of_up_to_64_bytes_are_read() {
    // By Python's argon2-cffi and hashlib, with the salt of 64 bytes from 0 to 63.
    let salt = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw";
    let hasher = hasher(BCRYPT);
    for hash in [
        format!("$argon2id$v=19$m=256,t=2,p=1${salt}$66IUPsi8P3ob++Xsi50MUKLR4A+9yMFXboqHHSkFVIE"),
        format!("$scrypt$ln=10,r=8,p=1${salt}$1q512bqOJ5GDJ5szzWIvweyyDCIjCY7s9+d/r9O5lP4"),
        format!("$pbkdf2-sha256$i=4096,l=32${salt}$sU7LfmpKlhhuVFJNuS+5dksi+UxmRufyDd7Qq/CwmO0"),
        format!("$pbkdf2-sha256$4096${}$sU7LfmpKlhhuVFJNuS.5dksi.UxmRufyDd7Qq/CwmO0", salt.replace('+', ".")),
    ] {
        assert_eq!(verdict(&hasher, &hash, "correct horse").await, Verdict::MatchOutdated, "{hash}");
        assert_eq!(verdict(&hasher, &hash, "wrong").await, Verdict::Mismatch, "{hash}");
    }
}
