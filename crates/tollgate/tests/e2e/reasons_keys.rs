//! Refusals for want of keys.

use crate::key_sets::{config, signer, token};
use crate::support::{Scenario, Steps, gateway, get, play};
use engine::reason::Reason;
use testkit::gateway::Builder;
use testkit::upstream::echo;

pub fn scenarios() -> Vec<Scenario> {
    let fields = format!("Authorization: Bearer {}", token(&signer("a")));
    let steps = Steps::Send(get("/profile", &[&fields]));
    let scenario = Scenario::new(Reason::JwksUnavailable, "a provider that never answered", steps);
    vec![scenario.on("profile").by("routes.profile.auth")]
}

pub fn builder() -> Builder {
    let config = config("http://127.0.0.1:1/jwks.json", "gatesReadiness: false");
    gateway(&config).upstream(echo())
}

#[tokio::test]
async fn all_of_them() {
    let gateway = builder().start().await;
    play(&gateway, &scenarios()).await;
}
