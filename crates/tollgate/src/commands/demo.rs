//! `tollgate demo`: `conf/quickstart.yaml` with an upstream in the same process, keys made on the spot, and curl lines to copy.

use super::{Failure, Outcome, output};
use crate::origin::Origin;
use crate::process::startup;
use config::source::Memory;
use engine::policy::api_key::NewKey;
use limits::clock::now;
use serde_json::json;
use std::fmt::Write as _;
use std::fs::DirBuilder;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use testkit::tokens::{Algorithm, Signer};
use testkit::upstream::{Behaviour, Upstream};

const QUICKSTART: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../conf/quickstart.yaml"));
/// Where the config says that it reads the token's public key from.
const PEM: &str = "demo.pem";
/// In the folder of the control socket: a config that says where that is, and nothing else.
const ASKED: &str = "demo.yaml";
/// How long the demo's token is good for, in seconds.
const TOKEN_LIFETIME_S: u64 = 24 * 60 * 60;

/// What the curl lines need.
struct Credentials {
    key: String,
    token: String,
}

pub(crate) fn run(listen: SocketAddr) -> Result<Outcome, Failure> {
    let start = |error| Failure::Start(Box::new(error));
    let control = startup::take_over()?;
    let listen = free(listen)?;
    let telemetry = free((Ipv4Addr::LOCALHOST, 0).into())?;
    let upstream = Upstream::start_at((Ipv4Addr::LOCALHOST, 0).into(), Behaviour::Echo).map_err(start)?;
    let key = new_key()?;
    let signer = Signer::generated(Algorithm::ES256, Some("demo"));
    let issued = now().unix_seconds();
    let claims = json!({
        "iss": "https://idp.example.com/", "aud": "demo", "sub": "zoe",
        "iat": issued, "exp": issued.saturating_add(TOKEN_LIFETIME_S),
    });
    let credentials = Credentials { token: signer.token(&claims), key: key.text };
    let files = Memory::default().with("quickstart.yaml", QUICKSTART).with(PEM, signer.public_pem());
    let mut hash = String::with_capacity(64);
    for byte in key.sha256 {
        let _ = write!(hash, "{byte:02x}");
    }
    let upstream_address = upstream.address();
    let variables = move |name: &str| match name {
        "TOLLGATE_DEMO_LISTEN" => Some(listen.to_string()),
        "TOLLGATE_DEMO_TELEMETRY" => Some(telemetry.to_string()),
        "TOLLGATE_DEMO_UPSTREAM" => Some(upstream_address.to_string()),
        "TOLLGATE_DEMO_JWT_PEM" => Some(PEM.to_owned()),
        "TOLLGATE_DEMO_KEY_SHA256" => Some(hash.clone()),
        _ => None,
    };
    let origin = Origin::new(Path::new("quickstart.yaml"), files, Box::new(variables));
    let folder = folder()?;
    let asked = folder.join(ASKED);
    let socket = startup::ControlSocket::InItsOwn(folder.clone());
    let served = startup::serve(control, origin, socket, move |_| {
        output::result(lines(listen, telemetry, &credentials, &asked));
    });
    // One that did not even begin has left it.
    let _ = std::fs::remove_dir_all(folder);
    served?;
    drop(upstream);
    Ok(Outcome::Yes)
}

/// A folder for the control socket, for this user only, with a file that says so: what `--config` can name.
fn folder() -> Result<PathBuf, Failure> {
    let folder = std::env::temp_dir().join(format!("tollgate-demo-{}-{}", std::process::id(), now().unix_ms));
    let made = DirBuilder::new().mode(0o700).create(&folder).and_then(|()| {
        let text = "# The demo that runs serves conf/quickstart.yaml. This is for commands that ask it: `--config` with the name of this file.\n\
                    version: 1\nserver: { stateDir: . }\n";
        std::fs::write(folder.join(ASKED), text)
    });
    made.map_err(|source| Failure::Write { path: folder.display().to_string(), source })?;
    Ok(folder)
}

fn new_key() -> Result<NewKey, Failure> {
    let mut entropy = [0_u8; 20];
    let source = "/dev/urandom";
    std::fs::File::open(source)
        .and_then(|mut file| file.read_exact(&mut entropy))
        .map_err(|error| Failure::Read { path: source.into(), source: error })?;
    Ok(NewKey::from_entropy(entropy))
}

/// The address itself or, for port 0 and for a port that is taken, a free one beside it: a demo must not fail for that.
fn free(address: SocketAddr) -> Result<SocketAddr, Failure> {
    let bound = TcpListener::bind(address).or_else(|_| TcpListener::bind((address.ip(), 0)));
    bound.and_then(|listener| listener.local_addr()).map_err(|error| Failure::Start(Box::new(error)))
}

fn lines(listen: SocketAddr, telemetry: SocketAddr, credentials: &Credentials, asked: &Path) -> String {
    let base = format!("http://{listen}");
    let Credentials { key, token } = credentials;
    let mut text = String::from("\nTollgate demo: copy any of these lines into another terminal. Ctrl-C ends it.\n\n");
    let mut line = |status: &str, what: &str, command: &str| {
        let _ = writeln!(text, "# {status}: {what}\n{command}\n");
    };
    line("200", "an open route, answered by the demo's upstream", &format!("curl -i {base}/hello"));
    line("200", "with an API key", &format!("curl -i -H 'x-api-key: {key}' {base}/v1/orders"));
    line("200", "with a token", &format!("curl -i -H 'Authorization: Bearer {token}' {base}/v1/profile"));
    line("401", "without a key", &format!("curl -i {base}/v1/orders"));
    line("401", "with a key that nobody has", &format!("curl -i -H 'x-api-key: wrong' {base}/v1/orders"));
    line("403", "the key's plan does not list the route", &format!("curl -i -H 'x-api-key: {key}' {base}/v1/reports"));
    line("404", "a path that no route has", &format!("curl -i {base}/nowhere"));
    line("405", "a method that the route does not have", &format!("curl -i -X DELETE {base}/hello"));
    let post = format!("curl -i -H 'x-api-key: {key}' -H 'Content-Type: application/json'");
    line(
        "413",
        "a body of more than 1 KiB",
        &format!("head -c 2000 /dev/zero | tr '\\0' x | {post} --data-binary @- {base}/v1/orders"),
    );
    line("415", "a body that is not JSON", &format!("curl -i -H 'x-api-key: {key}' -d a=b {base}/v1/orders"));
    line("422", "an order without items", &format!("{post} -d '{{\"orderId\":7,\"items\":[]}}' {base}/v1/orders"));
    line("429", "the fourth request in a row", &format!("for i in 1 2 3 4; do curl -i {base}/v1/search; done"));
    let program = std::env::current_exe().map_or_else(|_| "tollgate".to_owned(), |path| path.display().to_string());
    line("denials", "what was refused, and why", &format!("{program} denials --config {}", asked.display()));
    line("metrics", "what an operator sees", &format!("curl http://{telemetry}/metrics"));
    text
}
