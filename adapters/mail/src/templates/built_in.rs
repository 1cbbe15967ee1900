//! The templates that are compiled in.

/// A template's path, and its text.
macro_rules! file {
    ($path:expr) => {
        ($path, include_str!(concat!("../../templates/", $path)))
    };
}

/// The templates of a language, as each has them.
macro_rules! language {
    ($language:literal) => {
        [
            file!(concat!($language, "/account_deletion.html")),
            file!(concat!($language, "/account_deletion.txt")),
            file!(concat!($language, "/account_locked.html")),
            file!(concat!($language, "/account_locked.txt")),
            file!(concat!($language, "/email_change.html")),
            file!(concat!($language, "/email_change.txt")),
            file!(concat!($language, "/email_revert.html")),
            file!(concat!($language, "/email_revert.txt")),
            file!(concat!($language, "/facts.html")),
            file!(concat!($language, "/facts.txt")),
            file!(concat!($language, "/factor_added.html")),
            file!(concat!($language, "/factor_added.txt")),
            file!(concat!($language, "/factor_removed.html")),
            file!(concat!($language, "/factor_removed.txt")),
            file!(concat!($language, "/invitation.html")),
            file!(concat!($language, "/invitation.txt")),
            file!(concat!($language, "/link.html")),
            file!(concat!($language, "/login_code.html")),
            file!(concat!($language, "/login_code.sms")),
            file!(concat!($language, "/login_code.txt")),
            file!(concat!($language, "/magic_link.html")),
            file!(concat!($language, "/magic_link.txt")),
            file!(concat!($language, "/mfa_code.html")),
            file!(concat!($language, "/mfa_code.sms")),
            file!(concat!($language, "/mfa_code.txt")),
            file!(concat!($language, "/new_device.html")),
            file!(concat!($language, "/new_device.txt")),
            file!(concat!($language, "/password_changed.html")),
            file!(concat!($language, "/password_changed.txt")),
            file!(concat!($language, "/recovery.html")),
            file!(concat!($language, "/recovery.txt")),
            file!(concat!($language, "/recovery_codes_low.html")),
            file!(concat!($language, "/recovery_codes_low.txt")),
            file!(concat!($language, "/test.html")),
            file!(concat!($language, "/test.sms")),
            file!(concat!($language, "/test.txt")),
            file!(concat!($language, "/validity.txt")),
            file!(concat!($language, "/verification.html")),
            file!(concat!($language, "/verification.sms")),
            file!(concat!($language, "/verification.txt")),
        ]
    };
}

/// The templates of all languages.
const OF_LANGUAGES: [[(&str, &str); 40]; 2] = [language!("en"), language!("de")];

/// Every template: its path, and its text.
pub(super) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    OF_LANGUAGES.into_iter().flatten().chain([file!("layout.html")])
}
