//! Administration over HTTP and on the command line: users, roles, tenants and sessions.

use std::process::Stdio;

use kayan_journeys::{Answer, Client, Home, PASSWORD, Person, Service, ask};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// A running service, and an administrator of its default tenant.
pub(crate) struct Office {
    pub(crate) service: Service,
    pub(crate) client: Client,
    token: String,
    pub(crate) id: String,
}

impl Office {
    pub(crate) async fn open() -> Self {
        Self::open_in(Home::new()).await
    }

    pub(crate) async fn open_in(home: Home) -> Self {
        let service = Service::start_in(home).await;
        let client = service.client();
        let root = Person::register(&client, "root").await;
        let grant = service.home().run("admin role grant --role admin --id root@example.com").await;
        assert_eq!(grant.code, 0, "{grant:?}");
        Self { client, token: root.session_token, id: root.id, service }
    }

    /// The session token of the administrator.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, path).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        ask(self.request(Method::GET, path)).await
    }

    pub(crate) async fn tell(&self, method: Method, path: &str, body: &Value) -> Answer {
        ask(self.request(method, path).json(body)).await
    }

    /// Creates a user with the usual password.
    pub(crate) async fn make(&self, name: &str, roles: &[&str]) -> Answer {
        let email = format!("{name}@example.com");
        let body = json!({ "traits": { "email": email }, "password": PASSWORD, "roles": roles });
        self.tell(Method::POST, "/admin/users", &body).await.expect(201)
    }

    /// A user with these roles, logged in.
    pub(crate) async fn colleague(&self, name: &str, roles: &[&str]) -> (String, String) {
        let id = self.make(name, roles).await.at("/id");
        let login = ask(Person::login(&self.client, &format!("{name}@example.com"), PASSWORD)).await.expect(200);
        (id, login.at("/session_token"))
    }
}

#[tokio::test]
async fn a_user_is_made_found_changed_and_deleted() {
    let office = Office::open().await;
    let made = office.make("ada", &["viewer"]).await;
    let (path, tag) = (format!("/admin/users/{}", made.at("/id")), made.header("etag").to_owned());
    assert_eq!((made.at("/state"), made.at("/roles/0"), &*tag), ("active".into(), "viewer".into(), "\"1\""));
    let found = office.get(&path).await.expect(200);
    assert_eq!((found.json(), found.header("etag")), (made.json(), &*tag));
    let list = office.get("/admin/users?q=ADA&state=active&limit=5").await.expect(200).json();
    assert_eq!((&list["total"], &list["limit"], &list["offset"]), (&json!(1), &json!(5), &json!(0)));
    assert_eq!(list["data"][0]["id"], made.json()["id"]);

    let patch = json!({ "traits": { "name": "Ada" }, "state": "inactive" });
    let changed = ask(office.request(Method::PATCH, &path).header("If-Match", &tag).json(&patch)).await.expect(200);
    assert_eq!((changed.at("/traits/name"), changed.at("/state")), ("Ada".into(), "inactive".into()));
    let late = ask(office.request(Method::PATCH, &path).header("If-Match", &tag).json(&patch)).await;
    late.refused(412, "precondition_failed");
    ask(office.request(Method::DELETE, &path).header("If-Match", "W/\"3\"")).await.refused(412, "precondition_failed");
    ask(office.request(Method::DELETE, &path).header("If-Match", changed.header("etag"))).await.expect(204);
    office.get(&path).await.refused(404, "not_found");
}

#[tokio::test]
async fn the_guides_curl_locks_a_user_without_a_body() {
    let office = Office::open().await;
    let ada = Person::register(&office.client, "ada").await;
    let url = format!("{}/admin/users/{}/lock", office.client.origin(), ada.id);
    let line = "curl -sS -X POST \"$URL\" \\\n  -H \"Authorization: Bearer $ADMIN_TOKEN\"";
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", line]).env("URL", url).env("ADMIN_TOKEN", &office.token).stderr(Stdio::inherit());
    let said = shell.output().expect("bash and curl");
    let identity: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!((&identity["id"], &identity["state"]), (&json!(ada.id), &json!("locked")));
    ada.assert_out().await;
    let unlock = format!("/admin/users/{}/unlock", ada.id);
    office.tell(Method::POST, &unlock, &json!({ "reason": "all clear" })).await.expect(200);
    ada.log_in().await.who_am_i().await.expect(200);
}

