//! Logins.

use kayan_authenticator::Algorithm;

use super::*;

#[tokio::test]
async fn a_passkey_of_each_algorithm_logs_its_user_in() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Rs256] {
        let mut stage = Stage::new(Model { algorithm, ..Model::phone() }).await;
        let proven = Assertion { counter: 0, user_verified: true, backed_up: true };
        assert_eq!(stage.log_in(UserVerification::Required).await, Ok(proven));
    }
}
