//! The laws of hashing, kept by bcrypt, argon2id and scrypt.
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up breaks the test")]

use std::sync::Arc;

use kayan_contract::HasherBench;
use kayan_crypto::{Hasher, HasherSettings};
use kayan_ports::{HashFormat, PasswordHash};

const PASSWORD: &str = "correct horse";

// Made by other implementations: pyca's bcrypt, argon2-cffi and Python's hashlib.
const BCRYPT_4: [&str; 3] = [
    "$2a$04$kGhK1CkanqsHrjsUfwvxx.GuEUJOVyCWm6SGJg5vBohGWPf1hyCYy",
    "$2b$04$bus2Ek6NlcjNotla9nCbj.t/3M84ijqupBbsAQ91E9GnwiERkS57W",
    "$2y$04$XreQvXP1HwrRYIk8c8jbMe0z44ZvC4Vk9Xo1kclhJVwpXYc1p.o7e",
];
const BCRYPT_5: &str = "$2a$05$IoBvKmK.W5HhWM1R6qNLV.8eTHk3xa9J/tILI9Pz08a/U0Fv94ady";
const ARGON2ID: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$RMmUiVnOQsOCxOukniRj5Q$IFKrQYcUCTo+vagPkkdUzr5vKKclXR+6UJNP5cEufCI";
const ARGON2ID_WEAK: &str =
    "$argon2id$v=19$m=1024,t=1,p=1$peZn1W9S1Sx/c9sCOB/HHA$KQs1+Ia+hpt1U6al8kd2a/ljvXToNTe3HaJtibANkY4";
const SCRYPT: &str = "$scrypt$ln=17,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$qmsmTgUhkUXenuO+Y1xpJkI2GSSNU/vhYpQLl8F2aYM";
const SCRYPT_WEAK: &str = "$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$6g3umF+uVrJsObaTZhIbbTlgrvOEFcCItdwSjtPF67M";

// passlib, Django, and Python's hashlib as a PHC string.
const PBKDF2: [&str; 4] = [
    "$pbkdf2-sha256$29000$Sumd856Tstb6f2/NGYPwHg$5SY8bsJTCOEYBZY5JNbbVjq71gbkFSZexv2cNRdXE8E",
    "$pbkdf2-sha512$25000$WItRipFyjjFmTGnNOUdIyQ$uk2cTp7ERvaV3NwvDDdgF4RQiuga2I6JhU1G0L.E5QbLsUlN.Qp0/wTRQEgxBeyM/l3nyODaWYlmYCWSJM2RKw",
    "pbkdf2_sha256$10000$Zm9vYmFyYmF6$27TY+EtByPaFW5QPZvSc3qAw3bGIwhRHRCXn0pfumMQ=",
    "$pbkdf2-sha256$i=4096,l=32$c2FsdHNhbHRzYWx0c2FsdA$AMQT1DLB4/O2aTlXohEVubWBXKhvnNRRz5M4oDbgyE4",
];

fn bench(format: HashFormat, (threads, queue): (usize, usize), outdated: &[&str], current: &[&str]) -> HasherBench {
    let known = |hashes: &[&str]| {
        hashes.iter().map(|hash| (PasswordHash::new((*hash).to_owned()), PASSWORD)).collect::<Vec<_>>()
    };
    let hasher = Arc::new(Hasher::new(HasherSettings { format, threads, queue }).unwrap());
    HasherBench { hasher, outdated: known(outdated), current: known(current) }
}

mod bcrypt {
    use super::*;

    async fn fresh() -> HasherBench {
        let outdated = [&[ARGON2ID, ARGON2ID_WEAK, SCRYPT_WEAK][..], &PBKDF2].concat();
        let current = [&BCRYPT_4[..], &[BCRYPT_5]].concat();
        bench(HashFormat::Bcrypt { cost: 4 }, (2, 64), &outdated, &current)
    }

    async fn narrow() -> HasherBench {
        bench(HashFormat::Bcrypt { cost: 4 }, (1, 1), &[], &[])
    }

    fn stronger() -> HasherBench {
        bench(HashFormat::Bcrypt { cost: 5 }, (2, 64), &BCRYPT_4, &[BCRYPT_5])
    }

    kayan_contract::laws!(hasher, fresh);
    kayan_contract::laws!(bounded, narrow);

    #[tokio::test]
    async fn a_weaker_cost_matches_and_says_so() {
        kayan_contract::hasher::verdicts::an_outdated_hash_matches_and_says_so(&stronger()).await;
        kayan_contract::hasher::verdicts::a_hash_of_today_that_was_made_elsewhere_matches(&stronger()).await;
    }
}

mod argon2id {
    use super::*;

    async fn fresh() -> HasherBench {
        bench(HashFormat::Argon2id, (2, 64), &[ARGON2ID_WEAK, BCRYPT_5, SCRYPT_WEAK], &[ARGON2ID])
    }

    async fn narrow() -> HasherBench {
        bench(HashFormat::Argon2id, (1, 1), &[], &[])
    }

    kayan_contract::laws!(hasher, fresh);
    kayan_contract::laws!(bounded, narrow);
}

mod scrypt {
    use super::*;

    async fn fresh() -> HasherBench {
        bench(HashFormat::Scrypt, (2, 64), &[SCRYPT_WEAK, BCRYPT_5, ARGON2ID_WEAK], &[SCRYPT])
    }

    async fn narrow() -> HasherBench {
        bench(HashFormat::Scrypt, (1, 1), &[], &[])
    }

    kayan_contract::laws!(hasher, fresh);
    kayan_contract::laws!(bounded, narrow);
}
