//! The first moments of the process: a signal that comes early ends nothing.

use crate::program::{BINARY, Folder, Running, run, until};
use std::fs::{self, File};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use testkit::gateway::Signal;
use testkit::ports;

const ROUNDS: usize = 20;

fn config(listen: SocketAddr) -> String {
    format!(
        "version: 1\nlisteners: [{{ address: \"{listen}\" }}]\nupstreams: {{ main: {{ endpoints: [\"127.0.0.1:9\"] }} }}\n\
         accessLog: {{ path: none }}\nroutes: [{{ name: open, paths: [/open], upstream: main, auth: {{ none: {{}} }} }}]\n"
    )
}

fn spawn(config: &str, folder: &Folder) -> Running {
    let said = File::create(folder.path.join("stderr")).unwrap();
    let mut command = Command::new(BINARY);
    command.args(["run", "--config", config]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
    Running(command.spawn().unwrap())
}

fn said(folder: &Folder) -> String {
    fs::read_to_string(folder.path.join("stderr")).unwrap_or_default()
}

/// One of the signal masks that the system shows of the process.
fn mask(process: &Running, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.0.id())).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
    u64::from_str_radix(mask.trim(), 16).unwrap()
}

fn handles(process: &Running, signal: Signal) -> bool {
    mask(process, "SigCgt:") & (1 << (signal as u32 - 1)) != 0
}

/// Whether the program itself has begun, and holds SIGHUP back or handles it. Before that the system's loader is at work, in which a
/// signal does what the system says.
fn has_begun(process: &Running) -> bool {
    mask(process, "SigBlk:") & 1 != 0 || handles(process, Signal::SIGHUP)
}

#[test]
fn hangups_from_the_first_instant_on_end_nothing() {
    for round in 0..ROUNDS {
        let folder = Folder::new();
        let listen = ports::free().unwrap();
        let config = folder.with("tollgate.yaml", &config(listen));
        let mut process = spawn(&config, &folder);
        until("the first instant", || has_begun(&process).then_some(()));
        // Until it serves, and a little beyond: a reload is under way when the listeners open.
        until("the listener", || {
            process.signal(Signal::SIGHUP);
            TcpStream::connect(listen).is_ok().then_some(())
        });
        for _ in 0..5 {
            process.signal(Signal::SIGHUP);
        }
        until("the reload", || said(&folder).contains("config loaded").then_some(()));
        assert!(process.0.try_wait().unwrap().is_none(), "round {round}: {}", said(&folder));
    }
}

/// The config is a pipe that nobody has written to yet: the program waits for it, and has to be safe by then.
#[test]
fn the_signals_are_taken_over_before_the_config_is_opened() {
    let folder = Folder::new();
    let listen = ports::free().unwrap();
    let pipe = folder.path.join("tollgate.yaml");
    run(Command::new("mkfifo").arg(&pipe)).expect(0);
    let mut process = spawn(&pipe.display().to_string(), &folder);
    until("the first instant", || has_begun(&process).then_some(()));
    for _ in 0..10 {
        process.signal(Signal::SIGHUP);
    }
    // Opens as soon as the program reads. Whoever opens the name after this reader finds a plain file: a second text in the pipe could
    // be taken for more of the first.
    let text = config(listen);
    let plain = folder.path.join("plain.yaml");
    std::fs::write(&plain, &text).unwrap();
    let mut told = false;
    until("the listener", || {
        assert!(process.0.try_wait().unwrap().is_none(), "{}", said(&folder));
        if !told && let Ok(mut writer) = nonblocking_writer(&pipe) {
            std::fs::rename(&plain, &pipe).unwrap();
            // A reader that has gone on in between opens the plain file.
            writer.write_all(text.as_bytes()).ok();
            told = true;
        }
        TcpStream::connect(listen).is_ok().then_some(())
    });
}

/// Fails while nobody reads.
fn nonblocking_writer(pipe: &std::path::Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    const O_NONBLOCK: i32 = 0o4000;
    fs::OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(pipe)
}

/// As above, and nobody ever writes.
#[test]
fn a_config_that_does_not_come_can_be_given_up() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        let folder = Folder::new();
        let pipe = folder.path.join("tollgate.yaml");
        run(Command::new("mkfifo").arg(&pipe)).expect(0);
        let mut process = spawn(&pipe.display().to_string(), &folder);
        until("the handler", || handles(&process, signal).then_some(()));
        process.signal(signal);
        let status = until("the end", || process.0.try_wait().unwrap());
        assert_eq!(status.code(), Some(0), "{signal}: {}", said(&folder));
    }
}
