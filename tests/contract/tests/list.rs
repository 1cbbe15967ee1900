//! The list of laws is whole.

use std::{fs, path::Path};

#[test]
fn no_law_is_forgotten() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let listed = fs::read_to_string(source.join("laws.rs")).unwrap();
    let mut written = 0;
    for port in ["store", "hasher", "limiter", "attempts", "keys"] {
        for file in fs::read_dir(source.join(port)).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            for law in text.lines().filter_map(|line| line.strip_prefix("pub async fn ")) {
                let name = law.split('(').next().unwrap();
                assert!(
                    listed.contains(&format!(" {name},")),
                    "the law {name} is written and never tried: list it in laws.rs"
                );
                written += 1;
            }
        }
    }
    assert_eq!(listed.lines().filter(|line| line.starts_with("            ") && line.ends_with(',')).count(), written);
}
