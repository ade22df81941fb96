//! `tollgate demo`: every line that it prints does what the comment above it says.

use crate::program::{BINARY, Folder, Ran, Running, run, until};
use std::fs::{self, File};
use std::process::{Command, Stdio};
use testkit::gateway::Signal;

/// A comment, `# STATUS: …`, and the command below it.
struct Line {
    promise: String,
    command: String,
}

fn lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut rest = text.lines();
    while let Some(line) = rest.next() {
        let Some((promise, _)) = line.strip_prefix("# ").and_then(|comment| comment.split_once(": ")) else { continue };
        lines.push(Line { promise: promise.to_owned(), command: rest.next().unwrap().to_owned() });
    }
    lines
}

fn have_curl() -> bool {
    let found = Command::new("curl").arg("--version").output().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "curl is missing: the demo's lines cannot be tried");
    found
}

fn in_a_shell(command: &str) -> Ran {
    run(Command::new("bash").args(["-c", command]).env("no_proxy", "*").env_remove("http_proxy"))
}

/// The statuses that `curl -i` shows, one for each request.
fn statuses(ran: &Ran) -> Vec<&str> {
    let heads = ran.stdout.split("HTTP/1.1 ").skip(1);
    // Before the answer to a large body may come one that asks for it.
    heads.map(|head| head.split([' ', '\r']).next().unwrap()).filter(|status| *status != "100").collect()
}

#[test]
fn each_line_of_the_demo_gets_the_status_that_it_promises() {
    if !have_curl() {
        return;
    }
    let folder = Folder::new();
    let said = folder.path.join("stdout");
    let mut command = Command::new(BINARY);
    command.args(["demo", "--listen", "127.0.0.1:0"]).current_dir(&folder.path).stdin(Stdio::null());
    command.stdout(File::create(&said).unwrap()).stderr(File::create(folder.path.join("stderr")).unwrap());
    command.env("TMPDIR", &folder.path);
    let mut demo = Running(command.spawn().unwrap());
    let text = until("the demo's lines", || {
        assert!(demo.0.try_wait().unwrap().is_none(), "{}", fs::read_to_string(folder.path.join("stderr")).unwrap());
        let text = fs::read_to_string(&said).unwrap();
        (text.contains("# metrics: ") && text.ends_with("\n\n")).then_some(text)
    });

    let lines = lines(&text);
    for Line { promise, command } in &lines {
        let ran = in_a_shell(command).expect(0);
        if promise == "metrics" {
            assert!(ran.stdout.contains("tollgate_requests_total{"), "{command}: {ran}");
            continue;
        }
        if promise == "denials" {
            assert!(
                ran.stdout.contains("api_key_missing") && ran.stdout.contains("body_too_large"),
                "{command}: {ran}"
            );
            continue;
        }
        let statuses = statuses(&ran);
        let (last, before) = statuses.split_last().unwrap_or_else(|| panic!("{command}: {ran}"));
        assert_eq!(last, promise, "{command}: {ran}");
        assert!(before.iter().all(|status| *status == "200"), "{command}: {ran}");
    }
    let promised: Vec<&str> = lines.iter().map(|line| line.promise.as_str()).collect();
    for status in ["200", "401", "403", "404", "405", "413", "415", "422", "429", "denials", "metrics"] {
        assert!(promised.contains(&status), "no line shows {status}: {promised:?}");
    }

    demo.signal(Signal::SIGINT);
    let status = until("the end of the demo", || demo.0.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
    let left: Vec<_> = fs::read_dir(&folder.path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the demo leaves files behind: {left:?}");
}

/// Its default port is one that others like, too.
#[test]
fn a_taken_port_does_not_keep_the_demo_from_running() {
    let folder = Folder::new();
    let said = folder.path.join("stdout");
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let mut command = Command::new(BINARY);
    command.args(["demo", "--listen", &address.to_string()]).stdin(Stdio::null());
    command.env("TMPDIR", &folder.path);
    command.stdout(File::create(&said).unwrap()).stderr(Stdio::null());
    let demo = Running(command.spawn().unwrap());
    let text = until("the demo's lines", || {
        let text = fs::read_to_string(&said).unwrap();
        text.contains("# metrics: ").then_some(text)
    });
    assert!(!text.contains(&format!("{address}/hello")), "{text}");
    drop(demo);
}
