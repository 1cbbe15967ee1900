//! Requires that an operator has a permission.

use kayan_ports::{Aal, EventType, Scope};

use crate::{
    Failure, Kayan, Operator,
    policy::permission::{Pattern, Permission},
};

/// Why an operator was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeniedError {
    /// It lacks the permission.
    #[error("this needs the permission `{0}`, which you don't hold")]
    Forbidden(Pattern),
    /// Its session lacks the second factor that the tenant requires of it.
    #[error("verify a second factor first: the tenant requires it of you")]
    LacksFactor,
    /// The idempotency key was used for another request.
    #[error("this Idempotency-Key was used for another request: create a new key for each request")]
    KeyReused,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Returns `Ok` if the operator has this permission, and the second factor that the tenant requires of it; a refusal is
    /// audited as a failed `action`, such as `user.lock` (I-31).
    pub async fn permit(
        &self,
        operator: &Operator,
        required: &Permission,
        action: &'static str,
    ) -> Result<(), DeniedError> {
        if operator.lacks_factor {
            self.audit_refusal(operator, Aal::Aal2.as_str(), action).await?;
            return Err(DeniedError::LacksFactor);
        }
        if operator.grants.covers(required) {
            return Ok(());
        }
        self.forbid(operator, Pattern::only(required), action).await
    }

    /// The same for what all tenants share: an operator of one tenant has no access to it.
    pub(crate) async fn permit_over_process(
        &self,
        operator: &Operator,
        required: &Permission,
        action: &'static str,
    ) -> Result<(), DeniedError> {
        self.permit(operator, required, action).await?;
        match operator.scope {
            Scope::System => Ok(()),
            Scope::Tenant(_) => self.forbid(operator, Pattern::only(required), action).await,
        }
    }

    /// Audits a refusal and returns it.
    pub(crate) async fn forbid(
        &self,
        operator: &Operator,
        required: Pattern,
        action: &'static str,
    ) -> Result<(), DeniedError> {
        self.audit_refusal(operator, required.as_str(), action).await?;
        Err(DeniedError::Forbidden(required))
    }

    async fn audit_refusal(&self, operator: &Operator, required: &str, action: &'static str) -> Result<(), Failure> {
        let event = self
            .operator_event(
                operator,
                &operator.tenant(),
                EventType::AdminAction,
                self.clock.now(),
                "an operator was refused",
            )
            .failed(30)
            .with("action", action)
            .with("required", required);
        self.record(event).await
    }
}

#[cfg(test)]
mod tests {
    use kayan_ports::Outcome;

    use super::*;
    use crate::{policy::permission::Grants, stage::Stage};

    #[tokio::test]
    async fn i_31_a_refused_action_is_audited_with_what_it_needed() {
        let stage = Stage::new();
        let grants = Grants::direct(["users:read".parse().unwrap()]);
        let operator = Operator { grants, ..Stage::operator() };
        assert_eq!(stage.kayan.permit(&operator, &Permission::USERS_READ, "user.list").await, Ok(()));
        assert!(stage.store.events().is_empty());
        let refused = stage.kayan.permit(&operator, &Permission::USERS_WRITE, "user.lock").await;
        assert_eq!(refused, Err(DeniedError::Forbidden("users:write".parse().unwrap())));
        assert_eq!(stage.count(EventType::AdminAction, Outcome::Failure), 1);
        let [event] = &stage.store.events()[..] else { panic!("one event") };
        assert_eq!(event.metadata["action"], "user.lock");
        assert_eq!(event.metadata["required"], "users:write");
    }
}
