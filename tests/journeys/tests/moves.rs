//! An installation moves to another kind of database, with everything that users and auditors rely on.

use kayan_journeys::{Home, Kind, PASSWORD, Person, Service, ask};

use crate::{backup::DATA_KEY, trail::back_to_2024};

const BACKUP_KEY: &str = "q3Vq9xRb2Lw8Tz4Jc7Ym1Kf6Hd3Gs0Pb";

fn home(kind: Kind) -> Home {
    Home::on(kind).with("KAYAN_DATA_KEY", DATA_KEY).with("KAYAN_BACKUP_KEY", BACKUP_KEY)
}

async fn good(home: &Home, line: &str, input: &str) -> String {
    let done = home.run_with(line, input).await;
    assert_eq!(done.code, 0, "{line}: {done:?}");
    done.stdout.trim_end().to_owned()
}

async fn moved(from: Kind, to: Kind) {
    let service = Service::start_in(home(from)).await;
    let client = service.client();
    let (ada, eve) = (Person::register(&client, "ada").await, Person::register(&client, "eve").await);
    eve.log_out().await.expect(204);
    let here = service.home();
    good(here, "admin tenant create --id acme", "").await;
    good(here, "admin role create --name writer --permissions users:read", "").await;
    good(here, &format!("admin role grant --id {} --role writer", ada.id), "").await;
    let create = "admin user create --tenant acme --email bob@example.com --password-stdin";
    good(here, create, &format!("{PASSWORD}\n")).await;
    let kept = good(here, "admin token create --permissions users:read", "").await;
    let revoked = good(here, "admin token create --permissions users:read", "").await;
    good(here, "admin token revoke --token-stdin", &revoked).await;
    let here = service.kill().await;
    // Sealed, and older than any partition that the schema creates.
    back_to_2024(&here, 18).await;
    let database = here.database().await;
    // A service seals only events after those it has sealed.
    let anew = database.earlier("sealed_until", 100_000_000);
    database.execute(&format!("UPDATE audit_sealing SET sealed_until = {anew}")).await;
    drop(database);
    good(&here, "audit seal", "").await;
    let head = good(&here, "audit verify --database --tenant default --format json", "").await;
    good(&here, "backup create --output kayan.backup", "").await;
    let restore = format!("backup restore {}", here.path("kayan.backup").display());

    for keep in [false, true] {
        let there = home(to);
        good(&there, &format!("{restore}{}", if keep { " --keep-sessions" } else { "" }), "").await;
        let report = good(&there, "audit verify --database --tenant default --format json", "").await;
        let part = |text: &str, name: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()[0][name].clone();
        assert_eq!(part(&report, "head"), part(&head, "head"), "the seals have moved");
        assert_eq!(part(&report, "finding"), serde_json::Value::Null);
        let service = Service::start_in(there).await;
        let client = service.client();
        let at_new = |person: &Person| Person { client: client.clone(), ..person.clone() };
        at_new(&eve).assert_out().await;
        ask(client.get("/admin/users").bearer_auth(&revoked)).await.refused(401, "unauthorized");
        let with_token = ask(client.get("/admin/users").bearer_auth(&kept)).await;
        if keep {
            at_new(&ada).who_am_i().await.expect(200);
            at_new(&ada).refresh().await.expect(200);
            with_token.expect(200);
        } else {
            at_new(&ada).assert_out().await;
            with_token.refused(401, "unauthorized");
        }
        at_new(&ada).log_in().await.who_am_i().await.expect(200);
        ask(Person::login(&client, "bob@example.com", PASSWORD).header("X-Tenant-ID", "acme")).await.expect(200);
        ask(Person::login(&client, &ada.email, "wrong")).await.refused(401, "invalid_credentials");
        let user = good(service.home(), &format!("admin user get --id {} --format json", ada.id), "").await;
        assert!(user.contains("writer"), "{user}");
        // The trail continues after the moved events.
        good(service.home(), "audit verify --database", "").await;
    }
}

#[tokio::test]
async fn an_installation_moves_from_sqlite_to_postgres() {
    moved(Kind::Sqlite, Kind::Postgres).await;
}

#[tokio::test]
async fn an_installation_moves_from_postgres_to_mysql() {
    moved(Kind::Postgres, Kind::Mysql).await;
}

#[tokio::test]
async fn an_installation_moves_from_mysql_to_sqlite() {
    moved(Kind::Mysql, Kind::Sqlite).await;
}
