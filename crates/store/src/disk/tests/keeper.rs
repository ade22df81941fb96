//! The thread around the disk, without waiting for its interval: it is asked.

use std::sync::mpsc::channel;
use std::time::Duration;

use super::*;

const WAIT: Duration = Duration::from_secs(10);
/// Longer than any test: what is written is written because somebody asked.
const NEVER: Duration = Duration::from_secs(3_600);

#[test]
fn writes_when_asked_and_at_the_end() {
    let folder = Folder::new();
    let process = Process::start(&folder, at(0));
    let counts = Arc::clone(&process.counts);
    let charge = || {
        let granted = counts.charge(Key::from_u128(1), Period::Day.window(at(0)), 9, at(0));
        assert!(matches!(granted, Charge::Granted { .. }));
    };
    let keeper = Keeper::start(process.disk, NEVER, |event| assert!(matches!(event, Event::Written), "{event:?}"))
        .expect("a thread");
    charge();
    assert!(keeper.flush(WAIT));
    charge();
    assert!(keeper.close(WAIT));
    assert!(keeper.close(WAIT), "closed is closed");
    assert!(!keeper.flush(WAIT), "nobody is there to write");
    assert_eq!(Process::start(&folder, at(1)).table(), BTreeMap::from([(1, 2)]));
}

#[test]
fn writes_by_itself() {
    let folder = Folder::new();
    let process = Process::start(&folder, at(0));
    process.charge(1, at(0));
    let (file, before) = (folder.file(), fs::metadata(folder.file()).and_then(|file| file.modified()).expect("a time"));
    let keeper = Keeper::start(process.disk, Duration::from_millis(1), |event| {
        assert!(matches!(event, Event::Written), "{event:?}");
    })
    .expect("a thread");
    while fs::metadata(&file).and_then(|file| file.modified()).expect("a time") == before {
        std::thread::yield_now();
    }
    assert!(keeper.close(WAIT));
}

#[test]
fn tells_the_first_failure_from_the_others_and_the_recovery() {
    let folder = Folder::new();
    let process = Process::start(&folder, at(0));
    process.charge(1, at(0));
    let (tell, told) = channel();
    let keeper = Keeper::start(process.disk, NEVER, move |event| {
        let text = match event {
            Event::Failed { first, .. } => format!("failed, first {first}"),
            Event::Recovered { .. } => "recovered".into(),
            Event::SetAside(_) => "set aside".into(),
            Event::WasGone => "was gone".into(),
            Event::Slow { .. } => "slow".into(),
            Event::Written => return,
        };
        tell.send(text).expect("heard");
    })
    .expect("a thread");
    // The file gone and its folder in the way of a new one.
    fs::remove_file(folder.file()).expect("removed");
    fs::create_dir(folder.file()).expect("made");
    assert!(!keeper.flush(WAIT));
    assert!(!keeper.flush(WAIT));
    fs::remove_dir(folder.file()).expect("removed");
    assert!(keeper.flush(WAIT));
    assert!(keeper.close(WAIT));
    assert_eq!(told.iter().collect::<Vec<_>>(), ["failed, first true", "failed, first false", "was gone", "recovered"]);
    assert_eq!(Process::start(&folder, at(1)).table(), BTreeMap::from([(1, 1)]));
}