#[tokio::test]
async fn a_lock_ends_at_a_moment_that_is_to_come() {
    let office = Office::open().await;
    let ada = Person::register(&office.client, "ada").await;
    let path = format!("/admin/users/{}/lock", ada.id);
    for until in ["2024-01-01T00:00:00Z", "2024-02-30", "soon"] {
        let refused = office.tell(Method::POST, &path, &json!({ "until": until })).await;
        let refused = refused.refused(400, "invalid_input");
        assert_eq!(refused.at("/details/fields/0/pointer"), "/until", "{until}");
    }
    ada.who_am_i().await.expect(200);
    office.tell(Method::POST, &path, &json!({ "until": "2999-12-31" })).await.expect(200);
    ada.assert_out().await;
    let home = office.service.home();
    let late = home.run(&format!("admin user lock --id {} --until 2024-01-01", ada.id)).await;
    assert_eq!((late.code, late.stderr.contains("in the past")), (2, true), "{}", late.stderr);
    assert_eq!(home.run(&format!("admin user lock --id {} --until 2999-12-31", ada.id)).await.code, 0);
    assert_eq!(kayan_journeys::count(&home.database().await, "SELECT COUNT(*) FROM timed_locks").await, 1);
}

#[tokio::test]
async fn i_22_an_administrator_ends_sessions_one_a_users_or_all() {
    let office = Office::open().await;
    let (ada, bert) = (Person::register(&office.client, "ada").await, Person::register(&office.client, "bert").await);
    let again = ada.log_in().await;
    let list = office.get(&format!("/admin/users/{}/sessions", ada.id)).await.expect(200).json();
    assert_eq!(list["total"], 2);
    let newest = list["data"][0]["id"].as_str().unwrap().to_owned();
    ask(office.request(Method::DELETE, &format!("/admin/sessions/{newest}"))).await.expect(204);
    again.assert_out().await;
    ada.who_am_i().await.expect(200);
    let ended = ask(office.request(Method::DELETE, &format!("/admin/users/{}/sessions", ada.id))).await.expect(200);
    assert_eq!(ended.json(), json!({ "revoked": 1 }));
    ada.assert_out().await;
    bert.who_am_i().await.expect(200);
    assert_eq!(office.get("/admin/sessions").await.expect(200).json()["total"], 2, "bert's and root's");
    let all = ask(office.request(Method::POST, "/admin/sessions/revoke-all")).await.expect(200);
    assert_eq!(all.json(), json!({ "revoked": 2 }));
    bert.assert_out().await;
    office.get("/admin/sessions").await.refused(401, "unauthorized");
}

#[tokio::test]
async fn the_guides_line_logs_everybody_out_while_the_service_runs() {
    let office = Office::open_in(Home::new().with("KAYAN_SESSION_CACHE_TTL", "0s")).await;
    let ada = Person::register(&office.client, "ada").await;
    let done = office.service.home().run("admin sessions revoke-all").await;
    assert_eq!((done.code, done.stdout.as_str()), (0, "2 revoked\n"), "{done:?}");
    ada.assert_out().await;
}

