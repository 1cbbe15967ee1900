//! Databases of other programs, rows that Kayan has not written, and texts that no database should get.

use kayan_journeys::{Home, Kind, Person, Service, ask, count};
use reqwest::Method;
use serde_json::json;

use crate::{administration::Office, doctor::doctor};

/// The migration tables of Rails, of Ecto and of golang-migrate, and a table of another program.
const FOREIGN: [(&str, &str); 4] = [
    ("schema_migrations", "CREATE TABLE schema_migrations (version varchar(255) NOT NULL PRIMARY KEY)"),
    ("schema_migrations", "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, inserted_at int)"),
    ("schema_migrations", "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty int NOT NULL)"),
    ("sessions", "CREATE TABLE sessions (id int NOT NULL PRIMARY KEY, data varchar(255))"),
];

#[tokio::test]
async fn a_database_with_another_programs_tables_is_refused_with_what_to_do() {
    for (table, sql) in FOREIGN {
        let home = Home::new();
        home.database().await.execute(sql).await;
        // A file without a migration table is refused when it is opened.
        let is_file = Kind::chosen() == Kind::Sqlite && table != "schema_migrations";
        let told = if is_file {
            "is not a Kayan database but another program's; name another file".to_owned()
        } else {
            format!("the table {table} is there already and is another program's; give Kayan a database of its own")
        };
        for command in ["migrate up", "migrate status", "serve"] {
            let refused = home.run(command).await;
            assert!(refused.code != 0 && refused.stderr.contains(&told), "{command}: {refused:?}");
        }
        let check = if is_file { "database.reachable" } else { "migrations.foreign" };
        let found = doctor(&home, "").await.is(check, "failed");
        assert!(found.contains(&told), "{found}");
        assert_eq!(count(&home.database().await, &format!("SELECT COUNT(*) FROM {table}")).await, 0);
    }
}

#[tokio::test]
async fn a_damaged_user_keeps_nobody_else_from_being_listed_and_is_named() {
    let office = Office::open().await;
    let eve = Person::register(&office.client, "eve").await;
    Person::register(&office.client, "bob").await;
    let database = office.service.home().database().await;
    database.execute(&format!("UPDATE identities SET roles = '7' WHERE id = '{}'", eve.id)).await;
    let list = office.get("/admin/users").await.expect(200).json();
    assert_eq!((list["total"].as_u64(), list["data"].as_array().map(Vec::len)), (Some(3), Some(2)));
    assert_eq!(list["damaged"], json!([eve.id]));
    assert!(office.service.log().contains("a damaged row is left out of a list"), "{}", office.service.log());
    let home = office.service.home();
    let told = home.run("admin user list --format json").await;
    assert!(told.code == 0 && told.stderr.contains(&eve.id) && told.stdout.contains("bob@"), "{told:?}");
    let found = doctor(home, "").await;
    assert!(found.is("database.rows", "failed").contains(&eve.id), "{found:?}");
}

#[tokio::test]
async fn i_38_a_nul_character_is_refused_alike_by_every_database() {
    let office = Office::open().await;
    for path in [
        "/admin/users?q=%00",
        "/admin/users?q=ro%00ot",
        "/admin/audit/events?actor=%00",
        "/admin/audit/events?subject=a%00",
    ] {
        office.get(path).await.refused(400, "invalid_input");
    }
    let role = |description: &str| json!({ "id": "clerk", "description": description, "permissions": ["users:read"] });
    office.tell(Method::POST, "/admin/roles", &role("a\0b")).await.refused(400, "invalid_input");
    office.tell(Method::POST, "/admin/roles", &role("ab")).await.expect(201);
    let patch = json!({ "description": "\0" });
    office.tell(Method::PATCH, "/admin/roles/clerk", &patch).await.refused(400, "invalid_input");
    ask(Person::login(&office.client, "ro\0ot@example.com", "x")).await.refused(401, "invalid_credentials");
}

#[tokio::test]
async fn i_21_the_last_identifier_is_not_patched_away() {
    let identifier = json!({ "type": "string", "x-kayan-identifier": true });
    let schema = json!({ "type": "object", "properties": { "email": identifier, "badge": identifier } });
    let service = Service::start_in(Home::new().with("KAYAN_IDENTITY_SCHEMA", schema.to_string())).await;
    let ada = Person::register(&service.client(), "ada").await;
    let patch = async |traits: serde_json::Value| {
        let request = ada.client.request(Method::PATCH, "/api/v1/me").bearer_auth(&ada.session_token);
        ask(request.json(&json!({ "traits": traits }))).await
    };
    patch(json!({ "email": null })).await.refused(409, "last_identifier");
    ada.log_in().await;
    patch(json!({ "email": null, "badge": "ADA1" })).await.expect(200);
}

/// A database that can't store every text.
pub(crate) async fn refuses_an_encoding_that_is_not_utf_8() {
    let home = Home::on(Kind::Postgres);
    let database = home.database().await;
    let name = database.texts("SELECT current_database()").await.remove(0);
    let sql = format!("CREATE DATABASE {name}_latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    database.execute(&sql).await;
    let dsn = home.dsn().replacen(&name, &format!("{name}_latin"), 1);
    let home = home.with("KAYAN_DB_DSN", dsn);
    for command in ["migrate up", "serve"] {
        let refused = home.run(command).await;
        assert!(refused.code != 0 && refused.stderr.contains("encoding is LATIN1"), "{command}: {refused:?}");
    }
    assert!(doctor(&home, "").await.is("database.encoding", "failed").contains("LATIN1"));
    database.execute(&format!("DROP DATABASE {name}_latin WITH (FORCE)")).await;
}

/// Other products speak the protocols of PostgreSQL and MySQL; this one says that it is such a one.
pub(crate) async fn refuses_an_unusable_server(home: &Home, told: &str) {
    for command in ["migrate up", "migrate status", "migrate plan", "serve", "admin user list"] {
        let refused = home.run(command).await;
        assert!(refused.code == 1 && refused.stderr.contains(told), "{command}: {refused:?}");
    }
    assert!(home.database().await.texts(TABLES).await.is_empty(), "nothing is migrated");
    let found = doctor(home, "").await;
    assert!(found.code == 1 && found.is("database.version", "failed").contains("Kayan can't work with"), "{found:?}");
    found.is("migrations.pending", "skipped");
}

const TABLES: &str =
    "SELECT table_name FROM information_schema.tables WHERE table_name IN ('schema_migrations', 'tenants')";
