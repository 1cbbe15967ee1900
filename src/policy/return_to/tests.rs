//! Tests of where a browser may be redirected to.

use super::*;

const GOOD: [&str; 12] = [
    "https://app.example",
    "https://app.example/",
    "https://app.example/welcome",
    "https://app.example/welcome?from=login&x=%20",
    "https://app.example?from=login",
    "https://app.example//welcome",
    "https://app.example/@evil.example",
    "https://shop.example:8443/account",
    "https://shop.example:8443/account/orders?id=1",
    "http://localhost:3000/done",
    "https://xn--bcher-kva.example/",
    "http://[::1]:3000/done",
];

/// What attackers try, each to leave the list by another parser's mistake.
const HOSTILE: [&str; 86] = [
    "",
    " ",
    "/",
    "/welcome",
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/\\/evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https:////evil.example",
    "https:app.example",
    "https:/app.example",
    "https:///app.example",
    "https:\\\\app.example",
    "https://evil.example",
    "https://app.example.evil.example",
    "https://app.example.evil.example/",
    "https://evilapp.example",
    "https://evil.example/app.example",
    "https://evil.example?https://app.example",
    "https://evil.example#https://app.example",
    "https://evil.example/https://app.example",
    "https://app.example@evil.example",
    "https://app.example:443@evil.example",
    "https://app.example%40evil.example",
    "https://user@app.example",
    "https://user:password@app.example",
    "https://@app.example",
    "https://:@app.example",
    "https://app.example\\@evil.example",
    "https://app.example\\.evil.example",
    "https://evil.example\\@app.example",
    "https://evil.example\\app.example",
    "https://app.example/\\evil.example",
    "https://app.example:443",
    "https://app.example:443/",
    "https://app.example:",
    "https://app.example:/",
    "https://app.example:8443",
    "https://app.example:80",
    "https://app.example:0443",
    "https://shop.example/account",
    "https://shop.example:8444/account",
    "https://shop.example:08443/account",
    "https://shop.example:8443",
    "https://shop.example:8443/",
    "https://shop.example:8443/accounts",
    "https://shop.example:8443/account.evil",
    "https://shop.example:8443/account/../admin",
    "https://shop.example:8443/account/..%2fadmin",
    "https://shop.example:8443/account/%2e%2e/admin",
    "https://shop.example:8443/account/.%2E/admin",
    "https://shop.example:8443/account/..%5cadmin",
    "http://app.example",
    "http://app.example:443",
    "ftp://app.example",
    "ws://app.example",
    "javascript:alert(1)",
    "javascript://app.example/%0aalert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:msgbox(1)",
    "file:///etc/passwd",
    "blob:https://app.example/1",
    "view-source:https://app.example",
    "HTTPS://app.example",
    "Https://app.example/",
    "https://APP.example",
    "https://app.EXAMPLE/",
    "https://app.example.",
    "https://app.example./",
    "https://\u{430}pp.example/",
    "https://app\u{3002}example/",
    "https://\u{ff41}pp.example/",
    "https://app.ex%61mple/",
    "https://app.example/\u{e9}",
    "https://app.example\t/",
    "https://app.example\n.evil.example",
    "\thttps://app.example",
    "https://app.example/ ",
    "https://app.example/#token=1",
    "https://app.example/\0",
];

fn list() -> ReturnTo {
    let allowed = [
        "https://app.example",
        "https://shop.example:8443/account",
        "http://localhost:3000",
        "https://b\u{fc}cher.example",
        "http://[::1]:3000/",
    ];
    ReturnTo::new(allowed.iter().map(|text| text.parse().unwrap()).collect())
}

#[test]
fn i_28_pages_at_the_listed_origins_and_below_the_listed_paths_are_allowed() {
    for good in GOOD {
        let judged = list().judge(Some(good));
        let same = [good.to_owned(), format!("{good}/"), good.replacen('?', "/?", 1)];
        assert!(judged.as_ref().is_some_and(|url| same.contains(url)), "{good}: {judged:?}");
    }
}

#[test]
fn i_28_no_spelling_leads_anywhere_else() {
    for hostile in HOSTILE {
        assert_eq!(list().judge(Some(hostile)), None, "{hostile:?}");
    }
    let endless = format!("https://app.example/{}", "a".repeat(MAX_BYTES));
    assert_eq!(list().judge(Some(&endless)), None);
    for good in GOOD {
        assert_eq!(ReturnTo::default().judge(Some(good)), None, "{good}, with an empty list");
    }
}

#[test]
fn without_a_url_the_first_of_the_list_is_taken() {
    assert_eq!(list().judge(None).as_deref(), Some("https://app.example/"));
    assert_eq!(ReturnTo::default().judge(None), None);
}
