//! `kayan admin sessions`: lists and revokes sessions.

use kayan_core::{ListSessions, RevokeSessions, RevokeSessionsError, UserRef};
use kayan_ports::{Session, SessionId, timestamp};
use serde_json::{Value, json};

use super::operator;
use crate::{
    args::{Format, SessionsAction},
    exit::Exit,
    output,
};

pub(super) async fn run(action: SessionsAction) -> Result<(), Exit> {
    match action {
        SessionsAction::List { user, tenant, limit, offset, output } => {
            let kayan = super::super::open().await?;
            let operator = operator(tenant);
            let page = if let Some(user) = user {
                kayan.list_user_sessions(&operator, &UserRef(user), (limit, offset)).await?
            } else {
                let query = ListSessions { identity: None, tenant: None, limit, offset };
                kayan.list_sessions(&operator, &query).await?
            };
            show(&page.rows, output.format)?;
            super::tell_damaged(&page.damaged);
            if output.format == Format::Table {
                output::note(format_args!("{} of {}", page.rows.len(), page.total));
            }
            Ok(())
        }
        SessionsAction::Revoke { id, reason } => {
            let revoked = super::super::open().await?.revoke_session(&operator(None), SessionId(id), reason).await;
            revoked.map_err(explain)?;
            output::note("the session is revoked");
            Ok(())
        }
        SessionsAction::RevokeAll { tenant, user, reason } => {
            let cmd = RevokeSessions { user: user.map(UserRef), tenant, reason };
            let revoked = super::super::open().await?.revoke_sessions(&operator(None), cmd).await.map_err(explain)?;
            match revoked {
                Some(revoked) => output::line(&format!("{revoked} revoked")),
                None => output::line("all revoked; the database was too busy to count them"),
            }
        }
    }
}

fn explain(error: RevokeSessionsError) -> Exit {
    match error {
        RevokeSessionsError::Find(error) => error.into(),
        RevokeSessionsError::NoTenant(_) | RevokeSessionsError::NoSession(_) => Exit::not_found(error),
    }
}

fn show(sessions: &[Session], format: Format) -> Result<(), Exit> {
    if format == Format::Json {
        return output::json(&sessions.iter().map(as_json).collect::<Vec<_>>());
    }
    let rows = sessions.iter().map(|session| {
        vec![
            session.id.to_string(),
            session.tenant.to_string(),
            session.identity.to_string(),
            session.aal.as_str().to_owned(),
            timestamp::text(session.issued_at),
            timestamp::text(session.last_seen_at),
            session.client.ip.clone().unwrap_or_default(),
        ]
    });
    output::table(&["id", "tenant", "user", "aal", "issued at", "last seen at", "address"], rows.collect())
}

fn as_json(session: &Session) -> Value {
    json!({
        "id": session.id,
        "tenant_id": session.tenant,
        "identity_id": session.identity,
        "active": session.active,
        "aal": session.aal,
        "methods": session.methods,
        "issued_at": timestamp::text(session.issued_at),
        "expires_at": timestamp::text(session.expires_at),
        "ends_at": timestamp::text(session.ends_at),
        "last_seen_at": timestamp::text(session.last_seen_at),
        "ip_address": session.client.ip,
        "user_agent": session.client.user_agent,
    })
}
