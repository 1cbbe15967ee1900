//! A key is made at its first use, and once.

use kayan_ports::KeyPurpose;

use crate::{
    KeysBench,
    race::{MANY, together},
};

pub async fn one_key_is_made_under_64_parallel_first_uses(bench: &KeysBench) {
    let first_use = |_| {
        let keys = (bench.process)();
        async move { keys.obtain(KeyPurpose::AuditSeal).await.unwrap() }
    };
    let keys = together((0..MANY).map(first_use)).await;
    let first = &keys[0];
    for key in &keys {
        assert_eq!((key.id, key.public), (first.id, first.public));
        assert!(key.seed == first.seed, "a seed of its own");
    }
    let later = (bench.process)().find(KeyPurpose::AuditSeal).await.unwrap().expect("the key was made");
    assert_eq!(later.id, first.id);
}

pub async fn a_key_that_nobody_has_used_is_not_found(bench: &KeysBench) {
    let keys = (bench.process)();
    keys.unlock().await.unwrap();
    assert!(keys.find(KeyPurpose::AdminToken).await.unwrap().is_none());
    keys.obtain(KeyPurpose::AuditSeal).await.unwrap();
    assert!(keys.find(KeyPurpose::AdminToken).await.unwrap().is_none());
    assert!((bench.process)().find(KeyPurpose::AuditSeal).await.unwrap().is_some());
}
