//! The service that clients connect to: the intake, with Pingora's proxy behind it.

use crate::gateway::Gateway;
use crate::intake::{Caps, Door, Intake, Listener, Refuse};
use crate::phase::receive::FrontDoor;
use crate::pool::Connector;
use crate::shared::Shared;
use pingora::apps::HttpServerOptions;
use pingora::connectors::ConnectorOptions;
use pingora::server::ShutdownWatch;
use pingora::server::configuration::ServerConf;
use pingora::services::listening::Service;
use pingora_proxy::{HttpProxy, ProxyServiceBuilder};
use std::pin::Pin;
use std::sync::Arc;

pub(crate) fn service(
    configuration: &Arc<ServerConf>,
    shared: &Arc<Shared>,
    listeners: Box<[Listener]>,
) -> Service<HttpProxy<Gateway, Connector>> {
    let gateway: Arc<dyn Refuse> = Arc::new(FrontDoor { shared: Arc::clone(shared) });
    let door = Arc::new(Door { gateway, caps: Caps::clone(&shared.connections), listeners });
    let take = move |proxy, stream, shutdown: &ShutdownWatch| {
        let (intake, shutdown) = (Intake::new(proxy, Arc::clone(&door)), shutdown.clone());
        let taken: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(async move {
            intake.take(stream, &shutdown).await;
            None
        });
        taken
    };
    let connector = Connector::new(ConnectorOptions::from_server_conf(configuration), Arc::clone(&shared.pool));
    // The intake comes before Pingora's proxy by way of what Pingora calls a custom protocol, spoken by every connection.
    let mut options = HttpServerOptions::default();
    options.force_custom = true;
    ProxyServiceBuilder::new(configuration, Gateway { shared: Arc::clone(shared) })
        .name("gateway")
        .custom(connector, Arc::new(take))
        .server_options(options)
        .build()
}
