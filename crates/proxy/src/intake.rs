//! placeholder until the intake lands
use crate::gateway::Gateway;
use crate::shared::Shared;
use pingora::server::configuration::ServerConf;
use pingora::services::listening::Service;
use pingora_proxy::HttpProxy;
use std::sync::Arc;
pub(crate) fn service(conf: &Arc<ServerConf>, gateway: Gateway, _shared: &Arc<Shared>) -> Service<HttpProxy<Gateway>> {
    pingora_proxy::http_proxy_service(conf, gateway)
}
