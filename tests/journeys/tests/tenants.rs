//! Tenants are separated from each other.

use kayan_journeys::{PASSWORD, Person, Service, ask};

async fn with_a_second_tenant() -> Service {
    let service = Service::start().await;
    let database = service.home().database().await;
    for (id, active) in [("acme", "TRUE"), ("gone", "FALSE")] {
        let sql = "INSERT INTO tenants (id, active, created_at) SELECT";
        database.execute(&format!("{sql} '{id}', {active}, created_at FROM tenants WHERE id = 'default'")).await;
    }
    service
}

#[tokio::test]
async fn an_unknown_or_inactive_tenant_is_not_found() {
    let service = with_a_second_tenant().await;
    let ada = Person::register(&service.client(), "ada").await;
    for tenant in ["nobody", "gone", "ACME", "../default", "a b", "", "%61cme"] {
        for request in [
            Person::login(&ada.client, &ada.email, PASSWORD),
            Person::registration(&ada.client, "new@example.com"),
            Person::refreshing(&ada.client, &ada.refresh_token),
            Person::asking(&ada.client, &ada.session_token),
        ] {
            ask(request.header("X-Tenant-ID", tenant)).await.refused(404, "tenant_not_found");
        }
    }
    ask(Person::asking(&ada.client, &ada.session_token).header("X-Tenant-ID", "default")).await.expect(200);
}

#[tokio::test]
async fn i_13_one_address_in_two_tenants_is_two_accounts() {
    let service = with_a_second_tenant().await;
    let ada = Person::register(&service.client(), "ada").await;
    let other = Person::registration(&ada.client, &ada.email).header("X-Tenant-ID", "acme");
    let other = ask(other).await.expect(201);
    assert_ne!(other.at("/identity/id"), ada.id);
    assert_eq!(other.at("/identity/tenant_id"), "acme");
}

#[tokio::test]
async fn i_29_a_token_of_one_tenant_opens_nothing_in_another() {
    let service = with_a_second_tenant().await;
    let ada = Person::register(&service.client(), "ada").await;
    let (session, refresh) = (&ada.session_token, &ada.refresh_token);
    ask(Person::asking(&ada.client, session).header("X-Tenant-ID", "acme")).await.refused(401, "unauthorized");
    let refreshing = Person::refreshing(&ada.client, refresh).header("X-Tenant-ID", "acme");
    ask(refreshing).await.refused(401, "invalid_token");
    let login = Person::login(&ada.client, &ada.email, PASSWORD).header("X-Tenant-ID", "acme");
    ask(login).await.refused(401, "invalid_credentials");
    // The token is still valid.
    ada.who_am_i().await.expect(200);
    ada.refresh().await.expect(200);
}
