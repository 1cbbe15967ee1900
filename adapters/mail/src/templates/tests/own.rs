//! Tests of the operator's own templates.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::*;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn loaded(files: &[(&str, &str)]) -> MailTemplates {
    MailTemplates::new(Some(folder(files).path())).unwrap_or_else(|why| panic!("{why}"))
}

fn refused(files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    let why = MailTemplates::new(Some(folder.path())).err().unwrap_or_else(|| panic!("{files:?} is taken"));
    why.to_string().replace(&folder.path().display().to_string(), "")
}

fn test_mail(templates: &MailTemplates, tenant: &str, language: &str) -> Rendered {
    let values = with(MessageKind::Test, json!({}));
    templates.render(&tenant.parse().unwrap(), MessageKind::Test, Channel::Mail, &[language], &values).unwrap()
}

#[test]
fn a_file_replaces_the_built_in_one_for_all_tenants_or_one() {
    let templates = loaded(&[
        ("de/test.txt", "Hallo von {{ service }}\n\nFür alle."),
        ("tenant/acme/de/test.txt", "Servus von {{ service }}\n\nFür Acme."),
    ]);
    let (all, acme) = (test_mail(&templates, "default", "de"), test_mail(&templates, "acme", "de"));
    assert_eq!((all.subject.as_str(), all.text.as_str()), ("Hallo von Example", "Für alle.\n"));
    assert_eq!((acme.subject.as_str(), acme.text.as_str()), ("Servus von Example", "Für Acme.\n"));
    assert!(all.html.contains("<h1>Hallo von Example</h1>"), "the other file is the built-in one: {}", all.html);
    assert!(test_mail(&templates, "acme", "en").subject.starts_with("A test message"));
}

#[test]
fn a_layout_changes_every_message_that_uses_it() {
    let layout = "<html lang=\"{{ language }}\"><h6>Acme</h6>{% block content %}{% endblock %}";
    let templates = loaded(&[("tenant/acme/layout.html", layout)]);
    for language in ["en", "de"] {
        let html = test_mail(&templates, "acme", language).html;
        assert!(
            html.starts_with(&format!("<html lang=\"{language}\"><h6>Acme</h6>")) && html.contains("<p>"),
            "{html}"
        );
        assert!(!test_mail(&templates, "default", language).html.contains("<h6>"));
    }
    let everywhere =
        loaded(&[("layout.html", layout), ("_sign.html", "x"), ("de/facts.html", "{% include '_sign.html' %}")]);
    assert!(test_mail(&everywhere, "acme", "de").html.contains("<h6>"));
}

#[test]
fn another_language_is_used_for_the_kinds_that_it_has() {
    let templates = loaded(&[
        ("fr/test.txt", "Message d’essai\n\nBonjour"),
        ("fr/test.html", "{% extends 'layout.html' %}{% block content %}Bonjour{% endblock %}"),
        ("de-AT/test.txt", "Servus\n\n{% include 'validity.txt' %}"),
        ("de-AT/validity.txt", "bald"),
    ]);
    let french = test_mail(&templates, "default", "fr-CA");
    assert_eq!((french.language.as_str(), french.subject.as_str()), ("fr", "Message d’essai"));
    assert!(french.html.contains("<html lang=\"fr\">"));
    let austrian = test_mail(&templates, "default", "de-at");
    assert_eq!((austrian.language.as_str(), austrian.text.as_str()), ("de-AT", "bald\n"));
    let kind = MessageKind::PasswordChanged;
    let other = templates.render(&tenant(), kind, Channel::Mail, &["fr", "de-AT"], &with(kind, json!({}))).unwrap();
    assert_eq!(other.language, "de-AT", "{}", other.subject);
    assert!(other.subject.starts_with("Ihr Passwort"));
    assert_eq!(
        templates.render(&tenant(), kind, Channel::Mail, &["fr"], &with(kind, json!({}))).unwrap().language,
        "en"
    );
}

#[test]
fn a_template_that_could_fail_is_refused_with_its_file_and_line() {
    let html = ("fr/test.html", "x");
    for (text, line, words) in [
        ("x\n\n{{ adress }}", 3, "adress"),
        ("x\n{% if %}", 2, ""),
        ("x\n{{ service", 2, ""),
        ("x\n\n\n{% include 'nothing.txt' %}", 4, "nothing.txt"),
        ("x\n{% include '../../de/test.txt' %}", 2, ""),
        ("x\n{{ service|shout }}", 2, "shout"),
        ("x\n{% for a in range(1000) %}{% for b in range(1000) %}{{ b }}{% endfor %}{% endfor %}", 2, "fuel"),
        ("x\n{% include 'test.txt' %}", 2, ""),
        // not every test message has it
        ("x\n{{ ip }}", 2, "ip"),
        ("x\n{{ link }}", 2, "link"),
    ] {
        let why = refused(&[("fr/test.txt", text), html]);
        assert!(why.starts_with(&format!("/fr/test.txt, line {line}: ")) && why.contains(words), "{text}: {why}");
        assert!(why.ends_with("; correct the template"), "{why}");
    }
    let why = refused(&[("de/facts.html", "\n{{ nothing }}")]);
    assert!(why.starts_with("/de/facts.html, line 2: "), "{why}");
    let why = refused(&[("fr/test.txt", "\n\n"), html]);
    assert!(why.starts_with("/fr/test.txt: its first line, the subject, is empty"), "{why}");
}

#[test]
fn the_text_of_an_sms_is_replaced_and_checked_like_the_others() {
    let templates = loaded(&[("tenant/acme/de/login_code.sms", "{{ code }} öffnet {{ service }}\n")]);
    let values = with(MessageKind::LoginCode, json!({}));
    let text = |tenant: &str, language: &str| {
        templates
            .render(&tenant.parse().unwrap(), MessageKind::LoginCode, Channel::Sms, &[language], &values)
            .unwrap()
            .text
    };
    assert_eq!(text("acme", "de-AT"), "123456 öffnet Example");
    assert!(text("acme", "fr").contains("log in to Example") && text("default", "de").contains("Anmeldung"));
    for (bad, words) in [("{{ link }}", "link"), ("{{ host }}", "host"), ("{% if %}", "")] {
        let why = refused(&[("fr/login_code.sms", bad)]);
        assert!(why.starts_with("/fr/login_code.sms, line 1: ") && why.contains(words), "{bad}: {why}");
    }
}

#[test]
fn what_would_never_be_used_is_refused() {
    for (file, words) in [
        ("de/verfication.txt", "name of a kind"),
        ("de/test.md", "neither a .txt, a .html nor a .sms"),
        ("de/recovery.sms", "no SMS that is sent"),
        ("login_code.sms", "in no language"),
        ("test.txt", "in no language"),
        ("german/test.txt", "name of a language"),
        ("tenant/Acme!/de/test.txt", "name of a tenant"),
        ("tenant/test.txt", "name of a tenant"),
        ("fr/test.html", "there is no test.txt beside it"),
        ("fr/test.txt", "there is no test.html beside it"),
    ] {
        let why = refused(&[(file, "x")]);
        assert!(why.contains(words), "{file}: {why}");
    }
    let why = refused(&[("pt-BR/_a.txt", "x"), ("pt-br/_a.txt", "x")]);
    assert!(why.contains("is there twice"), "{why}");
    let why = MailTemplates::new(Some(Path::new("/nowhere"))).err().unwrap().to_string();
    assert!(why.starts_with("/nowhere: ") && why.contains("correct the path"), "{why}");
    assert_eq!(test_mail(&loaded(&[(".git/config", "x"), ("de/.test.txt.swp", "x")]), "acme", "de").language, "de");
}
