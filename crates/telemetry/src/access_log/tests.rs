use super::*;
use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;
use std::process;

/// A directory of this test's own, gone at its end.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tollgate-access-log-{test}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn lines(&self, file: &str) -> Vec<String> {
        fs::read_to_string(self.0.join(file)).unwrap().lines().map(str::to_owned).collect()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn entry(status: u16, reason: Option<&'static str>) -> Entry<'static> {
    Entry {
        unix_ms: 0,
        request_id: "id",
        trace_id: None,
        client: Some(IpAddr::from([127, 0, 0, 1])),
        method: Some(b"GET"),
        host: None,
        path: Some(b"/"),
        protocol: "HTTP/1.1",
        route: None,
        deprecated: false,
        consumer: None,
        plan: None,
        status,
        kind: reason,
        reason,
        policy: None,
        would_deny: &[],
        without_store: false,
        retry: None,
        upstream: None,
        endpoint: None,
        attempts: None,
        upstream_status: None,
        bytes_in: 0,
        bytes_out: 0,
        duration: Duration::ZERO,
        gateway: Duration::ZERO,
        upstream_connect: None,
        upstream_first_byte: None,
        config_revision: "r",
    }
}

fn counter() -> IntCounter {
    IntCounter::new("dropped", "Lines.").unwrap()
}

#[test]
fn a_rotated_file_is_left_and_a_new_one_begun() {
    let directory = Directory::new("rotate");
    let path = directory.0.join("access.log");
    fs::write(&path, "from before\n").unwrap();
    let log = AccessLog::open(Target::File(path.clone()), 1.0, counter()).unwrap();
    log.write(&entry(200, None));
    assert!(log.flush());
    fs::rename(&path, directory.0.join("access.log.1")).unwrap();
    log.write(&entry(201, None));
    assert!(log.flush());
    log.reopen();
    assert!(log.flush());
    log.write(&entry(202, None));
    drop(log);
    let (old, new) = (directory.lines("access.log.1"), directory.lines("access.log"));
    assert_eq!((old.len(), old[0].as_str()), (3, "from before"));
    assert!(old[1].contains("\"status\":200") && old[2].contains("\"status\":201"));
    assert!(new.len() == 1 && new[0].contains("\"status\":202"));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o007, 0, "others cannot read it");
}

#[test]
fn a_file_that_cannot_be_opened_again_stays_in_use() {
    let directory = Directory::new("stays");
    let path = directory.0.join("log").join("access.log");
    fs::create_dir(directory.0.join("log")).unwrap();
    let log = AccessLog::open(Target::File(path), 1.0, counter()).unwrap();
    fs::rename(directory.0.join("log"), directory.0.join("moved")).unwrap();
    log.reopen();
    log.write(&entry(200, None));
    drop(log);
    assert_eq!(directory.lines("moved/access.log").len(), 1);
}

#[test]
fn a_file_that_cannot_be_opened_is_an_error() {
    let directory = Directory::new("unopened");
    assert!(AccessLog::open(Target::File(directory.0.clone()), 1.0, counter()).is_err());
}

#[test]
fn without_a_target_nothing_happens() {
    let log = AccessLog::open(Target::None, 1.0, counter()).unwrap();
    log.write(&entry(200, None));
    log.reopen();
    assert!(log.flush());
}

#[test]
fn successes_are_sampled_and_errors_are_not() {
    #[track_caller]
    fn check(sample: f64, entry: &Entry<'_>, expected: usize) {
        let directory = Directory::new("sample");
        let dropped = counter();
        let log = AccessLog::open(Target::File(directory.0.join("log")), sample, dropped.clone()).unwrap();
        for _ in 0..1_000 {
            log.write(entry);
        }
        drop(log);
        assert_eq!((directory.lines("log").len(), dropped.get()), (expected, 0), "sample {sample}");
    }
    check(1.0, &entry(200, None), 1_000);
    check(0.25, &entry(200, None), 250);
    check(0.25, &entry(302, None), 250);
    check(0.001, &entry(200, None), 1);
    check(0.0, &entry(200, None), 0);
    check(0.0, &entry(404, None), 1_000);
    check(0.0, &entry(500, None), 1_000);
    check(0.0, &entry(200, Some("upstream_reset")), 1_000);
    check(7.0, &entry(200, None), 1_000);
    check(f64::NAN, &entry(200, None), 0);
}
