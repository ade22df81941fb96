//! Streams one large body through a gateway and looks at its memory: a route that does not read its bodies must keep nothing of them.
//!
//! `cargo run --release --manifest-path loadtest/Cargo.toml --bin stream -- --tollgate PATH [--mebibytes 1024]`

use anyhow::{Context, Result, ensure};
use clap::Parser;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const MEBIBYTE: usize = 1024 * 1024;
const START_MAX: Duration = Duration::from_secs(10);
const IO_MAX: Duration = Duration::from_secs(30);

#[derive(Parser)]
struct Options {
    #[arg(long)]
    tollgate: PathBuf,
    #[arg(long, default_value_t = 1024)]
    mebibytes: usize,
    /// How much more memory than after the first mebibyte is too much
    #[arg(long, default_value_t = 16)]
    growth_max_mebibytes: usize,
}

/// Ends with the program.
struct Gateway {
    child: Child,
    folder: PathBuf,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    let sink = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
    let upstream = sink.local_addr()?;
    thread::spawn(move || swallow(&sink));
    let (gateway, listen) = start(&options.tollgate, upstream)?;
    let (first, peak) = stream(&gateway, listen, options.mebibytes)?;
    let growth = peak.saturating_sub(first);
    let said = format!("{} MiB streamed; resident {first} KiB after the first, {peak} KiB at most", options.mebibytes);
    writeln!(std::io::stdout(), "{said}")?;
    ensure!(growth <= options.growth_max_mebibytes * 1024, "{growth} KiB more than after the first mebibyte");
    Ok(())
}

fn start(program: &Path, upstream: SocketAddr) -> Result<(Gateway, SocketAddr)> {
    // Free now; nobody else asks for ports of loopback while this runs.
    let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let folder = std::env::temp_dir().join(format!("tollgate-stream-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let config = folder.join("tollgate.yaml");
    fs::write(
        &config,
        format!(
            "version: 1
listeners: [{{ address: \"{listen}\" }}]
accessLog: {{ path: none }}
upstreams: {{ sink: {{ endpoints: [\"{upstream}\"] }} }}
routes: [{{ name: stream, paths: [/*], upstream: sink, auth: {{ none: {{}} }}, body: {{ bytesMax: 64GiB }} }}]
"
        ),
    )?;
    let mut command = Command::new(program);
    command.args(["run", "--config"]).arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
    let gateway = Gateway { child, folder };
    let deadline = Instant::now() + START_MAX;
    while TcpStream::connect(listen).is_err() {
        ensure!(Instant::now() < deadline, "the gateway does not listen");
        thread::sleep(Duration::from_millis(20));
    }
    Ok((gateway, listen))
}

/// Resident memory after the first mebibyte and at its highest, in KiB.
fn stream(gateway: &Gateway, listen: SocketAddr, mebibytes: usize) -> Result<(usize, usize)> {
    let mut connection = TcpStream::connect(listen)?;
    connection.set_read_timeout(Some(IO_MAX))?;
    connection.set_write_timeout(Some(IO_MAX))?;
    let length = mebibytes * MEBIBYTE;
    write!(connection, "POST /stream HTTP/1.1\r\nHost: a.example\r\nContent-Length: {length}\r\n\r\n")?;
    let piece = vec![b'x'; MEBIBYTE];
    let (mut first, mut peak) = (0, 0);
    for number in 0..mebibytes {
        connection.write_all(&piece).context("the gateway does not take the body")?;
        let resident = resident_kib(gateway.child.id())?;
        if number == 0 {
            first = resident;
        }
        peak = peak.max(resident);
    }
    let mut answer = [0; 12];
    connection.read_exact(&mut answer).context("no answer")?;
    ensure!(answer.starts_with(b"HTTP/1.1 200"), "not a 200: {}", answer.escape_ascii());
    Ok((first, peak))
}

fn resident_kib(process: u32) -> Result<usize> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("the gateway has ended")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    line.trim().trim_end_matches(" kB").parse().context("VmRSS is a number")
}

/// Reads one request to the end of its Content-Length, and answers it.
fn swallow(sink: &TcpListener) {
    for stream in sink.incoming().flatten() {
        let _ = swallow_one(stream);
    }
}

fn swallow_one(mut stream: TcpStream) -> Result<()> {
    let mut buffer = vec![0; MEBIBYTE];
    let mut head = Vec::new();
    let end = loop {
        let count = stream.read(&mut buffer)?;
        ensure!(count > 0, "ended within the head");
        head.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if let Some(end) = head.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(head.get(..end).unwrap_or_default()).to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).context("no length")?;
    let mut left = length.trim().parse::<usize>()?.saturating_sub(head.len() - end);
    while left > 0 {
        let count = stream.read(&mut buffer)?;
        ensure!(count > 0, "ended within the body");
        left = left.saturating_sub(count);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
    Ok(())
}
