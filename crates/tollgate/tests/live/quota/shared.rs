//! What one node says of quotas that all nodes share.

use super::{quota, used};
use crate::program::BINARY;
use testkit::gateway::{Gateway, gateway};
use testkit::redis::RedisServer;
use testkit::upstream;

const CONFIG: &str = r#"
store: { redis: { url: "redis://${STORE}", timeout: 500ms } }
upstreams: { main: { endpoints: ["{{upstream}}"] } }
plans:
  all: { routes: ["*"], quota: { limit: 1000, per: month, scope: cluster, sync: exact } }
  other: { routes: ["*"], quota: { limit: 9, per: month, scope: cluster } }
consumers: [{ id: acme, plan: all, apiKeys: [{ value: key-of-acme }] }]
defaults: { upstream: main, auth: { apiKey: {} } }
routes:
  - { name: open, paths: [/open] }
  - { name: tenant, paths: [/tenant], quota: { limit: 5, per: month, key: route, scope: cluster } }
"#;

async fn start(redis: &RedisServer) -> Gateway {
    gateway(BINARY, CONFIG).env("STORE", &redis.address().to_string()).upstream(upstream::echo()).start().await
}

#[tokio::test]
async fn a_consumers_count_is_that_of_all_nodes_and_the_rest_is_named() {
    let mut redis = RedisServer::start().await;
    let (one, two) = tokio::join!(start(&redis), start(&redis));
    for (gateway, calls) in [(&one, 3), (&two, 4)] {
        for _ in 0..calls {
            gateway.get("/open").header("x-api-key", "key-of-acme").expect(200).await;
        }
    }
    assert_eq!((used(&one, "acme"), used(&two, "acme")), (7, 7));
    let shown = quota(&one, &["show", "--consumer", "acme", "--policy", "plans.all.quota"]).expect(0);
    assert!(shown.stdout.contains("used      7 (7 of 1000, 993 left)\n"), "{shown}");
    assert!(shown.stdout.contains("counted   in the store, for all nodes"), "{shown}");
    let listed = quota(&one, &["list"]).expect(0);
    for note in [
        "plans.all.quota is shared by all nodes and counted in the store by consumerId: ask with --consumer\n",
        "routes.tenant.quota is shared by all nodes and counted in the store by route; this node does not know",
    ] {
        assert!(listed.stderr.contains(note), "{listed}");
    }
    let reset = quota(&one, &["reset", "--consumer", "acme"]).expect(1);
    assert!(
        reset.stderr.contains("plans.all.quota is shared by all nodes: it is counted in the store and was not reset"),
        "{reset}"
    );
    redis.kill();
    let silent = quota(&one, &["list", "--consumer", "acme"]).expect(0);
    assert!(
        silent.stderr.contains("plans.all.quota is shared by all nodes, and the store does not answer"),
        "{silent}"
    );
}
