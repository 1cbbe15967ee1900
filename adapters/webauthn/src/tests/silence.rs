//! What is logged.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tracing::{Event, Metadata, Subscriber, span, subscriber};

use super::*;

/// Counts lines of the log, of every level.
#[derive(Clone, Default)]
struct Lines(Arc<AtomicUsize>);

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn nothing_of_a_response_or_a_challenge_is_logged() {
    let lines = Lines::default();
    let _guard = subscriber::set_default(lines.clone());
    tracing::error!("one line");
    let mut stage = Stage::new(Model::phone()).await;
    assert!(stage.log_in(UserVerification::Required).await.is_ok());
    let ceremony = begin_registration(&stage.service);
    let mut response = attestation(&Authenticator::default().register(&ceremony.options, ORIGIN).unwrap());
    response.attestation_object.truncate(100);
    assert!(stage.service.finish_registration(&ceremony.state, HANDLE, response).await.is_err());
    let ceremony = stage.begin(UserVerification::Required);
    let mut response = stage.respond(&ceremony);
    response.authenticator_data.truncate(30);
    assert!(stage.finish(&ceremony, response).await.is_err());
    assert_eq!(lines.0.load(Ordering::Relaxed), 1);
}
