//! The least program that `testkit::gateway` takes for a gateway, so that the handle itself can be tested: it becomes ready, shows its
//! config's state, reloads on SIGHUP, refuses every request with a log line and ends on SIGTERM.

use std::error::Error;
use std::fs::{self, OpenOptions};
use std::io::Write;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

const CONFIG: &str = "tollgate.yaml";

struct Fake {
    requests: u32,
    revision: u32,
    successful: bool,
    attempts: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (mut hangup, mut terminate) = (signal(SignalKind::hangup())?, signal(SignalKind::terminate())?);
    let config = fs::read_to_string(CONFIG)?;
    if config.contains("broken") {
        return Err("the config is broken".into());
    }
    let listener = TcpListener::bind(after(&config, "listeners: [{ address: \"")).await?;
    let telemetry = TcpListener::bind(after(&config, "telemetry: { address: \"")).await?;
    let mut fake = Fake { requests: 0, revision: 1, successful: true, attempts: 1 };
    loop {
        tokio::select! {
            accepted = listener.accept() => fake.refuse(accepted?.0, after(&config, "accessLog: { path: \"")).await?,
            accepted = telemetry.accept() => fake.show(accepted?.0).await?,
            _ = hangup.recv() => fake.reload()?,
            _ = terminate.recv() => return Ok(()),
        }
    }
}

impl Fake {
    fn reload(&mut self) -> Result<(), Box<dyn Error>> {
        self.successful = !fs::read_to_string(CONFIG)?.contains("broken");
        self.attempts += 1;
        self.revision += u32::from(self.successful);
        Ok(())
    }

    async fn refuse(&mut self, mut stream: TcpStream, log: &str) -> Result<(), Box<dyn Error>> {
        self.requests += 1;
        let _ = stream.read(&mut [0; 4_096]).await?;
        let id = self.requests;
        let reply = format!("HTTP/1.1 401 X\r\nContent-Length: 0\r\nX-Request-Id: id-{id}\r\n\r\n");
        stream.write_all(reply.as_bytes()).await?;
        let mut log = OpenOptions::new().append(true).create(true).open(log)?;
        writeln!(log, "{{\"requestId\":\"id-{id}\",\"status\":401,\"reason\":\"api_key_missing\"}}")?;
        Ok(())
    }

    async fn show(&self, mut stream: TcpStream) -> Result<(), Box<dyn Error>> {
        let _ = stream.read(&mut [0; 4_096]).await?;
        let (revision, successful, attempts) = (self.revision, u8::from(self.successful), self.attempts);
        let body = format!(
            "tollgate_config_info{{revision=\"r{revision}\"}} 1\ntollgate_config_last_reload_successful {successful}\n\
             tollgate_config_last_reload_timestamp_seconds {attempts}\n"
        );
        let reply = format!("HTTP/1.1 200 X\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        Ok(stream.write_all(reply.as_bytes()).await?)
    }
}

/// What stands between a text and the next quote.
fn after<'a>(config: &'a str, text: &str) -> &'a str {
    config.split_once(text).and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default()
}