#[tokio::test]
async fn a_role_is_defined_given_checked_and_removed() {
    let office = Office::open().await;
    let role = json!({ "id": "editor", "permissions": ["orders:**"], "parents": ["viewer"], "description": "Orders" });
    let made = office.tell(Method::POST, "/admin/roles", &role).await.expect(201);
    assert_eq!((made.at("/id"), made.json()["built_in"].as_bool()), ("editor".into(), Some(false)));
    office.tell(Method::POST, "/admin/roles", &role).await.refused(409, "already_exists");
    let (ada, _) = office.colleague("ada", &[]).await;
    let given = ask(office.request(Method::PUT, &format!("/admin/users/{ada}/roles/editor"))).await.expect(200);
    assert_eq!(given.at("/roles/0"), "editor");
    assert_eq!(office.get(&format!("/admin/users/{ada}/roles")).await.json(), json!({ "data": ["editor"] }));
    let check = json!({ "identity_id": ada, "permission": "users:read" });
    let told = office.tell(Method::POST, "/admin/permissions/check", &check).await.expect(200);
    assert_eq!(told.json(), json!({ "allowed": true, "via": ["editor", "viewer"] }));
    let wild = json!({ "identity_id": ada, "permission": "users:*" });
    let refused = office.tell(Method::POST, "/admin/permissions/check", &wild).await.refused(400, "invalid_input");
    assert_eq!(refused.at("/details/fields/0/pointer"), "/permission");

    ask(office.request(Method::DELETE, "/admin/roles/editor")).await.refused(409, "in_use");
    let cycle = json!({ "parents": ["editor"] });
    let told = office.tell(Method::PATCH, "/admin/roles/editor", &cycle).await.refused(400, "invalid_input");
    assert_eq!(told.at("/details/fields/0/code"), "cycle");
    let unknown = json!({ "parents": ["nobody"] });
    office.tell(Method::PATCH, "/admin/roles/editor", &unknown).await.refused(400, "invalid_input");
    let after = office.get("/admin/roles/editor").await.expect(200);
    assert_eq!(after.json(), made.json(), "the old definition stays in force");
    let stale = office.request(Method::PATCH, "/admin/roles/editor").header("If-Match", "\"7\"");
    ask(stale.json(&json!({ "description": "x" }))).await.refused(412, "precondition_failed");
    ask(office.request(Method::DELETE, &format!("/admin/users/{ada}/roles/editor"))).await.expect(200);
    ask(office.request(Method::DELETE, "/admin/roles/editor")).await.expect(204);
    office.get("/admin/roles/editor").await.refused(404, "not_found");
    office.get("/admin/roles/viewer").await.expect(200);
}

#[tokio::test]
async fn i_30_whoever_lacks_a_permission_is_told_which_and_that_is_audited() {
    let office = Office::open().await;
    let (_, viewer) = office.colleague("vera", &["viewer"]).await;
    let (ada, _) = office.colleague("ada", &[]).await;
    let by = |method: Method, path: &str| office.client.request(method, path).bearer_auth(&viewer);
    ask(by(Method::GET, "/admin/users")).await.expect(200);
    let lock = ask(by(Method::POST, &format!("/admin/users/{ada}/lock"))).await.refused(403, "forbidden");
    assert_eq!(lock.at("/details/required"), "users:write");
    let grant = ask(by(Method::PUT, &format!("/admin/users/{ada}/roles/admin"))).await.refused(403, "forbidden");
    assert_eq!(grant.at("/details/required"), "roles:write");
    let (_, plain) = office.colleague("paul", &[]).await;
    ask(office.client.get("/admin/users").bearer_auth(&plain)).await.refused(403, "forbidden");
    ask(office.client.get("/admin/users")).await.refused(401, "unauthorized");
    let cookie = format!("kayan_session={}", office.token);
    ask(office.client.get("/admin/users").header("Cookie", cookie)).await.refused(401, "unauthorized");
    let database = office.service.home().database().await;
    let refused = "SELECT COUNT(*) FROM audit_events WHERE type = 'admin.action' AND status = 'failure'";
    assert_eq!(database.texts(refused).await, ["3"]);
}

#[tokio::test]
async fn i_30_the_last_admin_stays_and_nobody_shuts_themself_out() {
    let office = Office::open().await;
    let own = format!("/admin/users/{}", office.id);
    ask(office.request(Method::POST, &format!("{own}/lock"))).await.refused(409, "own_account");
    ask(office.request(Method::DELETE, &own)).await.refused(409, "own_account");
    ask(office.request(Method::DELETE, &format!("{own}/roles/admin"))).await.refused(409, "last_admin");
    let delete = office.request(Method::DELETE, "/api/v1/me").json(&json!({ "password": PASSWORD }));
    ask(delete).await.refused(409, "last_admin");
    office.colleague("grace", &["admin"]).await;
    ask(office.request(Method::DELETE, &format!("{own}/roles/admin"))).await.expect(200);
    office.get("/admin/users").await.refused(403, "forbidden");
}

