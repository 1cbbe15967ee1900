//! temporary
#![allow(warnings)]
#![allow(clippy::all)]
use kayan_ports::*;
use kayan_sql::{Dialect, SqlStore, migrate};
use kayan_sqlite::*;
use std::sync::Arc;
use std::time::Instant;
mod crate_samples {}
fn at(s: i64) -> Timestamp {
    Timestamp::from_unix_timestamp(1_700_000_000 + s).unwrap()
}
fn id(kind: u128, n: u32) -> uuid::Uuid {
    uuid::Uuid::from_u128(
        0x0190_0000_0000_7000_8000_0000_0000_0000u128
            + ((n as u128) << 80 & 0x0000_ffff_ffff_0000_0000_0000_0000_0000u128)
            + (kind << 32)
            + n as u128,
    )
}
fn hash(k: u8, n: u32) -> TokenHash {
    let mut b = [k; 32];
    let mut x = (n as u64).wrapping_mul(0x9E3779B97F4A7C15) ^ (k as u64);
    for i in 0..4 {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        b[i * 8..i * 8 + 8].copy_from_slice(&x.to_be_bytes());
    }
    TokenHash(b)
}
fn event(n: u32) -> AuditEvent {
    AuditEvent {
        id: EventId(id(5, n)),
        tenant: TenantId::default(),
        kind: EventType::LoginSuccess,
        outcome: Outcome::Success,
        actor: Some(id(1, n).to_string()),
        subject: Some(id(1, n).to_string()),
        message: "logged in with a password".into(),
        metadata: Default::default(),
        client: client(),
        session: Some(SessionId(id(3, n))),
        resource: None,
        old_value: None,
        new_value: None,
        risk: 0,
        request_id: Some("0190aaaabbbb".into()),
        created_at: at(n as i64),
    }
}
fn client() -> Client {
    Client {
        ip: Some("192.0.2.1".into()),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36".into()),
    }
}
fn reg(n: u32) -> Vec<Change> {
    let i = Identity {
        id: IdentityId(id(1, n)),
        tenant: TenantId::default(),
        traits: Traits(
            serde_json::from_str(&format!(r#"{{"email":"user{n}@example.org","name":"User {n}"}}"#)).unwrap(),
        ),
        state: State::Active,
        verified: vec![],
        roles: vec![],
        created_at: at(n as i64),
        updated_at: at(n as i64),
        last_login_at: None,
        version: 1,
    };
    let c = Credential {
        id: CredentialId(id(2, n)),
        tenant: TenantId::default(),
        identity: i.id,
        kind: CredentialKind::Password,
        secret: PasswordHash::new("$2b$10$abcdefghijklmnopqrstuvabcdefghijklmnopqrstuvabcdefghijk".into()),
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    };
    vec![
        Change::CreateIdentity {
            identity: Box::new(i),
            identifiers: vec![NamedIdentifier {
                field: "email".into(),
                value: Identifier::from_canonical(format!("user{n}@example.org")),
            }],
        },
        Change::AddCredential(Box::new(c)),
        Change::Record(Box::new(event(n))),
    ]
}
fn refresh(n: u32, g: u32) -> RefreshToken {
    RefreshToken {
        hash: hash(4 + g as u8, n),
        tenant: TenantId::default(),
        session: SessionId(id(3, n)),
        issued_at: at(0),
        expires_at: at(100000),
        spent: None,
    }
}
fn login(n: u32) -> Vec<Change> {
    let s = Session {
        id: SessionId(id(3, n)),
        tenant: TenantId::default(),
        identity: IdentityId(id(1, n)),
        token: hash(3, n),
        active: true,
        aal: Aal::Aal1,
        methods: vec![MethodUse { method: Method::Password, completed_at: at(0) }],
        issued_at: at(0),
        expires_at: at(1000000),
        ends_at: at(1000000),
        last_seen_at: at(0),
        client: client(),
    };
    vec![Change::OpenSession(Box::new(s)), Change::IssueRefresh(Box::new(refresh(n, 0)))]
}
fn rotate(n: u32) -> Vec<Change> {
    vec![
        Change::RotateRefresh {
            spent: hash(4, n),
            at: at(1),
            salt: [7; 32],
            client: client(),
            next: Box::new(refresh(n, 1)),
        },
        Change::RenewSession {
            tenant: TenantId::default(),
            session: SessionId(id(3, n)),
            token: hash(9, n),
            expires_at: at(1000000),
            at: at(1),
        },
        Change::Record(Box::new(event(n + 10_000_000))),
    ]
}
fn see(n: u32) -> Vec<Change> {
    vec![Change::SeeSession { tenant: TenantId::default(), session: SessionId(id(3, n)), at: at(5) }]
}
fn cpu() -> f64 {
    for e in std::fs::read_dir("/proc/self/task").unwrap() {
        let p = e.unwrap().path();
        let c = std::fs::read_to_string(p.join("comm")).unwrap();
        if c.starts_with("kayan-sqlite") {
            let s = std::fs::read_to_string(p.join("schedstat")).unwrap();
            return s.split(' ').next().unwrap().parse::<f64>().unwrap() / 1000.0;
        }
    }
    0.0
}
async fn run(name: &str, store: &Arc<SqlStore<SqliteDriver>>, n: u32, conc: u32, f: fn(u32) -> Vec<Change>) {
    let c0 = cpu();
    let before = store.driver().commits();
    let start = Instant::now();
    let mut tasks = vec![];
    for c in 0..conc {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            let mut k = c;
            while k < n {
                store.commit(f(k)).await.unwrap();
                k += conc;
            }
        }));
    }
    for t in tasks {
        t.await.unwrap();
    }
    let e = start.elapsed();
    println!(
        "{name}: writer cpu {:.1} us/list; wall {:.0}/s, {} lists, {} commits",
        (cpu() - c0) / n as f64,
        n as f64 / e.as_secs_f64(),
        n,
        store.driver().commits() - before
    );
}
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let dsn = std::env::args().nth(1).unwrap();
    let n: u32 = std::env::args().nth(2).unwrap().parse().unwrap();
    let store = Arc::new(open(&dsn).unwrap());
    migrate::up(store.driver(), migrate::embedded(Dialect::Sqlite), None, at(0), &mut |_| {}).await.unwrap();
    run("register", &store, n, 256, reg).await;
    run("login", &store, n, 256, login).await;
    let t = TenantId::default();
    for round in 0..2 {
        let start = Instant::now();
        for k in 0..n {
            let r = store.presented(&t, &hash(3, k.wrapping_mul(7919) % n)).await.unwrap();
            assert!(matches!(r, Lookup::Found(_)));
        }
        println!("presented random: {:.2} us", start.elapsed().as_micros() as f64 / n as f64);
        let start = Instant::now();
        for k in 0..n {
            let r = store.presented(&t, &hash(3, 5)).await.unwrap();
            assert!(matches!(r, Lookup::Found(_)));
        }
        println!("presented same: {:.2} us", start.elapsed().as_micros() as f64 / n as f64);
    }
    if n == 20001 {
        for k in 0..1000000u32 {
            store.presented(&t, &hash(3, k % 100)).await.unwrap();
        }
        return;
    }
    // reads while writing
    let w = {
        let store = store.clone();
        tokio::spawn(async move {
            run("rotate", &store, n, 256, rotate).await;
        })
    };
    let start = Instant::now();
    let mut c = 0u64;
    while !w.is_finished() {
        for k in 0..100u32 {
            let r = store.presented(&t, &hash(3, 5 + k)).await.unwrap();
            c += 1;
        }
        tokio::task::yield_now().await;
    }
    println!(
        "presented while writing: {:.2} us wall each ({} reads)",
        start.elapsed().as_micros() as f64 / c as f64,
        c
    );
    run("see", &store, n, 256, see).await;
    run("see 1", &store, n / 20, 1, see).await;
}