#[tokio::test]
async fn i_29_an_administrator_of_one_tenant_finds_nothing_in_another() {
    let office = Office::open().await;
    let home = office.service.home();
    for line in ["admin tenant create --id acme --name Acme", "admin tenant list --format json"] {
        let done = home.run(line).await;
        assert_eq!(done.code, 0, "{done:?}");
    }
    let there = Person::registration(&office.client, "ada@example.com").header("X-Tenant-ID", "acme");
    let theirs = ask(there).await.expect(201);
    let (id, session) = (theirs.at("/identity/id"), theirs.at("/session/session_token"));
    let list = |request: RequestBuilder| ask(request.header("X-Tenant-ID", "acme").bearer_auth(&session));
    let sessions = list(office.client.get("/api/v1/sessions")).await.expect(200);
    let session_id = sessions.at("/data/0/id");
    for (method, path) in [
        (Method::GET, format!("/admin/users/{id}")),
        (Method::DELETE, format!("/admin/users/{id}")),
        (Method::POST, format!("/admin/users/{id}/lock")),
        (Method::POST, format!("/admin/users/{id}/unlock")),
        (Method::GET, format!("/admin/users/{id}/sessions")),
        (Method::DELETE, format!("/admin/users/{id}/sessions")),
        (Method::GET, format!("/admin/users/{id}/roles")),
        (Method::PUT, format!("/admin/users/{id}/roles/viewer")),
        (Method::DELETE, format!("/admin/users/{id}/roles/viewer")),
        (Method::DELETE, format!("/admin/sessions/{session_id}")),
        (Method::GET, "/admin/tenants/acme".to_owned()),
        (Method::DELETE, "/admin/tenants/acme".to_owned()),
    ] {
        ask(office.request(method, &path)).await.refused(404, "not_found");
    }
    let nothing = office.get("/admin/users?q=ada").await.expect(200).json();
    assert_eq!(nothing["total"], 0);
    assert_eq!(office.get("/admin/tenants").await.expect(200).json()["total"], 1, "its own");
    let new = json!({ "id": "mine" });
    office.tell(Method::POST, "/admin/tenants", &new).await.refused(403, "forbidden");
    let elsewhere = office.request(Method::GET, "/admin/users").header("X-Tenant-ID", "acme");
    ask(elsewhere).await.refused(401, "unauthorized");
    let still = ask(office.client.get("/api/v1/whoami").header("X-Tenant-ID", "acme").bearer_auth(&session)).await;
    still.expect(200);
}

#[tokio::test]
async fn a_tenant_is_named_by_its_host() {
    let home = Home::new().with("KAYAN_TENANT_HOSTS", "login.acme.example=acme,*.example.com=*");
    let office = Office::open_in(home).await;
    for line in ["admin tenant create --id acme", "admin tenant create --id globex"] {
        assert_eq!(office.service.home().run(line).await.code, 0);
    }
    let register = |host: &str, name: &str| {
        Person::registration(&office.client, &format!("{name}@example.com")).header("Host", host)
    };
    assert_eq!(ask(register("login.acme.example:443", "ada")).await.expect(201).at("/identity/tenant_id"), "acme");
    assert_eq!(ask(register("globex.example.com", "ada")).await.expect(201).at("/identity/tenant_id"), "globex");
    assert_eq!(ask(register("localhost", "ada")).await.expect(201).at("/identity/tenant_id"), "default");
    ask(register("nowhere.example.com", "ada")).await.refused(404, "tenant_not_found");
    let torn = register("login.acme.example", "bert").header("X-Tenant-ID", "globex");
    ask(torn).await.refused(404, "tenant_not_found");
    let alike = register("login.acme.example", "bert").header("X-Tenant-ID", "acme");
    ask(alike).await.expect(201);
}

#[tokio::test]
async fn tenants_and_roles_are_managed_on_the_command_line() {
    let home = Home::new();
    let settings = "{\"session_ttl\":600,\"password_min_length\":12}";
    let steps = [
        (format!("admin tenant create --id acme --name Acme --settings {settings}"), 0),
        ("admin tenant create --id acme".to_owned(), 1),
        ("admin tenant create --id Acme".to_owned(), 2),
        ("admin tenant update --id acme --settings {\"session_ttl\":1}".to_owned(), 2),
        ("admin tenant update --id acme --settings {\"sesion_ttl\":600}".to_owned(), 2),
        ("admin tenant deactivate --id acme".to_owned(), 0),
        ("admin tenant activate --id acme".to_owned(), 0),
        ("admin tenant deactivate --id default".to_owned(), 1),
        ("admin tenant delete --id nowhere".to_owned(), 4),
        (
            "admin role create --name editor --permissions orders:*,users:read --parents viewer --tenant acme"
                .to_owned(),
            0,
        ),
        ("admin role create --name editor --permissions ** --tenant acme".to_owned(), 1),
        ("admin role create --name admin".to_owned(), 2),
        ("admin role create --name bad --permissions Users".to_owned(), 2),
        ("admin role create --name bad --parents nobody".to_owned(), 2),
        ("admin user create --email ada@example.com --no-password --tenant acme --role editor".to_owned(), 0),
        ("admin role revoke --role editor --id ada@example.com".to_owned(), 0),
        ("admin role grant --role king --id ada@example.com".to_owned(), 4),
        ("admin role delete --name editor --tenant acme".to_owned(), 0),
        ("admin tenant delete --id acme".to_owned(), 1),
        ("admin user delete --id ada@example.com --reason leaving".to_owned(), 0),
        ("admin tenant delete --id acme".to_owned(), 0),
        ("admin sessions revoke --id 01890000-0000-7000-8000-000000000000".to_owned(), 4),
        ("admin sessions revoke-all --tenant nowhere".to_owned(), 4),
        ("admin sessions revoke-all --user nobody@example.com".to_owned(), 4),
        ("admin sessions list --format json".to_owned(), 0),
    ];
    for (line, code) in steps {
        let done = home.run(&line).await;
        assert_eq!(done.code, code, "kayan {line}: {done:?}");
        assert!(code == 0 || done.stderr.starts_with("kayan: ") || code == 2, "kayan {line}: {done:?}");
    }
    let roles = home.run("admin role list --format json").await;
    let roles: Value = serde_json::from_str(&roles.stdout).unwrap();
    assert_eq!(roles.as_array().map(Vec::len), Some(3));
}

/// A hash of `correct horse`, made elsewhere.
const HASH: &str = "$2b$04$bus2Ek6NlcjNotla9nCbj.t/3M84ijqupBbsAQ91E9GnwiERkS57W";

#[tokio::test]
async fn a_user_is_made_with_a_password_that_was_hashed_elsewhere() {
    let office = Office::open().await;
    let body = json!({ "traits": { "email": "ada@example.com" }, "password_hash": HASH });
    office.tell(Method::POST, "/admin/users", &body).await.expect(201);
    ask(Person::login(&office.client, "ada@example.com", "correct horse")).await.expect(200);
    ask(Person::login(&office.client, "ada@example.com", "correct cow")).await.refused(401, "invalid_credentials");
}

#[tokio::test]
async fn bad_input_to_administration_is_told_field_by_field() {
    let office = Office::open().await;
    for (body, pointer) in [
        (json!({ "traits": { "email": "nonsense" } }), "/traits/email"),
        (json!({ "traits": { "email": "a@example.com", "roles": ["admin"] } }), "/traits/roles"),
        (json!({ "traits": { "email": "a@example.com" }, "roles": ["king"] }), "/roles"),
        (json!({ "traits": { "email": "a@example.com" }, "state": "asleep" }), "/state"),
        (json!({ "traits": { "email": "a@example.com" }, "password_hash": "md5:0" }), "/password_hash"),
        (
            json!({ "traits": { "email": "a@example.com" }, "password": PASSWORD, "password_hash": HASH }),
            "/password_hash",
        ),
        (json!({ "roles": [] }), "/traits"),
    ] {
        let told = office.tell(Method::POST, "/admin/users", &body).await.refused(400, "invalid_input");
        assert_eq!(told.at("/details/fields/0/pointer"), pointer, "{body}");
    }
    for path in ["/admin/users?limit=0", "/admin/users?limit=101", "/admin/users?offset=-1", "/admin/users/7"] {
        office.get(path).await.refused(400, "invalid_input");
    }
    let weak = json!({ "traits": { "email": "a@example.com" }, "password": "password1" });
    office.tell(Method::POST, "/admin/users", &weak).await.refused(400, "weak_password");
    let two = office.request(Method::DELETE, &format!("/admin/users/{}", office.id)).header("If-Match", "\"1\", \"2\"");
    ask(two).await.refused(400, "invalid_input");
}
